#include "engine/view_copy.h"

#include "kernels/copy.h"

typedef struct view_copy {
  const ppn_tensor_t* input;
  ppn_tensor_t source, target;
} view_copy_t;

ppn_status_t ppn_node_prepare_copy(ppn_engine_node_t* node, ppn_arena_t* arena,
                                   const ppn_tensor_t* input, const ppn_tensor_t* source,
                                   const ppn_tensor_t* target) {
  bool same = source->rank == target->rank;
  for (int i = 0; same && i < source->rank; ++i) same = source->sizes[i] == target->sizes[i];
  if (!same || source->dtype != target->dtype) {
    return ppn_node_fail(node, PPN_STATUS_INTERNAL, "its result does not have the inferred type");
  }
  view_copy_t* copy;
  PPN_ARENA_NEW(arena, 1, &copy);
  *copy = (view_copy_t){input, *source, *target};
  node->state = copy;
  return ppn_status_ok();
}

ppn_status_t ppn_node_run_copy(ppn_engine_node_t* node) {
  const view_copy_t* copy = node->state;
  ppn_tensor_t source = ppn_node_over(&copy->source, copy->input),
               target = ppn_node_over(&copy->target, &node->outputs[0]);
  ppn_kernel_copy(&source, &target, node->environment->pool);
  return ppn_status_ok();
}
