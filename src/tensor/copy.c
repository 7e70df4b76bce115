// Copying between any two strided views.
#include "base/checked.h"
#include "base/half.h"
#include "tensor/element.h"
#include "tensor/tensor.h"

enum { CHUNK = 256, TILE = 16 };

// The iteration space: dimensions of size 1 dropped, in the order of the target's memory, adjacent
// ones joined where both sides allow.
typedef struct copy_plan {
  int rank;
  int64_t sizes[PPN_MAX_RANK], source[PPN_MAX_RANK], target[PPN_MAX_RANK];
} copy_plan_t;

static int64_t distance(int64_t stride) {
  return stride < 0 ? -stride : stride;
}

// Moves dimension `from` outwards to place `to`.
static void move_dimension(copy_plan_t* plan, int from, int to) {
  int64_t size = plan->sizes[from], source = plan->source[from], target = plan->target[from];
  for (int i = from; i > to; --i) {
    plan->sizes[i] = plan->sizes[i - 1];
    plan->source[i] = plan->source[i - 1];
    plan->target[i] = plan->target[i - 1];
  }
  plan->sizes[to] = size;
  plan->source[to] = source;
  plan->target[to] = target;
}

static void sort_dimensions(copy_plan_t* plan) {
  for (int i = 1; i < plan->rank; ++i) {
    int to = i;
    while (to > 0 && distance(plan->target[to - 1]) < distance(plan->target[i])) --to;
    move_dimension(plan, i, to);
  }
}

static void join_dimensions(copy_plan_t* plan) {
  int last = 0;
  for (int i = 1; i < plan->rank; ++i) {
    if (plan->source[last] == plan->source[i] * plan->sizes[i] &&
        plan->target[last] == plan->target[i] * plan->sizes[i]) {
      plan->sizes[last] *= plan->sizes[i];
    } else {
      plan->sizes[++last] = plan->sizes[i];
    }
    plan->source[last] = plan->source[i];
    plan->target[last] = plan->target[i];
  }
  plan->rank = last + 1;
}

// The dimension along which the source is densest becomes the last but one, so that tiles of the
// two innermost read and write whole cache lines.
static void place_for_tiles(copy_plan_t* plan) {
  int inner = plan->rank - 1, densest = inner;
  for (int i = inner - 1; i >= 0; --i) {
    if (plan->source[i] != 0 && distance(plan->source[i]) < distance(plan->source[densest])) {
      densest = i;
    }
  }
  if (densest == inner) return;
  for (int i = densest; i < inner - 1; ++i) move_dimension(plan, i + 1, i);
}

static copy_plan_t plan_copy(const ppn_tensor_t* source, const ppn_tensor_t* target) {
  copy_plan_t plan = {0};
  for (int i = 0; i < source->rank; ++i) {
    if (source->sizes[i] == 1) continue;
    plan.sizes[plan.rank] = source->sizes[i];
    plan.source[plan.rank] = source->strides[i];
    plan.target[plan.rank++] = target->strides[i];
  }
  if (plan.rank == 0) {
    plan.rank = 1;
    plan.sizes[0] = 1;
    plan.source[0] = plan.target[0] = 1;
    return plan;
  }
  sort_dimensions(&plan);
  join_dimensions(&plan);
  place_for_tiles(&plan);
  return plan;
}

// Visits the start offsets of all rows (innermost `skip` dimensions left out).
static bool next_row(const copy_plan_t* plan, int skip, int64_t* index, int64_t* source,
                     int64_t* target) {
  for (int i = plan->rank - 1 - skip; i >= 0; --i) {
    *source += plan->source[i];
    *target += plan->target[i];
    if (++index[i] < plan->sizes[i]) return true;
    *source -= plan->source[i] * plan->sizes[i];
    *target -= plan->target[i] * plan->sizes[i];
    index[i] = 0;
  }
  return false;
}

#define FILL_ROW(type)                                                               \
  {                                                                                  \
    type element;                                                                    \
    memcpy(&element, from, sizeof(type));                                            \
    for (int64_t i = 0; i < count; ++i) {                                            \
      memcpy(to + i * to_stride * (int64_t)sizeof(type), &element, sizeof(element)); \
    }                                                                                \
  }

