// The MIL program as text: `model.mil` of compiled models (coreml.md 9.2).
//
//   program(1.3)
//   [buildInfo = dict<string, string>({{"coremltools-version", "9.0"}})]
//   {
//       func main<ios18>(tensor<fp16, [1, 4]> x) {
//               tensor<fp16, [1, 4]> y = relu(x = x)[name = string("y")];
//           } -> (y);
//   }
//
// Text and protobuf form say the same: each becomes the other without loss, const ops, operations'
// names and places in weight files included. How Core ML spells nested blocks (cond, while_loop)
// and escapes in strings is not publicly known; here a block follows the attributes as
// `(type name, …) { … } -> (…)`, blocks are separated by commas, and escapes are C's.
#ifndef PPN_MIL_TEXT_H_
#define PPN_MIL_TEXT_H_

#include "mil/mil.h"
#include "mil/proto.h"

// ---- Writing (mil/text_writer.c) ----

// A function input whose shape is flexible: sizes in [ranges[2i], ranges[2i + 1]], or one of
// `enumerated_count` shapes of `rank` sizes each.
typedef struct ppn_mil_flexible_input {
  const char* name;
  int rank;
  const int64_t* default_shape;
  const int64_t* ranges;      // 2 × rank, or NULL
  const int64_t* enumerated;  // enumerated_count × rank, or NULL
  uint32_t enumerated_count;
} ppn_mil_flexible_input_t;

typedef struct ppn_mil_text_options {
  // Decides on the dialect: program(1.0) up to version 8, where scalars are tensors of rank 0, and
  // program(1.3) from 9 on.
  int specification_version;
  // The value of "pippin-version" in buildInfo; NULL leaves buildInfo as it is.
  const char* version;
  // The flexible inputs of a function, for its attribute FlexibleShapeInformation. NULL: none.
  ppn_status_t (*flexible_inputs)(void* context, const char* function,
                                  const ppn_mil_flexible_input_t** out_inputs, uint32_t* out_count);
  void* context;
} ppn_mil_text_options_t;

// Appends a serialised Program as text. Errors: INVALID_DATA, UNSUPPORTED (what has no text form),
// naming function and operation.
ppn_status_t ppn_mil_text_from_proto(ppn_span_t program, const ppn_mil_text_options_t* options,
                                     ppn_buffer_t* out) PPN_MUST_USE;

// The same for a program in memory, whose names have been assigned; `blob_path` as for
// ppn_mil_program_write_proto.
ppn_status_t ppn_mil_program_write_text(const ppn_mil_program_t* program, const char* blob_path,
                                        const ppn_mil_text_options_t* options,
                                        ppn_buffer_t* out) PPN_MUST_USE;

// ---- Reading (mil/text_reader.c) ----

// Reads a program and checks it as ppn_mil_program_read_proto does. Decimal numbers, and the
// elements of a tensor in one list, are accepted too. Errors: INVALID_DATA, UNSUPPORTED,
// INCOMPATIBLE_VERSION, with line and column, what was expected and what was found.
ppn_status_t ppn_mil_program_read_text(ppn_span_t text, ppn_mil_blob_source_t blobs,
                                       ppn_mil_program_t** out_program) PPN_MUST_USE;

// Appends the Program message that the text says. Only its form is checked.
ppn_status_t ppn_mil_text_to_proto(ppn_span_t text, ppn_buffer_t* out) PPN_MUST_USE;

#endif  // PPN_MIL_TEXT_H_
