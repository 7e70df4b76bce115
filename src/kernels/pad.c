#include "kernels/pad.h"

#include "kernels/copy.h"
#include "tensor/view.h"

// Where x lies in `out` along one axis: elements [begin, end) of `out`, from x's element `from` on.
typedef struct interior {
  int64_t begin, end, from;
} interior_t;

static interior_t find_interior(int64_t x_size, int64_t out_size, int64_t before) {
  int64_t begin = before > 0 ? before : 0, end = before + x_size;
  if (begin > out_size) begin = out_size;
  if (end > out_size) end = out_size;
  if (end < begin) end = begin;
  return (interior_t){begin, end, begin - before};
}

static void fill_constant(const ppn_tensor_t* out, const interior_t* interiors, const void* value,
                          ppn_thread_pool_t* pool) {
  ppn_tensor_t region = *out;  // shrinks to the interior, axis by axis
  for (int i = 0; i < out->rank; ++i) {
    int64_t begin = interiors[i].begin, end = interiors[i].end;
    ppn_tensor_t low = ppn_view_slice(&region, i, 0, begin, 1),
                 high = ppn_view_slice(&region, i, end, out->sizes[i] - end, 1);
    ppn_kernel_fill(&low, value, pool);
    ppn_kernel_fill(&high, value, pool);
    region = ppn_view_slice(&region, i, begin, end - begin, 1);
  }
}

static int64_t source_of(int64_t at, const interior_t* interior, ppn_pad_mode_t mode) {
  int64_t first = interior->begin, last = interior->end - 1;
  if (mode == PPN_PAD_REPLICATE) return at < first ? first : last;
  return at < first ? 2 * first - at : 2 * last - at;
}

// Padding along one axis repeats what lies in `out` already.
static void extend(const ppn_tensor_t* region, int axis, const interior_t* interior,
                   ppn_pad_mode_t mode, ppn_thread_pool_t* pool) {
  for (int64_t at = 0; at < region->sizes[axis]; ++at) {
    if (at == interior->begin) at = interior->end;
    if (at == region->sizes[axis]) break;
    ppn_tensor_t from = ppn_view_select(region, axis, source_of(at, interior, mode)),
                 to = ppn_view_select(region, axis, at);
    ppn_kernel_copy(&from, &to, pool);
  }
}

void ppn_kernel_pad(const ppn_tensor_t* x, const int64_t* before, ppn_pad_mode_t mode,
                    const void* value, const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  interior_t interiors[PPN_MAX_RANK];
  ppn_tensor_t source = *x, target = *out;
  for (int i = 0; i < x->rank; ++i) {
    interiors[i] = find_interior(x->sizes[i], out->sizes[i], before[i]);
    int64_t size = interiors[i].end - interiors[i].begin;
    source = ppn_view_slice(&source, i, interiors[i].from, size, 1);
    target = ppn_view_slice(&target, i, interiors[i].begin, size, 1);
  }
  if (mode == PPN_PAD_CONSTANT) fill_constant(out, interiors, value, pool);
  ppn_kernel_copy(&source, &target, pool);
  if (mode == PPN_PAD_CONSTANT || ppn_tensor_numel(&source) == 0) return;
  // Innermost first: the outer ones then move whole rows.
  for (int axis = x->rank - 1; axis >= 0; --axis) {
    ppn_tensor_t region = *out;
    for (int i = 0; i < axis; ++i) {
      region =
          ppn_view_slice(&region, i, interiors[i].begin, interiors[i].end - interiors[i].begin, 1);
    }
    extend(&region, axis, &interiors[axis], mode, pool);
  }
}
