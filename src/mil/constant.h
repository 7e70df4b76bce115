// Constants: a view of bytes plus a recipe that turns it into the constant's elements while they
// are written.
#ifndef PPN_MIL_CONSTANT_H_
#define PPN_MIL_CONSTANT_H_

#include "base/arena.h"
#include "base/file_writer.h"
#include "base/hash.h"
#include "tensor/tensor.h"

// element = cast(view[index] * scale[index along axis] + shift) to `dtype`, contiguous, row-major
// in `view`'s sizes.
//
// Integers narrower than a byte are packed while they are written, least significant bits first;
// their view holds one in each element (INT8, UINT8, …), or, as a blob file does, is packed itself.
//
// The view (any dtype, any strides) points into memory that outlives the constant: the mapped
// model, the arena, or lent memory. Nothing is computed before the constant is written, hashed or
// materialised. Strings live in `text`.
typedef struct ppn_mil_constant {
  ppn_dtype_t dtype;  // of the constant
  ppn_tensor_t
      view;  // source elements; sub-byte dtypes: contiguous packed bytes, dtype == view.dtype
  size_t view_size;  // bytes that `view.data` may reach (checked when made)
  // Per-channel scale in fp32, or NULL. `scale_count` is the view's size along `scale_axis`.
  const float* scale;
  int64_t scale_count;
  int scale_axis;
  bool clamp_to_half;        // FLOAT16: finite values that overflow become +-65504; see also
                             // flush_small_to_subnormal
  bool keep_half_subnormal;  // FLOAT16: non-zero values that become 0 are set to the smallest
                             // subnormal
  const char* text;          // STRING scalars
  const char** texts;        // STRING lists
  // Where it lies in a blob file, when it was read from one or once the layout is known (else
  // UINT64_MAX).
  uint64_t blob_offset;
} ppn_mil_constant_t;

int64_t ppn_mil_constant_numel(const ppn_mil_constant_t* constant);
// Bytes of the finished elements (sub-byte types packed).
size_t ppn_mil_constant_size(const ppn_mil_constant_t* constant);
// True when the bytes are already in their final form (same dtype, contiguous, no scale):
// `view.data` can be used as is.
bool ppn_mil_constant_is_plain(const ppn_mil_constant_t* constant);
// Sends the finished elements to `sink` in pieces (no more than 1 MB of memory).
ppn_status_t ppn_mil_constant_write(const ppn_mil_constant_t* constant,
                                    ppn_sink_t sink) PPN_MUST_USE;
// The finished elements in the arena (plain constants: the view's own memory). For small constants
// and folding.
ppn_status_t ppn_mil_constant_materialise(const ppn_mil_constant_t* constant, ppn_arena_t* arena,
                                          const void** out_data) PPN_MUST_USE;
// Finished elements into `out`, which has ppn_mil_constant_size bytes.
ppn_status_t ppn_mil_constant_read(const ppn_mil_constant_t* constant, void* out) PPN_MUST_USE;
// Equal recipes over equal bytes have equal hashes. Reads the source once.
ppn_status_t ppn_mil_constant_hash(const ppn_mil_constant_t* constant,
                                   ppn_hash128_t* out_hash) PPN_MUST_USE;
// Smallest and largest element of an integer constant; 0 and -1 without elements. Reads the source
// once, and stops early when an element lies outside [low, high].
void ppn_mil_constant_range(const ppn_mil_constant_t* constant, int64_t low, int64_t high,
                            int64_t* out_minimum, int64_t* out_maximum);
// Element i as a number (not for STRING).
double ppn_mil_constant_element(const ppn_mil_constant_t* constant, int64_t index);

#endif  // PPN_MIL_CONSTANT_H_
