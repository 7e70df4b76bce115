#include "coreml/model.h"

#include <stdlib.h>

#include "mil/passes.h"

// The upper bound that is written for a size without one: the official tools refuse unbounded
// sizes in ML Programs and write this instead.
#define NO_UPPER_BOUND INT64_C(2147483647)

static bool type_is_interface_dtype(ppn_dtype_t dtype) {
  return dtype == PPN_DTYPE_FLOAT16 || dtype == PPN_DTYPE_FLOAT32 || dtype == PPN_DTYPE_INT32 ||
         dtype == PPN_DTYPE_INT8;
}

static ppn_status_t make_array(const ppn_mil_function_t* function, const ppn_mil_value_t* value,
                               bool is_output, ppn_arena_t* arena, ppn_coreml_feature_t* out) {
  const ppn_mil_type_t* type = &value->type;
  out->kind = PPN_COREML_MULTI_ARRAY;
  out->dtype = type->dtype;
  out->rank = -1;
  if (!type_is_interface_dtype(type->dtype)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "'%s' has type %s, which no interface allows",
                           value->name, ppn_dtype_name(type->dtype));
  }
  bool is_static = ppn_mil_type_is_static(type);
  if (is_output && (!is_static || type->rank == 0)) return ppn_status_ok();
  out->rank = type->rank > 0 ? type->rank : 1;
  PPN_ARENA_NEW(arena, out->rank, &out->shape);
  out->shape[0] = 1;
  if (is_static) {
    for (int i = 0; i < type->rank; ++i) out->shape[i] = type->sizes[i].value;
    return ppn_status_ok();
  }
  PPN_ARENA_NEW(arena, out->rank, &out->ranges);
  for (int i = 0; i < type->rank; ++i) {
    ppn_coreml_range_t* range = &out->ranges[i];
    ppn_dim_bounds(function->program->symbols, type->sizes[i], &range->lower, &range->upper);
    if (range->lower < 0) range->lower = 0;
    if (range->upper > NO_UPPER_BOUND) range->upper = NO_UPPER_BOUND;
    out->shape[i] = range->lower > 0 || range->upper == 0 ? range->lower : 1;
  }
  return ppn_status_ok();
}

static ppn_status_t make_output(const ppn_mil_function_t* function, const ppn_mil_value_t* value,
                                ppn_arena_t* arena, ppn_coreml_feature_t* out) {
  out->rank = -1;
  switch (value->type.kind) {
    case PPN_MIL_DICTIONARY:
      out->kind = PPN_COREML_DICTIONARY;
      out->dtype = value->type.key_dtype;
      return ppn_status_ok();
    case PPN_MIL_TENSOR:
      if (value->type.dtype == PPN_DTYPE_STRING || value->type.dtype == PPN_DTYPE_INT64) {
        out->kind = value->type.dtype == PPN_DTYPE_STRING ? PPN_COREML_STRING : PPN_COREML_INT64;
        out->dtype = value->type.dtype;
        return ppn_status_ok();
      }
      return make_array(function, value, true, arena, out);
    default:
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "output '%s' is neither tensor nor dictionary",
                             value->name);
  }
}

static ppn_status_t make_state(const ppn_mil_function_t* function, const ppn_mil_value_t* value,
                               ppn_arena_t* arena, ppn_coreml_feature_t* out) {
  if (function->opset < PPN_MIL_OPSET_IOS18) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "state '%s' needs iOS 18 (specification version 9); the program is for "
                           "version %d",
                           value->name, ppn_mil_opset_specification_version(function->opset));
  }
  if (!ppn_mil_type_is_static(&value->type) || value->type.rank == 0 ||
      (value->type.dtype != PPN_DTYPE_FLOAT16 && value->type.dtype != PPN_DTYPE_INT8)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "state '%s' must be float16 or int8, of fixed shape and rank 1 or more",
                           value->name);
  }
  out->kind = PPN_COREML_STATE;
  out->dtype = value->type.dtype;
  out->rank = value->type.rank;
  PPN_ARENA_NEW(arena, out->rank, &out->shape);
  for (int i = 0; i < out->rank; ++i) out->shape[i] = value->type.sizes[i].value;
  return ppn_status_ok();
}

