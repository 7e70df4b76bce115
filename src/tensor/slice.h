// Slices by begin, end and step, with NumPy's rules for negative and too large bounds.
#ifndef PPN_TENSOR_SLICE_H_
#define PPN_TENSOR_SLICE_H_

#include <stdbool.h>
#include <stdint.h>

typedef struct ppn_slice {
  int64_t begin, end, step;  // step is not 0
  bool from_start, to_end;   // begin, end are not given
} ppn_slice_t;

// The first element and the number of elements of a slice of `size` elements.
static inline void ppn_slice_resolve(const ppn_slice_t* slice, int64_t size, int64_t* out_start,
                                     int64_t* out_count) {
  int64_t first = slice->step > 0 ? 0 : -1;  // what lies before the beginning
  int64_t last = first + size;
  int64_t begin = slice->begin < 0 ? slice->begin + size : slice->begin,
          end = slice->end < 0 ? slice->end + size : slice->end;
  begin = begin < first ? first : begin > last ? last : begin;
  end = end < first ? first : end > last ? last : end;
  if (slice->from_start) begin = slice->step > 0 ? 0 : size - 1;
  if (slice->to_end) end = slice->step > 0 ? size : -1;
  int64_t step = slice->step > 0 ? slice->step : -slice->step,
          length = slice->step > 0 ? end - begin : begin - end;
  *out_start = begin;
  *out_count = length > 0 ? (length - 1) / step + 1 : 0;
}

#endif  // PPN_TENSOR_SLICE_H_
