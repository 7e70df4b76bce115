// The state of a running lowering: arguments in, results out, and the error in between.
#include "base/checked.h"
#include "lower/row.h"
#include "tensor/tensor.h"

ppn_dtype_t ppn_lower_dtype(ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_BOOL:
    case PPN_DTYPE_FLOAT16:
    case PPN_DTYPE_FLOAT32:
    case PPN_DTYPE_INT32:
      return dtype;
    case PPN_DTYPE_BFLOAT16:
    case PPN_DTYPE_FLOAT64:
      return PPN_DTYPE_FLOAT32;
    case PPN_DTYPE_INT8:
    case PPN_DTYPE_UINT8:
    case PPN_DTYPE_INT16:
    case PPN_DTYPE_UINT16:
    case PPN_DTYPE_INT64:
      return PPN_DTYPE_INT32;
    default:
      return PPN_DTYPE_INVALID;
  }
}

void ppn_row_fail(ppn_lower_context_t* context, ppn_status_t status) {
  if (context->status) {
    ppn_status_free(status);
  } else {
    context->status = status;
  }
}

ppn_status_t ppn_row_finish(ppn_lower_context_t* context) {
  ppn_status_t status = context->status;
  context->status = ppn_status_ok();
  return status;
}

ppn_status_t ppn_row_result(ppn_lower_context_t* context, const ppn_node_t* node,
                            ppn_mil_value_t* value) {
  ppn_row_bind(context, node, 0, value);
  return ppn_row_finish(context);
}

// Inference in MIL cannot follow computed shapes; the traced program knows more.
static ppn_status_t refine_sizes(ppn_lower_context_t* context, const ppn_node_t* node,
                                 ppn_mil_value_t* value, const ppn_tensor_meta_t* meta) {
  if (value->type.rank != meta->rank) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "lowering %s gave rank %d, the program says %d",
                           node->target, value->type.rank, meta->rank);
  }
  bool differs = false;
  for (int i = 0; i < meta->rank; i++) {
    ppn_dim_t have = value->type.sizes[i], want = meta->sizes[i];
    if (ppn_dim_equal(have, want)) continue;
    if (ppn_dim_is_static(have) && ppn_dim_is_static(want)) {
      return ppn_status_make(PPN_STATUS_INTERNAL,
                             "lowering %s gave size %lld in dimension %d, the program says %lld",
                             node->target, (long long)have.value, i, (long long)want.value);
    }
    differs |= !ppn_dim_is_static(have);
  }
  // A value that another node made keeps its type.
  if (!differs || !value->producer || value->producer->origin != node) return ppn_status_ok();
  ppn_dim_t* sizes;
  PPN_ARENA_NEW(&context->builder.function->program->arena, meta->rank, &sizes);
  for (int i = 0; i < meta->rank; i++) {
    sizes[i] = ppn_dim_is_static(value->type.sizes[i]) ? value->type.sizes[i] : meta->sizes[i];
  }
  value->type.sizes = sizes;
  return ppn_status_ok();
}

void ppn_row_bind(ppn_lower_context_t* context, const ppn_node_t* node, uint32_t index,
                  ppn_mil_value_t* value) {
  if (context->status || index >= node->output_count || !node->outputs[index]) return;
  ppn_value_t* output = node->outputs[index];
  if (!value) {
    ppn_row_fail(context, ppn_status_make(PPN_STATUS_INTERNAL, "lowering %s gave no result %u",
                                          node->target, index));
    return;
  }
  if (output->kind == PPN_VALUE_TENSOR) {
    value = ppn_row_cast(context, value, ppn_lower_dtype(output->tensor.dtype));
    if (!value) return;
    ppn_row_check(context, refine_sizes(context, node, value, &output->tensor));
  }
  if (value->producer && value->producer->origin == node) value->name = output->name;
  output->scratch = value;
}

