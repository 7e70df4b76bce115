#include "engine/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"

// Programs need not name their operations; results always have names.
static const char* name_of(const ppn_mil_operation_t* operation) {
  bool is_named = operation->name && *operation->name;
  return is_named || operation->output_count == 0 ? operation->name : operation->outputs[0]->name;
}

ppn_status_t ppn_node_annotate(const ppn_engine_node_t* node, ppn_status_t status) {
  return ppn_status_annotate(status, "%s '%s'", node->operation->op->type,
                             name_of(node->operation));
}

ppn_status_t ppn_node_fail(const ppn_engine_node_t* node, ppn_status_code_t code,
                           const char* format, ...) {
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return ppn_node_annotate(node, ppn_status_make(code, "%s", text));
}

uint32_t ppn_node_ints(const ppn_engine_node_t* node, const char* parameter, int64_t* out,
                       uint32_t capacity) {
  const ppn_tensor_t* tensor = ppn_node_input(node, parameter);
  if (!tensor || !tensor->data) return 0;
  int64_t count = ppn_tensor_numel(tensor);
  for (int64_t i = 0; i < count && i < capacity; ++i) {
    out[i] = ppn_element_as_int64(tensor->dtype, tensor->data, i);
  }
  return (uint32_t)count;
}

ppn_status_t ppn_engine_value_of(ppn_mil_value_t* value, ppn_arena_t* arena,
                                 ppn_engine_value_t** out_value) {
  *out_value = value->scratch;
  if (*out_value) return ppn_status_ok();
  PPN_ARENA_NEW(arena, 1, out_value);
  value->scratch = *out_value;
  bool is_state = value->type.kind == PPN_MIL_STATE;
  ppn_tensor_t* tensor = &(*out_value)->tensor;
  tensor->dtype = is_state ? value->type.dtype : ppn_engine_stored_dtype(value->type.dtype);
  tensor->rank = value->type.rank;
  for (int i = 0; i < tensor->rank; ++i) {
    ppn_dim_t size = value->type.sizes[i];
    tensor->sizes[i] = ppn_dim_is_static(size) ? size.value : -1;
  }
  ppn_strides_contiguous(tensor->rank, tensor->sizes, tensor->strides);
  return ppn_status_ok();
}

// `is_packed`: the kernel takes half floats as they are.
static ppn_status_t bind_constant(ppn_mil_value_t* value, bool is_packed,
                                  ppn_engine_value_t* record, ppn_engine_constants_t* constants,
                                  ppn_arena_t* arena, ppn_tensor_t* out) {
  const ppn_mil_constant_t* constant = value->constant;
  if (is_packed && !record->is_stored && constant->dtype == PPN_DTYPE_FLOAT16 &&
      ppn_mil_constant_is_plain(constant)) {
    *out = ppn_tensor_make(constant->view.data, constant->dtype, constant->view.rank,
                           constant->view.sizes);
    return ppn_status_ok();
  }
  if (!record->is_stored) {
    PPN_RETURN_IF_ERROR(record->original
                            ? ppn_engine_constants_get(constants, constant, &record->tensor)
                            : ppn_engine_constant_store(constant, arena, &record->tensor));
    record->is_stored = true;
  }
  *out = record->tensor;
  return ppn_status_ok();
}

ppn_status_t ppn_engine_node_bind(ppn_mil_operation_t* operation, const ppn_engine_kernel_t* kernel,
                                  const ppn_engine_environment_t* environment,
                                  ppn_engine_constants_t* constants, ppn_arena_t* arena,
                                  ppn_engine_node_t* out_node) {
  ppn_engine_node_t node = {.operation = operation, .kernel = kernel, .environment = environment};
  ppn_engine_value_t* record = NULL;
  if (!node.kernel) return ppn_node_fail(&node, PPN_STATUS_UNSUPPORTED, "there is no kernel");
  PPN_ARENA_NEW(arena, operation->op->parameter_count, &node.inputs);
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    const ppn_mil_argument_t* argument = &operation->inputs[i];
    ppn_engine_operand_t* operand = &node.inputs[i];
    PPN_ARENA_NEW(arena, argument->count, &operand->tensors);
    PPN_ARENA_NEW(arena, argument->count, &operand->layouts);
    operand->count = argument->count;
    // The first parameter is what weights are applied to, also where it is constant.
    bool is_packed = kernel->flags & (i > 0 ? PPN_ENGINE_PACKS_CONSTANTS : PPN_ENGINE_READS_HALVES);
    for (uint32_t j = 0; j < argument->count; ++j) {
      PPN_RETURN_IF_ERROR(ppn_engine_value_of(argument->values[j], arena, &record));
      if (argument->values[j]->constant) {
        PPN_RETURN_IF_ERROR(bind_constant(argument->values[j], is_packed, record, constants, arena,
                                          &operand->tensors[j]));
      } else {
        operand->tensors[j] = record->tensor;
      }
    }
  }
  PPN_ARENA_NEW(arena, operation->output_count, &node.outputs);
  PPN_ARENA_NEW(arena, operation->output_count, &node.output_layouts);
  node.output_count = operation->output_count;
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_engine_value_of(operation->outputs[i], arena, &record));
    node.outputs[i] = record->tensor;
  }
  *out_node = node;
  return ppn_status_ok();
}

