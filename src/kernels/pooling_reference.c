// Pooling by its definition, for every dtype.
#include <math.h>

#include "kernels/pooling_internal.h"
#include "tensor/element.h"

int64_t ppn_pooling_out_size(int64_t in_size, int64_t kernel, int64_t stride, int64_t dilation,
                             int64_t pad_before, int64_t pad_after, bool ceil_mode) {
  int64_t room = in_size + pad_before + pad_after - (dilation * (kernel - 1) + 1);
  if (ceil_mode) room += stride - 1;
  if (room < 0) return 0;
  int64_t size = room / stride + 1;
  if (ceil_mode && (size - 1) * stride >= in_size + pad_before) --size;
  return size;
}

ppn_window_t ppn_pooling_window(const ppn_pooling_t* pooling, int dimension, int64_t position) {
  int64_t in = pooling->in_sizes[dimension], out = pooling->out_sizes[dimension];
  ppn_window_t window = {0, 0, 1, 0};
  if (pooling->is_adaptive) {
    window.begin = position * in / out;
    window.end = ((position + 1) * in + out - 1) / out;
    window.counted = window.end - window.begin;
    return window;
  }
  int64_t step = pooling->dilations[dimension];
  int64_t begin = position * pooling->strides[dimension] - pooling->pads_before[dimension];
  int64_t end = begin + (pooling->kernel[dimension] - 1) * step + 1;
  int64_t padded_end = in + pooling->pads_after[dimension];
  if (end > padded_end) end = padded_end;
  window.step = step;
  window.counted = end > begin ? (end - begin + step - 1) / step : 0;
  window.begin = begin < 0 ? begin + (-begin + step - 1) / step * step : begin;
  window.end = end < in ? end : in;
  if (window.end < window.begin) window.end = window.begin;
  if (!pooling->counts_padding) window.counted = (window.end - window.begin + step - 1) / step;
  return window;
}

// A window of one position of the output, all dimensions; unused ones come first.
typedef struct window_of_position {
  ppn_window_t d[3];
  int64_t sizes[3];  // of the plane
  int64_t counted;
} window_of_position_t;

static window_of_position_t find_window(const ppn_pooling_t* pooling, int64_t position) {
  window_of_position_t window = {{{0, 1, 1, 1}, {0, 1, 1, 1}, {0, 1, 1, 1}}, {1, 1, 1}, 1};
  for (int d = pooling->rank - 1, to = 2; d >= 0; --d, --to) {
    window.d[to] = ppn_pooling_window(pooling, d, position % pooling->out_sizes[d]);
    window.sizes[to] = pooling->in_sizes[d];
    window.counted *= window.d[to].counted;
    position /= pooling->out_sizes[d];
  }
  if (pooling->divisor) window.counted = pooling->divisor;
  return window;
}

static double load_double(const ppn_pooling_t* pooling, int64_t index) {
  double value;
  ppn_elements_load_double(pooling->dtype, pooling->x, index, 1, 1, &value);
  return value;
}

static int64_t load_int64(const ppn_pooling_t* pooling, int64_t index) {
  int64_t value;
  ppn_elements_load_int64(pooling->dtype, pooling->x, index, 1, 1, &value);
  return value;
}

#define FOR_WINDOW(window, index)                                                            \
  for (int64_t z_ = (window).d[0].begin; z_ < (window).d[0].end; z_ += (window).d[0].step)   \
    for (int64_t y_ = (window).d[1].begin; y_ < (window).d[1].end; y_ += (window).d[1].step) \
      for (int64_t x_ = (window).d[2].begin,                                                 \
                   index = (z_ * (window).sizes[1] + y_) * (window).sizes[2] + x_;           \
           x_ < (window).d[2].end; x_ += (window).d[2].step, index += (window).d[2].step)

static double reduce_double(const ppn_pooling_t* pooling, int64_t base,
                            const window_of_position_t* window, int64_t* out_index) {
  bool is_max = pooling->kind == PPN_POOLING_MAX;
  double result = is_max ? -INFINITY : 0;
  bool is_first = true;
  FOR_WINDOW(*window, index) {
    double value = load_double(pooling, base + index);
    if (!is_max) {
      result += pooling->kind == PPN_POOLING_L2 ? value * value : value;
    } else if (is_first || value > result || isnan(value)) {
      result = value;
      *out_index = index;
    }
    is_first = false;
  }
  if (pooling->kind == PPN_POOLING_AVERAGE) return result / (double)window->counted;
  return pooling->kind == PPN_POOLING_L2 ? sqrt(result) : result;
}

static int64_t reduce_int64(const ppn_pooling_t* pooling, int64_t base,
                            const window_of_position_t* window, int64_t* out_index) {
  bool is_max = pooling->kind == PPN_POOLING_MAX, is_first = true;
  int64_t largest = 0;
  uint64_t sum = 0;  // wraps around, as torch's sums do
  FOR_WINDOW(*window, index) {
    int64_t value = load_int64(pooling, base + index);
    sum += (uint64_t)value;
    if (is_first || value > largest) {
      largest = value;
      *out_index = index;
    }
    is_first = false;
  }
  if (is_max) return largest;
  int64_t total = (int64_t)sum;
  return window->counted ? total / window->counted : 0;
}

void ppn_pooling_plane(const ppn_pooling_t* pooling, int64_t plane) {
  int64_t in_size = 1, out_size = 1;
  for (int d = 0; d < pooling->rank; ++d) {
    in_size *= pooling->in_sizes[d];
    out_size *= pooling->out_sizes[d];
  }
  bool is_integer = !ppn_dtype_is_float(pooling->dtype);
  for (int64_t position = 0; position < out_size; ++position) {
    window_of_position_t window = find_window(pooling, position);
    int64_t index = 0, at = plane * out_size + position;
    if (is_integer) {
      int64_t value = reduce_int64(pooling, plane * in_size, &window, &index);
      ppn_elements_store_int64(pooling->dtype, pooling->y, at, 1, 1, &value);
    } else {
      double value = reduce_double(pooling, plane * in_size, &window, &index);
      ppn_elements_store_double(pooling->dtype, pooling->y, at, 1, 1, &value);
    }
    if (pooling->indices) pooling->indices[at] = index;
  }
}

void ppn_pooling_reference(const ppn_pooling_t* pooling) {
  for (int64_t plane = 0; plane < pooling->planes; ++plane) ppn_pooling_plane(pooling, plane);
}
