// What the parts of pippin/model.h share.
#ifndef PPN_API_MODEL_H_
#define PPN_API_MODEL_H_

#include "coreml/model.h"
#include "engine/engine.h"
#include "pippin/model.h"

struct ppn_model {
  ppn_coreml_model_t* coreml;
  ppn_engine_weights_t* weights;  // of all instances
  // Per function.
  ppn_model_feature_t **inputs, **outputs, **states;
};

ppn_status_t ppn_model_find_interface(const ppn_model_t* model, const char* function,
                                      const ppn_coreml_interface_t** out_interface) PPN_MUST_USE;

#endif  // PPN_API_MODEL_H_
