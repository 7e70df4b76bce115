// A `.pte` as text: values, instructions, delegates, and their ML Programs.
#include <inttypes.h>

#include "coreml/delegate.h"
#include "formats/pte_reader.h"
#include "pippin/runtime.h"

// Text of the file, without what a terminal would act on.
static void print_text(ppn_buffer_t* out, const char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    unsigned char c = (unsigned char)text[i];
    if (c < ' ' || c == 0x7f) {
      ppn_buffer_printf(out, "\\x%02x", c);
    } else {
      ppn_buffer_append(out, &text[i], 1);
    }
  }
}

// ---- Values ----

static void print_tensor(ppn_buffer_t* out, const ppn_pte_tensor_t* tensor) {
  bool is_contiguous = true;
  ppn_buffer_printf(out, "%s[", ppn_dtype_name(tensor->dtype));
  for (uint32_t i = 0; i < tensor->rank; ++i) {
    ppn_buffer_printf(out, "%s%d", i ? ", " : "", tensor->sizes[i]);
    is_contiguous = is_contiguous && tensor->dim_order[i] == i;
  }
  ppn_buffer_append_text(out, "]");
  for (uint32_t i = 0; !is_contiguous && i < tensor->rank; ++i) {
    ppn_buffer_printf(out, "%s%u", i ? ", " : " dim order (", tensor->dim_order[i]);
  }
  if (!is_contiguous) ppn_buffer_append_text(out, ")");
  if (tensor->dynamism != PPN_PTE_STATIC) ppn_buffer_append_text(out, " dynamic");
  if (tensor->memory_id) {
    ppn_buffer_printf(out, " at %u:%" PRIu64, tensor->memory_id, tensor->memory_offset);
    if (tensor->data_index) ppn_buffer_printf(out, " initial value %u", tensor->data_index);
  } else if (tensor->data_index) {
    ppn_buffer_printf(out, " constant %u", tensor->data_index);
  }
  if (!tensor->name) return;
  ppn_buffer_append_text(out, " ");
  print_text(out, tensor->name, strlen(tensor->name));
}

static void print_list(ppn_buffer_t* out, const ppn_pte_value_t* value) {
  ppn_buffer_append_text(out, "[");
  for (uint32_t i = 0; i < value->count; ++i) {
    if (i) ppn_buffer_append_text(out, ", ");
    switch (value->type) {
      case PPN_PTE_INT_LIST:
        ppn_buffer_printf(out, "%%%" PRId64, value->u.ints[i]);
        break;
      case PPN_PTE_DOUBLE_LIST:
        ppn_buffer_printf(out, "%.17g", value->u.doubles[i]);
        break;
      case PPN_PTE_BOOL_LIST:
        ppn_buffer_append_text(out, value->u.booleans[i] ? "true" : "false");
        break;
      default:
        if (value->u.ids[i] < 0) {
          ppn_buffer_append_text(out, "None");
        } else {
          ppn_buffer_printf(out, "%%%d", value->u.ids[i]);
        }
    }
  }
  ppn_buffer_append_text(out, "]");
}

static void print_value(ppn_buffer_t* out, const ppn_pte_value_t* value) {
  switch (value->type) {
    case PPN_PTE_NONE:
    case PPN_PTE_NULL:
      ppn_buffer_append_text(out, "None");
      return;
    case PPN_PTE_INT:
      ppn_buffer_printf(out, "%" PRId64, value->u.integer);
      return;
    case PPN_PTE_BOOL:
      ppn_buffer_append_text(out, value->u.boolean ? "true" : "false");
      return;
    case PPN_PTE_DOUBLE:
      ppn_buffer_printf(out, "%.17g", value->u.number);
      return;
    case PPN_PTE_STRING:
      ppn_buffer_append_text(out, "'");
      print_text(out, value->u.string, value->count);
      ppn_buffer_append_text(out, "'");
      return;
    case PPN_PTE_TENSOR:
      print_tensor(out, &value->u.tensor);
      return;
    default:
      print_list(out, value);
  }
}

// ---- Instructions ----

static void print_ids(ppn_buffer_t* out, const int32_t* ids, uint32_t count) {
  ppn_buffer_append_text(out, "(");
  for (uint32_t i = 0; i < count; ++i) ppn_buffer_printf(out, "%s%%%d", i ? ", " : "", ids[i]);
  ppn_buffer_append_text(out, ")");
}

static void print_instruction(ppn_buffer_t* out, const ppn_pte_plan_t* plan,
                              const ppn_pte_instruction_t* instruction) {
  const ppn_pte_operator_t* called;
  switch (instruction->type) {
    case PPN_PTE_KERNEL_CALL:
      called = &plan->operators[instruction->index];
      print_text(out, called->name, strlen(called->name));
      if (*called->overload) ppn_buffer_append_text(out, ".");
      print_text(out, called->overload, strlen(called->overload));
      print_ids(out, instruction->args, instruction->arg_count);
      return;
    case PPN_PTE_DELEGATE_CALL:
      ppn_buffer_printf(out, "delegate %u", instruction->index);
      print_ids(out, instruction->args, instruction->arg_count);
      return;
    case PPN_PTE_MOVE_CALL:
      ppn_buffer_printf(out, "move %%%u to %%%u", instruction->index, instruction->target);
      return;
    case PPN_PTE_JUMP_FALSE_CALL:
      ppn_buffer_printf(out, "if not %%%u go to %u", instruction->index, instruction->target);
      return;
    case PPN_PTE_FREE_CALL:
      ppn_buffer_printf(out, "free %%%u", instruction->index);
      return;
    case PPN_PTE_INSTRUCTION_NONE:
      return;
  }
}

