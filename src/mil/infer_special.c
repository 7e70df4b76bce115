// Types of compressed constants, quantisation, state, control flow, lists and random numbers.
#include <string.h>

#include "mil/infer.h"
#include "tensor/tensor.h"

PPN_INFER(affine_dequantize) {
  (void)function;
  *out = ppn_infer_with_dtype(ppn_infer_type(operation, "quantized_data"),
                              ppn_infer_type(operation, "scale")->dtype);
  return ppn_status_ok();
}

PPN_INFER(shift_scale) {
  (void)function;
  const ppn_mil_type_t *data = ppn_infer_type(operation, "data"),
                       *scale = ppn_infer_type(operation, "scale");
  if (data->rank != scale->rank)
    return ppn_infer_fail(operation, "data and scale of different ranks");
  for (int i = 0; i < data->rank; i++) {
    if (scale->sizes[i].value < 1 || data->sizes[i].value % scale->sizes[i].value != 0) {
      return ppn_infer_fail(operation, "%lld scales for a size of %lld",
                            (long long)scale->sizes[i].value, (long long)data->sizes[i].value);
    }
  }
  *out = ppn_infer_with_dtype(data, scale->dtype);
  return ppn_status_ok();
}

PPN_INFER(constexpr_cast) {
  (void)function;
  *out = ppn_infer_with_dtype(ppn_infer_type(operation, "source_val"), PPN_DTYPE_FLOAT32);
  return ppn_status_ok();
}

static ppn_status_t from_shape(ppn_mil_function_t* function, const ppn_mil_operation_t* operation,
                               ppn_dtype_t dtype, ppn_mil_type_t* out) {
  int64_t sizes[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_infer_ints(operation, "shape", sizes, &count) || count > PPN_MAX_RANK) {
    return ppn_infer_fail(operation, "no constant shape");
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, dtype, (int)count, out));
  for (uint32_t i = 0; i < count; i++) out->sizes[i] = ppn_dim_static(sizes[i]);
  return ppn_status_ok();
}

// indices, or the mask, with the vector axis multiplied.
static ppn_status_t table_type(ppn_mil_function_t* function, const ppn_mil_operation_t* operation,
                               const ppn_mil_type_t* indices, ppn_dtype_t dtype,
                               ppn_mil_type_t* out) {
  const ppn_mil_type_t* table = ppn_infer_type(operation, "lut");
  if (table->rank != indices->rank + 2) {
    return ppn_infer_fail(operation, "a table of rank %d for indices of rank %d", table->rank,
                          indices->rank);
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, dtype, indices->rank, out));
  for (int i = 0; i < indices->rank; i++) out->sizes[i] = indices->sizes[i];
  int64_t length = table->sizes[table->rank - 1].value;
  if (length > 1) {
    int axis = 0;
    PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "vector_axis", indices->rank, 0, &axis));
    PPN_RETURN_IF_ERROR(
        ppn_infer_affine_size(function, indices->sizes[axis], length, 0, 1, &out->sizes[axis]));
  }
  return ppn_status_ok();
}

PPN_INFER(lut_to_dense) {
  ppn_dtype_t dtype = ppn_infer_type(operation, "lut")->dtype;
  if (operation->op->parameters_are_attributes) return from_shape(function, operation, dtype, out);
  return table_type(function, operation, ppn_infer_type(operation, "indices"), dtype, out);
}

PPN_INFER(lut_to_sparse) {
  const ppn_mil_type_t *mask = ppn_infer_type(operation, "indices_mask"),
                       *indices = ppn_infer_type(operation, "indices_nonzero_data"),
                       *table = ppn_infer_type(operation, "lut");
  PPN_RETURN_IF_ERROR(table_type(function, operation, mask, mask->dtype, &out[0]));
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, table->dtype, 1, &out[1]));
  return ppn_infer_affine_size(function, indices->sizes[0], table->sizes[table->rank - 1].value, 0,
                               1, &out[1].sizes[0]);
}

PPN_INFER(sparse_shift_scale) {
  (void)function;
  out[0] = *ppn_infer_type(operation, "data_mask");
  out[1] = ppn_infer_with_dtype(ppn_infer_type(operation, "nonzero_data"),
                                ppn_infer_type(operation, "scale")->dtype);
  return ppn_status_ok();
}

PPN_INFER(sparse_to_dense) {
  ppn_dtype_t dtype = ppn_infer_type(operation, "nonzero_data")->dtype;
  if (operation->op->parameters_are_attributes) return from_shape(function, operation, dtype, out);
  *out = ppn_infer_with_dtype(ppn_infer_type(operation, "mask"), dtype);
  return ppn_status_ok();
}

