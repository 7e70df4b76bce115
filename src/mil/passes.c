// The passes by name, and the default pipeline.
#include "mil/passes.h"

#include "mil/pass_list.h"

static const ppn_mil_pass_t passes[] = {
    {"dead_code_elimination", ppn_mil_pass_dead_code},
    {"noop_elimination", ppn_mil_pass_noop},
    {"const_elimination", ppn_mil_pass_fold},
    {"fuse_conv_batchnorm", ppn_mil_pass_fuse_batch_norm},
    {"fuse_bias", ppn_mil_pass_fuse_bias},
    {"fuse_gelu", ppn_mil_pass_fuse_gelu},
    {"fuse_layernorm", ppn_mil_pass_fuse_layer_norm},
    {"merge_views", ppn_mil_pass_merge_views},
    {"remove_redundant_ops", ppn_mil_pass_redundant},
    {"add_fp16_cast", ppn_mil_pass_half},
    {"cast_optimization", ppn_mil_pass_casts},
    {"adjust_io_to_supported_types", ppn_mil_pass_interface_types},
    {"handle_unused_inputs", ppn_mil_pass_unused_inputs},
};

const ppn_mil_pass_t* ppn_mil_pass_find(ppn_string_view_t name) {
  for (size_t i = 0; i < PPN_COUNT_OF(passes); i++) {
    if (ppn_sv_equals(name, passes[i].name)) return &passes[i];
  }
  return NULL;
}

static ppn_status_t run(ppn_mil_function_t* function, const char* const* names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const ppn_mil_pass_t* pass = ppn_mil_pass_find(ppn_sv(names[i]));
    if (!pass) return ppn_status_make(PPN_STATUS_INTERNAL, "there is no pass '%s'", names[i]);
    PPN_RETURN_IF_ERROR_ANNOTATED(pass->run(function), "pass %s", names[i]);
  }
  return ppn_status_ok();
}

ppn_status_t ppn_mil_run_default_pipeline(ppn_mil_program_t* program,
                                          const ppn_mil_pipeline_options_t* options) {
  static const char* const first[] = {"dead_code_elimination",
                                      "noop_elimination",
                                      "const_elimination",
                                      "fuse_conv_batchnorm",
                                      "remove_redundant_ops",
                                      "fuse_bias",
                                      "fuse_gelu",
                                      "fuse_layernorm",
                                      "merge_views",
                                      "noop_elimination",
                                      "dead_code_elimination"};
  static const char* const half[] = {"add_fp16_cast"};
  static const char* const last[] = {"cast_optimization", "dead_code_elimination",
                                     "handle_unused_inputs"};
  for (uint32_t i = 0; i < program->function_count; i++) {
    ppn_mil_function_t* function = program->functions[i];
    PPN_RETURN_IF_ERROR(run(function, first, PPN_COUNT_OF(first)));
    if (options->float16) PPN_RETURN_IF_ERROR(run(function, half, PPN_COUNT_OF(half)));
    PPN_RETURN_IF_ERROR(run(function, last, PPN_COUNT_OF(last)));
  }
  return ppn_status_ok();
}