// ---- Delegates ----

static void print_model(ppn_buffer_t* out, const ppn_pte_file_t* file, ppn_span_t payload_bytes) {
  ppn_arena_t arena = {0};
  ppn_coreml_payload_t* payload = NULL;
  ppn_coreml_model_t* model = NULL;
  ppn_span_t bytes;
  const char* function = NULL;
  ppn_status_t status = ppn_coreml_payload_resolve(file, payload_bytes, &arena, &bytes, &function);
  if (!status) status = ppn_coreml_payload_open(bytes, &payload);
  if (!status) status = ppn_coreml_payload_model(payload, &model);
  if (status) {
    ppn_buffer_append_text(out, "    ");
    print_text(out, ppn_status_message(status), strlen(ppn_status_message(status)));
    ppn_buffer_append_text(out, "\n");
  } else {
    ppn_buffer_printf(out, "    Core ML model '%s', specification version %d\n",
                      ppn_coreml_payload_identifier(payload), model->specification_version);
    if (function) ppn_buffer_printf(out, "    function '%s'\n", function);
    ppn_mil_program_print(model->program, 10, out);
  }
  ppn_status_free(status);
  if (model) ppn_coreml_model_free(model);
  ppn_coreml_payload_free(payload);
  ppn_arena_release(&arena);
}

static void print_delegate(ppn_buffer_t* out, const ppn_pte_file_t* file,
                           const ppn_pte_delegate_t* delegate, uint32_t index) {
  ppn_span_t payload = file->payloads[delegate->payload];
  ppn_buffer_printf(out, "  delegate %u: ", index);
  print_text(out, delegate->id, strlen(delegate->id));
  ppn_buffer_printf(out, ", %zu bytes\n", payload.size);
  for (uint32_t i = 0; i < delegate->compile_spec_count; ++i) {
    const ppn_pte_compile_spec_t* spec = &delegate->compile_specs[i];
    ppn_buffer_append_text(out, "    ");
    print_text(out, spec->key, strlen(spec->key));
    ppn_buffer_append_text(out, " = '");
    print_text(out, (const char*)spec->value.data, spec->value.size);
    ppn_buffer_append_text(out, "'\n");
  }
  if (strcmp(delegate->id, PPN_COREML_BACKEND_ID) == 0) print_model(out, file, payload);
}

// ---- The file ----

static void print_plan(ppn_buffer_t* out, const ppn_pte_file_t* file, const ppn_pte_plan_t* plan) {
  ppn_buffer_append_text(out, "method '");
  print_text(out, plan->name, strlen(plan->name));
  ppn_buffer_append_text(out, "'");
  print_ids(out, plan->inputs, plan->input_count);
  ppn_buffer_append_text(out, " -> ");
  print_ids(out, plan->outputs, plan->output_count);
  ppn_buffer_append_text(out, "\n");
  for (uint32_t i = 1; i < plan->arena_count; ++i) {
    ppn_buffer_printf(out, "  arena %u: %" PRId64 " bytes\n", i, plan->arena_sizes[i]);
  }
  for (uint32_t i = 0; i < plan->value_count; ++i) {
    ppn_buffer_printf(out, "  %%%u = ", i);
    print_value(out, &plan->values[i]);
    ppn_buffer_append_text(out, "\n");
  }
  for (uint32_t i = 0; i < plan->instruction_count; ++i) {
    ppn_buffer_printf(out, "  %4u: ", i);
    print_instruction(out, plan, &plan->instructions[i]);
    ppn_buffer_append_text(out, "\n");
  }
  for (uint32_t i = 0; i < plan->delegate_count; ++i) {
    print_delegate(out, file, &plan->delegates[i], i);
  }
}

static void print_file(ppn_buffer_t* out, const ppn_pte_file_t* file) {
  ppn_buffer_printf(out, "ExecuTorch program, %zu bytes\n", file->bytes.size);
  for (uint32_t i = 0; i < file->segment_count; ++i) {
    ppn_span_t segment = file->segments[i];
    size_t offset = segment.size ? (size_t)(segment.data - file->bytes.data) : 0;
    ppn_buffer_printf(out, "segment %u: %zu bytes at %zu\n", i, segment.size, offset);
  }
  for (uint32_t i = 0; i < file->named_data_count; ++i) {
    ppn_buffer_append_text(out, "named data '");
    print_text(out, file->named_data[i].key, strlen(file->named_data[i].key));
    ppn_buffer_printf(out, "': segment %u\n", file->named_data[i].segment);
  }
  for (uint32_t i = 0; i < file->plan_count; ++i) {
    ppn_buffer_append_text(out, "\n");
    print_plan(out, file, &file->plans[i]);
  }
}

ppn_status_t ppn_program_dump(const char* path, char** out_text) {
  ppn_file_map_t map;
  ppn_pte_file_t* file = NULL;
  ppn_buffer_t buffer = {0};
  *out_text = NULL;
  PPN_RETURN_IF_ERROR(ppn_file_map_open(path, &map));
  ppn_status_t status = ppn_status_annotate(ppn_pte_open(map.bytes, &file), "%s", path);
  if (!status) {
    print_file(&buffer, file);
    ppn_buffer_text(&buffer);
    status = ppn_buffer_status(&buffer);
  }
  ppn_pte_close(file);
  ppn_file_map_close(&map);
  if (status) {
    ppn_buffer_release(&buffer);
    return status;
  }
  *out_text = (char*)buffer.data;  // released by ppn_text_free
  return NULL;
}
