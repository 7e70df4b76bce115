// Graph passes over a MIL function. Each is linear in the function and keeps it valid.
#ifndef PPN_MIL_PASSES_H_
#define PPN_MIL_PASSES_H_

#include "mil/mil.h"

typedef struct ppn_mil_pass {
  const char* name;  // the official tools' name where they have the pass ("fuse_conv_batchnorm")
  ppn_status_t (*run)(ppn_mil_function_t* function);
} ppn_mil_pass_t;

// NULL when there is no pass of this name.
const ppn_mil_pass_t* ppn_mil_pass_find(ppn_string_view_t name);

typedef struct ppn_mil_pipeline_options {
  bool float16;  // compute precision FLOAT16: add_fp16_cast and its clean-up
} ppn_mil_pipeline_options_t;

// The default pipeline, in order, for every function of the program.
ppn_status_t ppn_mil_run_default_pipeline(ppn_mil_program_t* program,
                                          const ppn_mil_pipeline_options_t* options) PPN_MUST_USE;

#endif  // PPN_MIL_PASSES_H_