ppn_status_t ppn_engine_node_prepare(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return node->kernel->prepare ? node->kernel->prepare(node, arena) : ppn_status_ok();
}

static void round_piece(void* context, size_t begin, size_t end) {
  ppn_round_to_half_array((float*)context + begin, end - begin);
}

static void round_results(const ppn_engine_node_t* node) {
  if (node->environment->numerics != PPN_NUMERICS_DEVICE) return;
  if (node->kernel->flags & (PPN_ENGINE_EXACT | PPN_ENGINE_VIEW)) return;
  for (uint32_t i = 0; i < node->output_count; ++i) {
    const ppn_tensor_t* output = &node->outputs[i];
    if (node->operation->outputs[i]->type.dtype != PPN_DTYPE_FLOAT16 || !output->data) continue;
    const ppn_engine_layout_t* layout = node->output_layouts[i];
    size_t size = layout ? layout->size : ppn_tensor_size(output);
    ppn_thread_pool_parallel_for(node->environment->pool, size / sizeof(float), 16 * 1024,
                                 round_piece, output->data);
  }
}

ppn_status_t ppn_engine_node_run(ppn_engine_node_t* node) {
  if (node->kernel->flags & PPN_ENGINE_VIEW) return ppn_status_ok();
  PPN_RETURN_IF_ERROR(node->kernel->run(node));
  round_results(node);
  return ppn_status_ok();
}

void ppn_engine_node_release(ppn_engine_node_t* node) {
  if (node->kernel && node->kernel->release) node->kernel->release(node);
}

static ppn_status_t run_prepared(ppn_engine_node_t* node, ppn_arena_t* arena) {
  void* scratch = NULL;
  bool is_view = node->kernel->flags & PPN_ENGINE_VIEW;
  for (uint32_t i = 0; i < node->output_count; ++i) {
    ppn_tensor_t* output = &node->outputs[i];
    ppn_strides_contiguous(output->rank, output->sizes, output->strides);
    int64_t numel = 0;
    if (!ppn_sizes_numel(output->rank, output->sizes, &numel)) {
      return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "the sizes of result %u are not known", i);
    }
    if (is_view) {
      output->data = node->inputs[0].tensors[0].data;
      continue;
    }
    output->data = ppn_arena_alloc(arena, ppn_tensor_size(output));
    if (!output->data) return ppn_out_of_memory();
  }
  if (node->scratch_size) {
    size_t size = (node->scratch_size + PPN_ENGINE_ALIGNMENT - 1) / PPN_ENGINE_ALIGNMENT *
                  PPN_ENGINE_ALIGNMENT;
    node->scratch = scratch = aligned_alloc(PPN_ENGINE_ALIGNMENT, size);
    if (!scratch) return ppn_out_of_memory();
  }
  ppn_status_t status = ppn_engine_node_run(node);
  free(scratch);
  for (uint32_t i = 0; i < node->output_count; ++i) {
    ppn_tensor_t* output = &node->outputs[i];
    ppn_strides_contiguous(output->rank, output->sizes, output->strides);
  }
  return status;
}

ppn_status_t ppn_engine_node_run_once(ppn_engine_node_t* node, ppn_arena_t* arena) {
  ppn_status_t status = run_prepared(node, arena);
  ppn_engine_node_release(node);
  return status;
}

bool ppn_engine_node_try_next(ppn_engine_node_t* node, ppn_status_t* status) {
  if (ppn_status_code(*status) != PPN_STATUS_UNSUPPORTED) return false;
  if (!ppn_engine_kernel_next(node->kernel)) return false;
  ppn_engine_node_release(node);
  ppn_status_free(*status);
  *status = NULL;
  return true;
}

ppn_status_t ppn_engine_node_bind_and_prepare(ppn_mil_operation_t* operation,
                                              const ppn_engine_environment_t* environment,
                                              ppn_engine_constants_t* constants, ppn_arena_t* arena,
                                              ppn_engine_node_t* out_node) {
  const ppn_engine_kernel_t* kernel = ppn_engine_kernel_find(operation->op->type);
  for (;;) {
    PPN_RETURN_IF_ERROR(
        ppn_engine_node_bind(operation, kernel, environment, constants, arena, out_node));
    ppn_status_t status = ppn_engine_node_prepare(out_node, arena);
    if (!status) return status;
    if (!ppn_engine_node_try_next(out_node, &status)) {
      ppn_engine_node_release(out_node);
      return status;
    }
    kernel = ppn_engine_kernel_next(kernel);
  }
}
