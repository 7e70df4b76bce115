// Constants: sizes, elements, and the recipe applied while the elements are written.
#include "mil/constant.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "mil/constant_packed.h"
#include "mil/constant_transposed.h"
#include "tensor/tensor.h"

enum {
  PIECE = 1 << 16,    // bytes of finished elements at a time
  SINGLES = 1 << 14,  // of them, source elements before they become halves
};

int64_t ppn_mil_constant_numel(const ppn_mil_constant_t* constant) {
  return ppn_tensor_numel(&constant->view);
}

size_t ppn_mil_constant_size(const ppn_mil_constant_t* constant) {
  return ((size_t)ppn_mil_constant_numel(constant) * ppn_dtype_bits(constant->dtype) + 7) / 8;
}

bool ppn_mil_constant_is_plain(const ppn_mil_constant_t* constant) {
  return constant->dtype == constant->view.dtype && !constant->scale && !constant->text &&
         !constant->texts &&
         (ppn_dtype_size(constant->dtype) == 0 || ppn_tensor_is_contiguous(&constant->view));
}

// ---- Elements ----

// Position in the view, in elements, of flat element `index`.
static int64_t position_of(const ppn_tensor_t* view, int64_t index) {
  int64_t position = 0;
  for (int i = view->rank - 1; i >= 0; i--) {
    position += index % view->sizes[i] * view->strides[i];
    index /= view->sizes[i];
  }
  return position;
}

static double packed_element(const ppn_tensor_t* view, int64_t index) {
  unsigned bits = ppn_dtype_bits(view->dtype);
  const uint8_t* bytes = view->data;
  unsigned value = 0;
  for (unsigned i = 0; i < bits; i++) {
    uint64_t bit = (uint64_t)index * bits + i;
    value |= (unsigned)(bytes[bit / 8] >> (bit % 8) & 1) << i;
  }
  bool negative = ppn_dtype_is_signed(view->dtype) && value >> (bits - 1) & 1;
  return negative ? (double)value - (double)(1u << bits) : (double)value;
}

static int64_t channel_of(const ppn_mil_constant_t* constant, int64_t index) {
  int64_t inner = 1;
  for (int i = constant->scale_axis + 1; i < constant->view.rank; i++) {
    inner *= constant->view.sizes[i];
  }
  return index / inner % constant->view.sizes[constant->scale_axis];
}

static double source_element(const ppn_mil_constant_t* constant, int64_t index) {
  const ppn_tensor_t* view = &constant->view;
  if (ppn_dtype_size(view->dtype) == 0) return packed_element(view, index);
  double value = ppn_element_as_double(view->dtype, view->data, position_of(view, index));
  if (constant->scale) {
    value = (float)value * constant->scale[channel_of(constant, index)];
  }
  return value;
}

static uint16_t to_half(const ppn_mil_constant_t* constant, double value) {
  uint16_t half = ppn_float_to_half((float)value);
  if (constant->clamp_to_half && (half & 0x7fff) == 0x7c00 && isfinite(value)) half -= 1;
  if (constant->keep_half_subnormal && (half & 0x7fff) == 0 && value != 0) half |= 1;
  return half;
}

static double clamp_to(double value, double low, double high) {
  return value < low ? low : value > high ? high : value;
}

static void set_element(const ppn_mil_constant_t* constant, void* out, int64_t at, double value) {
  switch (constant->dtype) {
    case PPN_DTYPE_FLOAT16:
      ((uint16_t*)out)[at] = to_half(constant, value);
      break;
    case PPN_DTYPE_INT32:
      ((int32_t*)out)[at] = isnan(value) ? 0 : (int32_t)clamp_to(value, INT32_MIN, INT32_MAX);
      break;
    default:
      ppn_element_set_double(constant->dtype, out, at, value);
  }
}

double ppn_mil_constant_element(const ppn_mil_constant_t* constant, int64_t index) {
  double value = source_element(constant, index);
  if (constant->dtype == constant->view.dtype || ppn_dtype_size(constant->dtype) == 0) return value;
  uint64_t finished = 0;
  set_element(constant, &finished, 0, value);
  return ppn_element_as_double(constant->dtype, &finished, 0);
}

// ---- Whole constants ----

// Walks a view in row-major order without a division for each element.
typedef struct walk {
  const ppn_tensor_t* view;
  int64_t index[PPN_MAX_RANK];
  int64_t position;  // in elements
} walk_t;

