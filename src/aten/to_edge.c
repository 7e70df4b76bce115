// The edge dialect: views become copies, so that every operator has an out-variant.
#include <string.h>

#include "aten/op.h"
#include "tensor/tensor.h"

static const struct {
  const char *name, *copy;
} view_copies[] = {
    {"aten::view", "aten::view_copy"},
    {"aten::_unsafe_view", "aten::view_copy"},
    {"aten::permute", "aten::permute_copy"},
    {"aten::transpose.int", "aten::transpose_copy.int"},
    {"aten::t", "aten::t_copy"},
    {"aten::unsqueeze", "aten::unsqueeze_copy"},
    {"aten::squeeze", "aten::squeeze_copy"},
    {"aten::squeeze.dim", "aten::squeeze_copy.dim"},
    {"aten::squeeze.dims", "aten::squeeze_copy.dims"},
    {"aten::expand", "aten::expand_copy"},
    {"aten::slice.Tensor", "aten::slice_copy.Tensor"},
    {"aten::select.int", "aten::select_copy.int"},
    {"aten::split.Tensor", "aten::split_copy.Tensor"},
    {"aten::split_with_sizes", "aten::split_with_sizes_copy"},
    {"aten::unbind.int", "aten::unbind_copy.int"},
    {"aten::diagonal", "aten::diagonal_copy"},
    {"aten::as_strided", "aten::as_strided_copy"},
    {"aten::unfold", "aten::unfold_copy"},
    {"aten::alias", "aten::alias_copy"},
    {"aten::detach", "aten::detach_copy"},
    {"aten::view_as_real", "aten::view_as_real_copy"},
    {"aten::view_as_complex", "aten::view_as_complex_copy"},
    {"aten::view.dtype", "aten::view_copy.dtype"},
};

const char* ppn_aten_view_copy(const char* op_name) {
  for (size_t i = 0; i < PPN_COUNT_OF(view_copies); ++i) {
    if (strcmp(op_name, view_copies[i].name) == 0) return view_copies[i].copy;
  }
  return NULL;
}

static ppn_status_t copy_instead_of_view(ppn_node_t* node) {
  const char* copy = ppn_aten_view_copy(node->target);
  if (!copy) return ppn_status_ok();
  node->target = copy;
  PPN_RETURN_IF_ERROR(ppn_aten_bind(node));
  // A copy is laid out anew.
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (node->outputs[i]) node->outputs[i]->tensor.strides = NULL;
  }
  return ppn_status_ok();
}

// ---- Numbers given for tensors ----

// The type a number takes beside the node's tensors: theirs when it is of no higher kind (bool,
// integer, floating point), else the default type of its kind.
static ppn_dtype_t number_type(const ppn_node_t* node, const ppn_argument_t* number) {
  ppn_dtype_t dtype = PPN_DTYPE_INVALID;
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    const ppn_argument_t* argument = &node->arguments[i];
    if (argument->kind != PPN_ARGUMENT_VALUE || argument->u.value->kind != PPN_VALUE_TENSOR)
      continue;
    ppn_dtype_t other = argument->u.value->tensor.dtype;
    dtype = dtype == PPN_DTYPE_INVALID ? other : ppn_dtype_promote(dtype, other);
  }
  bool is_float = number->kind == PPN_ARGUMENT_FLOAT, is_int = number->kind == PPN_ARGUMENT_INT;
  if (is_float && !ppn_dtype_is_float(dtype)) return PPN_DTYPE_FLOAT32;
  if (is_int && (dtype == PPN_DTYPE_BOOL || dtype == PPN_DTYPE_INVALID)) return PPN_DTYPE_INT64;
  return dtype == PPN_DTYPE_INVALID ? PPN_DTYPE_BOOL : dtype;
}

// The type that a symbolic number takes: like a literal of its kind.
static ppn_dtype_t symbol_type(const ppn_node_t* node, const ppn_value_t* symbol) {
  ppn_argument_t number = {.kind = symbol->kind == PPN_VALUE_SYM_FLOAT  ? PPN_ARGUMENT_FLOAT
                                   : symbol->kind == PPN_VALUE_SYM_BOOL ? PPN_ARGUMENT_BOOL
                                                                        : PPN_ARGUMENT_INT};
  return number_type(node, &number);
}

// A symbolic number given to a tensor parameter (the size in "x * x.shape[0]") becomes a tensor.
static ppn_status_t lift_symbol(ppn_exported_program_t* program, ppn_node_t* node,
                                ppn_argument_t* argument) {
  ppn_aten_emitter_t emitter = {program, program->graph, node, node};
  ppn_tensor_meta_t meta = {.dtype = symbol_type(node, argument->u.value)};
  ppn_argument_t arguments[] = {ppn_argument_value("s", argument->u.value),
                                ppn_argument_dtype("dtype", meta.dtype)};
  return ppn_aten_emit_typed(&emitter, "aten::scalar_tensor", arguments, 2, &meta,
                             &argument->u.value, 1);
}

