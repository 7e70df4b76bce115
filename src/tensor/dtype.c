#include "tensor/dtype.h"

#include "base/portability.h"

enum { KIND_NONE, KIND_BOOL, KIND_INTEGER, KIND_FLOAT, KIND_COMPLEX };

typedef struct dtype_row {
  const char* name;
  uint8_t bits, kind, is_signed;
  int8_t c10, exported;
} dtype_row_t;

static const dtype_row_t rows[PPN_DTYPE_COUNT] = {
    [PPN_DTYPE_INVALID] = {"invalid", 0, KIND_NONE, 0, -1, -1},
    [PPN_DTYPE_BOOL] = {"bool", 8, KIND_BOOL, 0, 11, 12},
    [PPN_DTYPE_UINT8] = {"uint8", 8, KIND_INTEGER, 0, 0, 1},
    [PPN_DTYPE_INT8] = {"int8", 8, KIND_INTEGER, 1, 1, 2},
    [PPN_DTYPE_UINT16] = {"uint16", 16, KIND_INTEGER, 0, 27, 28},
    [PPN_DTYPE_INT16] = {"int16", 16, KIND_INTEGER, 1, 2, 3},
    [PPN_DTYPE_UINT32] = {"uint32", 32, KIND_INTEGER, 0, 28, 34},
    [PPN_DTYPE_INT32] = {"int32", 32, KIND_INTEGER, 1, 3, 4},
    [PPN_DTYPE_UINT64] = {"uint64", 64, KIND_INTEGER, 0, 29, 35},
    [PPN_DTYPE_INT64] = {"int64", 64, KIND_INTEGER, 1, 4, 5},
    [PPN_DTYPE_FLOAT16] = {"float16", 16, KIND_FLOAT, 1, 5, 6},
    [PPN_DTYPE_BFLOAT16] = {"bfloat16", 16, KIND_FLOAT, 1, 15, 13},
    [PPN_DTYPE_FLOAT32] = {"float32", 32, KIND_FLOAT, 1, 6, 7},
    [PPN_DTYPE_FLOAT64] = {"float64", 64, KIND_FLOAT, 1, 7, 8},
    [PPN_DTYPE_COMPLEX32] = {"complex32", 32, KIND_COMPLEX, 1, 8, 9},
    [PPN_DTYPE_COMPLEX64] = {"complex64", 64, KIND_COMPLEX, 1, 9, 10},
    [PPN_DTYPE_COMPLEX128] = {"complex128", 128, KIND_COMPLEX, 1, 10, 11},
    [PPN_DTYPE_FLOAT8_E4M3FN] = {"float8_e4m3fn", 8, KIND_FLOAT, 1, 24, 29},
    [PPN_DTYPE_FLOAT8_E5M2] = {"float8_e5m2", 8, KIND_FLOAT, 1, 23, 30},
    [PPN_DTYPE_FLOAT8_E4M3FNUZ] = {"float8_e4m3fnuz", 8, KIND_FLOAT, 1, 26, 31},
    [PPN_DTYPE_FLOAT8_E5M2FNUZ] = {"float8_e5m2fnuz", 8, KIND_FLOAT, 1, 25, 32},
    [PPN_DTYPE_FLOAT8_E8M0FNU] = {"float8_e8m0fnu", 8, KIND_FLOAT, 1, 44, 33},
    [PPN_DTYPE_INT4] = {"int4", 4, KIND_INTEGER, 1, -1, -1},
    [PPN_DTYPE_UINT1] = {"uint1", 1, KIND_INTEGER, 0, -1, -1},
    [PPN_DTYPE_UINT2] = {"uint2", 2, KIND_INTEGER, 0, -1, -1},
    [PPN_DTYPE_UINT3] = {"uint3", 3, KIND_INTEGER, 0, -1, -1},
    [PPN_DTYPE_UINT4] = {"uint4", 4, KIND_INTEGER, 0, -1, -1},
    [PPN_DTYPE_UINT6] = {"uint6", 6, KIND_INTEGER, 0, -1, -1},
    [PPN_DTYPE_STRING] = {"string", 0, KIND_NONE, 0, -1, -1},
};

static const dtype_row_t* row(ppn_dtype_t dtype) {
  return &rows[(unsigned)dtype < PPN_DTYPE_COUNT ? dtype : PPN_DTYPE_INVALID];
}

const char* ppn_dtype_name(ppn_dtype_t dtype) {
  return row(dtype)->name;
}

