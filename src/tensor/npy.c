// The header of a .npy file is a Python dict of three entries, in ASCII:
//
//   "\x93NUMPY" u8 major u8 minor  u16 (version 1) or u32 length
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   padded with spaces, ends with \n
#include "tensor/npy.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/file_kind.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define ALIGNMENT 64
#define COPY_ELEMENTS 4096

// numpy's letters, without byte order.
static const struct {
  const char* code;
  ppn_dtype_t dtype;
} codes[] = {
    {"b1", PPN_DTYPE_BOOL},      {"u1", PPN_DTYPE_UINT8},       {"i1", PPN_DTYPE_INT8},
    {"u2", PPN_DTYPE_UINT16},    {"i2", PPN_DTYPE_INT16},       {"u4", PPN_DTYPE_UINT32},
    {"i4", PPN_DTYPE_INT32},     {"u8", PPN_DTYPE_UINT64},      {"i8", PPN_DTYPE_INT64},
    {"f2", PPN_DTYPE_FLOAT16},   {"f4", PPN_DTYPE_FLOAT32},     {"f8", PPN_DTYPE_FLOAT64},
    {"c8", PPN_DTYPE_COMPLEX64}, {"c16", PPN_DTYPE_COMPLEX128},
};

typedef struct parser {
  const char* text;
  size_t at, end;  // positions in the file
} parser_t;

static ppn_status_t invalid(size_t offset, const char* problem) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "offset %zu: %s", offset, problem);
}

static void skip_spaces(parser_t* parser) {
  while (parser->at < parser->end && strchr(" \t\n\r", parser->text[parser->at])) ++parser->at;
}

static bool accept(parser_t* parser, char c) {
  skip_spaces(parser);
  if (parser->at == parser->end || parser->text[parser->at] != c) return false;
  ++parser->at;
  return true;
}

static bool accept_word(parser_t* parser, const char* word) {
  size_t size = strlen(word);
  skip_spaces(parser);
  if (parser->end - parser->at < size || memcmp(parser->text + parser->at, word, size) != 0) {
    return false;
  }
  parser->at += size;
  return true;
}

static ppn_status_t parse_string(parser_t* parser, ppn_string_view_t* out) {
  skip_spaces(parser);
  char quote = accept(parser, '\'') ? '\'' : '"';
  if (quote == '"' && !accept(parser, '"')) return invalid(parser->at, "expected a string");
  size_t start = parser->at;
  while (parser->at < parser->end && parser->text[parser->at] != quote) ++parser->at;
  if (parser->at == parser->end) return invalid(start, "the string has no end");
  *out = ppn_sv_make(parser->text + start, parser->at++ - start);
  return NULL;
}

static ppn_status_t parse_dtype(parser_t* parser, ppn_dtype_t* out) {
  size_t start = parser->at;
  ppn_string_view_t text;
  skip_spaces(parser);
  if (parser->at < parser->end && parser->text[parser->at] == '[') {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "offset %zu: structured dtypes are not read",
                           start);
  }
  PPN_RETURN_IF_ERROR(parse_string(parser, &text));
  for (size_t i = 0; text.size > 1 && i < PPN_COUNT_OF(codes); ++i) {
    if (!ppn_sv_equals(ppn_sv_make(text.data + 1, text.size - 1), codes[i].code)) continue;
    bool is_little = text.data[0] == '<' || text.data[0] == '=' || text.data[0] == '|';
    if (!is_little && !(text.data[0] == '>' && codes[i].code[1] == '1' && !codes[i].code[2])) break;
    *out = codes[i].dtype;
    return NULL;
  }
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "offset %zu: dtype '%.*s' is not read: expected little-endian booleans, "
                         "integers, floats or complex numbers",
                         start, (int)(text.size < 40 ? text.size : 40), text.data);
}

