// Graphs as text.
#include <math.h>

#include "graph/graph.h"

static const char* short_dtype(ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT32:
      return "f32";
    case PPN_DTYPE_FLOAT16:
      return "f16";
    case PPN_DTYPE_BFLOAT16:
      return "bf16";
    case PPN_DTYPE_FLOAT64:
      return "f64";
    case PPN_DTYPE_INT64:
      return "i64";
    case PPN_DTYPE_INT32:
      return "i32";
    case PPN_DTYPE_INT16:
      return "i16";
    case PPN_DTYPE_INT8:
      return "i8";
    case PPN_DTYPE_UINT8:
      return "u8";
    case PPN_DTYPE_BOOL:
      return "bool";
    default:
      return ppn_dtype_name(dtype);
  }
}

typedef struct printer {
  const ppn_graph_t* graph;
  ppn_buffer_t* out;
  int indent;
} printer_t;

static void print_graph(printer_t* printer);

static void print_type(const printer_t* printer, const ppn_value_t* value) {
  ppn_buffer_t* out = printer->out;
  switch (value->kind) {
    case PPN_VALUE_TENSOR:
      ppn_buffer_printf(out, "%s[", short_dtype(value->tensor.dtype));
      for (int i = 0; i < value->tensor.rank; ++i) {
        if (i) ppn_buffer_append_text(out, ", ");
        ppn_dim_print(printer->graph->symbols, value->tensor.sizes[i], out);
      }
      ppn_buffer_append_text(out, "]");
      break;
    case PPN_VALUE_SYM_INT:
      ppn_buffer_append_text(out, "int(");
      ppn_dim_print(printer->graph->symbols, value->dim, out);
      ppn_buffer_append_text(out, ")");
      break;
    case PPN_VALUE_SYM_FLOAT:
      ppn_buffer_append_text(out, "float");
      break;
    case PPN_VALUE_SYM_BOOL:
      ppn_buffer_append_text(out, "bool");
      break;
    case PPN_VALUE_TOKEN:
      ppn_buffer_append_text(out, "token");
      break;
    case PPN_VALUE_CUSTOM:
      ppn_buffer_append_text(out, "object");
      break;
  }
}

static void print_number(ppn_buffer_t* out, double value) {
  if (value == floor(value) && fabs(value) < 1e15) {
    ppn_buffer_printf(out, "%.1f", value);
  } else {
    ppn_buffer_printf(out, "%.17g", value);
  }
}

static void print_quoted(ppn_buffer_t* out, const char* text) {
  ppn_buffer_append_text(out, "\"");
  for (; *text; ++text) {
    if (*text == '"' || *text == '\\') ppn_buffer_append(out, "\\", 1);
    ppn_buffer_append(out, text, 1);
  }
  ppn_buffer_append_text(out, "\"");
}

static void print_use(ppn_buffer_t* out, const ppn_value_t* value) {
  if (value) {
    ppn_buffer_printf(out, "%%%s", value->name);
  } else {
    ppn_buffer_append_text(out, "None");
  }
}

static void print_item(const ppn_argument_t* argument, uint32_t i, ppn_buffer_t* out) {
  switch (argument->kind) {
    case PPN_ARGUMENT_VALUES:
      print_use(out, argument->u.values[i]);
      break;
    case PPN_ARGUMENT_INTS:
      if (argument->u.ints[i].value) {
        print_use(out, argument->u.ints[i].value);
      } else {
        ppn_buffer_printf(out, "%lld", (long long)argument->u.ints[i].literal);
      }
      break;
    case PPN_ARGUMENT_FLOATS:
      print_number(out, argument->u.numbers[i]);
      break;
    case PPN_ARGUMENT_BOOLS:
      ppn_buffer_append_text(out, argument->u.booleans[i] ? "True" : "False");
      break;
    default:
      print_quoted(out, argument->u.strings[i]);
      break;
  }
}

