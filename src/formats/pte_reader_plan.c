// Methods of a `.pte`: instructions, operators, delegates.
#include "formats/pte_reader_plan.h"

#include <inttypes.h>

#define invalid(reader, address, ...) ppn_pte_invalid((reader)->file, address, __VA_ARGS__)

// Ids of values.
static ppn_status_t check_ids(const ppn_pte_plan_reader_t* reader, const int32_t* ids,
                              uint32_t count, const char* what) {
  for (uint32_t i = 0; i < count; ++i) {
    if (ids[i] >= 0 && (uint32_t)ids[i] < reader->plan->value_count) continue;
    return invalid(reader, (const uint8_t*)&ids[i], "%s %u is value %d of %u", what, i, ids[i],
                   reader->plan->value_count);
  }
  return NULL;
}

static ppn_status_t read_ids(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table,
                             uint32_t slot, const char* what, const int32_t** out_ids,
                             uint32_t* out_count) {
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(table, slot);
  *out_ids = ppn_pte_as_i32(items);
  *out_count = items.count;
  return check_ids(reader, *out_ids, items.count, what);
}

// ---- Instructions ----

// `*out` from slot 0 of an instruction's table, below `limit`.
static ppn_status_t read_index(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table,
                               uint32_t slot, const char* what, uint32_t limit, uint32_t* out) {
  int32_t index = ppn_flatbuffer_i32(table, slot);
  if (index < 0 || (uint32_t)index >= limit) {
    return invalid(reader, table, "%s %d of %u", what, index, limit);
  }
  *out = (uint32_t)index;
  return NULL;
}

static ppn_status_t read_instruction(const ppn_pte_plan_reader_t* reader,
                                     ppn_flatbuffer_table_t table, uint32_t chain_start,
                                     uint32_t chain_length, ppn_pte_instruction_t* out) {
  const ppn_pte_plan_t* plan = reader->plan;
  ppn_flatbuffer_table_t content = ppn_flatbuffer_subtable(table, PPN_PTE_INSTRUCTION_ARGUMENTS);
  out->type = (ppn_pte_instruction_type_t)ppn_flatbuffer_u8(table, PPN_PTE_INSTRUCTION_TYPE);
  if (!content) return invalid(reader, table, "the instruction has no arguments table");
  switch (out->type) {
    case PPN_PTE_KERNEL_CALL:
      PPN_RETURN_IF_ERROR(read_index(reader, content, PPN_PTE_KERNEL_CALL_OP_INDEX, "operator",
                                     plan->operator_count, &out->index));
      return read_ids(reader, content, PPN_PTE_KERNEL_CALL_ARGS, "argument", &out->args,
                      &out->arg_count);
    case PPN_PTE_DELEGATE_CALL:
      PPN_RETURN_IF_ERROR(read_index(reader, content, PPN_PTE_DELEGATE_CALL_INDEX, "delegate",
                                     plan->delegate_count, &out->index));
      return read_ids(reader, content, PPN_PTE_DELEGATE_CALL_ARGS, "argument", &out->args,
                      &out->arg_count);
    case PPN_PTE_MOVE_CALL:
      PPN_RETURN_IF_ERROR(read_index(reader, content, PPN_PTE_MOVE_FROM, "moved from value",
                                     plan->value_count, &out->index));
      return read_index(reader, content, PPN_PTE_MOVE_TO, "moved to value", plan->value_count,
                        &out->target);
    case PPN_PTE_JUMP_FALSE_CALL:
      PPN_RETURN_IF_ERROR(read_index(reader, content, PPN_PTE_JUMP_FALSE_CONDITION,
                                     "condition value", plan->value_count, &out->index));
      PPN_RETURN_IF_ERROR(read_index(reader, content, PPN_PTE_JUMP_FALSE_DESTINATION,
                                     "jump to instruction", chain_length + 1, &out->target));
      out->target += chain_start;
      return NULL;
    case PPN_PTE_FREE_CALL:
      return read_index(reader, content, PPN_PTE_FREE_VALUE, "freed value", plan->value_count,
                        &out->index);
    case PPN_PTE_INSTRUCTION_NONE:
      break;
  }
  return invalid(reader, table, "an instruction of unknown type %d", (int)out->type);
}

static ppn_status_t read_chains(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table) {
  ppn_flatbuffer_vector_t chains = ppn_flatbuffer_items(table, PPN_PTE_PLAN_CHAINS);
  uint64_t total = 0;
  for (uint32_t i = 0; i < chains.count; ++i) {
    total += ppn_flatbuffer_items(ppn_flatbuffer_item(chains, i), PPN_PTE_CHAIN_INSTRUCTIONS).count;
  }
  if (total >= INT32_MAX) return invalid(reader, table, "too many instructions");
  ppn_pte_instruction_t* instructions;
  PPN_ARENA_NEW(&reader->file->arena, total, &instructions);
  uint32_t at = 0;
  for (uint32_t i = 0; i < chains.count; ++i) {
    ppn_flatbuffer_vector_t items =
        ppn_flatbuffer_items(ppn_flatbuffer_item(chains, i), PPN_PTE_CHAIN_INSTRUCTIONS);
    uint32_t start = at;
    for (uint32_t j = 0; j < items.count; ++j, ++at) {
      PPN_RETURN_IF_ERROR_ANNOTATED(read_instruction(reader, ppn_flatbuffer_item(items, j), start,
                                                     items.count, &instructions[at]),
                                    "instruction %u", at);
    }
  }
  reader->plan->instructions = instructions;
  reader->plan->instruction_count = at;
  return NULL;
}

// ---- Operators and delegates ----