#define COPY_ROW(type)                                                    \
  for (int64_t i = 0; i < count; ++i) {                                   \
    memcpy(to + i * to_stride * (int64_t)sizeof(type),                    \
           from + i * from_stride * (int64_t)sizeof(type), sizeof(type)); \
  }

typedef struct pair16 {
  uint64_t low, high;
} pair16_t;

static void fill_elements(size_t size, const uint8_t* from, uint8_t* to, int64_t to_stride,
                          int64_t count) {
  switch (size) {
    case 1:
      FILL_ROW(uint8_t)
      break;
    case 2:
      FILL_ROW(uint16_t)
      break;
    case 4:
      FILL_ROW(uint32_t)
      break;
    case 8:
      FILL_ROW(uint64_t)
      break;
    case 16:
      FILL_ROW(pair16_t)
      break;
    default:
      break;
  }
}

static void copy_elements(size_t size, const uint8_t* from, int64_t from_stride, uint8_t* to,
                          int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    memcpy(to, from, (size_t)count * size);
    return;
  }
  if (from_stride == 0) {
    fill_elements(size, from, to, to_stride, count);
    return;
  }
  switch (size) {
    case 1:
      COPY_ROW(uint8_t)
      break;
    case 2:
      COPY_ROW(uint16_t)
      break;
    case 4:
      COPY_ROW(uint32_t)
      break;
    case 8:
      COPY_ROW(uint64_t)
      break;
    case 16:
      COPY_ROW(pair16_t)
      break;
    default:
      break;
  }
}

// Two innermost dimensions where one side walks columns (a transpose): tiles keep both in cache.
static void copy_tiled(size_t size, const uint8_t* from, uint8_t* to, const copy_plan_t* plan) {
  int outer = plan->rank - 2, inner = plan->rank - 1;
  for (int64_t i = 0; i < plan->sizes[outer]; i += TILE) {
    for (int64_t j = 0; j < plan->sizes[inner]; j += TILE) {
      int64_t rows = plan->sizes[outer] - i < TILE ? plan->sizes[outer] - i : TILE;
      int64_t columns = plan->sizes[inner] - j < TILE ? plan->sizes[inner] - j : TILE;
      for (int64_t row = i; row < i + rows; ++row) {
        copy_elements(size,
                      from + (row * plan->source[outer] + j * plan->source[inner]) * (int64_t)size,
                      plan->source[inner],
                      to + (row * plan->target[outer] + j * plan->target[inner]) * (int64_t)size,
                      plan->target[inner], columns);
      }
    }
  }
}

static void copy_same_type(const ppn_tensor_t* source, const ppn_tensor_t* target,
                           const copy_plan_t* plan) {
  size_t size = ppn_dtype_size(source->dtype);
  int64_t index[PPN_MAX_RANK] = {0}, from = 0, to = 0;
  int inner = plan->rank - 1;
  bool tiled = plan->rank >= 2 && plan->source[inner - 1] != 0 &&
               distance(plan->source[inner - 1]) < distance(plan->source[inner]);
  do {
    const uint8_t* from_bytes = (const uint8_t*)source->data + from * (int64_t)size;
    uint8_t* to_bytes = (uint8_t*)target->data + to * (int64_t)size;
    if (tiled) {
      copy_tiled(size, from_bytes, to_bytes, plan);
    } else {
      copy_elements(size, from_bytes, plan->source[inner], to_bytes, plan->target[inner],
                    plan->sizes[inner]);
    }
  } while (next_row(plan, tiled ? 2 : 1, index, &from, &to));
}

static bool is_aligned(const void* data, size_t alignment) {
  return (uintptr_t)data % alignment == 0;
}

