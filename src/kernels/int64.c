// INT64, for integers and BOOL of any width: results wrap when they are stored.
#include "kernels/division.h"
#include "kernels/map_functions.h"
#include "tensor/element.h"

// Parameters are limits and factors; infinities become the largest integers.
static inline int64_t parameter(double value) {
  if (value != value) return 0;
  if (value >= 0x1p63) return INT64_MAX;
  return value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

// Arithmetic that wraps.
#define WRAP(x, operator, y) ((int64_t)((uint64_t)(x) operator(uint64_t)(y)))

static inline int64_t maximum(int64_t x, int64_t y) {
  return x > y ? x : y;
}

static inline int64_t minimum(int64_t x, int64_t y) {
  return x < y ? x : y;
}

static inline int64_t shift_left(int64_t x, int64_t y) {
  return y < 0 || y > 63 ? 0 : (int64_t)((uint64_t)x << y);
}

// Of negative numbers: what is shifted in are signs.
static inline int64_t shift_right(int64_t x, int64_t y) {
  if (y < 0 || y > 63) return x < 0 ? -1 : 0;
  return x >> y;
}

#define UNARY(name, expression) PPN_MAP_UNARY(unary_##name, int64_t, int64_t, parameter, expression)
#define UNARY_PREDICATE(name, expression) \
  PPN_MAP_UNARY(unary_##name, int64_t, uint8_t, parameter, expression)
#define BINARY(name, expression) \
  PPN_MAP_BINARY(binary_##name, int64_t, int64_t, parameter, expression)
#define BINARY_PREDICATE(name, expression) \
  PPN_MAP_BINARY(binary_##name, int64_t, uint8_t, parameter, expression)

UNARY(identity, x)
UNARY(abs, x < 0 ? WRAP(0, -, x) : x)
UNARY(negate, WRAP(0, -, x))
UNARY(sign, (x > 0) - (x < 0))
UNARY(square, WRAP(x, *, x))
UNARY(relu, maximum(x, 0))
UNARY(clip, minimum(maximum(x, alpha), beta))
UNARY_PREDICATE(logical_not, x == 0)
UNARY_PREDICATE(never, x != x)
UNARY(bitwise_not, ~x)

BINARY(add, WRAP(x, +, WRAP(alpha, *, y)))
BINARY(subtract, WRAP(x, -, WRAP(alpha, *, y)))
BINARY(multiply, WRAP(x, *, y))
BINARY(divide, ppn_divide_truncate_int64(x, y))
BINARY(divide_floor, ppn_divide_floor_int64(x, y))
BINARY(remainder, ppn_remainder_floor_int64(x, y))
BINARY(fmod, ppn_fmod_int64(x, y))
BINARY(power, ppn_power_int64(x, y))
BINARY(maximum, maximum(x, y))
BINARY(minimum, minimum(x, y))
BINARY_PREDICATE(equal, x == y)
BINARY_PREDICATE(not_equal, x != y)
BINARY_PREDICATE(less, x < y)
BINARY_PREDICATE(less_equal, x <= y)
BINARY_PREDICATE(greater, x > y)
BINARY_PREDICATE(greater_equal, x >= y)
BINARY_PREDICATE(logical_and, (x != 0) & (y != 0))
BINARY_PREDICATE(logical_or, (x != 0) | (y != 0))
BINARY_PREDICATE(logical_xor, (x != 0) ^ (y != 0))
BINARY(bitwise_and, x& y)
BINARY(bitwise_or, x | y)
BINARY(bitwise_xor, x ^ y)
BINARY(shift_left, shift_left(x, y))
BINARY(shift_right, shift_right(x, y))

PPN_MAP_TERNARY(ternary_select, uint8_t, int64_t, x ? y : z)
PPN_MAP_TERNARY(ternary_clamp, int64_t, int64_t, minimum(maximum(x, y), z))
PPN_MAP_TERNARY(ternary_affine, int64_t, int64_t, WRAP(WRAP(x, *, y), +, z))

const ppn_map_functions_t ppn_map_functions_int64 = {
    .unary =
        {
            [PPN_UNARY_IDENTITY] = unary_identity,
            [PPN_UNARY_ABS] = unary_abs,
            [PPN_UNARY_NEGATE] = unary_negate,
            [PPN_UNARY_SIGN] = unary_sign,
            [PPN_UNARY_SQUARE] = unary_square,
            [PPN_UNARY_RELU] = unary_relu,
            [PPN_UNARY_CLIP] = unary_clip,
            [PPN_UNARY_LOGICAL_NOT] = unary_logical_not,
            [PPN_UNARY_IS_NAN] = unary_never,
            [PPN_UNARY_IS_INFINITE] = unary_never,
            [PPN_UNARY_FLOOR] = unary_identity,
            [PPN_UNARY_CEIL] = unary_identity,
            [PPN_UNARY_ROUND] = unary_identity,
            [PPN_UNARY_TRUNCATE] = unary_identity,
            [PPN_UNARY_BITWISE_NOT] = unary_bitwise_not,
        },
    .binary =
        {
            [PPN_BINARY_ADD] = binary_add,
            [PPN_BINARY_SUBTRACT] = binary_subtract,
            [PPN_BINARY_MULTIPLY] = binary_multiply,
            [PPN_BINARY_DIVIDE] = binary_divide,
            [PPN_BINARY_DIVIDE_TRUNCATE] = binary_divide,
            [PPN_BINARY_DIVIDE_FLOOR] = binary_divide_floor,
            [PPN_BINARY_REMAINDER] = binary_remainder,
            [PPN_BINARY_FMOD] = binary_fmod,
            [PPN_BINARY_POWER] = binary_power,
            [PPN_BINARY_MAXIMUM] = binary_maximum,
            [PPN_BINARY_MINIMUM] = binary_minimum,
            [PPN_BINARY_EQUAL] = binary_equal,
            [PPN_BINARY_NOT_EQUAL] = binary_not_equal,
            [PPN_BINARY_LESS] = binary_less,
            [PPN_BINARY_LESS_EQUAL] = binary_less_equal,
            [PPN_BINARY_GREATER] = binary_greater,
            [PPN_BINARY_GREATER_EQUAL] = binary_greater_equal,
            [PPN_BINARY_LOGICAL_AND] = binary_logical_and,
            [PPN_BINARY_LOGICAL_OR] = binary_logical_or,
            [PPN_BINARY_LOGICAL_XOR] = binary_logical_xor,
            [PPN_BINARY_BITWISE_AND] = binary_bitwise_and,
            [PPN_BINARY_BITWISE_OR] = binary_bitwise_or,
            [PPN_BINARY_BITWISE_XOR] = binary_bitwise_xor,
            [PPN_BINARY_SHIFT_LEFT] = binary_shift_left,
            [PPN_BINARY_SHIFT_RIGHT] = binary_shift_right,
        },
    .ternary =
        {
            [PPN_TERNARY_SELECT] = ternary_select,
            [PPN_TERNARY_CLAMP] = ternary_clamp,
            [PPN_TERNARY_AFFINE] = ternary_affine,
        },
};