PPN_INFER(quantize) {
  (void)function;
  const char* name = ppn_mil_input_string(operation, "output_dtype", "");
  ppn_dtype_t dtype = ppn_infer_dtype_named(name);
  if (dtype != PPN_DTYPE_INT8 && dtype != PPN_DTYPE_UINT8) {
    return ppn_infer_fail(operation, "output_dtype '%s'", name);
  }
  *out = ppn_infer_with_dtype(ppn_infer_type(operation, "input"), dtype);
  return ppn_status_ok();
}

PPN_INFER(dequantize) {
  (void)function;
  *out = ppn_infer_with_dtype(ppn_infer_type(operation, "input"),
                              ppn_infer_type(operation, "scale")->dtype);
  return ppn_status_ok();
}

// ---- State ----

PPN_INFER(read_state) {
  (void)function;
  *out = *ppn_infer_type(operation, "input");
  if (out->kind != PPN_MIL_STATE) return ppn_infer_fail(operation, "the input is not a state");
  out->kind = PPN_MIL_TENSOR;
  return ppn_status_ok();
}

PPN_INFER(write_state) {
  (void)function;
  (void)out;
  ppn_mil_type_t state = *ppn_infer_type(operation, "input");
  if (state.kind != PPN_MIL_STATE) return ppn_infer_fail(operation, "the input is not a state");
  state.kind = PPN_MIL_TENSOR;
  if (!ppn_mil_type_equal(&state, ppn_infer_type(operation, "data"))) {
    return ppn_infer_fail(operation, "the data's type is not the state's");
  }
  return ppn_status_ok();
}

// ---- Control flow ----

static bool is_same_kind(const ppn_mil_type_t* a, const ppn_mil_type_t* b) {
  return a->kind == b->kind && a->dtype == b->dtype && a->rank == b->rank;
}

PPN_INFER_COUNT(cond) {
  return operation->block_count == 2 ? operation->blocks[0]->output_count : 0;
}

PPN_INFER(cond) {
  if (operation->block_count != 2 ||
      operation->blocks[0]->output_count != operation->blocks[1]->output_count) {
    return ppn_infer_fail(operation, "needs two blocks with equally many results");
  }
  for (uint32_t i = 0; i < operation->output_count; i++) {
    const ppn_mil_type_t *yes = &operation->blocks[0]->outputs[i]->type,
                         *no = &operation->blocks[1]->outputs[i]->type;
    if (!is_same_kind(yes, no)) {
      return ppn_infer_fail(operation, "result %u differs between the branches", i);
    }
    out[i] = *yes;
    if (yes->rank == 0) continue;
    PPN_ARENA_NEW(&function->program->arena, yes->rank, &out[i].sizes);
    for (int j = 0; j < yes->rank; j++) {
      out[i].sizes[j] = yes->sizes[j];
      if (ppn_dim_equal(yes->sizes[j], no->sizes[j])) continue;
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out[i].sizes[j]));
    }
  }
  return ppn_status_ok();
}

PPN_INFER_COUNT(while_loop) {
  return operation->block_count == 2 ? operation->blocks[1]->output_count : 0;
}

PPN_INFER(while_loop) {
  (void)function;
  if (operation->block_count != 2 || operation->blocks[0]->output_count != 1) {
    return ppn_infer_fail(operation, "needs a condition and a body");
  }
  const ppn_mil_argument_t* variables = ppn_mil_operation_argument(operation, "loop_vars");
  if (variables->count != operation->output_count) {
    return ppn_infer_fail(operation, "%u variables, %u results of the body", variables->count,
                          operation->output_count);
  }
  const ppn_mil_block_t *condition = operation->blocks[0], *body = operation->blocks[1];
  if (condition->input_count != variables->count || body->input_count != variables->count) {
    return ppn_infer_fail(operation, "%u variables, blocks of %u and %u inputs", variables->count,
                          condition->input_count, body->input_count);
  }
  const ppn_mil_type_t* go_on = &condition->outputs[0]->type;
  bool is_bool = go_on->kind == PPN_MIL_TENSOR && go_on->dtype == PPN_DTYPE_BOOL;
  for (int i = 0; i < go_on->rank; i++) {
    is_bool = is_bool && (!ppn_dim_is_static(go_on->sizes[i]) || ppn_dim_is(go_on->sizes[i], 1));
  }
  if (!is_bool) return ppn_infer_fail(operation, "the condition is not one bool");
  for (uint32_t i = 0; i < operation->output_count; i++) {
    const ppn_mil_type_t* variable = &variables->values[i]->type;
    out[i] = body->outputs[i]->type;
    if (!is_same_kind(variable, &out[i]) || !is_same_kind(variable, &body->inputs[i]->type) ||
        !is_same_kind(variable, &condition->inputs[i]->type)) {
      return ppn_infer_fail(operation, "variable %u changes its type", i);
    }
  }
  return ppn_status_ok();
}

