#include <math.h>

#include "base/half.h"
#include "tensor/element.h"

// One row per 8-bit type with a sign: exponent and mantissa widths, bias, and how it spells
// infinity and NaN. The "finite" kinds have no infinity; "unsigned zero" kinds use the pattern of
// minus zero for NaN.
typedef struct float8_row {
  unsigned mantissa_bits;
  int bias;
  uint8_t largest, infinity, nan;  // magnitudes; infinity 0: none
  bool unsigned_zero;
} float8_row_t;

static float8_row_t float8_row(ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT8_E5M2:
      return (float8_row_t){2, 15, 0x7b, 0x7c, 0x7f, false};
    case PPN_DTYPE_FLOAT8_E4M3FNUZ:
      return (float8_row_t){3, 8, 0x7f, 0, 0x80, true};
    case PPN_DTYPE_FLOAT8_E5M2FNUZ:
      return (float8_row_t){2, 16, 0x7f, 0, 0x80, true};
    default:  // PPN_DTYPE_FLOAT8_E4M3FN
      return (float8_row_t){3, 7, 0x7e, 0, 0x7f, false};
  }
}

float ppn_float8_to_float(ppn_dtype_t dtype, uint8_t bits) {
  if (dtype == PPN_DTYPE_FLOAT8_E8M0FNU) {
    return bits == 0xff ? NAN : ldexpf(1.0f, (int)bits - 127);
  }
  float8_row_t row = float8_row(dtype);
  uint8_t magnitude = bits & 0x7f;
  if (row.unsigned_zero && bits == 0x80) return NAN;
  float value;
  if (!row.unsigned_zero && magnitude > row.largest) {
    value = row.infinity && magnitude == row.infinity ? INFINITY : NAN;
  } else {
    int exponent = magnitude >> row.mantissa_bits;
    int mantissa = magnitude & ((1 << row.mantissa_bits) - 1);
    // Subnormals share the exponent of the smallest normal numbers, without the hidden bit.
    if (exponent == 0) {
      exponent = 1;
    } else {
      mantissa |= 1 << row.mantissa_bits;
    }
    value = ldexpf((float)mantissa, exponent - row.bias - (int)row.mantissa_bits);
  }
  return bits & 0x80 ? -value : value;
}

static uint8_t e8m0_from_float(float value) {
  uint32_t bits = ppn_float_to_bits(value), exponent = bits >> 23 & 0xff;
  if (exponent == 0xff) return 0xff;
  bool guard = bits & 0x400000, rest = bits & 0x3fffff;
  return (uint8_t)(guard && (exponent > 0 || rest) ? exponent + 1 : exponent);
}

uint8_t ppn_float8_from_float(ppn_dtype_t dtype, float value) {
  if (dtype == PPN_DTYPE_FLOAT8_E8M0FNU) return e8m0_from_float(value);
  float8_row_t row = float8_row(dtype);
  uint8_t sign = signbit(value) ? 0x80 : 0;
  uint8_t too_large = row.infinity ? row.infinity : row.nan;
  if (isnan(value)) return row.unsigned_zero ? row.nan : (uint8_t)(sign | row.nan);
  float magnitude = fabsf(value);
  if (isinf(value)) return row.unsigned_zero ? row.nan : (uint8_t)(sign | too_large);
  int exponent = 0;
  if (magnitude > 0) frexpf(magnitude, &exponent);
  int smallest = 1 - row.bias;
  if (exponent - 1 < smallest) exponent = smallest + 1;
  // In units of the last mantissa bit at this exponent; rint rounds half to even.
  long units = lrintf(ldexpf(magnitude, (int)row.mantissa_bits - (exponent - 1)));
  long encoded = units + (((long)(exponent - 1 + row.bias) - 1) << row.mantissa_bits);
  if (encoded > row.largest) return row.unsigned_zero ? row.nan : (uint8_t)(sign | too_large);
  if (encoded == 0 && row.unsigned_zero) return 0;
  return (uint8_t)(sign | encoded);
}