static void print_argument(const ppn_argument_t* argument, ppn_buffer_t* out) {
  switch (argument->kind) {
    case PPN_ARGUMENT_NONE:
      ppn_buffer_append_text(out, "None");
      break;
    case PPN_ARGUMENT_VALUE:
      print_use(out, argument->u.value);
      break;
    case PPN_ARGUMENT_INT:
      ppn_buffer_printf(out, "%lld", (long long)argument->u.integer);
      break;
    case PPN_ARGUMENT_FLOAT:
      print_number(out, argument->u.number);
      break;
    case PPN_ARGUMENT_BOOL:
      ppn_buffer_append_text(out, argument->u.boolean ? "True" : "False");
      break;
    case PPN_ARGUMENT_STRING:
    case PPN_ARGUMENT_DEVICE:
    case PPN_ARGUMENT_OPERATOR:
      print_quoted(out, argument->u.string);
      break;
    case PPN_ARGUMENT_COMPLEX:
      ppn_buffer_append_text(out, "(");
      print_number(out, argument->u.complex.real);
      ppn_buffer_append_text(out, " + ");
      print_number(out, argument->u.complex.imaginary);
      ppn_buffer_append_text(out, "j)");
      break;
    case PPN_ARGUMENT_DTYPE:
      ppn_buffer_append_text(out, ppn_dtype_name(argument->u.dtype));
      break;
    case PPN_ARGUMENT_MEMORY_FORMAT: {
      static const char* const formats[] = {"contiguous_format", "preserve_format", "channels_last",
                                            "channels_last_3d"};
      ppn_buffer_append_text(out, formats[argument->u.integer & 3]);
      break;
    }
    case PPN_ARGUMENT_LAYOUT:
      ppn_buffer_append_text(out, argument->u.integer == 0 ? "strided" : "sparse");
      break;
    case PPN_ARGUMENT_GRAPH:
      ppn_buffer_printf(out, "@%s", argument->u.graph->name);
      break;
    case PPN_ARGUMENT_VALUES:
    case PPN_ARGUMENT_INTS:
    case PPN_ARGUMENT_FLOATS:
    case PPN_ARGUMENT_BOOLS:
    case PPN_ARGUMENT_STRINGS:
      ppn_buffer_append_text(out, "[");
      for (uint32_t i = 0; i < argument->count; ++i) {
        if (i) ppn_buffer_append_text(out, ", ");
        print_item(argument, i, out);
      }
      ppn_buffer_append_text(out, "]");
      break;
  }
}

static void print_indent(const printer_t* printer) {
  for (int i = 0; i < printer->indent; ++i) ppn_buffer_append_text(printer->out, "  ");
}

static void print_definition(const printer_t* printer, const ppn_value_t* value) {
  print_use(printer->out, value);
  if (!value) return;
  ppn_buffer_append_text(printer->out, " : ");
  print_type(printer, value);
}

static void print_source_comment(const ppn_node_t* node, ppn_buffer_t* out) {
  ppn_source_line_t line = ppn_node_source_line(node);
  if (line.file.size == 0) return;
  size_t start = line.file.size;
  while (start > 0 && line.file.data[start - 1] != '/' && line.file.data[start - 1] != '\\')
    --start;
  ppn_buffer_printf(out, "  # %.*s:%d", (int)(line.file.size - start), line.file.data + start,
                    line.line);
}

static void print_node(printer_t* printer, const ppn_node_t* node) {
  ppn_buffer_t* out = printer->out;
  print_indent(printer);
  if (node->returns_list) ppn_buffer_append_text(out, "[");
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (i) ppn_buffer_append_text(out, ", ");
    print_definition(printer, node->outputs[i]);
  }
  if (node->returns_list) ppn_buffer_append_text(out, "]");
  ppn_buffer_printf(out, "%s%s(", node->output_count ? " = " : "", node->target);
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    const ppn_argument_t* argument = &node->arguments[i];
    if (i) ppn_buffer_append_text(out, ", ");
    // Tensors read well without their names; numbers do not.
    if (argument->name && argument->name[0] && argument->kind != PPN_ARGUMENT_VALUE) {
      ppn_buffer_printf(out, "%s=", argument->name);
    }
    print_argument(argument, out);
  }
  ppn_buffer_append_text(out, ")");
  print_source_comment(node, out);
  ppn_buffer_append_text(out, "\n");
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    if (node->arguments[i].kind != PPN_ARGUMENT_GRAPH) continue;
    printer_t nested = {node->arguments[i].u.graph, out, printer->indent + 1};
    print_graph(&nested);
  }
}

static void print_graph(printer_t* printer) {
  const ppn_graph_t* graph = printer->graph;
  ppn_buffer_t* out = printer->out;
  print_indent(printer);
  ppn_buffer_printf(out, "graph %s(", graph->name);
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    ppn_buffer_append_text(out, i ? ",\n" : "\n");
    print_indent(printer);
    ppn_buffer_append_text(out, "    ");
    print_definition(printer, graph->inputs[i]);
  }
  ppn_buffer_append_text(out, ") {\n");
  ++printer->indent;
  for (const ppn_node_t* node = graph->first; node; node = node->next) print_node(printer, node);
  print_indent(printer);
  ppn_buffer_append_text(out, "return (");
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    if (i) ppn_buffer_append_text(out, ", ");
    print_argument(&graph->outputs[i], out);
  }
  ppn_buffer_append_text(out, ")\n");
  --printer->indent;
  print_indent(printer);
  ppn_buffer_append_text(out, "}\n");
}

void ppn_graph_print(ppn_graph_t* graph, ppn_buffer_t* out) {
  printer_t printer = {graph, out, 0};
  print_graph(&printer);
}
