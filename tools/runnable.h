// One face for everything that runs: methods of a `.pte`, functions of a Core ML model.
#ifndef PIPPIN_TOOLS_RUNNABLE_H_
#define PIPPIN_TOOLS_RUNNABLE_H_

#include "pippin/pippin.h"

typedef struct runnable runnable_t;

typedef struct runnable_port {
  char name[128];     // features have names; inputs and outputs of a method are called by their
                      // position
  bool is_tensor;     // otherwise a scalar that was fixed at export
  ppn_tensor_t type;  // dtype, rank and sizes (upper bounds or defaults when dynamic); no data
} runnable_port_t;

// Opens by the file's name: `.pte`, otherwise a Core ML model. `name`: method or function, NULL for
// the first.
ppn_status_t runnable_open(const char* path, const char* name, const ppn_engine_options_t* options,
                           runnable_t** out);
void runnable_free(runnable_t* runnable);
size_t runnable_input_count(const runnable_t* runnable);
size_t runnable_output_count(const runnable_t* runnable);
runnable_port_t runnable_input(const runnable_t* runnable, size_t index);
runnable_port_t runnable_output(const runnable_t* runnable, size_t index);
// A model's output as its description states it; NULL for methods.
const ppn_model_feature_t* runnable_output_feature(const runnable_t* runnable, size_t index);
// One entry per input; entries of scalar inputs are ignored (their fixed value is passed).
ppn_status_t runnable_run(runnable_t* runnable, const ppn_tensor_t* inputs);
// A view, valid until the next run. Scalars come as rank 0 tensors.
ppn_status_t runnable_get_output(runnable_t* runnable, size_t index, ppn_tensor_t* out);

#endif  // PIPPIN_TOOLS_RUNNABLE_H_
