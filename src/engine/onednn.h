// oneDNN: convolutions, matrix products and pooling in fp32, in the layouts that it likes best.
//
// The one place that knows oneDNN; built against its C interface of version 2 (from 2.6) or 3, and
// not at all without PPN_WITH_ONEDNN. Constant weights are packed when a primitive is created;
// results of convolutions and pooling keep oneDNN's blocked layout, which the next one takes as it
// is. oneDNN computes on the calling thread alone: its OpenMP threads would spin against those of
// the engine's pool, and wait for each other wherever the machine has something else to do. Work is
// divided among threads by making a primitive for each part (engine/onednn_parts.h).
//
// Running allocates nothing here; oneDNN itself makes a few small objects per execution.
#ifndef PPN_ENGINE_ONEDNN_H_
#define PPN_ENGINE_ONEDNN_H_

#include "engine/packs.h"
#include "engine/windows.h"

// A primitive with its packed constants. Used by one thread at a time.
typedef struct ppn_onednn ppn_onednn_t;

// What all creating functions have in common: sizes of `x` and `y` are read, never their data. The
// weight's data must stay where it is for as long as `packs` lives.
// Errors: UNSUPPORTED when oneDNN has no fast implementation.
typedef enum ppn_onednn_role {
  PPN_ONEDNN_WHOLE,
  // Only what goes before the parts of divided work: x and the added tensor are brought into the
  // layouts that the whole wants (ppn_onednn_bring). No weights are packed; it cannot be run.
  PPN_ONEDNN_FRAME,
  // A part: x and y have exactly the layouts that are given, y already holds what is added.
  PPN_ONEDNN_PART,
} ppn_onednn_role_t;

typedef struct ppn_onednn_request {
  ppn_onednn_role_t role;
  ppn_engine_packs_t* packs;
  const ppn_tensor_t* x;
  const ppn_engine_layout_t* x_layout;  // NULL: row-major
  const ppn_tensor_t* y;
  const ppn_engine_layout_t* y_layout;  // of parts
  const ppn_tensor_t* weight;           // with data: FLOAT32 or FLOAT16, contiguous
  const ppn_tensor_t* bias;             // with data, or NULL
  ppn_engine_fused_t* fused;            // `is_target` is set where that is possible
  uint32_t fused_count;
} ppn_onednn_request_t;

ppn_status_t ppn_onednn_convolution_create(const ppn_onednn_request_t* request, int64_t groups,
                                           const ppn_engine_windows_t* windows,
                                           ppn_onednn_t** out_onednn) PPN_MUST_USE;
// y = x weight^T + bias over the last dimension. Results are row-major.
ppn_status_t ppn_onednn_linear_create(const ppn_onednn_request_t* request,
                                      ppn_onednn_t** out_onednn) PPN_MUST_USE;
// y = x other, matrices in the last two dimensions of operands of equal rank, whose strides count.
// Results are row-major.
ppn_status_t ppn_onednn_matmul_create(const ppn_onednn_request_t* request,
                                      const ppn_tensor_t* other,
                                      ppn_onednn_t** out_onednn) PPN_MUST_USE;

typedef enum ppn_onednn_pooling {
  PPN_ONEDNN_POOL_MAXIMUM,
  PPN_ONEDNN_POOL_AVERAGE,           // padding counts
  PPN_ONEDNN_POOL_AVERAGE_OF_INNER,  // only what lies within
} ppn_onednn_pooling_t;

ppn_status_t ppn_onednn_pooling_create(const ppn_onednn_request_t* request,
                                       ppn_onednn_pooling_t kind,
                                       const ppn_engine_windows_t* windows,
                                       ppn_onednn_t** out_onednn) PPN_MUST_USE;
// Brings `x` from its layout into row-major order.
ppn_status_t ppn_onednn_reorder_create(const ppn_onednn_request_t* request,
                                       ppn_onednn_t** out_onednn) PPN_MUST_USE;

// Whether two layouts (or none) are the same.
bool ppn_engine_layout_equal(const ppn_engine_layout_t* a, const ppn_engine_layout_t* b);
// The channels that `layout` (NULL: row-major) keeps together, one block after the other; 0 when it
// is no such layout. Memory from a multiple of them on is a tensor of fewer channels.
int64_t ppn_onednn_channel_block(const ppn_engine_layout_t* layout, const ppn_tensor_t* tensor);
// Such a layout, of blocks of 8 or 16. Errors: UNSUPPORTED unless the tensor's rank is 3 to 5.
typedef struct ppn_onednn_blocks ppn_onednn_blocks_t;
ppn_status_t ppn_onednn_blocks_create(int64_t block, const ppn_tensor_t* tensor,
                                      ppn_onednn_blocks_t** out_blocks) PPN_MUST_USE;
// Lives as long as `blocks`; NULL of NULL.
const ppn_engine_layout_t* ppn_onednn_blocks_layout(const ppn_onednn_blocks_t* blocks);
void ppn_onednn_blocks_free(ppn_onednn_blocks_t* blocks);

// The layout in which x is read: what ppn_onednn_bring brings it into.
const ppn_engine_layout_t* ppn_onednn_x_layout(const ppn_onednn_t* onednn);
// NULL: row-major. Lives as long as the primitive.
const ppn_engine_layout_t* ppn_onednn_layout(const ppn_onednn_t* onednn);
size_t ppn_onednn_scratch_size(const ppn_onednn_t* onednn);
void ppn_onednn_free(ppn_onednn_t* onednn);

typedef struct ppn_onednn_operands {
  void *x, *other, *y;
  void* added;    // tensor of the fused addition; not read when it is the target
  void* scratch;  // aligned to 64 bytes
} ppn_onednn_operands_t;
// `*out_x`: where x is to be read from.
ppn_status_t ppn_onednn_bring(ppn_onednn_t* frame, const ppn_onednn_operands_t* operands,
                              void** out_x) PPN_MUST_USE;
// Errors: INTERNAL when oneDNN fails.
ppn_status_t ppn_onednn_run(ppn_onednn_t* onednn,
                            const ppn_onednn_operands_t* operands) PPN_MUST_USE;

#endif  // PPN_ENGINE_ONEDNN_H_
