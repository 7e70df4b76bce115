#include "formats/proto_message.h"
#include "mil/proto_types.h"
#include "mil/summary.h"

typedef struct counter {
  ppn_arena_t* arena;
  ppn_string_map_t counts;  // operation types to their counts
  ppn_mil_summary_t* summary;
} counter_t;

static uint64_t bit_of(const MilPb__ValueType* type) {
  if (!type || type->type_case != MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE) return 0;
  const ppn_mil_proto_dtype_t* row = ppn_mil_proto_dtype_of_code(type->tensor_type->data_type);
  return row ? UINT64_C(1) << row->dtype : 0;
}

static void count_stored(counter_t* counter, const MilPb__Value* value) {
  if (!value || value->value_case != MIL_PB__VALUE__VALUE_BLOB_FILE_VALUE) return;
  counter->summary->storage_dtypes |= bit_of(value->type);
}

static ppn_status_t count_block(counter_t* counter, const MilPb__Block* block);

static ppn_status_t count_operation(counter_t* counter, const MilPb__Operation* operation) {
  for (size_t i = 0; i < operation->n_attributes; ++i) {
    count_stored(counter, operation->attributes[i]->value);
  }
  if (strcmp(operation->type, "const") == 0) return ppn_status_ok();
  for (size_t i = 0; i < operation->n_inputs; ++i) {
    const MilPb__Argument* argument = operation->inputs[i]->value;
    for (size_t j = 0; argument && j < argument->n_arguments; ++j) {
      const MilPb__Binding* binding = argument->arguments[j];
      if (binding->binding_case != MIL_PB__BINDING__BINDING_VALUE) continue;
      count_stored(counter, binding->value);
    }
  }
  uint64_t numbers = ~(UINT64_C(1) << PPN_DTYPE_STRING | UINT64_C(1) << PPN_DTYPE_BOOL);
  for (size_t i = 0; i < operation->n_outputs; ++i) {
    counter->summary->result_dtypes |= bit_of(operation->outputs[i]->type) & numbers;
  }
  ppn_string_view_t type = ppn_sv(operation->type);
  uintptr_t count = (uintptr_t)ppn_string_map_get(&counter->counts, type);
  PPN_RETURN_IF_ERROR(ppn_string_map_set(&counter->counts, type, (void*)(count + 1)));
  for (size_t i = 0; i < operation->n_blocks; ++i) {
    PPN_RETURN_IF_ERROR(count_block(counter, operation->blocks[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t count_block(counter_t* counter, const MilPb__Block* block) {
  for (size_t i = 0; i < block->n_operations; ++i) {
    PPN_RETURN_IF_ERROR(count_operation(counter, block->operations[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t list_counts(counter_t* counter) {
  ppn_mil_summary_t* summary = counter->summary;
  PPN_ARENA_NEW(counter->arena, counter->counts.count, &summary->operations);
  for (size_t i = 0; i < counter->counts.count; ++i) {
    const ppn_string_map_entry_t* entry = &counter->counts.entries[i];
    ppn_mil_operation_count_t* target = &summary->operations[summary->operation_count++];
    target->type = ppn_arena_strdup(counter->arena, entry->key);
    target->count = (uint32_t)(uintptr_t)entry->value;
    if (!target->type) return ppn_out_of_memory();
  }
  return ppn_status_ok();
}

static ppn_status_t summarise(counter_t* counter, const MilPb__Program* program,
                              const char* function) {
  for (size_t i = 0; i < program->n_functions; ++i) {
    const MilPb__FunctionEntry* entry = program->functions[i];
    if (!entry->value || strcmp(entry->key, function) != 0) continue;
    for (size_t j = 0; j < entry->value->n_block_specializations; ++j) {
      const MilPb__BlockEntry* block = entry->value->block_specializations[j];
      if (!block->value || strcmp(block->key, entry->value->opset) != 0) continue;
      PPN_RETURN_IF_ERROR(count_block(counter, block->value));
    }
    return list_counts(counter);
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "the program has no function '%s'", function);
}

ppn_status_t ppn_mil_proto_summarise(ppn_span_t program, const char* function, ppn_arena_t* arena,
                                     ppn_mil_summary_t* out_summary) {
  ppn_arena_t scratch = {0};
  ProtobufCMessage* message = NULL;
  *out_summary = (ppn_mil_summary_t){0};
  counter_t counter = {.arena = arena, .summary = out_summary};
  ppn_status_t status =
      ppn_proto_unpack(&mil_pb__program__descriptor, program, "ML Program", &scratch, &message);
  if (!status) status = summarise(&counter, (const MilPb__Program*)message, function);
  ppn_string_map_release(&counter.counts);
  ppn_arena_release(&scratch);
  return status;
}
