// Runtime: executes ExecuTorch programs (`.pte`), made by Pippin or by the official tools.
//
//   program (mapped file; shared by threads) ─ method (one thread at a time) ─ execute
#ifndef PIPPIN_RUNTIME_H_
#define PIPPIN_RUNTIME_H_

#include "pippin/value.h"

#ifdef __cplusplus
extern "C" {
#endif

// How programs stated in fp16 are computed.
typedef enum ppn_numerics {
  PPN_NUMERICS_DEVICE = 0,  // every fp16 result is rounded to fp16 and overflows like it
  PPN_NUMERICS_FAST = 1,    // fp16 programs compute in fp32
} ppn_numerics_t;

// Zero-initialised is the default of every field.
typedef struct ppn_engine_options {
  ppn_numerics_t numerics;
  int thread_count;  // 0: one per processor
} ppn_engine_options_t;

typedef struct ppn_tensor_info {
  ppn_dtype_t dtype;
  int rank;
  int64_t sizes[PPN_MAX_RANK];  // upper bounds when dynamic
  uint8_t dim_order[PPN_MAX_RANK];
  bool is_dynamic, is_memory_planned;
  size_t nbytes;
} ppn_tensor_info_t;

typedef struct ppn_program ppn_program_t;
typedef struct ppn_method ppn_method_t;

// Maps and verifies a file; it must not change while the program lives. Errors: NOT_FOUND, IO,
// INVALID_DATA with offset, INCOMPATIBLE_VERSION.
PPN_API ppn_status_t ppn_program_open(const char* path, ppn_program_t** out_program);
// The same from memory, which must outlive the program and be aligned to 16 bytes. `name` is for
// messages.
PPN_API ppn_status_t ppn_program_open_memory(const void* data, size_t size, const char* name,
                                             ppn_program_t** out_program);
PPN_API void ppn_program_free(ppn_program_t* program);
// The program as text: values, instructions, delegates, and the ML Programs in the Core ML
// delegates. Release with ppn_text_free (pippin/lowering.h).
PPN_API ppn_status_t ppn_program_dump(const char* path, char** out_text);
// Writes the model of each Core ML delegate below `folder` (made when it is missing) as
// METHOD.mlpackage, or METHOD_I.mlpackage for delegate I of several; a model that methods share is
// written once. Each appears complete or not at all, and replaces a package of that name. The
// paths, one a line, are released with ppn_text_free. NOT_FOUND when there is no such delegate.
PPN_API ppn_status_t ppn_program_extract(const char* path, const char* folder, char** out_paths);
PPN_API uint32_t ppn_program_method_count(const ppn_program_t* program);
PPN_API const char* ppn_program_method_name(const ppn_program_t* program, uint32_t index);

// Resolves operators (all missing ones are listed), prepares delegates, allocates all memory.
// `options` may be NULL. The program must outlive the method. Errors: NOT_FOUND, UNSUPPORTED,
// INVALID_DATA, OUT_OF_MEMORY.
PPN_API ppn_status_t ppn_method_load(ppn_program_t* program, const char* name,
                                     const ppn_engine_options_t* options,
                                     ppn_method_t** out_method);
PPN_API void ppn_method_free(ppn_method_t* method);
PPN_API uint32_t ppn_method_input_count(const ppn_method_t* method);
PPN_API uint32_t ppn_method_output_count(const ppn_method_t* method);
// The kind of an input or output and, for tensors, its type.
PPN_API ppn_evalue_kind_t ppn_method_input_info(const ppn_method_t* method, uint32_t index,
                                                ppn_tensor_info_t* out_info);
PPN_API ppn_evalue_kind_t ppn_method_output_info(const ppn_method_t* method, uint32_t index,
                                                 ppn_tensor_info_t* out_info);

// Copies a value in; a dynamic tensor is resized within its bounds. Errors: INVALID_ARGUMENT,
// OUT_OF_RANGE naming the input.
PPN_API ppn_status_t ppn_method_set_input(ppn_method_t* method, uint32_t index,
                                          const ppn_evalue_t* value);
// Runs. Every input must have been set once. Allocates nothing unless shapes changed.
PPN_API ppn_status_t ppn_method_execute(ppn_method_t* method);
// A view into the method's memory, valid until the next execution.
PPN_API ppn_status_t ppn_method_get_output(const ppn_method_t* method, uint32_t index,
                                           ppn_evalue_t* out_value);

// "aten::add.out" and the like: operators that programs may call, and backends that run here.
// Static storage.
PPN_API size_t ppn_runtime_operator_count(void);
PPN_API const char* ppn_runtime_operator_name(size_t index);
PPN_API size_t ppn_runtime_backend_count(void);
PPN_API const char* ppn_runtime_backend_name(size_t index);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_RUNTIME_H_
