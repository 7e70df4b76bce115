// Kernels that only move elements: the result, seen as `target`, becomes a copy of an input, seen
// as `source`. The views are made in `prepare`, over memory that is not known yet.
#ifndef PPN_ENGINE_VIEW_COPY_H_
#define PPN_ENGINE_VIEW_COPY_H_

#include "engine/kernel.h"
#include "tensor/view.h"

// A tensor of the same type at address 0: `data` of its views is their offset in bytes.
static inline ppn_tensor_t ppn_node_blank(const ppn_tensor_t* tensor) {
  ppn_tensor_t blank = *tensor;
  blank.data = NULL;
  return blank;
}

// A view of a ppn_node_blank tensor over the memory of `tensor`.
static inline ppn_tensor_t ppn_node_over(const ppn_tensor_t* view, const ppn_tensor_t* tensor) {
  ppn_tensor_t result = *view;
  result.data = (void*)((uintptr_t)tensor->data + (uintptr_t)view->data);
  return result;
}

// Makes the node copy `input` (one of its own), seen as `source`, to output 0, seen as `target`:
// views of ppn_node_blank tensors, equal in sizes. Uses the node's state.
ppn_status_t ppn_node_prepare_copy(ppn_engine_node_t* node, ppn_arena_t* arena,
                                   const ppn_tensor_t* input, const ppn_tensor_t* source,
                                   const ppn_tensor_t* target) PPN_MUST_USE;
// The `run` of such nodes.
ppn_status_t ppn_node_run_copy(ppn_engine_node_t* node) PPN_MUST_USE;

#endif  // PPN_ENGINE_VIEW_COPY_H_