static ppn_status_t make_inputs(const ppn_mil_function_t* function, ppn_arena_t* arena,
                                ppn_coreml_interface_t* out) {
  PPN_ARENA_NEW(arena, function->input_count, &out->inputs);
  PPN_ARENA_NEW(arena, function->input_count, &out->states);
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_mil_value_t* value = function->inputs[i];
    if (value->type.kind == PPN_MIL_STATE) {
      ppn_coreml_feature_t* state = &out->states[out->state_count++];
      state->name = value->name;
      PPN_RETURN_IF_ERROR(make_state(function, value, arena, state));
    } else {
      ppn_coreml_feature_t* input = &out->inputs[out->input_count++];
      input->name = value->name;
      PPN_RETURN_IF_ERROR(make_array(function, value, false, arena, input));
    }
  }
  return ppn_status_ok();
}

static ppn_status_t make_interface(ppn_mil_function_t* function, ppn_arena_t* arena,
                                   ppn_coreml_interface_t* out) {
  const ppn_mil_block_t* block = function->block;
  out->function_name = function->name;
  PPN_RETURN_IF_ERROR(make_inputs(function, arena, out));
  if (out->input_count == 0 && function->opset < PPN_MIL_OPSET_IOS18) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "a program without inputs needs iOS 18 (specification version 9); set "
                           "the minimum deployment target to it");
  }
  if (block->output_count == 0) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "a Core ML model must have an output; return something beside the "
                           "buffers that are written, or keep them outside "
                           "(take_over_mutable_buffer=False, --no-take-over-mutable-buffer)");
  }
  PPN_ARENA_NEW(arena, block->output_count, &out->outputs);
  for (uint32_t i = 0; i < block->output_count; ++i) {
    ppn_coreml_feature_t* output = &out->outputs[out->output_count++];
    output->name = block->outputs[i]->name;
    PPN_RETURN_IF_ERROR(make_output(function, block->outputs[i], arena, output));
  }
  return ppn_status_ok();
}

static ppn_status_t build(ppn_mil_program_t* program, ppn_coreml_model_t* model) {
  const ppn_mil_pass_t* adjust = ppn_mil_pass_find(ppn_sv("adjust_io_to_supported_types"));
  model->program = program;
  PPN_ARENA_NEW(&model->arena, program->function_count, &model->interfaces);
  if (program->function_count == 0) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "the program has no functions");
  }
  model->default_function = program->functions[0]->name;
  model->is_multifunction =
      program->function_count > 1 || strcmp(program->functions[0]->name, "main") != 0;
  for (uint32_t i = 0; i < program->function_count; ++i) {
    ppn_mil_function_t* function = program->functions[i];
    int version = ppn_mil_opset_specification_version(function->opset);
    if (version > model->specification_version) model->specification_version = version;
    PPN_RETURN_IF_ERROR_ANNOTATED(adjust->run(function), "function '%s'", function->name);
    PPN_RETURN_IF_ERROR(ppn_mil_function_assign_names(function));
    PPN_RETURN_IF_ERROR_ANNOTATED(make_interface(function, &model->arena, &model->interfaces[i]),
                                  "function '%s'", function->name);
    ++model->interface_count;
  }
  if (model->is_multifunction && model->specification_version < 9) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "a model with several functions needs iOS 18 (specification version 9)");
  }
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_model_from_program(ppn_mil_program_t* program,
                                           ppn_coreml_model_t** out_model) {
  *out_model = NULL;
  ppn_coreml_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  ppn_status_t status = build(program, model);
  if (status) {
    ppn_coreml_model_free(model);
    return status;
  }
  *out_model = model;
  return ppn_status_ok();
}

void ppn_coreml_model_free(ppn_coreml_model_t* model) {
  if (!model) return;
  if (model->owns_program && model->program) ppn_mil_program_free(model->program);
  for (uint32_t i = 0; i < model->map_count; ++i) ppn_file_map_close(&model->maps[i]);
  free(model->maps);
  for (uint32_t i = 0; i < model->copy_count; ++i) free(model->copies[i]);
  free(model->copies);
  free(model->weight_files);
  ppn_arena_release(&model->arena);
  free(model);
}
