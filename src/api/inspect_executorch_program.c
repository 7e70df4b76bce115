// What is in a `.pte`: methods, instructions, delegates, segments.
#include <stdlib.h>

#include "api/inspect.h"
#include "coreml/delegate.h"
#include "formats/pte_reader.h"

// Text of a file as JSON text: bytes that are no UTF-8 become '?'.
static json_t* describe_text(const char* text, size_t size) {
  json_t* json = json_stringn(text, size);
  if (json) return json;
  char* copy = malloc(size + 1);
  for (size_t i = 0; copy && i < size; ++i) copy[i] = text[i] & 0x80 ? '?' : text[i];
  json = copy ? json_stringn(copy, size) : NULL;
  free(copy);
  return json;
}

static json_t* describe_name(const char* name) {
  return describe_text(name, strlen(name));
}

// ---- Inputs and outputs ----

static json_t* describe_tensor(uint32_t index, const ppn_pte_tensor_t* tensor) {
  json_t *shape = json_array(), *order = json_array();
  bool is_contiguous = true;
  for (uint32_t i = 0; i < tensor->rank; ++i) {
    json_array_append_new(shape, json_integer(tensor->sizes[i]));
    json_array_append_new(order, json_integer(tensor->dim_order[i]));
    is_contiguous = is_contiguous && tensor->dim_order[i] == i;
  }
  char name[16];
  snprintf(name, sizeof(name), "%u", index);
  json_t* json =
      json_pack("{s:s, s:s, s:o, s:b, s:b}", "name", name, "type", ppn_dtype_name(tensor->dtype),
                "shape", shape, "dynamic", tensor->dynamism != PPN_PTE_STATIC, "planned",
                tensor->memory_id != 0 || tensor->data_index != 0);
  if (!is_contiguous) json_object_set(json, "dim_order", order);
  json_decref(order);
  return json;
}

static json_t* describe_port(uint32_t index, const ppn_pte_value_t* value) {
  char name[16];
  snprintf(name, sizeof(name), "%u", index);
  switch (value->type) {
    case PPN_PTE_TENSOR:
      return describe_tensor(index, &value->u.tensor);
    case PPN_PTE_INT:
      return json_pack("{s:s, s:s, s:I}", "name", name, "type", "int", "value",
                       (json_int_t)value->u.integer);
    case PPN_PTE_BOOL:
      return json_pack("{s:s, s:s, s:b}", "name", name, "type", "bool", "value", value->u.boolean);
    case PPN_PTE_DOUBLE:  // JSON has no infinity and no NaN: then no value is told
      return json_pack("{s:s, s:s, s:o*}", "name", name, "type", "double", "value",
                       json_real(value->u.number));
    case PPN_PTE_STRING:
      return json_pack("{s:s, s:s, s:o}", "name", name, "type", "string", "value",
                       describe_text(value->u.string, value->count));
    default:
      return json_pack("{s:s, s:s}", "name", name, "type",
                       value->type == PPN_PTE_NULL ? "none" : "list");
  }
}

static json_t* describe_ports(const ppn_pte_plan_t* plan, const int32_t* ids, uint32_t count) {
  json_t* list = json_array();
  for (uint32_t i = 0; i < count; ++i) {
    json_array_append_new(list, describe_port(i, &plan->values[ids[i]]));
  }
  return list;
}

// ---- Instructions ----

static json_t* count_instructions(const ppn_pte_plan_t* plan) {
  static const char* const kinds[] = {"none", "kernel", "delegate", "move", "jump_false", "free"};
  json_t* counts = json_object();
  ppn_buffer_t name = {0};
  for (uint32_t i = 0; i < plan->instruction_count; ++i) {
    const ppn_pte_instruction_t* instruction = &plan->instructions[i];
    name.size = 0;
    if (instruction->type == PPN_PTE_KERNEL_CALL) {
      const ppn_pte_operator_t* called = &plan->operators[instruction->index];
      ppn_buffer_printf(&name, "%s%s%s", called->name, *called->overload ? "." : "",
                        called->overload);
    } else {
      ppn_buffer_append_text(&name, kinds[instruction->type]);
    }
    json_t* key = describe_name(ppn_buffer_text(&name));
    const char* text = json_string_value(key);
    json_int_t count = json_integer_value(json_object_get(counts, text));
    json_object_set_new(counts, text, json_integer(count + 1));
    json_decref(key);
  }
  ppn_buffer_release(&name);
  return counts;
}

// ---- Delegates ----