ppn_mil_value_t* ppn_row_program_constant(ppn_lower_context_t* context,
                                          const ppn_constant_t* constant, const char* name) {
  if (context->status) return NULL;
  ppn_dtype_t dtype = ppn_lower_dtype(constant->dtype);
  size_t size = ppn_dtype_size(constant->dtype);
  size_t offset = (size_t)constant->storage_offset * size;
  if (dtype == PPN_DTYPE_INVALID || constant->rank > PPN_MAX_RANK) {
    ppn_row_fail(context,
                 ppn_status_make(PPN_STATUS_UNSUPPORTED,
                                 "constant '%s' is %s of rank %d, which Core ML does not have",
                                 constant->name, ppn_dtype_name(constant->dtype), constant->rank));
    return NULL;
  }
  if (constant->storage_offset < 0 || offset > constant->storage.size) {
    ppn_row_fail(context, ppn_status_make(PPN_STATUS_INVALID_DATA,
                                          "constant '%s' starts at byte %zu of a storage of %zu",
                                          constant->name, offset, constant->storage.size));
    return NULL;
  }
  ppn_mil_constant_t* recipe =
      ppn_arena_alloc(&context->builder.function->program->arena, sizeof *recipe);
  if (!recipe) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  recipe->dtype = dtype;
  recipe->view.data = (void*)(uintptr_t)(constant->storage.data + offset);
  recipe->view.dtype = constant->dtype;
  recipe->view.rank = constant->rank;
  for (int i = 0; i < constant->rank; i++) {
    recipe->view.sizes[i] = constant->sizes[i];
    recipe->view.strides[i] = constant->strides[i];
  }
  recipe->view_size = constant->storage.size - offset;
  recipe->blob_offset = UINT64_MAX;
  ppn_mil_value_t* value = NULL;
  ppn_row_check(context, ppn_mil_constant_value(&context->builder, name, recipe, &value));
  return value;
}

ppn_mil_value_t* ppn_row_value(ppn_lower_context_t* context, const ppn_value_t* value) {
  if (context->status) return NULL;
  if (value->scratch) return value->scratch;
  ppn_input_spec_t* spec =
      value->producer ? NULL : ppn_exported_program_input_spec(context->program, value);
  if (spec && spec->constant) {
    ppn_mil_value_t* constant = ppn_row_program_constant(context, spec->constant, value->name);
    ((ppn_value_t*)(uintptr_t)value)->scratch = constant;
    return constant;
  }
  if (value->kind == PPN_VALUE_SYM_INT) return ppn_row_dim(context, value->dim);
  ppn_row_fail(context, ppn_status_make(PPN_STATUS_INTERNAL,
                                        "value '%s' is used but was never lowered", value->name));
  return NULL;
}

ppn_mil_value_t* ppn_row_tensor(ppn_lower_context_t* context, const ppn_node_t* node,
                                const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  if (context->status || !argument || argument->kind == PPN_ARGUMENT_NONE) return NULL;
  if (argument->kind == PPN_ARGUMENT_VALUE) return ppn_row_value(context, argument->u.value);
  // A Python number given for a tensor.
  const ppn_argument_t* arguments[] = {argument};
  return ppn_row_operand(context, argument, ppn_row_promote(arguments, 1));
}

ppn_mil_value_t* ppn_row_operand(ppn_lower_context_t* context, const ppn_argument_t* argument,
                                 ppn_dtype_t dtype) {
  if (context->status) return NULL;
  switch (argument ? argument->kind : PPN_ARGUMENT_NONE) {
    case PPN_ARGUMENT_VALUE:
      return ppn_row_cast(context, ppn_row_value(context, argument->u.value), dtype);
    case PPN_ARGUMENT_INT:
      return ppn_row_number(context, dtype, (double)argument->u.integer);
    case PPN_ARGUMENT_FLOAT:
      return ppn_row_number(context, dtype, argument->u.number);
    case PPN_ARGUMENT_BOOL:
      return ppn_row_number(context, dtype, argument->u.boolean);
    default:
      ppn_row_fail(context, ppn_status_make(PPN_STATUS_INTERNAL,
                                            "argument '%s' is neither a tensor nor a number",
                                            argument ? argument->name : "?"));
      return NULL;
  }
}

ppn_mil_value_t* ppn_row_list_item(ppn_lower_context_t* context, const ppn_argument_t* argument,
                                   uint32_t index, ppn_dtype_t dtype) {
  if (context->status || !argument || argument->kind != PPN_ARGUMENT_VALUES ||
      index >= argument->count || !argument->u.values[index]) {
    return NULL;
  }
  ppn_mil_value_t* value = ppn_row_value(context, argument->u.values[index]);
  return dtype == PPN_DTYPE_INVALID ? value : ppn_row_cast(context, value, dtype);
}
