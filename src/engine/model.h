// What contexts of one model share.
#ifndef PPN_ENGINE_MODEL_H_
#define PPN_ENGINE_MODEL_H_

#include "engine/engine.h"
#include "engine/packs.h"
#include "engine/storage.h"

struct ppn_engine_weights {
  ppn_engine_constants_t* constants;
  ppn_engine_packs_t* packs;
};

struct ppn_engine_model {
  const ppn_mil_program_t* program;
  const ppn_mil_function_t* function;
  ppn_engine_options_t options;
  ppn_engine_weights_t* weights;
  bool owns_weights;
};

#endif  // PPN_ENGINE_MODEL_H_
