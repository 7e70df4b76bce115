#include "engine/model.h"

#include <stdlib.h>

#include "engine/specialise.h"

// ---- What cannot be run ----

static void add_once(ppn_buffer_t* list, const char* type) {
  const char* text = ppn_buffer_text(list);
  size_t length = strlen(type);
  for (const char* found = text; (found = strstr(found, type)); found += length) {
    bool starts = found == text || found[-1] == ' ';
    if (starts && (found[length] == ',' || found[length] == 0)) return;
  }
  ppn_buffer_printf(list, "%s%s", list->size ? ", " : "", type);
}

static void collect_missing(const ppn_mil_block_t* block, ppn_buffer_t* missing) {
  for (const ppn_mil_operation_t* operation = block->first; operation;
       operation = operation->next) {
    for (uint32_t i = 0; i < operation->block_count; ++i) {
      collect_missing(operation->blocks[i], missing);
    }
    if (ppn_engine_is_structural(operation->op->type)) continue;
    if (!ppn_engine_kernel_find(operation->op->type)) add_once(missing, operation->op->type);
  }
}

static ppn_status_t check_operations(const ppn_mil_function_t* function) {
  ppn_buffer_t missing = {0};
  collect_missing(function->block, &missing);
  ppn_status_t status = ppn_buffer_status(&missing);
  if (!status && missing.size) {
    status = ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "function '%s' has operations that the engine cannot run: %s",
                             function->name, ppn_buffer_text(&missing));
  }
  ppn_buffer_release(&missing);
  return status;
}

static ppn_status_t check_inputs(const ppn_mil_function_t* function) {
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_mil_type_t* type = &function->inputs[i]->type;
    bool is_known = type->kind == PPN_MIL_TENSOR ||
                    (type->kind == PPN_MIL_STATE && ppn_mil_type_is_static(type));
    if (!is_known || type->rank > PPN_MAX_RANK || ppn_dtype_size(type->dtype) == 0) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "function '%s': input '%s' is neither a tensor nor a state of fixed "
                             "sizes",
                             function->name, function->inputs[i]->name);
    }
  }
  return ppn_status_ok();
}

// ---- Weights ----

ppn_status_t ppn_engine_weights_create(ppn_engine_weights_t** out_weights) {
  *out_weights = NULL;
  ppn_engine_weights_t* weights = calloc(1, sizeof(*weights));
  if (!weights) return ppn_out_of_memory();
  ppn_status_t status = ppn_engine_constants_create(&weights->constants);
  if (!status) status = ppn_engine_packs_create(&weights->packs);
  if (status) {
    ppn_engine_weights_free(weights);
    return status;
  }
  *out_weights = weights;
  return status;
}

void ppn_engine_weights_free(ppn_engine_weights_t* weights) {
  if (!weights) return;
  ppn_engine_constants_free(weights->constants);
  ppn_engine_packs_free(weights->packs);
  free(weights);
}

// ---- Models ----

ppn_status_t ppn_engine_model_create(const ppn_mil_program_t* program, const char* function_name,
                                     const ppn_engine_options_t* options,
                                     ppn_engine_weights_t* weights,
                                     ppn_engine_model_t** out_model) {
  *out_model = NULL;
  const ppn_mil_function_t* function = ppn_mil_program_function(program, ppn_sv(function_name));
  if (!function) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "the program has no function '%s'", function_name);
  }
  PPN_RETURN_IF_ERROR(check_inputs(function));
  PPN_RETURN_IF_ERROR(check_operations(function));
  ppn_engine_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  model->program = program;
  model->function = function;
  if (options) model->options = *options;
  model->weights = weights;
  if (!weights) {
    model->owns_weights = true;
    ppn_status_t status = ppn_engine_weights_create(&model->weights);
    if (status) {
      ppn_engine_model_free(model);
      return status;
    }
  }
  *out_model = model;
  return ppn_status_ok();
}

void ppn_engine_model_free(ppn_engine_model_t* model) {
  if (!model) return;
  if (model->owns_weights) ppn_engine_weights_free(model->weights);
  free(model);
}