static ppn_status_t parse_shape(parser_t* parser, ppn_tensor_t* out) {
  if (!accept(parser, '(')) return invalid(parser->at, "expected a tuple of sizes");
  while (!accept(parser, ')')) {
    int64_t size = 0;
    size_t start = parser->at;
    while (parser->at < parser->end && parser->text[parser->at] >= '0' &&
           parser->text[parser->at] <= '9') {
      int digit = parser->text[parser->at++] - '0';
      if (!ppn_checked_multiply_i64(size, 10, &size) || !ppn_checked_add_i64(size, digit, &size)) {
        return invalid(start, "the size overflows");
      }
    }
    if (parser->at == start) return invalid(start, "expected a size");
    if (out->rank == PPN_MAX_RANK) return invalid(start, "more than 16 dimensions");
    out->sizes[out->rank++] = size;
    accept(parser, 'L');  // Python 2's long integers
    if (!accept(parser, ',')) {
      if (!accept(parser, ')')) return invalid(parser->at, "expected ',' or ')'");
      break;
    }
  }
  return NULL;
}

static ppn_status_t parse_header(parser_t* parser, ppn_tensor_t* out, bool* out_fortran) {
  bool has_dtype = false, has_order = false, has_shape = false;
  if (!accept(parser, '{')) return invalid(parser->at, "expected a dict");
  while (!accept(parser, '}')) {
    ppn_string_view_t key;
    size_t start = parser->at;
    PPN_RETURN_IF_ERROR(parse_string(parser, &key));
    if (!accept(parser, ':')) return invalid(parser->at, "expected ':'");
    if (ppn_sv_equals(key, "descr")) {
      has_dtype = true;
      PPN_RETURN_IF_ERROR(parse_dtype(parser, &out->dtype));
    } else if (ppn_sv_equals(key, "fortran_order")) {
      has_order = true;
      *out_fortran = accept_word(parser, "True");
      if (!*out_fortran && !accept_word(parser, "False")) {
        return invalid(parser->at, "expected True or False");
      }
    } else if (ppn_sv_equals(key, "shape") && !has_shape) {
      has_shape = true;
      PPN_RETURN_IF_ERROR(parse_shape(parser, out));
    } else {
      return invalid(start, "an unexpected key");
    }
    accept(parser, ',');
  }
  return has_dtype && has_order && has_shape
             ? NULL
             : invalid(parser->at, "'descr', 'fortran_order' or 'shape' is missing");
}

ppn_status_t ppn_npy_read(ppn_span_t bytes, ppn_tensor_t* out_tensor) {
  memset(out_tensor, 0, sizeof(*out_tensor));
  if (bytes.size < MAGIC_SIZE + 4 || memcmp(bytes.data, MAGIC, MAGIC_SIZE) != 0) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "offset 0: expected a .npy file, found %s",
                           ppn_file_kind(bytes));
  }
  unsigned version = bytes.data[MAGIC_SIZE];
  if (version < 1 || version > 3) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "offset %d: version %u of the .npy format; 1 to 3 are read", MAGIC_SIZE,
                           version);
  }
  size_t start = MAGIC_SIZE + (version == 1 ? 4 : 6);
  if (bytes.size < start) return invalid(bytes.size, "the file is cut off");
  size_t length = (size_t)bytes.data[8] | (size_t)bytes.data[9] << 8;
  if (version > 1) length |= (size_t)bytes.data[10] << 16 | (size_t)bytes.data[11] << 24;
  if (length > bytes.size - start) return invalid(bytes.size, "the header is cut off");
  parser_t parser = {(const char*)bytes.data, start, start + length};
  ppn_tensor_t tensor = {0};
  bool fortran = false;
  PPN_RETURN_IF_ERROR(parse_header(&parser, &tensor, &fortran));
  int64_t numel;
  size_t size;
  if (!ppn_sizes_numel(tensor.rank, tensor.sizes, &numel) ||
      !ppn_dtype_byte_count(tensor.dtype, numel, &size)) {
    return invalid(start, "the shape has too many elements");
  }
  size_t at = start + length;
  if (size > bytes.size - at) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "offset %zu: %zu bytes of elements; expected %zu: is it cut off?", at,
                           bytes.size - at, size);
  }
  if ((uintptr_t)(bytes.data + at) %
      (ppn_dtype_size(tensor.dtype) < 8 ? ppn_dtype_size(tensor.dtype) : 8)) {
    return invalid(at, "the elements are not aligned: the header's length is wrong");
  }
  tensor.data = (void*)(uintptr_t)(bytes.data + at);
  ppn_strides_contiguous(tensor.rank, tensor.sizes, tensor.strides);
  if (fortran) {
    uint64_t stride = 1;  // unsigned: strides of an empty tensor may wrap around
    for (int i = 0; i < tensor.rank; ++i) {
      tensor.strides[i] = (int64_t)stride;
      stride *= tensor.sizes[i] > 0 ? (uint64_t)tensor.sizes[i] : 1;
    }
  }
  *out_tensor = tensor;
  return NULL;
}