ppn_dtype_t ppn_dtype_from_name(ppn_string_view_t name) {
  for (int i = 1; i < PPN_DTYPE_COUNT; ++i) {
    if (ppn_sv_equals(name, rows[i].name)) return (ppn_dtype_t)i;
  }
  static const struct {
    const char* name;
    ppn_dtype_t dtype;
  } aliases[] = {
      {"f32", PPN_DTYPE_FLOAT32},   {"float", PPN_DTYPE_FLOAT32}, {"f16", PPN_DTYPE_FLOAT16},
      {"half", PPN_DTYPE_FLOAT16},  {"f64", PPN_DTYPE_FLOAT64},   {"double", PPN_DTYPE_FLOAT64},
      {"bf16", PPN_DTYPE_BFLOAT16}, {"i64", PPN_DTYPE_INT64},     {"long", PPN_DTYPE_INT64},
      {"i32", PPN_DTYPE_INT32},     {"int", PPN_DTYPE_INT32},     {"i16", PPN_DTYPE_INT16},
      {"i8", PPN_DTYPE_INT8},       {"u8", PPN_DTYPE_UINT8},      {"fp16", PPN_DTYPE_FLOAT16},
      {"fp32", PPN_DTYPE_FLOAT32},  {"fp64", PPN_DTYPE_FLOAT64}};
  for (size_t i = 0; i < PPN_COUNT_OF(aliases); ++i) {
    if (ppn_sv_equals(name, aliases[i].name)) return aliases[i].dtype;
  }
  return PPN_DTYPE_INVALID;
}

unsigned ppn_dtype_bits(ppn_dtype_t dtype) {
  return row(dtype)->bits;
}
size_t ppn_dtype_size(ppn_dtype_t dtype) {
  return row(dtype)->bits / 8;
}
bool ppn_dtype_is_float(ppn_dtype_t dtype) {
  return row(dtype)->kind == KIND_FLOAT;
}
bool ppn_dtype_is_integer(ppn_dtype_t dtype) {
  return row(dtype)->kind == KIND_INTEGER;
}
bool ppn_dtype_is_complex(ppn_dtype_t dtype) {
  return row(dtype)->kind == KIND_COMPLEX;
}
bool ppn_dtype_is_signed(ppn_dtype_t dtype) {
  return row(dtype)->is_signed;
}
int ppn_dtype_to_c10(ppn_dtype_t dtype) {
  return row(dtype)->c10;
}
int ppn_dtype_to_export(ppn_dtype_t dtype) {
  return row(dtype)->exported;
}

ppn_dtype_t ppn_dtype_from_c10(int64_t number) {
  for (int i = 1; i < PPN_DTYPE_COUNT; ++i) {
    if (rows[i].c10 >= 0 && rows[i].c10 == number) return (ppn_dtype_t)i;
  }
  return PPN_DTYPE_INVALID;
}

ppn_dtype_t ppn_dtype_from_export(int64_t number) {
  for (int i = 1; i < PPN_DTYPE_COUNT; ++i) {
    if (rows[i].exported >= 0 && rows[i].exported == number) return (ppn_dtype_t)i;
  }
  return PPN_DTYPE_INVALID;
}

static ppn_dtype_t promote_integers(ppn_dtype_t a, ppn_dtype_t b) {
  unsigned bits_a = ppn_dtype_bits(a), bits_b = ppn_dtype_bits(b);
  if (ppn_dtype_is_signed(a) == ppn_dtype_is_signed(b)) return bits_a >= bits_b ? a : b;
  ppn_dtype_t unsigned_one = ppn_dtype_is_signed(a) ? b : a,
              signed_one = ppn_dtype_is_signed(a) ? a : b;
  // torch promotes uint8 with signed types; wider unsigned types only with themselves.
  if (unsigned_one != PPN_DTYPE_UINT8) return PPN_DTYPE_INVALID;
  return ppn_dtype_bits(signed_one) > 8 ? signed_one : PPN_DTYPE_INT16;
}

static ppn_dtype_t promote_floats(ppn_dtype_t a, ppn_dtype_t b) {
  if (a == b) return a;
  bool narrow_a = ppn_dtype_bits(a) == 8, narrow_b = ppn_dtype_bits(b) == 8;
  if (narrow_a || narrow_b) return PPN_DTYPE_INVALID;
  if (ppn_dtype_bits(a) == ppn_dtype_bits(b)) return PPN_DTYPE_FLOAT32;  // float16 with bfloat16
  return ppn_dtype_bits(a) > ppn_dtype_bits(b) ? a : b;
}

static ppn_dtype_t complex_of(ppn_dtype_t dtype) {
  if (ppn_dtype_is_complex(dtype)) return dtype;
  if (dtype == PPN_DTYPE_FLOAT64) return PPN_DTYPE_COMPLEX128;
  return dtype == PPN_DTYPE_FLOAT16 || !ppn_dtype_is_float(dtype) ? PPN_DTYPE_COMPLEX32
                                                                  : PPN_DTYPE_COMPLEX64;
}

ppn_dtype_t ppn_dtype_promote(ppn_dtype_t a, ppn_dtype_t b) {
  if (a == b) return a;
  int kind_a = row(a)->kind, kind_b = row(b)->kind;
  if (kind_a == KIND_NONE || kind_b == KIND_NONE) return PPN_DTYPE_INVALID;
  if (kind_a == KIND_COMPLEX || kind_b == KIND_COMPLEX) {
    ppn_dtype_t x = complex_of(a), y = complex_of(b);
    return ppn_dtype_bits(x) >= ppn_dtype_bits(y) ? x : y;
  }
  if (kind_a != kind_b) return kind_a > kind_b ? a : b;
  return kind_a == KIND_FLOAT ? promote_floats(a, b) : promote_integers(a, b);
}
