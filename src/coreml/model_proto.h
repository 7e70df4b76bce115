// The Model message around a program: specification version and description of the interface.
// Private to the coreml layer.
#ifndef PPN_COREML_MODEL_PROTO_H_
#define PPN_COREML_MODEL_PROTO_H_

#include "coreml/model.h"

// Appends the Model message with `program` (a serialised Program) inside.
ppn_status_t ppn_coreml_model_write_proto(const ppn_coreml_model_t* model, ppn_span_t program,
                                          ppn_buffer_t* out) PPN_MUST_USE;

// Reads a Model message into `model` (version, interfaces, default function, all in its arena) and
// gives the bytes of the program, which are in the arena too. Errors: INVALID_DATA; UNSUPPORTED for
// other kinds of models; INCOMPATIBLE_VERSION.
ppn_status_t ppn_coreml_model_read_proto(ppn_span_t bytes, ppn_coreml_model_t* model,
                                         ppn_span_t* out_program) PPN_MUST_USE;

// The same from the parts that compiled models keep: the version and a serialised ModelDescription.
ppn_status_t ppn_coreml_model_read_description(int specification_version, ppn_span_t bytes,
                                               ppn_coreml_model_t* model) PPN_MUST_USE;

// OK for ML Programs, else UNSUPPORTED with the kind's name and what to do. `field`: the member of
// Model's oneof, 0 for none (coreml/model_kinds.c).
ppn_status_t ppn_coreml_check_model_kind(int field) PPN_MUST_USE;

#endif  // PPN_COREML_MODEL_PROTO_H_