static void describe_payload(json_t* json, ppn_span_t bytes) {
  ppn_coreml_payload_t* payload = NULL;
  ppn_coreml_model_t* model = NULL;
  ppn_status_t status = ppn_coreml_payload_open(bytes, &payload);
  if (!status) {
    json_object_set_new(json, "identifier", describe_name(ppn_coreml_payload_identifier(payload)));
    status = ppn_coreml_payload_model(payload, &model);
  }
  if (!status) {
    json_object_set_new(json, "specification_version", json_integer(model->specification_version));
    json_object_set_new(json, "functions", ppn_describe_coreml_functions(model));
    ppn_coreml_model_free(model);
  } else {
    json_object_set_new(json, "problem", describe_name(ppn_status_message(status)));
  }
  ppn_status_free(status);
  ppn_coreml_payload_free(payload);
}

static json_t* describe_delegate(const ppn_pte_file_t* file, const ppn_pte_delegate_t* delegate) {
  ppn_span_t payload = file->payloads[delegate->payload];
  json_t* specs = json_object();
  for (uint32_t i = 0; i < delegate->compile_spec_count; ++i) {
    const ppn_pte_compile_spec_t* spec = &delegate->compile_specs[i];
    json_t* key = describe_name(spec->key);
    json_object_set_new(specs, json_string_value(key),
                        describe_text((const char*)spec->value.data, spec->value.size));
    json_decref(key);
  }
  json_t* json = json_pack("{s:o, s:I, s:o}", "id", describe_name(delegate->id), "payload_size",
                           (json_int_t)payload.size, "compile_specs", specs);
  if (delegate->payload < file->segment_count) {
    json_object_set_new(json, "segment", json_integer(delegate->payload));
  }
  if (strcmp(delegate->id, PPN_COREML_BACKEND_ID) != 0) return json;
  ppn_arena_t arena = {0};
  ppn_span_t bytes;
  const char* function;
  ppn_status_t status = ppn_coreml_payload_resolve(file, payload, &arena, &bytes, &function);
  if (status) {
    json_object_set_new(json, "problem", describe_name(ppn_status_message(status)));
    ppn_status_free(status);
  } else {
    if (function) json_object_set_new(json, "function", describe_name(function));
    describe_payload(json, bytes);
  }
  ppn_arena_release(&arena);
  return json;
}

// ---- The file ----

static json_t* describe_plan(const ppn_pte_file_t* file, const ppn_pte_plan_t* plan) {
  json_t *delegates = json_array(), *arenas = json_array();
  for (uint32_t i = 0; i < plan->delegate_count; ++i) {
    json_array_append_new(delegates, describe_delegate(file, &plan->delegates[i]));
  }
  for (uint32_t i = 1; i < plan->arena_count; ++i) {
    json_array_append_new(arenas, json_integer(plan->arena_sizes[i]));
  }
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name", describe_name(plan->name), "inputs",
                   describe_ports(plan, plan->inputs, plan->input_count), "outputs",
                   describe_ports(plan, plan->outputs, plan->output_count), "instructions",
                   count_instructions(plan), "delegates", delegates, "memory", arenas);
}

static json_t* describe_file(const ppn_pte_file_t* file, const char* path) {
  json_t *methods = json_array(), *segments = json_array(), *named_data = json_array();
  for (uint32_t i = 0; i < file->plan_count; ++i) {
    json_array_append_new(methods, describe_plan(file, &file->plans[i]));
  }
  for (uint32_t i = 0; i < file->segment_count; ++i) {
    ppn_span_t segment = file->segments[i];
    json_int_t offset = segment.size ? segment.data - file->bytes.data : 0;
    json_array_append_new(
        segments, json_pack("{s:I, s:I}", "offset", offset, "size", (json_int_t)segment.size));
  }
  for (uint32_t i = 0; i < file->named_data_count; ++i) {
    const ppn_pte_named_span_t* data = &file->named_data[i];
    json_array_append_new(
        named_data, json_pack("{s:o, s:I, s:I}", "key", describe_name(data->key), "segment",
                              (json_int_t)data->segment, "size", (json_int_t)data->bytes.size));
  }
  return json_pack("{s:s, s:o, s:I, s:I, s:i, s:o, s:o, s:o}", "kind", "executorch_program", "path",
                   describe_name(path), "size", (json_int_t)file->bytes.size, "description_size",
                   (json_int_t)file->flatbuffer.size, "constants",
                   file->constant_count ? (int)file->constant_count - 1 : 0, "methods", methods,
                   "segments", segments, "named_data", named_data);
}

ppn_status_t ppn_inspect_executorch_program(const char* path, json_t** out_json) {
  ppn_file_map_t map;
  ppn_pte_file_t* file = NULL;
  PPN_RETURN_IF_ERROR(ppn_file_map_open(path, &map));
  ppn_status_t status = ppn_status_annotate(ppn_pte_open(map.bytes, &file), "%s", path);
  if (!status) {
    *out_json = describe_file(file, path);
    if (!*out_json) status = ppn_out_of_memory();
  }
  ppn_pte_close(file);
  ppn_file_map_close(&map);
  return status;
}
