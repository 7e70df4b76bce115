// The function attribute FlexibleShapeInformation: default shapes, and ranges or enumerations.
#include <inttypes.h>

#include "mil/text_writer.h"

static void append(ppn_mil_text_writer_t* writer, const char* text) {
  ppn_buffer_append_text(writer->out, text);
}

static void write_sizes(ppn_mil_text_writer_t* writer, const int64_t* sizes, int count) {
  append(writer, "[");
  for (int i = 0; i < count; ++i) {
    ppn_buffer_printf(writer->out, "%s%" PRId64, i > 0 ? ", " : "", sizes[i]);
  }
  append(writer, "]");
}

// "{"a", [1, 4]}" for each input, in braces; `index` -1: default shapes, else the enumeration.
static void write_shapes(ppn_mil_text_writer_t* writer, const ppn_mil_flexible_input_t* inputs,
                         uint32_t count, int64_t index) {
  append(writer, "{");
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t* sizes = inputs[i].default_shape;
    if (index >= 0 && inputs[i].enumerated_count > 0) {
      uint32_t last = inputs[i].enumerated_count - 1;
      uint32_t own = index < last ? (uint32_t)index : last;
      sizes = inputs[i].enumerated + (size_t)own * (size_t)inputs[i].rank;
    }
    append(writer, i > 0 ? ", {" : "{");
    ppn_mil_text_write_string(writer->out, inputs[i].name);
    append(writer, ", ");
    write_sizes(writer, sizes, inputs[i].rank);
    append(writer, "}");
  }
  append(writer, "}");
}

static void write_ranges(ppn_mil_text_writer_t* writer, const ppn_mil_flexible_input_t* inputs,
                         uint32_t count) {
  append(writer, "{");
  for (uint32_t i = 0; i < count; ++i) {
    append(writer, i > 0 ? ", {" : "{");
    ppn_mil_text_write_string(writer->out, inputs[i].name);
    append(writer, ", [");
    for (int axis = 0; axis < inputs[i].rank; ++axis) {
      const int64_t size = inputs[i].default_shape[axis], fixed[2] = {size, size};
      if (axis > 0) append(writer, ", ");
      write_sizes(writer, inputs[i].ranges ? inputs[i].ranges + (ptrdiff_t)2 * axis : fixed, 2);
    }
    append(writer, "]}");
  }
  append(writer, "}");
}

void ppn_mil_text_write_flexible_shapes(ppn_mil_text_writer_t* writer,
                                        const ppn_mil_flexible_input_t* inputs, uint32_t count) {
  const char* string = writer->scalars_are_tensors ? "tensor<string, []>" : "string";
  uint32_t enumerated = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (inputs[i].enumerated_count > enumerated) enumerated = inputs[i].enumerated_count;
  }
  ppn_buffer_printf(writer->out,
                    "FlexibleShapeInformation = tuple<tuple<%s, dict<%s, tensor<int32, [?]>>>, "
                    "tuple<%s, dict<%s, ",
                    string, string, string, string);
  if (enumerated > 0) {
    ppn_buffer_printf(writer->out, "dict<%s, tensor<int32, [?]>>", string);
  } else {
    append(writer, "list<tensor<int32, [2]>, ?>");
  }
  append(writer, ">>>(((\"DefaultShapes\", ");
  write_shapes(writer, inputs, count, -1);
  if (enumerated == 0) {
    append(writer, "), (\"RangeDims\", ");
    write_ranges(writer, inputs, count);
  } else {
    // Shapes of one index belong together; the key stands for the index.
    append(writer, "), (\"EnumeratedShapes\", {");
    for (uint32_t i = 0; i < enumerated; ++i) {
      ppn_buffer_printf(writer->out, "%s{\"%08" PRIx32 "\", ", i > 0 ? ", " : "", i);
      write_shapes(writer, inputs, count, (int64_t)i);
      append(writer, "}");
    }
    append(writer, "}");
  }
  append(writer, ")))");
}
