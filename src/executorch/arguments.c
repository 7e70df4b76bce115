#include "executorch/method.h"

static const char* describe(const ppn_node_t* node) {
  return node ? ppn_node_describe(node) : "the method's signature";
}

static ppn_status_t cannot(const ppn_node_t* node, const ppn_argument_t* argument,
                           const char* what) {
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "%s: argument '%s' is %s, which a .pte cannot hold", describe(node),
                         argument->name ? argument->name : "", what);
}

static ppn_status_t id_of(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                          const ppn_value_t* value, int32_t* out_id) {
  *out_id = emitter->values[value->id].id;
  if (*out_id >= 0) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INTERNAL, "%s uses '%s' before it was emitted", describe(node),
                         value->name);
}

ppn_status_t ppn_emit_int_list(ppn_method_emitter_t* emitter, const ppn_int_item_t* items,
                               uint32_t count, int32_t* out_id) {
  int64_t* ids;
  PPN_ARENA_NEW(emitter->arena, count, &ids);
  for (uint32_t i = 0; i < count; ++i) {
    ppn_pte_value_t literal = {.type = PPN_PTE_INT, .u.integer = items[i].literal};
    ids[i] =
        items[i].value ? emitter->values[items[i].value->id].id : ppn_emit_value(emitter, &literal);
  }
  ppn_pte_value_t list = {.type = PPN_PTE_INT_LIST, .count = count, .u.ints = ids};
  *out_id = ppn_emit_value(emitter, &list);
  return ppn_status_ok();
}

static ppn_status_t emit_tensor_list(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                                     const ppn_aten_parameter_t* parameter,
                                     const ppn_argument_t* argument, int32_t* out_id) {
  int32_t* ids;
  PPN_ARENA_NEW(emitter->arena, argument->count, &ids);
  for (uint32_t i = 0; i < argument->count; ++i) {
    ids[i] = -1;
    if (!argument->u.values[i]) continue;
    PPN_RETURN_IF_ERROR(id_of(emitter, node, argument->u.values[i], &ids[i]));
  }
  ppn_pte_value_t list = {.type = parameter && parameter->element_is_optional
                                      ? PPN_PTE_OPTIONAL_TENSOR_LIST
                                      : PPN_PTE_TENSOR_LIST,
                          .count = argument->count,
                          .u.ids = ids};
  *out_id = ppn_emit_value(emitter, &list);
  return ppn_status_ok();
}

static ppn_status_t emit_bools(ppn_method_emitter_t* emitter, const ppn_argument_t* argument,
                               int32_t* out_id) {
  uint8_t* bytes;
  PPN_ARENA_NEW(emitter->arena, argument->count, &bytes);
  for (uint32_t i = 0; i < argument->count; ++i) bytes[i] = argument->u.booleans[i];
  ppn_pte_value_t list = {.type = PPN_PTE_BOOL_LIST, .count = argument->count, .u.booleans = bytes};
  *out_id = ppn_emit_value(emitter, &list);
  return ppn_status_ok();
}

// None where a tensor is required: an empty tensor without data.
static ppn_pte_value_t none_value(const ppn_aten_parameter_t* parameter) {
  static const int32_t empty[] = {0};
  ppn_pte_value_t value = {.type = PPN_PTE_NULL};
  if (parameter && parameter->type == PPN_ATEN_TENSOR && !parameter->is_optional &&
      !parameter->is_list) {
    value.type = PPN_PTE_TENSOR;
    value.u.tensor = (ppn_pte_tensor_t){.dtype = PPN_DTYPE_UINT8, .rank = 1, .sizes = empty};
  }
  return value;
}

ppn_status_t ppn_emit_argument(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                               const ppn_aten_parameter_t* parameter,
                               const ppn_argument_t* argument, int32_t* out_id) {
  ppn_pte_value_t value = {.type = PPN_PTE_INT};
  switch (argument->kind) {
    case PPN_ARGUMENT_VALUE:
      return id_of(emitter, node, argument->u.value, out_id);
    case PPN_ARGUMENT_VALUES:
      return emit_tensor_list(emitter, node, parameter, argument, out_id);
    case PPN_ARGUMENT_INTS:
      return ppn_emit_int_list(emitter, argument->u.ints, argument->count, out_id);
    case PPN_ARGUMENT_BOOLS:
      return emit_bools(emitter, argument, out_id);
    case PPN_ARGUMENT_FLOATS:
      value.type = PPN_PTE_DOUBLE_LIST;
      value.count = argument->count;
      value.u.doubles = argument->u.numbers;
      break;
    case PPN_ARGUMENT_NONE:
      value = none_value(parameter);
      break;
    case PPN_ARGUMENT_INT:
    case PPN_ARGUMENT_MEMORY_FORMAT:
    case PPN_ARGUMENT_LAYOUT:
      value.u.integer = argument->u.integer;
      break;
    case PPN_ARGUMENT_FLOAT:
      value.type = PPN_PTE_DOUBLE;
      value.u.number = argument->u.number;
      break;
    case PPN_ARGUMENT_BOOL:
      value.type = PPN_PTE_BOOL;
      value.u.boolean = argument->u.boolean;
      break;
    case PPN_ARGUMENT_STRING:
      value.type = PPN_PTE_STRING;
      value.u.string = argument->u.string;
      break;
    case PPN_ARGUMENT_DTYPE:
      value.u.integer = ppn_dtype_to_c10(argument->u.dtype);
      break;
    case PPN_ARGUMENT_DEVICE:
      value.type = PPN_PTE_NULL;  // everything runs where the program runs
      break;
    case PPN_ARGUMENT_STRINGS:
      return cannot(node, argument, "a list of strings");
    case PPN_ARGUMENT_COMPLEX:
      return cannot(node, argument, "a complex number");
    case PPN_ARGUMENT_GRAPH:
      return cannot(node, argument, "a graph");
    case PPN_ARGUMENT_OPERATOR:
      return cannot(node, argument, "an operator");
  }
  *out_id = ppn_emit_value(emitter, &value);
  return ppn_status_ok();
}
