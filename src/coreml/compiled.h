// Compiled models (`.mlmodelc`): what Core ML's compiler makes of a package, as a folder.
//
//   Name.mlmodelc/
//     model.mil                    the program as text (mil/text.h)
//     coremldata.bin               kind, version and description of the model (compiled_data.c)
//     metadata.json                the same for people and tools
//     analytics/coremldata.bin     names and hashes
//     weights/weight.bin           as in the package; absent when the program refers to none
//
// The graph is the package's. There is no public specification: the forms are those of compiled
// models that are publicly known (coreml.md 9). No Apple device has loaded what is written here.
#ifndef PPN_COREML_COMPILED_H_
#define PPN_COREML_COMPILED_H_

#include "coreml/model.h"

#define PPN_COMPILED_DATA "coremldata.bin"
#define PPN_COMPILED_PROGRAM "model.mil"
#define PPN_COMPILED_METADATA "metadata.json"
#define PPN_COMPILED_ANALYTICS "analytics/coremldata.bin"

// ---- Writing ----

// The files of a compiled model, laid out.
typedef struct ppn_coreml_compiled ppn_coreml_compiled_t;

// Compiles `message`, the serialised Model whose reading (or making) gave `model`. `weights` are
// the files that its program refers to, with their paths in the compiled model; `name` is the
// package's, without extension. Model and weights must outlive the result. Errors: those of the
// text form.
ppn_status_t ppn_coreml_compiled_create(const ppn_coreml_model_t* model, ppn_span_t message,
                                        const ppn_package_file_t* weights, uint32_t weight_count,
                                        const char* name,
                                        ppn_coreml_compiled_t** out_compiled) PPN_MUST_USE;
void ppn_coreml_compiled_free(ppn_coreml_compiled_t* compiled);
// Owned by `compiled`; files of one folder are neighbours.
const ppn_package_file_t* ppn_coreml_compiled_files(const ppn_coreml_compiled_t* compiled,
                                                    uint32_t* out_count);

// Compiles a model that was read from a package to the folder `path`, which appears complete or not
// at all; a compiled model that is there is replaced. Errors: those of the text form;
// FAILED_PRECONDITION when it was not read from a package; IO.
ppn_status_t ppn_coreml_compile(const ppn_coreml_model_t* model, const char* path) PPN_MUST_USE;

// Warns that no Apple device has loaded what was compiled, naming it.
void ppn_coreml_warn_compiled(const char* what);

// ---- Parts of it (private to the coreml layer) ----

// coremldata.bin around a serialised ModelDescription.
void ppn_coreml_compiled_write_data(int specification_version, uint32_t function_count,
                                    ppn_span_t description, ppn_buffer_t* out);
// Errors: INVALID_DATA; UNSUPPORTED for a model that is no ML Program.
ppn_status_t ppn_coreml_compiled_read_data(ppn_span_t bytes, int* out_specification_version,
                                           ppn_span_t* out_description) PPN_MUST_USE;
void ppn_coreml_compiled_write_analytics(ppn_span_t message, ppn_buffer_t* out);
ppn_status_t ppn_coreml_compiled_write_metadata(const ppn_coreml_model_t* model,
                                                ppn_span_t description, ppn_span_t program,
                                                const char* name, ppn_buffer_t* out) PPN_MUST_USE;

#endif  // PPN_COREML_COMPILED_H_
