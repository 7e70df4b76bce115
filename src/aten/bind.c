// Binding nodes to schemas: arguments by name, defaults filled in, kinds as the schema says.
#include <string.h>

#include "aten/op.h"

const ppn_argument_t* ppn_aten_argument(const ppn_node_t* node, const char* name) {
  return ppn_node_argument(node, name);
}

bool ppn_argument_as_double(const ppn_argument_t* argument, double* out) {
  switch (argument->kind) {
    case PPN_ARGUMENT_INT:
      *out = (double)argument->u.integer;
      return true;
    case PPN_ARGUMENT_FLOAT:
      *out = argument->u.number;
      return true;
    case PPN_ARGUMENT_BOOL:
      *out = argument->u.boolean;
      return true;
    default:
      return false;
  }
}

bool ppn_argument_as_int(const ppn_argument_t* argument, int64_t* out) {
  switch (argument->kind) {
    case PPN_ARGUMENT_INT:
    case PPN_ARGUMENT_MEMORY_FORMAT:
    case PPN_ARGUMENT_LAYOUT:
      *out = argument->u.integer;
      return true;
    case PPN_ARGUMENT_BOOL:
      *out = argument->u.boolean;
      return true;
    case PPN_ARGUMENT_FLOAT:
      *out = (int64_t)argument->u.number;
      return (double)*out == argument->u.number;
    default:
      return false;
  }
}

bool ppn_argument_as_ints(const ppn_argument_t* argument, int64_t* out, uint32_t capacity,
                          uint32_t* out_count) {
  ppn_dim_t dims[64];
  uint32_t count = 0;
  if (capacity > PPN_COUNT_OF(dims)) capacity = PPN_COUNT_OF(dims);
  if (!ppn_argument_as_dims(argument, dims, capacity, &count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    if (!ppn_dim_is_static(dims[i])) return false;
    out[i] = dims[i].value;
  }
  *out_count = count;
  return true;
}

bool ppn_argument_as_dims(const ppn_argument_t* argument, ppn_dim_t* out, uint32_t capacity,
                          uint32_t* out_count) {
  if (argument->kind == PPN_ARGUMENT_INT && capacity > 0) {
    out[0] = ppn_dim_static(argument->u.integer);
    *out_count = 1;
    return true;
  }
  if (argument->kind == PPN_ARGUMENT_VALUE && capacity > 0 &&
      argument->u.value->kind == PPN_VALUE_SYM_INT) {
    out[0] = argument->u.value->dim;
    *out_count = 1;
    return true;
  }
  if (argument->kind != PPN_ARGUMENT_INTS || argument->count > capacity) return false;
  for (uint32_t i = 0; i < argument->count; ++i) {
    const ppn_int_item_t* item = &argument->u.ints[i];
    out[i] = item->value ? item->value->dim : ppn_dim_static(item->literal);
  }
  *out_count = argument->count;
  return true;
}

// ---- Coercion ----

static ppn_status_t to_int_list(ppn_arena_t* arena, const ppn_aten_parameter_t* parameter,
                                ppn_argument_t* argument) {
  ppn_int_item_t item = {0, NULL};
  uint32_t count = parameter->list_size ? parameter->list_size : 1;
  ppn_int_item_t* items;
  if (argument->kind == PPN_ARGUMENT_VALUE) item.value = argument->u.value;
  if (argument->kind == PPN_ARGUMENT_INT) item.literal = argument->u.integer;
  if (argument->kind == PPN_ARGUMENT_VALUES) count = argument->count;
  PPN_ARENA_NEW(arena, count, &items);
  for (uint32_t i = 0; i < count; ++i) {
    items[i] = item;
    if (argument->kind == PPN_ARGUMENT_VALUES) items[i].value = argument->u.values[i];
  }
  argument->kind = PPN_ARGUMENT_INTS;
  argument->count = count;
  argument->u.ints = items;
  return ppn_status_ok();
}

static ppn_status_t to_float_list(ppn_arena_t* arena, ppn_argument_t* argument) {
  double* numbers;
  PPN_ARENA_NEW(arena, argument->count, &numbers);
  for (uint32_t i = 0; i < argument->count; ++i) {
    numbers[i] = (double)argument->u.ints[i].literal;
  }
  argument->kind = PPN_ARGUMENT_FLOATS;
  argument->u.numbers = numbers;
  return ppn_status_ok();
}

static ppn_status_t coerce_list(ppn_arena_t* arena, const ppn_aten_parameter_t* parameter,
                                ppn_argument_t* argument) {
  switch (parameter->type) {
    case PPN_ATEN_INT:
      if (argument->kind == PPN_ARGUMENT_INT || argument->kind == PPN_ARGUMENT_VALUE ||
          argument->kind == PPN_ARGUMENT_VALUES) {
        return to_int_list(arena, parameter, argument);
      }
      return ppn_status_ok();
    case PPN_ATEN_FLOAT:
      if (argument->kind == PPN_ARGUMENT_INTS) return to_float_list(arena, argument);
      return ppn_status_ok();
    case PPN_ATEN_TENSOR:
      if (argument->count == 0 && argument->kind == PPN_ARGUMENT_INTS) {
        argument->kind = PPN_ARGUMENT_VALUES;
        PPN_ARENA_NEW(arena, 0, &argument->u.values);
      }
      return ppn_status_ok();
    default:
      return ppn_status_ok();
  }
}

static void coerce_scalar(const ppn_aten_parameter_t* parameter, ppn_argument_t* argument) {
  if (parameter->type == PPN_ATEN_FLOAT && argument->kind == PPN_ARGUMENT_INT) {
    argument->kind = PPN_ARGUMENT_FLOAT;
    argument->u.number = (double)argument->u.integer;
  } else if (parameter->type == PPN_ATEN_INT && argument->kind == PPN_ARGUMENT_BOOL) {
    argument->kind = PPN_ARGUMENT_INT;
    argument->u.integer = argument->u.boolean;
  } else if (parameter->type == PPN_ATEN_BOOL && argument->kind == PPN_ARGUMENT_INT) {
    argument->kind = PPN_ARGUMENT_BOOL;
    argument->u.boolean = argument->u.integer != 0;
  }
}

static bool says_nothing(const ppn_argument_t* argument) {
  return argument->kind == PPN_ARGUMENT_NONE ||
         (argument->kind == PPN_ARGUMENT_BOOL && !argument->u.boolean) ||
         (argument->kind == PPN_ARGUMENT_INT && argument->u.integer == 0);
}

// ---- Binding ----

static ppn_status_t place(const ppn_node_t* node, const ppn_aten_op_t* op, uint32_t position,
                          ppn_argument_t* bound, bool* is_given) {
  const ppn_argument_t* argument = &node->arguments[position];
  bool is_named = argument->name && *argument->name;
  int index = is_named ? ppn_aten_parameter_index(op, argument->name) : (int)position;
  if (index < 0 || (uint32_t)index >= op->parameter_count) {
    if (says_nothing(argument)) return ppn_status_ok();
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "%s has an argument '%s' that the operator's schema does not have",
                           ppn_node_describe(node), is_named ? argument->name : "(unnamed)");
  }
  bound[index] = *argument;
  is_given[index] = true;
  return ppn_status_ok();
}

