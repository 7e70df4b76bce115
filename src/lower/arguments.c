// Reading arguments and types of a node, for predicates and rows alike.
#include <stdio.h>

#include "lower/row.h"
#include "tensor/tensor.h"

const ppn_tensor_meta_t* ppn_row_meta(const ppn_node_t* node, const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  if (!argument || argument->kind != PPN_ARGUMENT_VALUE || !argument->u.value ||
      argument->u.value->kind != PPN_VALUE_TENSOR) {
    return NULL;
  }
  return &argument->u.value->tensor;
}

const ppn_tensor_meta_t* ppn_row_output(const ppn_node_t* node, uint32_t index) {
  if (index >= node->output_count || !node->outputs[index] ||
      node->outputs[index]->kind != PPN_VALUE_TENSOR) {
    return NULL;
  }
  return &node->outputs[index]->tensor;
}

ppn_dtype_t ppn_row_output_dtype(const ppn_node_t* node) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  return meta ? ppn_lower_dtype(meta->dtype) : PPN_DTYPE_INVALID;
}

bool ppn_row_given(const ppn_node_t* node, const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  return argument && argument->kind != PPN_ARGUMENT_NONE;
}

int64_t ppn_row_literal_int(const ppn_node_t* node, const char* name, int64_t fallback) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  int64_t value = 0;
  if (!argument || argument->kind == PPN_ARGUMENT_NONE) return fallback;
  if (argument->kind == PPN_ARGUMENT_BOOL) return argument->u.boolean;
  return ppn_argument_as_int(argument, &value) ? value : fallback;
}

double ppn_row_literal_number(const ppn_node_t* node, const char* name, double fallback) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  double value = 0;
  if (!argument || argument->kind == PPN_ARGUMENT_NONE) return fallback;
  if (argument->kind == PPN_ARGUMENT_BOOL) return argument->u.boolean;
  return ppn_argument_as_double(argument, &value) ? value : fallback;
}

bool ppn_row_literal_bool(const ppn_node_t* node, const char* name, bool fallback) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  return argument && argument->kind == PPN_ARGUMENT_BOOL ? argument->u.boolean : fallback;
}

const char* ppn_row_literal_text(const ppn_node_t* node, const char* name, const char* fallback) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  return argument && argument->kind == PPN_ARGUMENT_STRING ? argument->u.string : fallback;
}

bool ppn_row_literal_ints(const ppn_node_t* node, const char* name, int64_t* out,
                          uint32_t* out_count) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  *out_count = 0;
  if (!argument) return false;
  if (argument->kind == PPN_ARGUMENT_INT) {
    out[0] = argument->u.integer;
    *out_count = 1;
    return true;
  }
  if (argument->kind != PPN_ARGUMENT_INTS || argument->count > PPN_MAX_RANK) return false;
  return ppn_argument_as_ints(argument, out, PPN_MAX_RANK, out_count);
}

bool ppn_row_is_literal(const ppn_node_t* node, const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  if (!argument) return true;
  switch (argument->kind) {
    case PPN_ARGUMENT_NONE:
    case PPN_ARGUMENT_INT:
    case PPN_ARGUMENT_FLOAT:
    case PPN_ARGUMENT_BOOL:
    case PPN_ARGUMENT_STRING:
    case PPN_ARGUMENT_FLOATS:
    case PPN_ARGUMENT_BOOLS:
    case PPN_ARGUMENT_DTYPE:
      return true;
    case PPN_ARGUMENT_INTS:
      for (uint32_t i = 0; i < argument->count; i++) {
        if (argument->u.ints[i].value) return false;
      }
      return argument->count <= PPN_MAX_RANK;
    default:
      return false;
  }
}

int64_t ppn_row_axis(const ppn_node_t* node, const char* name, int64_t fallback, int rank) {
  int64_t axis = ppn_row_literal_int(node, name, fallback);
  return axis < 0 ? axis + (rank ? rank : 1) : axis;
}

uint32_t ppn_row_axes(const ppn_node_t* node, const char* name, int rank, int64_t* out) {
  int64_t axes[PPN_MAX_RANK];
  uint32_t count = 0, used = 0;
  bool reduced[PPN_MAX_RANK] = {false};
  bool given = ppn_row_literal_ints(node, name, axes, &count) && count > 0;
  for (uint32_t i = 0; i < count; i++) {
    int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis >= 0 && axis < rank) reduced[axis] = true;
  }
  for (int i = 0; i < rank; i++) {
    if (!given || reduced[i]) out[used++] = i;
  }
  return used;
}