// The conversions weights usually need, on contiguous rows, by the fast array functions.
static bool convert_fast(const ppn_tensor_t* source, int64_t from, const ppn_tensor_t* target,
                         int64_t to, int64_t count) {
  if (source->dtype == PPN_DTYPE_FLOAT32 && target->dtype == PPN_DTYPE_FLOAT16 &&
      is_aligned(source->data, 4) && is_aligned(target->data, 2)) {
    ppn_float_to_half_array((const float*)source->data + from, (uint16_t*)target->data + to,
                            (size_t)count);
    return true;
  }
  if (source->dtype == PPN_DTYPE_FLOAT16 && target->dtype == PPN_DTYPE_FLOAT32 &&
      is_aligned(source->data, 2) && is_aligned(target->data, 4)) {
    ppn_half_to_float_array((const uint16_t*)source->data + from, (float*)target->data + to,
                            (size_t)count);
    return true;
  }
  return false;
}

static void convert_row(const ppn_tensor_t* source, int64_t from, int64_t from_stride,
                        const ppn_tensor_t* target, int64_t to, int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1 && convert_fast(source, from, target, to, count)) return;
  // Integers go through int64 so that each conversion rounds once; uint64 does not fit it, and only
  // matters on the way to floats.
  bool integers = !ppn_dtype_is_float(source->dtype) &&
                  !(source->dtype == PPN_DTYPE_UINT64 && ppn_dtype_is_float(target->dtype));
  for (int64_t done = 0; done < count; done += CHUNK) {
    int64_t part = count - done < CHUNK ? count - done : CHUNK;
    int64_t source_start = from + done * from_stride, target_start = to + done * to_stride;
    if (integers) {
      int64_t values[CHUNK];
      ppn_elements_load_int64(source->dtype, source->data, source_start, from_stride, part, values);
      ppn_elements_store_int64(target->dtype, target->data, target_start, to_stride, part, values);
    } else {
      double values[CHUNK];
      ppn_elements_load_double(source->dtype, source->data, source_start, from_stride, part,
                               values);
      ppn_elements_store_double(target->dtype, target->data, target_start, to_stride, part, values);
    }
  }
}

static void copy_converting(const ppn_tensor_t* source, const ppn_tensor_t* target,
                            const copy_plan_t* plan) {
  int64_t index[PPN_MAX_RANK] = {0}, from = 0, to = 0;
  int inner = plan->rank - 1;
  do {
    convert_row(source, from, plan->source[inner], target, to, plan->target[inner],
                plan->sizes[inner]);
  } while (next_row(plan, 1, index, &from, &to));
}

static ppn_dtype_t real_part(ppn_dtype_t dtype) {
  if (dtype == PPN_DTYPE_COMPLEX32) return PPN_DTYPE_FLOAT16;
  return dtype == PPN_DTYPE_COMPLEX64 ? PPN_DTYPE_FLOAT32 : PPN_DTYPE_FLOAT64;
}

// A complex tensor as real numbers: strides doubled; `part` 0 real, 1 imaginary.
static ppn_tensor_t complex_part(const ppn_tensor_t* tensor, int part) {
  ppn_tensor_t view = *tensor;
  view.dtype = real_part(tensor->dtype);
  if (part) view.data = (uint8_t*)tensor->data + ppn_dtype_size(view.dtype);
  for (int i = 0; i < view.rank; ++i) view.strides[i] *= 2;
  return view;
}

void ppn_tensor_copy(const ppn_tensor_t* source, const ppn_tensor_t* target) {
  if (ppn_tensor_numel(source) == 0) return;
  bool same = source->dtype == target->dtype;
  if (same && ppn_tensor_is_contiguous(source) && ppn_tensor_is_contiguous(target)) {
    memcpy(target->data, source->data, ppn_tensor_size(source));
    return;
  }
  if (!same && ppn_dtype_is_complex(source->dtype) && ppn_dtype_is_complex(target->dtype)) {
    for (int part = 0; part < 2; ++part) {
      ppn_tensor_t from = complex_part(source, part), to = complex_part(target, part);
      ppn_tensor_copy(&from, &to);
    }
    return;
  }
  copy_plan_t plan = plan_copy(source, target);
  if (same && ppn_dtype_size(source->dtype) != 0) {
    copy_same_type(source, target, &plan);
  } else {
    copy_converting(source, target, &plan);
  }
}
