// Methods that return constants: facts about a model, such as the size of its vocabulary.
#include "executorch/method.h"
#include "tensor/tensor.h"

#define LEAF_SPEC "{\"type\": null, \"context\": null, \"children_spec\": []}"

// torch's text for a list of `count` leaves, or for a leaf.
static const char* value_spec(ppn_arena_t* arena, bool is_list, uint32_t count) {
  if (!is_list) return "[1, " LEAF_SPEC "]";
  ppn_buffer_t text = {0};
  ppn_buffer_append_text(
      &text, "[1, {\"type\": \"builtins.list\", \"context\": \"null\", \"children_spec\": [");
  for (uint32_t i = 0; i < count; ++i) {
    ppn_buffer_append_text(&text, i ? ", " LEAF_SPEC : LEAF_SPEC);
  }
  ppn_buffer_append_text(&text, "]}]");
  const char* copy = ppn_arena_strdup(arena, ppn_sv(ppn_buffer_text(&text)));
  ppn_buffer_release(&text);
  return copy;
}

// A constant tensor, which keeps the order of its dimensions where the `.pte` knows it.
static ppn_status_t describe_tensor(ppn_method_emitter_t* emitter, const ppn_tensor_t* tensor,
                                    ppn_pte_value_t* out) {
  ppn_tensor_t copy = *tensor;
  ppn_constant_t constant = {.name = "result",
                             .dtype = tensor->dtype,
                             .rank = tensor->rank,
                             .sizes = copy.sizes,
                             .strides = copy.strides,
                             .storage = {tensor->data, SIZE_MAX}};
  int32_t* sizes;
  uint8_t* order;
  PPN_ARENA_NEW(emitter->arena, tensor->rank, &sizes);
  PPN_ARENA_NEW(emitter->arena, tensor->rank, &order);
  for (int i = 0; i < tensor->rank; ++i) {
    if (tensor->sizes[i] > INT32_MAX) {
      return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                             "returns a tensor with %lld elements in "
                             "dimension %d; a .pte allows %d",
                             (long long)tensor->sizes[i], i, INT32_MAX);
    }
    sizes[i] = (int32_t)tensor->sizes[i];
  }
  ppn_dim_order_of_constant(&constant, order);
  out->type = PPN_PTE_TENSOR;
  out->u.tensor = (ppn_pte_tensor_t){
      .dtype = tensor->dtype, .rank = (uint32_t)tensor->rank, .sizes = sizes, .dim_order = order};
  return ppn_constant_pool_add(emitter->constants, &constant, &out->u.tensor.data_index);
}

static ppn_status_t emit_constant(ppn_method_emitter_t* emitter, const ppn_evalue_t* constant,
                                  int32_t* out_id) {
  ppn_pte_value_t value = {.type = PPN_PTE_NULL};
  switch (constant->kind) {
    case PPN_EVALUE_NONE:
      break;
    case PPN_EVALUE_INT:
      value.type = PPN_PTE_INT;
      value.u.integer = constant->u.integer;
      break;
    case PPN_EVALUE_DOUBLE:
      value.type = PPN_PTE_DOUBLE;
      value.u.number = constant->u.number;
      break;
    case PPN_EVALUE_BOOL:
      value.type = PPN_PTE_BOOL;
      value.u.boolean = constant->u.boolean;
      break;
    case PPN_EVALUE_STRING:
      value.type = PPN_PTE_STRING;
      value.u.string = ppn_arena_strdup(
          emitter->arena, ppn_sv_make(constant->u.string.data, constant->u.string.size));
      if (!value.u.string) return ppn_out_of_memory();
      break;
    case PPN_EVALUE_TENSOR:
      PPN_RETURN_IF_ERROR(describe_tensor(emitter, &constant->u.tensor, &value));
      break;
  }
  *out_id = ppn_emit_value(emitter, &value);
  return ppn_status_ok();
}

ppn_status_t ppn_constant_method_emit(ppn_method_emitter_t* emitter,
                                      const ppn_constant_method_t* method,
                                      ppn_pte_plan_t* out_plan) {
  static const int64_t arena_sizes[] = {0};
  uint32_t count = (uint32_t)method->value_count;
  int32_t* outputs;
  PPN_ARENA_NEW(emitter->arena, count, &outputs);
  *out_plan = (ppn_pte_plan_t){.name = method->name,
                               .encoded_inputs = "",
                               .outputs = outputs,
                               .output_count = count,
                               .arena_sizes = arena_sizes,
                               .arena_count = 1};
  out_plan->encoded_outputs = value_spec(emitter->arena, method->is_list, count);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(emit_constant(emitter, &method->values[i], &outputs[i]));
  }
  return ppn_method_finish_plan(emitter, out_plan);
}
