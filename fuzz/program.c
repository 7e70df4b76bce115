// `.pte` programs: opening, and every index a method holds. Nothing is run.
#include "formats/pte_reader.h"
#include "fuzz.h"

static void check_ids(const int32_t* ids, uint32_t count, uint32_t value_count, int32_t least) {
  for (uint32_t i = 0; i < count; ++i) {
    fuzz_expect(ids[i] >= least && ids[i] < (int32_t)value_count, "a value id out of range");
  }
}

static void check_value(const ppn_pte_plan_t* plan, const ppn_pte_value_t* value) {
  switch (value->type) {
    case PPN_PTE_TENSOR:
      for (uint32_t i = 0; i < value->u.tensor.rank; ++i) {
        fuzz_expect(value->u.tensor.sizes[i] >= 0, "a negative size");
      }
      fuzz_expect(value->u.tensor.memory_id < plan->arena_count || value->u.tensor.memory_id == 0,
                  "an arena that is not there");
      break;
    case PPN_PTE_TENSOR_LIST:
    case PPN_PTE_OPTIONAL_TENSOR_LIST:
      check_ids(value->u.ids, value->count, plan->value_count, -1);
      break;
    case PPN_PTE_BOOL_LIST:
      fuzz_touch(ppn_span_make(value->u.booleans, value->count));
      break;
    case PPN_PTE_DOUBLE_LIST:
      fuzz_touch(ppn_span_make(value->u.doubles, value->count * sizeof(double)));
      break;
    case PPN_PTE_STRING:
      fuzz_touch(ppn_span_make(value->u.string, strlen(value->u.string) + 1));
      break;
    default:
      break;
  }
}

static void check_instruction(const ppn_pte_plan_t* plan, const ppn_pte_instruction_t* call) {
  switch (call->type) {
    case PPN_PTE_KERNEL_CALL:
      fuzz_expect(call->index < plan->operator_count, "an operator that is not there");
      break;
    case PPN_PTE_DELEGATE_CALL:
      fuzz_expect(call->index < plan->delegate_count, "a delegate that is not there");
      break;
    case PPN_PTE_JUMP_FALSE_CALL:
      fuzz_expect(call->index < plan->value_count && call->target <= plan->instruction_count,
                  "a jump out of the method");
      break;
    default:
      fuzz_expect(call->index < plan->value_count, "a value that is not there");
      break;
  }
  check_ids(call->args, call->arg_count, plan->value_count, -1);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_pte_file_t* file;
  if (fuzz_is_error(ppn_pte_open(ppn_span_make(data, size), &file))) return 0;
  for (uint32_t i = 0; i < file->plan_count; ++i) {
    const ppn_pte_plan_t* plan = &file->plans[i];
    fuzz_expect(ppn_pte_find_plan(file, plan->name) != NULL, "a method that is not found");
    check_ids(plan->inputs, plan->input_count, plan->value_count, 0);
    check_ids(plan->outputs, plan->output_count, plan->value_count, 0);
    for (uint32_t j = 0; j < plan->value_count; ++j) check_value(plan, &plan->values[j]);
    for (uint32_t j = 0; j < plan->instruction_count; ++j) {
      check_instruction(plan, &plan->instructions[j]);
    }
    for (uint32_t j = 0; j < plan->delegate_count; ++j) {
      fuzz_expect(plan->delegates[j].payload < file->payload_count, "a payload that is not there");
    }
  }
  for (uint32_t i = 0; i < file->payload_count; ++i) fuzz_touch(file->payloads[i]);
  for (uint32_t i = 0; i < file->constant_count; ++i) fuzz_touch(file->constants[i]);
  for (uint32_t i = 0; i < file->named_data_count; ++i) fuzz_touch(file->named_data[i].bytes);
  ppn_pte_close(file);
  return 0;
}
