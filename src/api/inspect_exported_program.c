// What is in a `.pt2`: signature, operators, weights.
#include "api/inspect.h"
#include "graph/exported_program.h"
#include "pippin/lowering.h"
#include "tensor/tensor.h"

static json_t* describe_sizes(const ppn_symbol_table_t* symbols, const ppn_tensor_meta_t* meta) {
  json_t* sizes = json_array();
  for (int i = 0; i < meta->rank; ++i) {
    if (ppn_dim_is_static(meta->sizes[i])) {
      json_array_append_new(sizes, json_integer(meta->sizes[i].value));
    } else {
      ppn_buffer_t text = {0};
      ppn_dim_print(symbols, meta->sizes[i], &text);
      json_array_append_new(sizes, json_string(ppn_buffer_text(&text)));
      ppn_buffer_release(&text);
    }
  }
  return sizes;
}

static json_t* describe_value(const ppn_symbol_table_t* symbols, const ppn_value_t* value) {
  if (value->kind != PPN_VALUE_TENSOR)
    return json_pack("{s:s, s:s}", "name", value->name, "type", "scalar");
  return json_pack("{s:s, s:s, s:o}", "name", value->name, "type",
                   ppn_dtype_name(value->tensor.dtype), "shape",
                   describe_sizes(symbols, &value->tensor));
}

static json_t* describe_operators(const ppn_graph_t* graph) {
  json_t* counts = json_object();
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    json_int_t count = json_integer_value(json_object_get(counts, node->target));
    json_object_set_new(counts, node->target, json_integer(count + 1));
  }
  return counts;
}

static json_t* describe_ranges(ppn_symbol_table_t* symbols) {
  json_t* ranges = json_object();
  for (uint32_t i = 0; i < ppn_symbol_table_count(symbols); ++i) {
    const ppn_symbol_t* symbol = ppn_symbol_table_symbol(symbols, i);
    json_t* maximum =
        symbol->maximum == PPN_DIM_UNBOUNDED ? json_null() : json_integer(symbol->maximum);
    json_t* range = json_pack("[I, o]", (json_int_t)symbol->minimum, maximum);
    json_object_setn_new(ranges, symbol->name.data, symbol->name.size, range);
  }
  return ranges;
}

ppn_status_t ppn_inspect_exported_program(const char* path, json_t** out_json) {
  ppn_exported_program_t* program;
  PPN_RETURN_IF_ERROR(ppn_exported_program_load(path, &program));
  json_t *inputs = json_array(), *outputs = json_array();
  int64_t weight_count = 0, weight_bytes = 0;
  for (uint32_t i = 0; i < program->input_count; ++i) {
    const ppn_input_spec_t* spec = &program->inputs[i];
    if (spec->kind == PPN_INPUT_USER && program->graph->inputs[i]) {
      json_array_append_new(inputs, describe_value(program->symbols, program->graph->inputs[i]));
    } else if (spec->constant) {
      int64_t numel;
      size_t size;
      ++weight_count;
      if (ppn_sizes_numel(spec->constant->rank, spec->constant->sizes, &numel) &&
          ppn_dtype_byte_count(spec->constant->dtype, numel, &size)) {
        weight_bytes += (int64_t)size;
      }
    }
  }
  for (uint32_t i = 0; i < program->output_count; ++i) {
    const ppn_argument_t* output = &program->graph->outputs[i];
    if (program->outputs[i].kind == PPN_OUTPUT_USER && output->kind == PPN_ARGUMENT_VALUE) {
      json_array_append_new(outputs, describe_value(program->symbols, output->u.value));
    }
  }
  static const char* const dialects[] = {"training", "aten", "edge"};
  *out_json = json_pack(
      "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:{s:I, s:I}}", "kind", "exported_program",
      "path", path, "torch_version", program->torch_version ? program->torch_version : "",
      "dialect", dialects[program->dialect], "inputs", inputs, "outputs", outputs, "symbols",
      describe_ranges(program->symbols), "nodes", (json_int_t)program->graph->node_count,
      "operators", describe_operators(program->graph), "weights", "count", (json_int_t)weight_count,
      "bytes", (json_int_t)weight_bytes);
  ppn_exported_program_free(program);
  return *out_json ? ppn_status_ok() : ppn_out_of_memory();
}