static bool is_symbol(const ppn_argument_t* argument) {
  if (argument->kind != PPN_ARGUMENT_VALUE) return false;
  ppn_value_kind_t kind = argument->u.value->kind;
  return kind == PPN_VALUE_SYM_INT || kind == PPN_VALUE_SYM_FLOAT || kind == PPN_VALUE_SYM_BOOL;
}

// A Python number given to a tensor parameter becomes a constant.
static ppn_status_t lift_numbers(ppn_exported_program_t* program, ppn_node_t* node) {
  for (uint32_t i = 0; node->op && i < node->argument_count; ++i) {
    const ppn_aten_parameter_t* parameter = &node->op->parameters[i];
    ppn_argument_t* argument = &node->arguments[i];
    double number;
    uint8_t data[16] = {0};
    bool is_number = argument->kind == PPN_ARGUMENT_INT || argument->kind == PPN_ARGUMENT_FLOAT ||
                     argument->kind == PPN_ARGUMENT_BOOL;
    if (parameter->type != PPN_ATEN_TENSOR || parameter->is_list) continue;
    if (is_symbol(argument)) PPN_RETURN_IF_ERROR(lift_symbol(program, node, argument));
    if (!is_number) continue;
    if (!ppn_argument_as_double(argument, &number)) continue;
    ppn_dtype_t dtype = number_type(node, argument);
    if (argument->kind == PPN_ARGUMENT_INT && !ppn_dtype_is_float(dtype)) {
      ppn_element_set_int64(dtype, data, 0, argument->u.integer);
    } else {
      ppn_element_set_double(dtype, data, 0, number);
    }
    ppn_value_t* value;
    PPN_RETURN_IF_ERROR(ppn_exported_program_add_constant(program, "_lifted_tensor_constant", dtype,
                                                          0, NULL, data, &value));
    *argument = ppn_argument_value(parameter->name, value);
  }
  return ppn_status_ok();
}

// ---- Operands of several types ----

static bool mixes_types(const ppn_node_t* node) {
  static const char* const names[] = {"aten::add.Tensor", "aten::sub.Tensor", "aten::mul.Tensor",
                                      "aten::div.Tensor", "aten::minimum",    "aten::maximum"};
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    if (strcmp(node->target, names[i]) == 0) return true;
  }
  return false;
}

// Arithmetic of tensors of different types: each is converted to the type of the result.
static ppn_status_t convert_operands(ppn_exported_program_t* program, ppn_node_t* node) {
  if (!mixes_types(node)) return ppn_status_ok();
  ppn_aten_emitter_t emitter = {program, program->graph, node, node};
  ppn_dtype_t dtype = node->outputs[0]->tensor.dtype;
  for (uint32_t i = 0; i < 2; ++i) {
    ppn_argument_t* argument = &node->arguments[i];
    if (argument->kind != PPN_ARGUMENT_VALUE || argument->u.value->kind != PPN_VALUE_TENSOR ||
        argument->u.value->tensor.dtype == dtype) {
      continue;
    }
    ppn_tensor_meta_t meta = argument->u.value->tensor;
    meta.dtype = dtype;
    ppn_argument_t arguments[] = {ppn_argument_value("self", argument->u.value),
                                  ppn_argument_dtype("dtype", dtype)};
    PPN_RETURN_IF_ERROR(ppn_aten_emit_typed(&emitter, "aten::_to_copy", arguments, 2, &meta,
                                            &argument->u.value, 1));
  }
  return ppn_status_ok();
}

// ---- Operands without elements ----

static bool is_empty(const ppn_value_t* value) {
  for (int i = 0; i < value->tensor.rank; ++i) {
    if (ppn_dim_is(value->tensor.sizes[i], 0)) return true;
  }
  return false;
}

// What cat joins loses tensors without elements (the tail of a rotary embedding over whole heads):
// Core ML has none, and computing them on the CPU would cut a partition in two.
static void drop_empty_operands(ppn_node_t* node) {
  if (strcmp(node->target, "aten::cat") != 0) return;
  ppn_argument_t* tensors = &node->arguments[0];
  ppn_dtype_t dtype = node->outputs[0]->tensor.dtype;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < tensors->count; ++i) {
    // Operands of several types decide the result's.
    if (tensors->u.values[i]->tensor.dtype != dtype) return;
    kept += !is_empty(tensors->u.values[i]);
  }
  if (kept == 0 || kept == tensors->count) return;
  kept = 0;
  for (uint32_t i = 0; i < tensors->count; ++i) {
    if (!is_empty(tensors->u.values[i])) tensors->u.values[kept++] = tensors->u.values[i];
  }
  tensors->count = kept;
}

ppn_status_t ppn_aten_to_edge(ppn_exported_program_t* program) {
  for (ppn_node_t* node = program->graph->first; node; node = node->next) {
    PPN_RETURN_IF_ERROR(copy_instead_of_view(node));
    PPN_RETURN_IF_ERROR(lift_numbers(program, node));
    PPN_RETURN_IF_ERROR(convert_operands(program, node));
    drop_empty_operands(node);
  }
  program->dialect = PPN_DIALECT_EDGE;
  return ppn_status_ok();
}
