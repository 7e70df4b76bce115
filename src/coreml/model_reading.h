// Reading models: the parts that packages and compiled models have in common. Private to the coreml
// layer.
#ifndef PPN_COREML_MODEL_READING_H_
#define PPN_COREML_MODEL_READING_H_

#include "coreml/model.h"
#include "mil/proto.h"

// A path from a manifest or program may only lead downwards.
bool ppn_coreml_is_safe_path(const char* path);

// Finds weight files for a program that is being read into `model`, which keeps them: each is
// looked for once and verified.
typedef struct ppn_coreml_weight_source {
  ppn_coreml_model_t* model;
  ppn_package_find_t find;
  void* context;
  const char* folder;  // that stands for "@model_path", with a slash; "" at the top
} ppn_coreml_weight_source_t;
ppn_mil_blob_source_t ppn_coreml_blob_source(ppn_coreml_weight_source_t* source);

// Description and program must speak of the same inputs, outputs and states; ranges of the
// description become those of the program's symbols. Errors: INVALID_DATA.
ppn_status_t ppn_coreml_model_match_interfaces(ppn_coreml_model_t* model) PPN_MUST_USE;

// Fill an empty model. From the manifest of a package and what it names; from one model file; from
// the files of a compiled model, whose coremldata.bin is `data`.
ppn_status_t ppn_coreml_read_package(ppn_coreml_model_t* model, ppn_span_t manifest,
                                     ppn_package_find_t find, void* context) PPN_MUST_USE;
ppn_status_t ppn_coreml_read_model_file(ppn_coreml_model_t* model, ppn_package_find_t find,
                                        void* context, const char* path) PPN_MUST_USE;

ppn_status_t ppn_coreml_read_compiled(ppn_coreml_model_t* model, ppn_span_t data,
                                      ppn_package_find_t find, void* context) PPN_MUST_USE;

#endif  // PPN_COREML_MODEL_READING_H_
