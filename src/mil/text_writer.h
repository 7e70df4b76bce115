// The parts of the text writer. Private to mil/text_*.c.
#ifndef PPN_MIL_TEXT_WRITER_H_
#define PPN_MIL_TEXT_WRITER_H_

#include "mil.pb-c.h"
#include "mil/text.h"

typedef struct ppn_mil_text_writer {
  ppn_buffer_t* out;
  ppn_arena_t* arena;
  bool scalars_are_tensors;  // dialect 1.0
} ppn_mil_text_writer_t;

// "fp16", "int32", …; NULL for a number that is not a data type.
const char* ppn_mil_text_dtype_name(MilPb__DataType type);
// UNUSED_TYPE when there is no such name.
MilPb__DataType ppn_mil_text_dtype_from_name(ppn_string_view_t name);

// "CoreML7" of "ios17"; NULL when there is no such opset.
const char* ppn_mil_text_opset_of_tag(ppn_string_view_t tag);

// "string" or "tensor<string, []>", as the dialect has it.
void ppn_mil_text_write_scalar_type(ppn_mil_text_writer_t* writer, const char* dtype);
// With quotes and escapes.
void ppn_mil_text_write_string(ppn_buffer_t* out, const char* text);
// A type; a type with its literal, "int32(3)".
ppn_status_t ppn_mil_text_write_type(ppn_mil_text_writer_t* writer,
                                     const MilPb__ValueType* type) PPN_MUST_USE;
ppn_status_t ppn_mil_text_write_value(ppn_mil_text_writer_t* writer,
                                      const MilPb__Value* value) PPN_MUST_USE;

// The attribute FlexibleShapeInformation: its name, "=" and value.
void ppn_mil_text_write_flexible_shapes(ppn_mil_text_writer_t* writer,
                                        const ppn_mil_flexible_input_t* inputs, uint32_t count);

#endif  // PPN_MIL_TEXT_WRITER_H_