// Operands in torch's three classes, and what each contributes to the result type.
static ppn_dtype_t operand_class(const ppn_argument_t* argument, int* out_class) {
  *out_class = 0;
  switch (argument->kind) {
    case PPN_ARGUMENT_VALUE:
      if (argument->u.value->kind == PPN_VALUE_TENSOR) {
        *out_class = argument->u.value->tensor.rank > 0 ? 2 : 1;
        return argument->u.value->tensor.dtype;
      }
      return argument->u.value->kind == PPN_VALUE_SYM_INT     ? PPN_DTYPE_INT64
             : argument->u.value->kind == PPN_VALUE_SYM_BOOL  ? PPN_DTYPE_BOOL
             : argument->u.value->kind == PPN_VALUE_SYM_FLOAT ? PPN_DTYPE_FLOAT32
                                                              : PPN_DTYPE_INVALID;
    case PPN_ARGUMENT_BOOL:
      return PPN_DTYPE_BOOL;
    case PPN_ARGUMENT_INT:
      return PPN_DTYPE_INT64;
    case PPN_ARGUMENT_FLOAT:
      return PPN_DTYPE_FLOAT32;
    default:
      return PPN_DTYPE_INVALID;
  }
}

static int category(ppn_dtype_t dtype) {
  return ppn_dtype_is_float(dtype) ? 2 : ppn_dtype_is_integer(dtype) ? 1 : 0;
}

ppn_dtype_t ppn_row_promote(const ppn_argument_t* const* arguments, uint32_t count) {
  ppn_dtype_t classes[3] = {PPN_DTYPE_INVALID, PPN_DTYPE_INVALID, PPN_DTYPE_INVALID};
  for (uint32_t i = 0; i < count; i++) {
    if (!arguments[i]) continue;
    int index = 0;
    ppn_dtype_t dtype = operand_class(arguments[i], &index);
    if (dtype == PPN_DTYPE_INVALID) continue;
    classes[index] =
        classes[index] == PPN_DTYPE_INVALID ? dtype : ppn_dtype_promote(classes[index], dtype);
  }
  // A lower class counts only when its category (bool, integer, float) is higher.
  ppn_dtype_t result = classes[2];
  for (int i = 1; i >= 0; i--) {
    if (classes[i] == PPN_DTYPE_INVALID) continue;
    if (result == PPN_DTYPE_INVALID || category(classes[i]) > category(result)) result = classes[i];
  }
  return ppn_lower_dtype(result);
}

bool ppn_row_refuse(ppn_buffer_t* reason, const char* format, ...) {
  if (!reason) return false;
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  ppn_buffer_append_text(reason, text);
  return false;
}

bool ppn_row_require_literals(const ppn_node_t* node, ppn_buffer_t* reason,
                              const char* const* names, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (!ppn_row_is_literal(node, names[i])) {
      return ppn_row_refuse(reason, "argument '%s' is not a compile-time constant", names[i]);
    }
  }
  return true;
}

static bool is_changed(const ppn_exported_program_t* program, const ppn_input_spec_t* spec) {
  for (uint32_t i = 0; spec->target && i < program->output_count; i++) {
    const ppn_output_spec_t* output = &program->outputs[i];
    bool is_mutation =
        output->kind == PPN_OUTPUT_BUFFER_MUTATION || output->kind == PPN_OUTPUT_PARAMETER_MUTATION;
    if (is_mutation && strcmp(output->target, spec->target) == 0) return true;
  }
  return false;
}

// A conversion that keeps every value of an integer type.
static const ppn_value_t* before_widening(const ppn_value_t* value) {
  static const char* const names[] = {"aten::_to_copy", "aten::to.dtype",
                                      "dim_order_ops::_to_dim_order_copy"};
  const ppn_node_t* node = value->producer;
  bool is_conversion = false;
  for (size_t i = 0; i < PPN_COUNT_OF(names); i++) {
    is_conversion |= node && strcmp(node->target, names[i]) == 0;
  }
  const ppn_argument_t* self = is_conversion ? ppn_node_argument(node, "self") : NULL;
  if (!self || self->kind != PPN_ARGUMENT_VALUE || self->u.value->kind != PPN_VALUE_TENSOR) {
    return NULL;
  }
  ppn_dtype_t from = self->u.value->tensor.dtype, to = value->tensor.dtype;
  bool widens =
      ppn_dtype_is_integer(from) && ppn_dtype_is_integer(to) && ppn_dtype_promote(from, to) == to;
  return widens ? self->u.value : NULL;
}

bool ppn_row_is_constant(const ppn_value_t* value, const ppn_lower_options_t* options) {
  if (!options->program || value->kind != PPN_VALUE_TENSOR) return false;
  for (const ppn_value_t* source = value; source; source = before_widening(source)) {
    const ppn_input_spec_t* spec = ppn_exported_program_input_spec(options->program, source);
    if (spec) return spec->constant && !is_changed(options->program, spec);
  }
  return false;
}

bool ppn_row_constant_argument(const ppn_node_t* node, const char* name,
                               const ppn_lower_options_t* options) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  return argument && argument->kind == PPN_ARGUMENT_VALUE &&
         ppn_row_is_constant(argument->u.value, options);
}

bool ppn_row_require_static(const ppn_node_t* node, const char* name, ppn_buffer_t* reason) {
  const ppn_tensor_meta_t* meta = ppn_row_meta(node, name);
  if (meta && !ppn_row_sizes_static(meta->sizes, meta->rank)) {
    return ppn_row_refuse(reason, "needs a fixed shape for '%s'", name);
  }
  return true;
}