static ppn_status_t read_operators(const ppn_pte_plan_reader_t* reader,
                                   ppn_flatbuffer_table_t table) {
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(table, PPN_PTE_PLAN_OPERATORS);
  ppn_pte_operator_t* operators;
  PPN_ARENA_NEW(&reader->file->arena, items.count, &operators);
  for (uint32_t i = 0; i < items.count; ++i) {
    ppn_flatbuffer_table_t item = ppn_flatbuffer_item(items, i);
    const char* overload = ppn_flatbuffer_text(item, PPN_PTE_OPERATOR_OVERLOAD).data;
    operators[i].name = ppn_flatbuffer_text(item, PPN_PTE_OPERATOR_NAME).data;
    operators[i].overload = overload ? overload : "";
  }
  reader->plan->operators = operators;
  reader->plan->operator_count = items.count;
  return NULL;
}

static ppn_status_t read_delegate(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table,
                                  ppn_pte_delegate_t* out) {
  const ppn_pte_file_t* file = reader->file;
  ppn_flatbuffer_table_t processed = ppn_flatbuffer_subtable(table, PPN_PTE_DELEGATE_PROCESSED);
  uint8_t location = ppn_flatbuffer_u8(processed, PPN_PTE_DATA_REFERENCE_LOCATION);
  uint32_t index = ppn_flatbuffer_u32(processed, PPN_PTE_DATA_REFERENCE_INDEX);
  bool is_segment = location == PPN_PTE_LOCATION_SEGMENT;
  uint32_t count = is_segment ? file->segment_count : file->payload_count - file->segment_count;
  if (!is_segment && location != PPN_PTE_LOCATION_INLINE) {
    return invalid(reader, processed, "data location %u is unknown", location);
  }
  if (index >= count) {
    return invalid(reader, processed, "the payload is %s %u of %u",
                   is_segment ? "segment" : "inline data", index, count);
  }
  out->id = ppn_flatbuffer_text(table, PPN_PTE_DELEGATE_ID).data;
  out->payload = is_segment ? index : file->segment_count + index;
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(table, PPN_PTE_DELEGATE_COMPILE_SPECS);
  ppn_pte_compile_spec_t* specs;
  PPN_ARENA_NEW(&reader->file->arena, items.count, &specs);
  for (uint32_t i = 0; i < items.count; ++i) {
    ppn_flatbuffer_table_t item = ppn_flatbuffer_item(items, i);
    ppn_flatbuffer_vector_t value = ppn_flatbuffer_items(item, PPN_PTE_COMPILE_SPEC_VALUE);
    specs[i].key = ppn_flatbuffer_text(item, PPN_PTE_COMPILE_SPEC_KEY).data;
    specs[i].value = ppn_span_make(value.items, value.count);
  }
  out->compile_specs = specs;
  out->compile_spec_count = items.count;
  return NULL;
}

static ppn_status_t read_delegates(const ppn_pte_plan_reader_t* reader,
                                   ppn_flatbuffer_table_t table) {
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(table, PPN_PTE_PLAN_DELEGATES);
  ppn_pte_delegate_t* delegates;
  PPN_ARENA_NEW(&reader->file->arena, items.count, &delegates);
  for (uint32_t i = 0; i < items.count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(
        read_delegate(reader, ppn_flatbuffer_item(items, i), &delegates[i]), "delegate %u", i);
  }
  reader->plan->delegates = delegates;
  reader->plan->delegate_count = items.count;
  return NULL;
}

static ppn_status_t read_arenas(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table) {
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(table, PPN_PTE_PLAN_NON_CONST_BUFFER_SIZES);
  const int64_t* sizes = ppn_pte_as_i64(items);
  for (uint32_t i = 0; i < items.count; ++i) {
    if (sizes[i] < 0) {
      return invalid(reader, (const uint8_t*)&sizes[i], "arena %u has %" PRId64 " bytes", i,
                     sizes[i]);
    }
  }
  reader->plan->arena_sizes = sizes;
  reader->plan->arena_count = items.count;
  return NULL;
}

ppn_status_t ppn_pte_read_plan(ppn_pte_file_t* file, ppn_flatbuffer_table_t table,
                               ppn_pte_plan_t* out_plan) {
  ppn_pte_plan_reader_t reader = {file, out_plan};
  ppn_flatbuffer_table_t container =
      ppn_flatbuffer_subtable(table, PPN_PTE_PLAN_CONTAINER_META_TYPE);
  const char* inputs = ppn_flatbuffer_text(container, PPN_PTE_CONTAINER_ENCODED_INPUT).data;
  const char* outputs = ppn_flatbuffer_text(container, PPN_PTE_CONTAINER_ENCODED_OUTPUT).data;
  out_plan->name = ppn_flatbuffer_text(table, PPN_PTE_PLAN_NAME).data;
  out_plan->encoded_inputs = inputs ? inputs : "";
  out_plan->encoded_outputs = outputs ? outputs : "";
  PPN_RETURN_IF_ERROR(read_arenas(&reader, table));
  PPN_RETURN_IF_ERROR(ppn_pte_read_values(&reader, table));
  PPN_RETURN_IF_ERROR(read_operators(&reader, table));
  PPN_RETURN_IF_ERROR(read_delegates(&reader, table));
  PPN_RETURN_IF_ERROR(read_chains(&reader, table));
  PPN_RETURN_IF_ERROR(read_ids(&reader, table, PPN_PTE_PLAN_INPUTS, "input", &out_plan->inputs,
                               &out_plan->input_count));
  return read_ids(&reader, table, PPN_PTE_PLAN_OUTPUTS, "output", &out_plan->outputs,
                  &out_plan->output_count);
}
