// The float functions of each instruction set against the C library in double precision, over
// floats of every magnitude.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/half.h"
#include "kernels/map_functions.h"
#include "kernels/rows.h"

enum { STEP = 4099 };  // prime: one of so many floats, all exponents and signs

static double reference_sigmoid(double x) {
  return 1 / (1 + exp(-x));
}
static double reference_silu(double x) {
  return x / (1 + exp(-x));
}
static double reference_gelu(double x) {
  return 0.5 * x * erfc(-x * sqrt(0.5));
}
static double reference_gelu_tanh(double x) {
  double u = sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
  return x / (1 + exp(-2 * u));
}
static double reference_gelu_sigmoid(double x) {
  return x / (1 + exp(-1.702 * x));
}
static double reference_softplus(double x) {
  return log1p(exp(-fabs(x))) + fmax(x, 0);
}
static double reference_elu(double x) {
  return x > 0 ? x : expm1(x);
}

typedef struct accuracy_case {
  const char* name;
  ppn_unary_t op;
  double (*reference)(double);
  double low, high;  // where it is compared
  double bound;      // in units in the last place of a normal float
  double absolute;   // what is always allowed
} accuracy_case_t;

static const accuracy_case_t cases[] = {
    {"exp", PPN_UNARY_EXP, exp, -INFINITY, INFINITY, 1.0, 0},
    {"expm1", PPN_UNARY_EXPM1, expm1, -INFINITY, INFINITY, 2.0, 0},
    {"log", PPN_UNARY_LOG, log, 0, INFINITY, 1.0, 0},
    {"tanh", PPN_UNARY_TANH, tanh, -INFINITY, INFINITY, 2.0, 0},
    {"erf", PPN_UNARY_ERF, erf, -INFINITY, INFINITY, 2.0, 0},
    {"sigmoid", PPN_UNARY_SIGMOID, reference_sigmoid, -87.3, INFINITY, 2.0, 0},
    {"sigmoid, small", PPN_UNARY_SIGMOID, reference_sigmoid, -INFINITY, -87.3, 0, 0x1p-125},
    {"silu", PPN_UNARY_SILU, reference_silu, -87.3, INFINITY, 2.0, 0},
    {"gelu", PPN_UNARY_GELU, reference_gelu, -0.7, INFINITY, 2.0, 0},
    {"gelu, negative", PPN_UNARY_GELU, reference_gelu, -13, -0.7, 90, 0},
    {"gelu, far", PPN_UNARY_GELU, reference_gelu, -0x1p100, -13, 0, 0x1p-110},
    {"gelu_tanh", PPN_UNARY_GELU_TANH, reference_gelu_tanh, -1, INFINITY, 3.0, 0},
    {"gelu_tanh, negative", PPN_UNARY_GELU_TANH, reference_gelu_tanh, -10, -1, 200, 0x1p-120},
    {"gelu_sigmoid", PPN_UNARY_GELU_SIGMOID, reference_gelu_sigmoid, -1, INFINITY, 3.0, 0},
    {"softplus", PPN_UNARY_SOFTPLUS, reference_softplus, -87.3, INFINITY, 2.0, 0},
    {"elu", PPN_UNARY_ELU, reference_elu, -INFINITY, INFINITY, 2.0, 0},
    {"log1p", PPN_UNARY_LOG1P, log1p, -1, INFINITY, 1.0, 0},
    {"exp2", PPN_UNARY_EXP2, exp2, -INFINITY, INFINITY, 1.0, 0},
    {"sin", PPN_UNARY_SIN, sin, -INFINITY, INFINITY, 1.0, 0},
    {"sqrt", PPN_UNARY_SQRT, sqrt, 0, INFINITY, 0.5, 0},
};

// The difference in units in the last place of the float nearest to `expected`.
static double error_in_ulp(float found, double expected) {
  if (isnan(expected)) return isnan(found) ? 0 : INFINITY;
  if (isinf((float)expected) || isinf(found)) {
    // Rounding decides between the largest float and infinity.
    if ((float)expected == found) return 0;
    return fabs(expected) > 0x1.fffffcp127 && fabsf(found) > 0x1.fffffcp127f ? 1 : INFINITY;
  }
  int exponent;
  frexp(expected, &exponent);
  if (expected == 0 || exponent < -125) exponent = -125;
  return fabs((double)found - expected) / ldexp(1, exponent - 24);
}

static void check(const ppn_map_functions_t* functions, const accuracy_case_t* item) {
  static const ppn_elementwise_parameters_t elu = {1, 1, 1}, none = {-0.0, 0, 0};
  float inputs[PPN_ROW_CHUNK], results[PPN_ROW_CHUNK];
  double worst = 0;
  float worst_at = 0;
  uint64_t bits = 0;
  while (bits < UINT64_C(1) << 32) {
    int64_t count = 0;
    for (; count < PPN_ROW_CHUNK && bits < UINT64_C(1) << 32; bits += STEP) {
      float x = ppn_bits_to_float((uint32_t)bits);
      if (x >= item->low && x <= item->high) inputs[count++] = x;
    }
    const void* rows[] = {inputs};
    functions->unary[item->op](rows, results, count, item->op == PPN_UNARY_ELU ? &elu : &none);
    for (int64_t i = 0; i < count; ++i) {
      double expected = item->reference(inputs[i]);
      if (fabs(results[i] - expected) <= item->absolute) continue;
      double error = error_in_ulp(results[i], expected);
      if (!(error <= worst)) {
        worst = error;
        worst_at = inputs[i];
      }
    }
  }
  print_message("%-20s %8.3f ulp, at %a\n", item->name, worst, (double)worst_at);
  if (!(worst <= item->bound)) {
    fail_msg("%s: %g ulp at %.9g (%a), more than %g", item->name, worst, (double)worst_at,
             (double)worst_at, item->bound);
  }
}

static void check_all(const ppn_map_functions_t* functions) {
  for (size_t i = 0; i < PPN_COUNT_OF(cases); ++i) check(functions, &cases[i]);
}

static void generic(void** state) {
  (void)state;
  check_all(&ppn_map_functions_float32);
}

#ifdef PPN_CPU_X86_64
static void avx2(void** state) {
  (void)state;
  if (!ppn_cpu_has(PPN_CPU_AVX2)) skip();
  check_all(&ppn_map_functions_float32_avx2);
}

static void avx512(void** state) {
  (void)state;
  if (!ppn_cpu_has(PPN_CPU_AVX512)) skip();
  check_all(&ppn_map_functions_float32_avx512);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(generic),
#ifdef PPN_CPU_X86_64
      cmocka_unit_test(avx2),
      cmocka_unit_test(avx512),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