static walk_t walk_from(const ppn_tensor_t* view, int64_t begin) {
  walk_t walk = {.view = view};
  for (int i = view->rank - 1; i >= 0; i--) {
    walk.index[i] = begin % view->sizes[i];
    walk.position += walk.index[i] * view->strides[i];
    begin /= view->sizes[i];
  }
  return walk;
}

// On by `steps` elements within the last dimension, or to its end exactly.
static void walk_on(walk_t* walk, int64_t steps) {
  const ppn_tensor_t* view = walk->view;
  for (int i = view->rank - 1; i >= 0; i--, steps = 1) {
    walk->position += view->strides[i] * steps;
    if ((walk->index[i] += steps) < view->sizes[i]) return;
    walk->position -= view->strides[i] * view->sizes[i];
    walk->index[i] = 0;
  }
}

static void collect_run(const uint8_t* from, int64_t stride, size_t size, int64_t count,
                        uint8_t* to) {
  size_t step = (size_t)stride * size;
  if (size == 4) {
    for (int64_t i = 0; i < count; i++) memcpy(to + 4 * i, from + (size_t)i * step, 4);
  } else if (size == 2) {
    for (int64_t i = 0; i < count; i++) memcpy(to + 2 * i, from + (size_t)i * step, 2);
  } else {
    for (int64_t i = 0; i < count; i++) {
      memcpy(to + (size_t)i * size, from + (size_t)i * step, size);
    }
  }
}

// Elements of the view in row-major order, unconverted.
static void collect(const ppn_tensor_t* view, int64_t begin, int64_t count, void* out) {
  size_t size = ppn_dtype_size(view->dtype);
  const uint8_t* data = view->data;
  uint8_t* to = out;
  int last = view->rank - 1;
  if (view->rank == 0) {
    memcpy(to, data, size);
    return;
  }
  walk_t walk = walk_from(view, begin);
  for (int64_t done = 0; done < count;) {
    int64_t run = view->sizes[last] - walk.index[last];
    if (run > count - done) run = count - done;
    collect_run(data + (size_t)walk.position * size, view->strides[last], size, run,
                to + (size_t)done * size);
    walk_on(&walk, run);
    done += run;
  }
}

static void singles_to_halves(const ppn_mil_constant_t* constant, const float* in, int64_t count,
                              uint16_t* out) {
  ppn_float_to_half_array(in, out, (size_t)count);
  for (int64_t i = 0; constant->clamp_to_half && i < count; i++) {
    if ((out[i] & 0x7fff) == 0x7c00 && isfinite(in[i])) out[i] -= 1;
  }
  for (int64_t i = 0; constant->keep_half_subnormal && i < count; i++) {
    if ((out[i] & 0x7fff) == 0 && in[i] != 0) out[i] |= 1;
  }
}

// Contiguous single-precision elements times their channels' factors.
static void scale_singles(const ppn_mil_constant_t* constant, int64_t begin, int64_t count,
                          float* out) {
  const float* source = (const float*)constant->view.data + begin;
  int64_t inner = 1, channels = constant->view.sizes[constant->scale_axis];
  for (int i = constant->scale_axis + 1; i < constant->view.rank; i++) {
    inner *= constant->view.sizes[i];
  }
  for (int64_t done = 0; done < count;) {
    int64_t position = begin + done, run = inner - position % inner;
    float factor = constant->scale[position / inner % channels];
    if (run > count - done) run = count - done;
    for (int64_t i = 0; i < run; i++) out[done + i] = source[done + i] * factor;
    done += run;
  }
}

void ppn_mil_constant_finish(const ppn_mil_constant_t* constant, int64_t begin, int64_t count,
                             void* out) {
  const ppn_tensor_t* view = &constant->view;
  bool contiguous = ppn_dtype_size(view->dtype) > 0 && ppn_tensor_is_contiguous(view);
  if (!constant->scale && constant->dtype == view->dtype) {
    collect(view, begin, count, out);
    return;
  }
  bool scaled = constant->scale && contiguous && view->dtype == PPN_DTYPE_FLOAT32;
  if (scaled && constant->dtype == PPN_DTYPE_FLOAT32) {
    scale_singles(constant, begin, count, out);
    return;
  }
  if ((!constant->scale || scaled) && view->dtype == PPN_DTYPE_FLOAT32 &&
      constant->dtype == PPN_DTYPE_FLOAT16) {
    float piece[SINGLES];
    for (int64_t done = 0; done < count; done += SINGLES) {
      int64_t part = count - done < SINGLES ? count - done : SINGLES;
      const float* source = (const float*)view->data + begin + done;
      if (scaled) scale_singles(constant, begin + done, part, piece);
      if (!contiguous) collect(view, begin + done, part, piece);
      if (scaled || !contiguous) source = piece;
      singles_to_halves(constant, source, part, (uint16_t*)out + done);
    }
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    set_element(constant, out, i, source_element(constant, begin + i));
  }
}

