// Compile specs: what a `.pte` says about how its Core ML delegates were made.
#include <string.h>

#include "base/log.h"
#include "coreml/delegate.h"

// Texts by value of the option.
static const char* const compute_units[] = {
    [PPN_COMPUTE_UNIT_ALL] = "all",
    [PPN_COMPUTE_UNIT_CPU_ONLY] = "cpu_only",
    [PPN_COMPUTE_UNIT_CPU_AND_GPU] = "cpu_and_gpu",
    [PPN_COMPUTE_UNIT_CPU_AND_NE] = "cpu_and_ne",
};
static const char* const precisions[] = {"float16", "float32"};
static const char* const model_types[] = {"model", "compiled_model"};
static const char* const weight_sharings[] = {"positional", "disabled"};
// Specification versions of deployment targets; 0 is no target, the empty text.
static const char* const targets[] = {"", "4", "5", "6", "7", "8", "9", "10"};
static const int target_versions[] = {0, 4, 5, 6, 7, 8, 9, 10};

#define SHARING_KEY "multimethod_weight_sharing_strategy"
#define MAX_SPECS 5

ppn_status_t ppn_coreml_compile_specs(const ppn_coreml_compile_options_t* options,
                                      ppn_arena_t* arena, ppn_compile_spec_t** out_specs,
                                      uint32_t* out_count) {
  const char* target = NULL;
  for (size_t i = 0; i < PPN_COUNT_OF(targets); ++i) {
    if (target_versions[i] == options->minimum_deployment_target) target = targets[i];
  }
  if (!target) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "there is no deployment target with specification version %d; known are "
                           "4 (iOS 13) to 10 (iOS 26)",
                           options->minimum_deployment_target);
  }
  if ((size_t)options->compute_unit >= PPN_COUNT_OF(compute_units)) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "there is no compute unit number %d",
                           (int)options->compute_unit);
  }
  const char* const pairs[MAX_SPECS][2] = {
      {"compute_units", compute_units[options->compute_unit]},
      {"min_deployment_target", target},
      {"model_compute_precision", precisions[options->compute_precision == PPN_PRECISION_FLOAT32]},
      {"model_type", model_types[options->model_type == PPN_MODEL_TYPE_COMPILED_MODEL]},
      {SHARING_KEY, weight_sharings[1]},
  };
  // The generator knows nothing of the last one: it is written where it says something.
  uint32_t count =
      options->weight_sharing == PPN_WEIGHT_SHARING_DISABLED ? MAX_SPECS : MAX_SPECS - 1;
  PPN_ARENA_NEW(arena, count, out_specs);
  for (uint32_t i = 0; i < count; ++i) {
    (*out_specs)[i].key = pairs[i][0];
    (*out_specs)[i].value = pairs[i][1];
    (*out_specs)[i].value_size = strlen(pairs[i][1]);
  }
  *out_count = count;
  return ppn_status_ok();
}

// The first spec with the key, as the official compiler reads it; NULL when there is none.
static const ppn_compile_spec_t* find_spec(const ppn_compile_spec_t* specs, uint32_t count,
                                           const char* key) {
  for (uint32_t i = 0; i < count; ++i) {
    if (strcmp(specs[i].key, key) == 0) return &specs[i];
  }
  return NULL;
}

// Index of the spec's value in `texts`, or `fallback` when the key is missing.
static ppn_status_t parse_choice(const ppn_compile_spec_t* specs, uint32_t count, const char* key,
                                 const char* const* texts, uint32_t text_count, uint32_t fallback,
                                 uint32_t* out_index) {
  const ppn_compile_spec_t* spec = find_spec(specs, count, key);
  *out_index = fallback;
  if (!spec) return ppn_status_ok();
  ppn_string_view_t value = ppn_sv_make(spec->value, spec->value_size);
  for (uint32_t i = 0; i < text_count; ++i) {
    if (ppn_sv_equals(value, texts[i])) {
      *out_index = i;
      return ppn_status_ok();
    }
  }
  ppn_buffer_t allowed = {0};
  for (uint32_t i = 0; i < text_count; ++i) {
    ppn_buffer_printf(&allowed, "%s'%s'", i ? ", " : "", texts[i]);
  }
  ppn_status_t status =
      ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "compile spec '%s' is '%.*s'; allowed are %s",
                      key, PPN_SV(value), ppn_buffer_text(&allowed));
  ppn_buffer_release(&allowed);
  return status;
}

// Specs that the official compiler acts on and Pippin does not: dropping one silently would give
// another model than was asked for.
static ppn_status_t refuse_unsupported(const ppn_compile_spec_t* specs, uint32_t count) {
  if (find_spec(specs, count, "op_linear_quantizer_config")) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "compile spec 'op_linear_quantizer_config' is not supported: quantise "
                           "the model before exporting it, and leave the spec out");
  }
  if (find_spec(specs, count, "pass_pipeline")) {
    ppn_log(
        PPN_LOG_WARNING,
        "compile spec 'pass_pipeline' names coremltools' passes, which Pippin does not run: its "
        "own passes keep the results the same");
  }
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_parse_compile_specs(const ppn_compile_spec_t* specs, uint32_t count,
                                            ppn_coreml_compile_options_t* out_options) {
  uint32_t unit, target, precision, type, sharing;
  memset(out_options, 0, sizeof(*out_options));
  PPN_RETURN_IF_ERROR(refuse_unsupported(specs, count));
  PPN_RETURN_IF_ERROR(parse_choice(specs, count, "compute_units", compute_units,
                                   PPN_COUNT_OF(compute_units), PPN_COMPUTE_UNIT_ALL, &unit));
  PPN_RETURN_IF_ERROR(parse_choice(specs, count, "min_deployment_target", targets,
                                   PPN_COUNT_OF(targets), 0, &target));
  PPN_RETURN_IF_ERROR(parse_choice(specs, count, "model_compute_precision", precisions,
                                   PPN_COUNT_OF(precisions), 0, &precision));
  PPN_RETURN_IF_ERROR(
      parse_choice(specs, count, "model_type", model_types, PPN_COUNT_OF(model_types), 0, &type));
  PPN_RETURN_IF_ERROR(parse_choice(specs, count, SHARING_KEY, weight_sharings,
                                   PPN_COUNT_OF(weight_sharings), 0, &sharing));
  out_options->compute_unit = (ppn_compute_unit_t)unit;
  out_options->minimum_deployment_target = target_versions[target];
  out_options->compute_precision = (ppn_compute_precision_t)precision;
  out_options->model_type = (ppn_model_type_t)type;
  out_options->weight_sharing = (ppn_weight_sharing_t)sharing;
  return ppn_status_ok();
}

ppn_string_view_t ppn_coreml_enumerated_shapes_spec(const ppn_compile_spec_t* specs,
                                                    uint32_t count) {
  const ppn_compile_spec_t* spec = find_spec(specs, count, "enumerated_shapes");
  return spec ? ppn_sv_make(spec->value, spec->value_size) : ppn_sv_make(NULL, 0);
}
