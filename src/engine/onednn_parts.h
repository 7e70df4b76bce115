// Work on oneDNN divided among the threads of a pool: parts of the result, each by a primitive of
// its own. By channels where layouts hold them in blocks, by batch, rows or columns elsewhere; what
// cannot be divided runs on one thread.
#ifndef PPN_ENGINE_ONEDNN_PARTS_H_
#define PPN_ENGINE_ONEDNN_PARTS_H_

#include "engine/onednn.h"

typedef struct ppn_onednn_parts ppn_onednn_parts_t;

// As the functions of the same names without `parts`.
ppn_status_t ppn_onednn_parts_convolution(const ppn_onednn_request_t* request, int64_t groups,
                                          const ppn_engine_windows_t* windows, int threads,
                                          ppn_onednn_parts_t** out_parts) PPN_MUST_USE;
ppn_status_t ppn_onednn_parts_linear(const ppn_onednn_request_t* request, int threads,
                                     ppn_onednn_parts_t** out_parts) PPN_MUST_USE;
ppn_status_t ppn_onednn_parts_matmul(const ppn_onednn_request_t* request, const ppn_tensor_t* other,
                                     int threads, ppn_onednn_parts_t** out_parts) PPN_MUST_USE;
ppn_status_t ppn_onednn_parts_pooling(const ppn_onednn_request_t* request,
                                      ppn_onednn_pooling_t kind,
                                      const ppn_engine_windows_t* windows, int threads,
                                      ppn_onednn_parts_t** out_parts) PPN_MUST_USE;
ppn_status_t ppn_onednn_parts_reorder(const ppn_onednn_request_t* request,
                                      ppn_onednn_parts_t** out_parts) PPN_MUST_USE;

const ppn_engine_layout_t* ppn_onednn_parts_layout(const ppn_onednn_parts_t* parts);
size_t ppn_onednn_parts_scratch_size(const ppn_onednn_parts_t* parts);
ppn_status_t ppn_onednn_parts_run(ppn_onednn_parts_t* parts, const ppn_onednn_operands_t* operands,
                                  ppn_thread_pool_t* pool) PPN_MUST_USE;
void ppn_onednn_parts_free(ppn_onednn_parts_t* parts);

#endif  // PPN_ENGINE_ONEDNN_PARTS_H_