// ---- Lists ----

PPN_INFER(make_list) {
  const ppn_mil_argument_t* shape = ppn_mil_operation_argument(operation, "elem_shape");
  ppn_dtype_t dtype = ppn_infer_dtype_named(ppn_mil_input_string(operation, "dtype", "fp32"));
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, dtype, (int)shape->count, out));
  out->kind = PPN_MIL_LIST;
  for (uint32_t i = 0; i < shape->count; i++) {
    int64_t size = 0;
    if (ppn_infer_entry(shape, i, &size)) {
      if (size < 0) return ppn_infer_fail(operation, "elements of size %lld", (long long)size);
      out->sizes[i] = ppn_dim_static(size);
    } else {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[i]));
    }
  }
  const ppn_mil_value_t* length = ppn_mil_operation_input(operation, "init_length");
  if (!ppn_mil_input_bool(operation, "dynamic_length", true) && length && length->constant) {
    out->list_length = ppn_dim_static(ppn_mil_input_int(operation, "init_length", 1));
    return ppn_status_ok();
  }
  return ppn_infer_unknown(function, &out->list_length);
}

static ppn_status_t element(const ppn_mil_operation_t* operation, ppn_mil_type_t* out) {
  *out = *ppn_infer_type(operation, "ls");
  if (out->kind != PPN_MIL_LIST) return ppn_infer_fail(operation, "ls is not a list");
  out->kind = PPN_MIL_TENSOR;
  return ppn_status_ok();
}

PPN_INFER(list_gather) {
  ppn_mil_type_t type;
  const ppn_mil_type_t* indices = ppn_infer_type(operation, "indices");
  PPN_RETURN_IF_ERROR(element(operation, &type));
  if (indices->rank != 1) return ppn_infer_fail(operation, "indices of rank %d", indices->rank);
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, type.dtype, type.rank + 1, out));
  out->sizes[0] = indices->sizes[0];
  for (int i = 0; i < type.rank; i++) out->sizes[i + 1] = type.sizes[i];
  return ppn_status_ok();
}

PPN_INFER(list_length) {
  (void)operation;
  return ppn_infer_make(function, PPN_DTYPE_INT32, 0, out);
}

PPN_INFER(list_read) {
  (void)function;
  return element(operation, out);
}

PPN_INFER(list_same) {
  (void)function;
  *out = *ppn_infer_type(operation, "ls");
  return out->kind == PPN_MIL_LIST ? ppn_status_ok()
                                   : ppn_infer_fail(operation, "ls is not a list");
}

// ---- Random numbers ----

PPN_INFER(random) {
  static const char* const names[] = {"prob", "mean", "low"};
  const ppn_mil_type_t* shape = ppn_infer_type(operation, "shape");
  int64_t sizes[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  ppn_dtype_t dtype = PPN_DTYPE_FLOAT32;
  for (size_t i = 0; i < PPN_COUNT_OF(names); i++) {
    const ppn_mil_type_t* type = ppn_infer_type(operation, names[i]);
    if (type) dtype = type->dtype;
  }
  if (shape->rank != 1 || !ppn_dim_is_static(shape->sizes[0])) {
    return ppn_infer_fail(operation, "a shape of unknown length");
  }
  bool known = ppn_infer_ints(operation, "shape", sizes, &count);
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, dtype, (int)shape->sizes[0].value, out));
  for (int i = 0; i < out->rank; i++) {
    if (known) {
      out->sizes[i] = ppn_dim_static(sizes[i]);
    } else {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[i]));
    }
  }
  return ppn_status_ok();
}

PPN_INFER(random_categorical) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  if (x->rank < 1) return ppn_infer_fail(operation, "x is a scalar");
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  for (int i = 0; i < x->rank - 1; i++) out->sizes[i] = x->sizes[i];
  out->sizes[x->rank - 1] = ppn_dim_static(ppn_mil_input_int(operation, "size", 1));
  return ppn_status_ok();
}
