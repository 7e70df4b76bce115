// Programs and types as text, in the spelling of Core ML's text form.
#include <math.h>
#include <string.h>

#include "mil/op.h"

static const char* dtype_name(ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT16:
      return "fp16";
    case PPN_DTYPE_FLOAT32:
      return "fp32";
    case PPN_DTYPE_FLOAT64:
      return "fp64";
    case PPN_DTYPE_STRING:
      return "string";
    default:
      return ppn_dtype_name(dtype);
  }
}

void ppn_mil_type_print(const ppn_mil_type_t* type, const ppn_symbol_table_t* symbols,
                        ppn_buffer_t* out) {
  (void)symbols;
  if (type->kind == PPN_MIL_DICTIONARY) {
    ppn_buffer_printf(out, "dict<%s, fp64>", dtype_name(type->key_dtype));
    return;
  }
  if (type->kind == PPN_MIL_STATE) ppn_buffer_append_text(out, "state<");
  if (type->kind == PPN_MIL_LIST) ppn_buffer_append_text(out, "list<");
  if (type->rank == 0) {
    ppn_buffer_append_text(out, dtype_name(type->dtype));
  } else {
    ppn_buffer_printf(out, "tensor<%s, [", dtype_name(type->dtype));
    for (int i = 0; i < type->rank; i++) {
      if (i) ppn_buffer_append_text(out, ", ");
      if (ppn_dim_is_static(type->sizes[i])) {
        ppn_buffer_printf(out, "%lld", (long long)type->sizes[i].value);
      } else {
        ppn_buffer_append_text(out, "?");
      }
    }
    ppn_buffer_append_text(out, "]>");
  }
  if (type->kind == PPN_MIL_LIST) {
    if (ppn_dim_is_static(type->list_length)) {
      ppn_buffer_printf(out, ", %lld", (long long)type->list_length.value);
    } else {
      ppn_buffer_append_text(out, ", ?");
    }
  }
  if (type->kind != PPN_MIL_TENSOR) ppn_buffer_append_text(out, ">");
}

static void print_text(const char* text, ppn_buffer_t* out) {
  ppn_buffer_append_text(out, "\"");
  for (const char* c = text; *c; c++) {
    if (*c == '"' || *c == '\\') ppn_buffer_append_text(out, "\\");
    if (*c == '\n')
      ppn_buffer_append_text(out, "\\n");
    else
      ppn_buffer_append(out, c, 1);
  }
  ppn_buffer_append_text(out, "\"");
}

static void print_element(const ppn_mil_constant_t* constant, int64_t index, ppn_buffer_t* out) {
  if (constant->texts) {
    print_text(constant->texts[index], out);
    return;
  }
  double value = ppn_mil_constant_element(constant, index);
  if (constant->dtype == PPN_DTYPE_BOOL) {
    ppn_buffer_append_text(out, value != 0 ? "true" : "false");
  } else if (ppn_dtype_is_float(constant->dtype)) {
    ppn_buffer_printf(out, constant->dtype == PPN_DTYPE_FLOAT16 ? "%.5g" : "%.9g", value);
  } else {
    ppn_buffer_printf(out, "%.0f", value);
  }
}

static void print_dimension(const ppn_mil_constant_t* constant, int dimension, int64_t* index,
                            ppn_buffer_t* out) {
  if (dimension == constant->view.rank) {
    print_element(constant, (*index)++, out);
    return;
  }
  ppn_buffer_append_text(out, "[");
  for (int64_t i = 0; i < constant->view.sizes[dimension]; i++) {
    if (i) ppn_buffer_append_text(out, ", ");
    print_dimension(constant, dimension + 1, index, out);
  }
  ppn_buffer_append_text(out, "]");
}

typedef struct printer {
  const ppn_mil_program_t* program;
  int64_t max_elements;
  ppn_buffer_t* out;
} printer_t;

static void print_constant(const printer_t* printer, const ppn_mil_value_t* value) {
  const ppn_mil_constant_t* constant = value->constant;
  if (constant->text) {
    print_text(constant->text, printer->out);
    return;
  }
  bool elide =
      printer->max_elements >= 0 && ppn_mil_constant_numel(constant) > printer->max_elements;
  if (value->type.rank > 0 || constant->dtype == PPN_DTYPE_FLOAT16 || elide) {
    ppn_mil_type_print(&value->type, printer->program->symbols, printer->out);
    ppn_buffer_append_text(printer->out, "(");
  }
  int64_t index = 0;
  if (elide) {
    ppn_buffer_append_text(printer->out, "…");
  } else {
    print_dimension(constant, 0, &index, printer->out);
  }
  if (value->type.rank > 0 || constant->dtype == PPN_DTYPE_FLOAT16 || elide) {
    ppn_buffer_append_text(printer->out, ")");
  }
}