ppn_status_t ppn_mil_constant_read(const ppn_mil_constant_t* constant, void* out) {
  if (ppn_mil_constant_is_plain(constant)) {
    memcpy(out, constant->view.data, ppn_mil_constant_size(constant));
    return ppn_status_ok();
  }
  if (ppn_dtype_size(constant->dtype) == 0) return ppn_mil_constant_read_packed(constant, out);
  ppn_mil_constant_finish(constant, 0, ppn_mil_constant_numel(constant), out);
  return ppn_status_ok();
}

ppn_status_t ppn_mil_constant_materialise(const ppn_mil_constant_t* constant, ppn_arena_t* arena,
                                          const void** out_data) {
  if (ppn_mil_constant_is_plain(constant)) {
    *out_data = constant->view.data;
    return ppn_status_ok();
  }
  void* data = ppn_arena_alloc(arena, ppn_mil_constant_size(constant));
  if (!data) return ppn_out_of_memory();
  *out_data = data;
  return ppn_mil_constant_read(constant, data);
}

ppn_status_t ppn_mil_constant_write(const ppn_mil_constant_t* constant, ppn_sink_t sink) {
  if (ppn_mil_constant_is_plain(constant)) {
    return ppn_sink_write(sink, constant->view.data, ppn_mil_constant_size(constant));
  }
  if (ppn_mil_constant_is_transposed(constant)) {
    return ppn_mil_constant_write_transposed(constant, sink);
  }
  size_t size = ppn_dtype_size(constant->dtype);
  if (size == 0) return ppn_mil_constant_write_packed(constant, sink);
  uint64_t piece[PIECE / sizeof(uint64_t)];
  int64_t total = ppn_mil_constant_numel(constant), step = (int64_t)(sizeof piece / size);
  for (int64_t begin = 0; begin < total; begin += step) {
    int64_t count = total - begin < step ? total - begin : step;
    ppn_mil_constant_finish(constant, begin, count, piece);
    PPN_RETURN_IF_ERROR(ppn_sink_write(sink, piece, (size_t)count * size));
  }
  return ppn_status_ok();
}

// ---- Hash ----

ppn_status_t ppn_mil_constant_hash(const ppn_mil_constant_t* constant, ppn_hash128_t* out_hash) {
  ppn_hasher_t* hasher = ppn_hasher_create();
  if (!hasher) return ppn_out_of_memory();
  const ppn_tensor_t* view = &constant->view;
  int64_t recipe[] = {constant->dtype,
                      view->dtype,
                      view->rank,
                      constant->scale ? constant->scale_axis : -1,
                      constant->clamp_to_half,
                      constant->keep_half_subnormal};
  ppn_hasher_update(hasher, recipe, sizeof recipe);
  ppn_hasher_update(hasher, view->sizes, (size_t)view->rank * sizeof(int64_t));
  if (constant->scale) {
    ppn_hasher_update(hasher, constant->scale, (size_t)constant->scale_count * sizeof(float));
  }
  size_t size = ppn_dtype_size(view->dtype);
  int64_t numel = ppn_tensor_numel(view);
  if (constant->text) {
    ppn_hasher_update(hasher, constant->text, strlen(constant->text));
  } else if (constant->texts) {
    for (int64_t i = 0; i < numel; i++) {
      ppn_hasher_update(hasher, constant->texts[i], strlen(constant->texts[i]) + 1);
    }
  } else if (size == 0 || ppn_tensor_is_contiguous(view)) {
    ppn_hasher_update(hasher, view->data, ppn_tensor_size(view));
  } else {
    // Elements in the view's order, so that layouts of the same elements have one hash.
    uint8_t piece[4096];
    size_t used = 0;
    for (int64_t i = 0; i < numel; i++) {
      memcpy(piece + used, (const uint8_t*)view->data + (size_t)position_of(view, i) * size, size);
      used += size;
      if (used + size > sizeof piece || i + 1 == numel) {
        ppn_hasher_update(hasher, piece, used);
        used = 0;
      }
    }
  }
  *out_hash = ppn_hasher_digest(hasher);
  ppn_hasher_free(hasher);
  return ppn_status_ok();
}
