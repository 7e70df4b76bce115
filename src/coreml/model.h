// A Core ML model: an ML Program with its interface, written to and read from model packages and
// delegate payloads.
#ifndef PPN_COREML_MODEL_H_
#define PPN_COREML_MODEL_H_

#include "base/file_map.h"
#include "base/stream.h"
#include "mil/mil.h"

typedef enum ppn_coreml_feature_kind {
  PPN_COREML_MULTI_ARRAY,
  PPN_COREML_IMAGE,
  PPN_COREML_STATE,
  PPN_COREML_STRING,
  PPN_COREML_INT64,
  PPN_COREML_DICTIONARY,
} ppn_coreml_feature_kind_t;

typedef struct ppn_coreml_range {
  int64_t lower, upper;  // inclusive; upper -1: unbounded
} ppn_coreml_range_t;

// One input, output or state of a function, as the model description states it.
typedef struct ppn_coreml_feature {
  const char* name;
  ppn_coreml_feature_kind_t kind;
  ppn_dtype_t dtype;           // multi-arrays and states: FLOAT16, FLOAT32, FLOAT64, INT32, INT8
  int rank;                    // -1: not stated (outputs of flexible models)
  int64_t* shape;              // default shape; [height, width] of images
  ppn_coreml_range_t* ranges;  // flexible: one per dimension; else NULL
  int64_t* enumerated;         // enumerated shapes: count × rank; else NULL
  uint32_t enumerated_count;
  bool is_optional;
  double default_value;  // of every element of an optional input that is not given
  // Images: width, height are shape; colour layout as in FeatureTypes.proto (10 gray, 20 RGB, 30
  // BGR, 40 gray fp16).
  int image_color_space;
} ppn_coreml_feature_t;

typedef struct ppn_coreml_interface {
  const char* function_name;  // "main"
  ppn_coreml_feature_t *inputs, *outputs, *states;
  uint32_t input_count, output_count, state_count;
  const char *predicted_feature_name, *predicted_probabilities_name;  // classifiers; else NULL
} ppn_coreml_interface_t;

typedef struct ppn_coreml_weight_file {
  const char* path;  // below the folder of the model: "weights/weight.bin"
  ppn_span_t bytes;  // verified
} ppn_coreml_weight_file_t;

// Owns everything; `program`'s constants view the mapped files (read) or the exported program
// (written).
typedef struct ppn_coreml_model {
  ppn_arena_t arena;
  int specification_version;
  ppn_mil_program_t* program;
  bool owns_program;
  ppn_coreml_interface_t* interfaces;  // one per function, same order as program->functions
  uint32_t interface_count;
  const char* default_function;  // "main"
  bool is_multifunction;         // described function by function, even if there is only one
  const char* name;              // of the file or folder, without extension; NULL: made in memory
  // As read: the Model message of a package, and the weight files that the program refers to. They
  // live as long as what the model was read from.
  ppn_span_t message;
  ppn_coreml_weight_file_t* weight_files;
  uint32_t weight_file_count, weight_file_capacity;
  // What was mapped to read it; unmapped by free. NULL when made in memory.
  ppn_file_map_t* maps;
  uint32_t map_count, map_capacity;
  // Copies of weight files whose bytes were not aligned in memory (packed into a payload).
  void** copies;
  uint32_t copy_count, copy_capacity;
} ppn_coreml_model_t;

// ---- Making ----

// Wraps a program (borrowed; must outlive the model): interface from the functions' inputs and
// outputs, specification version from the opset, I/O types that this version allows (casts are
// inserted where not).
ppn_status_t ppn_coreml_model_from_program(ppn_mil_program_t* program,
                                           ppn_coreml_model_t** out_model) PPN_MUST_USE;

// One model with the functions of `sources`, renamed to `names`, in order; the first is the default
// one. In its package, constants that are equal are stored once, whichever function they belong to.
// Sources have one function each, of the same opset, iOS18 or later. They and the names must
// outlive the model, and are part of it from now on: packages of their own can no longer be made.
ppn_status_t ppn_coreml_model_combine(ppn_coreml_model_t* const* sources, const char* const* names,
                                      uint32_t count, ppn_coreml_model_t** out_model) PPN_MUST_USE;

// ---- Writing (coreml/package_writer.c) ----

// The two files of a package, laid out: equal constants stored once, offsets known. The plan
// borrows the model.
typedef struct ppn_coreml_package_plan ppn_coreml_package_plan_t;
ppn_status_t ppn_coreml_package_plan_create(ppn_coreml_model_t* model,
                                            ppn_coreml_package_plan_t** out_plan) PPN_MUST_USE;
void ppn_coreml_package_plan_free(ppn_coreml_package_plan_t* plan);
const ppn_coreml_model_t* ppn_coreml_package_plan_model(const ppn_coreml_package_plan_t* plan);

// Files of a package or payload, by path inside it; contents produced on demand.
typedef struct ppn_package_file {
  const char* path;  // "Data/com.apple.CoreML/weights/weight.bin"
  ppn_producer_t content;
} ppn_package_file_t;
// The package's files (Manifest.json, model.mlmodel, weight.bin), owned by the plan.
const ppn_package_file_t* ppn_coreml_package_plan_files(const ppn_coreml_package_plan_t* plan,
                                                        uint32_t* out_count);
// Compiles the model of the package (coreml/compiled.h); once. From then on the plan has the files
// of the compiled model too: NULL before. Errors: those of the text form.
ppn_status_t ppn_coreml_package_plan_compile(ppn_coreml_package_plan_t* plan) PPN_MUST_USE;
const ppn_package_file_t* ppn_coreml_package_plan_compiled_files(
    const ppn_coreml_package_plan_t* plan, uint32_t* out_count);
// Writes the folder `path` (".mlpackage"): beside it first, then renamed. Replaces an existing
// package.
ppn_status_t ppn_coreml_package_write(ppn_coreml_package_plan_t* plan,
                                      const char* path) PPN_MUST_USE;
// The same from files that exist already; their paths are below the package.
ppn_status_t ppn_coreml_package_write_files(const ppn_package_file_t* files, uint32_t count,
                                            const char* path) PPN_MUST_USE;

// ---- Reading (coreml/model_open.c) ----

// From an .mlpackage folder, an .mlmodel file, or an .mlmodelc folder. Verified before use.
ppn_status_t ppn_coreml_model_open(const char* path, ppn_coreml_model_t** out_model) PPN_MUST_USE;
// From files in memory (a delegate payload): `find(context, path, out)` gives the bytes of a path
// inside the package or compiled model ("Manifest.json"), NOT_FOUND otherwise. The bytes must
// outlive the model.
typedef ppn_status_t (*ppn_package_find_t)(void* context, const char* path, ppn_span_t* out_bytes);
ppn_status_t ppn_coreml_model_read(ppn_package_find_t find, void* context, const char* name,
                                   ppn_coreml_model_t** out_model) PPN_MUST_USE;
void ppn_coreml_model_free(ppn_coreml_model_t* model);

#endif  // PPN_COREML_MODEL_H_