static const char* find_code(ppn_dtype_t dtype) {
  for (size_t i = 0; i < PPN_COUNT_OF(codes); ++i) {
    if (codes[i].dtype == dtype) return codes[i].code;
  }
  return NULL;
}

static ppn_status_t write_header(const ppn_tensor_t* tensor, const char* code, ppn_sink_t sink) {
  ppn_buffer_t header = {0};
  ppn_buffer_printf(&header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                    code[1] == '1' && !code[2] ? '|' : '<', code);
  for (int i = 0; i < tensor->rank; ++i) {
    ppn_buffer_printf(&header, "%s%" PRId64, i ? ", " : "", tensor->sizes[i]);
  }
  ppn_buffer_append_text(&header, tensor->rank == 1 ? ",), }" : "), }");
  while ((MAGIC_SIZE + 4 + header.size + 1) % ALIGNMENT && !header.failed) {
    ppn_buffer_append_text(&header, " ");
  }
  ppn_buffer_append_text(&header, "\n");
  ppn_status_t status = ppn_buffer_status(&header);
  uint8_t prefix[MAGIC_SIZE + 4] = MAGIC "\x01";
  prefix[8] = (uint8_t)header.size;
  prefix[9] = (uint8_t)(header.size >> 8);
  if (!status) status = ppn_sink_write(sink, prefix, sizeof(prefix));
  if (!status) status = ppn_sink_write(sink, header.data, header.size);
  ppn_buffer_release(&header);
  return status;
}

// The elements of a tensor of any strides and dtype, in row-major order as `dtype`, piece by piece.
static ppn_status_t write_elements(const ppn_tensor_t* tensor, ppn_dtype_t dtype, ppn_sink_t sink) {
  int inner = tensor->rank - 1;
  int64_t rows = 1, length = tensor->rank ? tensor->sizes[inner] : 1;
  for (int i = 0; i < inner; ++i) rows *= tensor->sizes[i];
  size_t size = ppn_dtype_size(dtype);
  void* piece = malloc(COPY_ELEMENTS * size);
  if (!piece) return ppn_out_of_memory();
  ppn_status_t status = NULL;
  for (int64_t row = 0; row < rows && !status; ++row) {
    int64_t offset = 0, rest = row;
    for (int i = inner - 1; i >= 0; --i) {
      offset += rest % tensor->sizes[i] * tensor->strides[i];
      rest /= tensor->sizes[i];
    }
    int64_t stride = tensor->rank ? tensor->strides[inner] : 1;
    for (int64_t done = 0; done < length && !status;) {
      int64_t count = length - done < COPY_ELEMENTS ? length - done : COPY_ELEMENTS;
      int64_t bytes_in = (int64_t)ppn_dtype_size(tensor->dtype);
      ppn_tensor_t source = {.data = (char*)tensor->data + (offset + done * stride) * bytes_in,
                             .dtype = tensor->dtype,
                             .rank = 1,
                             .sizes = {count},
                             .strides = {stride}};
      ppn_tensor_t target = ppn_tensor_make(piece, dtype, 1, &count);
      ppn_tensor_copy(&source, &target);
      status = ppn_sink_write(sink, piece, (size_t)count * size);
      done += count;
    }
  }
  free(piece);
  return status;
}

ppn_status_t ppn_npy_write(const ppn_tensor_t* tensor, ppn_sink_t sink) {
  ppn_dtype_t dtype = tensor->dtype == PPN_DTYPE_BFLOAT16 ? PPN_DTYPE_FLOAT32 : tensor->dtype;
  const char* code = find_code(dtype);
  if (!code) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "the .npy format has no dtype %s",
                           ppn_dtype_name(dtype));
  }
  PPN_RETURN_IF_ERROR(write_header(tensor, code, sink));
  if (dtype == tensor->dtype && ppn_tensor_is_contiguous(tensor)) {
    return ppn_sink_write(sink, tensor->data, ppn_tensor_size(tensor));
  }
  return write_elements(tensor, dtype, sink);
}
