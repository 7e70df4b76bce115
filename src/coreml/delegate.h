// The Core ML delegate's side of a `.pte`: compile specs, and the payload (a flattened folder with
// package and metadata).
#ifndef PPN_COREML_DELEGATE_H_
#define PPN_COREML_DELEGATE_H_

#include "coreml/model.h"
#include "formats/pte_reader.h"
#include "pippin/lowering.h"

#define PPN_COREML_BACKEND_ID "CoreMLBackend"

// ppn_coreml_compile_options_t and ppn_compile_spec_t are public: pippin/lowering.h.

// The specs the official generator writes, in its order. Arrays from the arena.
ppn_status_t ppn_coreml_compile_specs(const ppn_coreml_compile_options_t* options,
                                      ppn_arena_t* arena, ppn_compile_spec_t** out_specs,
                                      uint32_t* out_count) PPN_MUST_USE;
// Back again; defaults for missing keys. Errors: INVALID_ARGUMENT naming key, value and the values
// allowed; UNSUPPORTED for a spec that asks for what Pippin cannot do yet.
ppn_status_t ppn_coreml_parse_compile_specs(const ppn_compile_spec_t* specs, uint32_t count,
                                            ppn_coreml_compile_options_t* out_options) PPN_MUST_USE;

// The value of the spec that enumerates shapes (coreml/enumerated_shapes.h); its data is NULL when
// there is none.
ppn_string_view_t ppn_coreml_enumerated_shapes_spec(const ppn_compile_spec_t* specs,
                                                    uint32_t count);

// The payload of a model: the folder `name` with metadata.json and model.mlpackage (model.mlmodelc
// when the plan has compiled it), flattened. Takes over nothing: plan, model and name must outlive
// it. The identifier is derived from the content, so equal models have equal identifiers.
ppn_status_t ppn_coreml_payload_create(ppn_coreml_package_plan_t* plan, const char* name,
                                       ppn_producer_t* out_payload) PPN_MUST_USE;

// The key of a payload among a program's named data, "coreml_" and the identifier; it lives as long
// as the payload. The first call reads all weights.
ppn_status_t ppn_coreml_payload_key(const ppn_producer_t* payload,
                                    const char** out_key) PPN_MUST_USE;
// The payload of a delegate that runs a function of the model in `shared`, which is stored among
// the named data. `shared` and `function` must outlive it.
ppn_status_t ppn_coreml_payload_refer(const ppn_producer_t* shared, const char* function,
                                      ppn_producer_t* out_payload) PPN_MUST_USE;

// The bytes to open for a delegate's payload: itself, or, when it only refers to a model that
// several methods share, that model's among the program's named data. `*out_function`: the function
// that it asks for, in the arena; NULL: the default one. Errors: INVALID_DATA.
ppn_status_t ppn_coreml_payload_resolve(const ppn_pte_file_t* file, ppn_span_t payload,
                                        ppn_arena_t* arena, ppn_span_t* out_bytes,
                                        const char** out_function) PPN_MUST_USE;

// A parsed payload. Borrows the bytes.
typedef struct ppn_coreml_payload ppn_coreml_payload_t;
ppn_status_t ppn_coreml_payload_open(ppn_span_t bytes,
                                     ppn_coreml_payload_t** out_payload) PPN_MUST_USE;
uint32_t ppn_coreml_payload_file_count(const ppn_coreml_payload_t* payload);
// Path below the root folder ("model.mlpackage/Manifest.json") and content of file `index`.
const char* ppn_coreml_payload_file(const ppn_coreml_payload_t* payload, uint32_t index,
                                    ppn_span_t* out_bytes);
const char* ppn_coreml_payload_identifier(const ppn_coreml_payload_t* payload);
// Names of the model's inputs and outputs in the order of the delegate call's arguments, for
// `method` (or the only one).
ppn_status_t ppn_coreml_payload_names(const ppn_coreml_payload_t* payload, const char* method,
                                      const char* const** out_inputs, uint32_t* out_input_count,
                                      const char* const** out_outputs,
                                      uint32_t* out_output_count) PPN_MUST_USE;
// The model in the payload. The payload must outlive it.
ppn_status_t ppn_coreml_payload_model(const ppn_coreml_payload_t* payload,
                                      ppn_coreml_model_t** out_model) PPN_MUST_USE;
// Writes the payload's model package (or compiled model) as the folder `path`, which appears
// complete or not at all. NOT_FOUND when there is none.
ppn_status_t ppn_coreml_payload_extract(const ppn_coreml_payload_t* payload,
                                        const char* path) PPN_MUST_USE;
void ppn_coreml_payload_free(ppn_coreml_payload_t* payload);

#endif  // PPN_COREML_DELEGATE_H_
