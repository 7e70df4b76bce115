// The MIL program in its serialised form, Core ML's protobuf messages (coreml.md 3).
#ifndef PPN_MIL_PROTO_H_
#define PPN_MIL_PROTO_H_

#include "mil/mil.h"

// ---- Writing (mil/proto_writer.c) ----

// True when the official tools put this constant into the weight file under `opset`: at least 10
// elements of a dtype that files of that version hold. Others are written inline.
bool ppn_mil_constant_in_blob(const ppn_mil_constant_t* constant, ppn_mil_opset_t opset);

// The program's distinct constants (values) in the order in which they are written, functions in
// order. The array is in `arena`.
ppn_status_t ppn_mil_program_list_constants(const ppn_mil_program_t* program, ppn_arena_t* arena,
                                            ppn_mil_value_t*** out_values,
                                            uint32_t* out_count) PPN_MUST_USE;

// Appends the Program message. Names must have been assigned. Constants that belong into the weight
// file are written as references to their `blob_offset` in the file `blob_path`
// ("@model_path/weights/weight.bin"); with `blob_path` NULL everything is written inline.
ppn_status_t ppn_mil_program_write_proto(const ppn_mil_program_t* program, const char* blob_path,
                                         ppn_buffer_t* out) PPN_MUST_USE;

// ---- Reading (mil/proto_reader.c) ----

// Gives the bytes of the blob file that a program names ("@model_path/weights/weight.bin"); they
// must outlive the program. NOT_FOUND when there is none. Called for every reference: keep it
// cheap.
typedef struct ppn_mil_blob_source {
  ppn_status_t (*find)(void* context, ppn_string_view_t path, ppn_span_t* out_bytes);
  void* context;
} ppn_mil_blob_source_t;

// Reads a Program message. Constants in weight files are views into them, others are copied into
// the program's arena. Every operation is checked against the op table and its declared result
// types against inference. Unknown sizes get fresh symbols where inference does not tell more.
// Errors: INVALID_DATA, UNSUPPORTED (an op or type that is not known), INCOMPATIBLE_VERSION, naming
// function and operation.
ppn_status_t ppn_mil_program_read_proto(ppn_span_t bytes, ppn_mil_blob_source_t blobs,
                                        ppn_mil_program_t** out_program) PPN_MUST_USE;

#endif  // PPN_MIL_PROTO_H_