static ppn_status_t bind_to(ppn_node_t* node, const ppn_aten_op_t* op) {
  ppn_arena_t* arena = node->graph->arena;
  bool is_given[64] = {false};
  ppn_argument_t* bound;
  if (op->parameter_count > PPN_COUNT_OF(is_given)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "%s has too many arguments",
                           ppn_node_describe(node));
  }
  PPN_ARENA_NEW(arena, op->parameter_count, &bound);
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    PPN_RETURN_IF_ERROR(place(node, op, i, bound, is_given));
  }
  for (uint32_t i = 0; i < op->parameter_count; ++i) {
    const ppn_aten_parameter_t* parameter = &op->parameters[i];
    if (!is_given[i] && !parameter->has_default) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s lacks its argument '%s'",
                             ppn_node_describe(node), parameter->name);
    }
    if (!is_given[i]) bound[i] = parameter->default_value;
    bound[i].name = parameter->name;
    if (parameter->is_list) {
      PPN_RETURN_IF_ERROR(coerce_list(arena, parameter, &bound[i]));
    } else {
      coerce_scalar(parameter, &bound[i]);
    }
  }
  node->arguments = bound;
  node->argument_count = op->parameter_count;
  node->op = op;
  return ppn_status_ok();
}

ppn_status_t ppn_aten_bind(ppn_node_t* node) {
  const ppn_aten_op_t* op = ppn_aten_op_find(ppn_sv(node->target));
  return op ? bind_to(node, op) : ppn_status_ok();
}

// Nodes of one program repeat few operators: the last ones found are remembered by spelling.
static ppn_status_t bind_graph(ppn_graph_t* graph, ppn_string_map_t* ops, int depth) {
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    ppn_string_map_entry_t* entry = ppn_string_map_find(ops, ppn_sv(node->target));
    // The map only hands the pointer back.
    void* op = entry ? entry->value : (void*)(uintptr_t)ppn_aten_op_find(ppn_sv(node->target));
    if (!entry) PPN_RETURN_IF_ERROR(ppn_string_map_set(ops, ppn_sv(node->target), op));
    if (op) PPN_RETURN_IF_ERROR(bind_to(node, op));
    for (uint32_t i = 0; i < node->argument_count && depth < 64; ++i) {
      if (node->arguments[i].kind != PPN_ARGUMENT_GRAPH) continue;
      PPN_RETURN_IF_ERROR(bind_graph(node->arguments[i].u.graph, ops, depth + 1));
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_aten_bind_program(ppn_exported_program_t* program) {
  ppn_string_map_t ops = {0};
  ppn_status_t status = bind_graph(program->graph, &ops, 0);
  ppn_string_map_release(&ops);
  return status;
}
