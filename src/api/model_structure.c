// The structure of a model's functions as JSON: for programs in other languages that show it.
#include "api/model.h"
#include "base/buffer.h"
#include "base/pointer_map.h"
#include "coreml/package_layout.h"
#include "mil/op.h"

typedef struct writer {
  ppn_buffer_t out;
  ppn_pointer_map_t constants;  // those of the function that are written
} writer_t;

static void write_names(writer_t* writer, ppn_mil_value_t* const* values, uint32_t count) {
  ppn_buffer_append_text(&writer->out, "[");
  for (uint32_t i = 0; i < count; ++i) {
    if (i) ppn_buffer_append_text(&writer->out, ", ");
    ppn_json_append_string(&writer->out, values[i]->name ? values[i]->name : "");
  }
  ppn_buffer_append_text(&writer->out, "]");
}

// A constant is an operation of its own, before the first that uses it, as in the serialised forms.
static ppn_status_t write_constants(writer_t* writer, const ppn_mil_operation_t* operation) {
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (!value->constant || ppn_pointer_map_get(&writer->constants, value)) continue;
      PPN_RETURN_IF_ERROR(ppn_pointer_map_set(&writer->constants, value, value));
      ppn_buffer_append_text(&writer->out, "{\"type\": \"const\", \"inputs\": {}, \"outputs\": ");
      write_names(writer, &value, 1);
      ppn_buffer_append_text(&writer->out, ", \"blocks\": []}, ");
    }
  }
  return ppn_status_ok();
}

static ppn_status_t write_block(writer_t* writer, const ppn_mil_block_t* block);

static ppn_status_t write_operation(writer_t* writer, const ppn_mil_operation_t* operation) {
  ppn_buffer_t* out = &writer->out;
  ppn_buffer_append_text(out, "{\"type\": ");
  ppn_json_append_string(out, operation->op->type);
  ppn_buffer_append_text(out, ", \"inputs\": {");
  const char* separator = "";
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    const ppn_mil_argument_t* argument = &operation->inputs[i];
    if (argument->count == 0) continue;
    ppn_buffer_append_text(out, separator);
    ppn_json_append_string(out, operation->op->parameters[i].name);
    ppn_buffer_append_text(out, ": ");
    write_names(writer, argument->values, argument->count);
    separator = ", ";
  }
  ppn_buffer_append_text(out, "}, \"outputs\": ");
  write_names(writer, operation->outputs, operation->output_count);
  ppn_buffer_append_text(out, ", \"blocks\": [");
  for (uint32_t i = 0; i < operation->block_count; ++i) {
    if (i) ppn_buffer_append_text(out, ", ");
    PPN_RETURN_IF_ERROR(write_block(writer, operation->blocks[i]));
  }
  ppn_buffer_append_text(out, "]}");
  return ppn_status_ok();
}

static ppn_status_t write_block(writer_t* writer, const ppn_mil_block_t* block) {
  ppn_buffer_append_text(&writer->out, "{\"inputs\": ");
  write_names(writer, block->inputs, block->input_count);
  ppn_buffer_append_text(&writer->out, ", \"operations\": [");
  for (const ppn_mil_operation_t* operation = block->first; operation;
       operation = operation->next) {
    PPN_RETURN_IF_ERROR(write_constants(writer, operation));
    PPN_RETURN_IF_ERROR(write_operation(writer, operation));
    if (operation->next) ppn_buffer_append_text(&writer->out, ",\n");
  }
  ppn_buffer_append_text(&writer->out, "], \"outputs\": ");
  write_names(writer, block->outputs, block->output_count);
  ppn_buffer_append_text(&writer->out, "}");
  return ppn_status_ok();
}

static ppn_status_t write_function(writer_t* writer, const ppn_mil_function_t* function) {
  ppn_json_append_string(&writer->out, function->name);
  ppn_buffer_append_text(&writer->out, ": {\"inputs\": ");
  write_names(writer, function->inputs, function->input_count);
  ppn_buffer_append_text(&writer->out, ", \"block\": ");
  ppn_status_t status = write_block(writer, function->block);
  ppn_buffer_append_text(&writer->out, "}");
  ppn_pointer_map_release(&writer->constants);
  writer->constants = (ppn_pointer_map_t){0};
  return status;
}

ppn_status_t ppn_model_structure(const ppn_model_t* model, char** out_json) {
  *out_json = NULL;
  const ppn_mil_program_t* program = model->coreml->program;
  writer_t writer = {.out = {0}};
  ppn_status_t status = ppn_status_ok();
  ppn_buffer_append_text(&writer.out, "{\"functions\": {");
  for (uint32_t i = 0; !status && i < program->function_count; ++i) {
    if (i) ppn_buffer_append_text(&writer.out, ",\n");
    status = write_function(&writer, program->functions[i]);
  }
  ppn_buffer_append_text(&writer.out, "}}\n");
  ppn_buffer_text(&writer.out);
  if (!status) status = ppn_buffer_status(&writer.out);
  if (status) {
    ppn_buffer_release(&writer.out);
  } else {
    *out_json = (char*)writer.out.data;  // released by ppn_text_free
  }
  return status;
}