static void print_value(const printer_t* printer, const ppn_mil_value_t* value) {
  if (value->constant) {
    print_constant(printer, value);
  } else {
    ppn_buffer_append_text(printer->out, value->name);
  }
}

static void indent(const printer_t* printer, int depth) {
  for (int i = 0; i < depth; i++) ppn_buffer_append_text(printer->out, "    ");
}

static void print_block(const printer_t* printer, const ppn_mil_block_t* block, int depth);

static void print_arguments(const printer_t* printer, const ppn_mil_operation_t* operation) {
  const char* separator = "";
  for (uint32_t i = 0; i < operation->op->parameter_count; i++) {
    const ppn_mil_argument_t* argument = &operation->inputs[i];
    bool tuple = operation->op->parameters[i].flags & PPN_MIL_TUPLE;
    if (argument->count == 0) continue;
    ppn_buffer_printf(printer->out, "%s%s = ", separator, operation->op->parameters[i].name);
    if (tuple) ppn_buffer_append_text(printer->out, "(");
    for (uint32_t j = 0; j < argument->count; j++) {
      if (j) ppn_buffer_append_text(printer->out, ", ");
      print_value(printer, argument->values[j]);
    }
    if (tuple) ppn_buffer_append_text(printer->out, ")");
    separator = ", ";
  }
}

static void print_operation(const printer_t* printer, const ppn_mil_operation_t* operation,
                            int depth) {
  indent(printer, depth);
  for (uint32_t i = 0; i < operation->output_count; i++) {
    if (i) ppn_buffer_append_text(printer->out, ", ");
    ppn_mil_type_print(&operation->outputs[i]->type, printer->program->symbols, printer->out);
    ppn_buffer_printf(printer->out, " %s", operation->outputs[i]->name);
  }
  ppn_buffer_printf(printer->out, "%s%s(", operation->output_count ? " = " : "",
                    operation->op->type);
  print_arguments(printer, operation);
  ppn_buffer_append_text(printer->out, ")");
  for (uint32_t i = 0; i < operation->block_count; i++) {
    ppn_buffer_append_text(printer->out, i ? ", (" : " (");
    for (uint32_t j = 0; j < operation->blocks[i]->input_count; j++) {
      const ppn_mil_value_t* input = operation->blocks[i]->inputs[j];
      if (j) ppn_buffer_append_text(printer->out, ", ");
      ppn_mil_type_print(&input->type, printer->program->symbols, printer->out);
      ppn_buffer_printf(printer->out, " %s", input->name);
    }
    ppn_buffer_append_text(printer->out, ") ");
    print_block(printer, operation->blocks[i], depth);
  }
  ppn_buffer_append_text(printer->out, ";\n");
}

static void print_block(const printer_t* printer, const ppn_mil_block_t* block, int depth) {
  ppn_buffer_append_text(printer->out, "{\n");
  for (const ppn_mil_operation_t* operation = block->first; operation;
       operation = operation->next) {
    print_operation(printer, operation, depth + 1);
  }
  indent(printer, depth);
  ppn_buffer_append_text(printer->out, "} -> (");
  for (uint32_t i = 0; i < block->output_count; i++) {
    if (i) ppn_buffer_append_text(printer->out, ", ");
    print_value(printer, block->outputs[i]);
  }
  ppn_buffer_append_text(printer->out, ")");
}

void ppn_mil_program_print(ppn_mil_program_t* program, int64_t max_elements, ppn_buffer_t* out) {
  printer_t printer = {program, max_elements, out};
  ppn_buffer_append_text(out, "program(1.0)\n{\n");
  for (uint32_t i = 0; i < program->function_count; i++) {
    const ppn_mil_function_t* function = program->functions[i];
    ppn_buffer_printf(out, "    func %s<%s>(", function->name, ppn_mil_opset_name(function->opset));
    for (uint32_t j = 0; j < function->input_count; j++) {
      if (j) ppn_buffer_append_text(out, ", ");
      ppn_mil_type_print(&function->inputs[j]->type, program->symbols, out);
      ppn_buffer_printf(out, " %s", function->inputs[j]->name);
    }
    ppn_buffer_append_text(out, ") ");
    print_block(&printer, function->block, 1);
    ppn_buffer_append_text(out, ";\n");
  }
  ppn_buffer_append_text(out, "}\n");
}
