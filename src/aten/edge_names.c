// Names of the edge dialect, as torch.fx gives them when the official tools build it: operators'
// results are called after the operator ("aten_linear_default_1"), results picked from several
// "getitem", and names of Python's own get a number ("input_1").
#include <ctype.h>
#include <string.h>

#include "aten/op.h"

static bool is_taken_by_python(const char* name) {
  // Keywords, built-in names, and what torch.fx's generated code uses.
  static const char* const names[] = {
      "False",      "None",         "True",      "abs",       "aiter",      "all",
      "and",        "anext",        "any",       "as",        "ascii",      "assert",
      "async",      "await",        "bin",       "bool",      "break",      "breakpoint",
      "bytearray",  "bytes",        "callable",  "chr",       "class",      "classmethod",
      "compile",    "complex",      "continue",  "copyright", "credits",    "def",
      "del",        "delattr",      "device",    "dict",      "dir",        "divmod",
      "elif",       "else",         "enumerate", "eval",      "except",     "exec",
      "exit",       "filter",       "finally",   "float",     "for",        "format",
      "from",       "frozenset",    "fx_pytree", "getattr",   "global",     "globals",
      "hasattr",    "hash",         "help",      "hex",       "id",         "if",
      "import",     "in",           "inf",       "input",     "int",        "is",
      "isinstance", "issubclass",   "iter",      "lambda",    "len",        "license",
      "list",       "locals",       "map",       "max",       "memoryview", "min",
      "nan",        "next",         "nonlocal",  "not",       "object",     "oct",
      "open",       "or",           "ord",       "pass",      "pow",        "print",
      "property",   "pytree",       "quit",      "raise",     "range",      "repr",
      "return",     "reversed",     "round",     "set",       "setattr",    "slice",
      "sorted",     "staticmethod", "str",       "sum",       "super",      "torch",
      "try",        "tuple",        "type",      "vars",      "while",      "with",
      "yield",      "zip"};
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

// "aten::add.Tensor" becomes "aten_add_tensor".
static const char* name_of_operator(ppn_arena_t* arena, const char* target) {
  const char* separator = strstr(target, "::");
  const char* overload = strchr(target, '.') ? "" : "_default";
  char* name = ppn_arena_printf(arena, "%.*s_%s%s", (int)(separator - target), target,
                                separator + 2, overload);
  for (char* c = name; c && *c; ++c) *c = isalnum((unsigned char)*c) ? (char)tolower(*c) : '_';
  return name;
}

static bool is_operator(const ppn_node_t* node) {
  static const char* const python[] = {"_operator::", "math::", "higher_order::"};
  for (size_t i = 0; i < PPN_COUNT_OF(python); ++i) {
    if (strncmp(node->target, python[i], strlen(python[i])) == 0) return false;
  }
  return strstr(node->target, "::") != NULL;
}

static ppn_status_t rename_input(ppn_graph_t* graph, ppn_value_t* value) {
  const char* wish = value->name;
  if (is_taken_by_python(wish)) {
    PPN_RETURN_IF_ERROR(ppn_string_map_set(&graph->names, ppn_sv(wish), (void*)(uintptr_t)1));
  }
  return ppn_graph_unique_name(graph, wish, &value->name);
}

static ppn_status_t rename_node(ppn_graph_t* graph, ppn_node_t* node, const ppn_users_t* users) {
  const char* wish = is_operator(node) ? name_of_operator(graph->arena, node->target) : node->name;
  if (!wish) return ppn_out_of_memory();
  if (node->output_count == 1 && !node->returns_list && node->outputs[0]) {
    if (node->outputs[0]->kind != PPN_VALUE_TENSOR) wish = node->outputs[0]->name;
    PPN_RETURN_IF_ERROR(ppn_graph_unique_name(graph, wish, &node->outputs[0]->name));
    node->name = node->outputs[0]->name;
    return ppn_status_ok();
  }
  PPN_RETURN_IF_ERROR(ppn_graph_unique_name(graph, wish, &node->name));
  // Results that nobody picks have no name in the official graph; here they come last.
  for (int used = 1; used >= 0; --used) {
    for (uint32_t i = 0; i < node->output_count; ++i) {
      ppn_value_t* value = node->outputs[i];
      if (!value) continue;
      bool is_used = ppn_users_count(users, value) > 0 || users->is_output[value->id];
      if (is_used == used) {
        PPN_RETURN_IF_ERROR(
            ppn_graph_unique_name(graph, used ? "getitem" : "unused", &value->name));
      }
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_aten_name_edge_values(ppn_exported_program_t* program) {
  ppn_graph_t* graph = program->graph;
  ppn_users_t users;
  ppn_string_map_release(&graph->names);
  ppn_status_t status = ppn_users_build(graph, &users);
  for (uint32_t i = 0; !status && i < graph->input_count; ++i) {
    if (graph->inputs[i]) status = rename_input(graph, graph->inputs[i]);
  }
  for (ppn_node_t* node = graph->first; node && !status; node = node->next) {
    status = rename_node(graph, node, &users);
  }
  ppn_users_release(&users);
  return status;
}
