// Running `.pte` programs: program → method → execute.
#ifndef PPN_RUNTIME_PROGRAM_H_
#define PPN_RUNTIME_PROGRAM_H_

#include "base/file_map.h"
#include "engine/engine.h"
#include "tensor/tensor.h"

typedef struct ppn_program ppn_program_t;
typedef struct ppn_method ppn_method_t;

// A value that goes in or out of a method.
typedef enum ppn_evalue_kind {
  PPN_EVALUE_NONE,
  PPN_EVALUE_TENSOR,
  PPN_EVALUE_STRING,
  PPN_EVALUE_DOUBLE,
  PPN_EVALUE_INT,
  PPN_EVALUE_BOOL,
} ppn_evalue_kind_t;
typedef struct ppn_evalue {
  ppn_evalue_kind_t kind;
  union {
    ppn_tensor_t tensor;
    double number;
    int64_t integer;
    bool boolean;
    ppn_string_view_t string;
  } u;
} ppn_evalue_t;

typedef struct ppn_tensor_info {
  ppn_dtype_t dtype;
  int rank;
  int64_t sizes[PPN_MAX_RANK];  // upper bounds when dynamic
  uint8_t dim_order[PPN_MAX_RANK];
  bool is_dynamic, is_memory_planned;
  size_t nbytes;
} ppn_tensor_info_t;

// Maps and verifies the file. A program may be shared by threads. Errors carry file and offset.
ppn_status_t ppn_program_open(const char* path, ppn_program_t** out_program) PPN_MUST_USE;
// The bytes must outlive the program.
ppn_status_t ppn_program_open_bytes(ppn_span_t bytes, const char* name,
                                    ppn_program_t** out_program) PPN_MUST_USE;
void ppn_program_free(ppn_program_t* program);
uint32_t ppn_program_method_count(const ppn_program_t* program);
const char* ppn_program_method_name(const ppn_program_t* program, uint32_t index);

// Parses the method, resolves operators (all missing ones are listed), initialises delegates. The
// program must outlive it.
ppn_status_t ppn_method_load(ppn_program_t* program, const char* name,
                             const ppn_engine_options_t* options,
                             ppn_method_t** out_method) PPN_MUST_USE;
void ppn_method_free(ppn_method_t* method);
uint32_t ppn_method_input_count(const ppn_method_t* method);
uint32_t ppn_method_output_count(const ppn_method_t* method);
// Kind, and for tensors the type, of an input or output.
ppn_evalue_kind_t ppn_method_input_info(const ppn_method_t* method, uint32_t index,
                                        ppn_tensor_info_t* out_info);
ppn_evalue_kind_t ppn_method_output_info(const ppn_method_t* method, uint32_t index,
                                         ppn_tensor_info_t* out_info);

// Copies the value in (tensors are resized within their bounds). Errors: INVALID_ARGUMENT,
// OUT_OF_RANGE naming input and why.
ppn_status_t ppn_method_set_input(ppn_method_t* method, uint32_t index,
                                  const ppn_evalue_t* value) PPN_MUST_USE;
ppn_status_t ppn_method_execute(ppn_method_t* method) PPN_MUST_USE;
// Views into the method's memory, valid until the next execution.
ppn_status_t ppn_method_get_output(const ppn_method_t* method, uint32_t index,
                                   ppn_evalue_t* out_value) PPN_MUST_USE;

#endif  // PPN_RUNTIME_PROGRAM_H_
