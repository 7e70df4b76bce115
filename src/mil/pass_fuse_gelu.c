// Finds GELU written out, exactly or with tanh, whatever the order of its products:
//
//   0.5 x (1 + erf(x / sqrt 2))
//   0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
#include <math.h>

#include "mil/fusion.h"

enum { MAX_FACTORS = 4 };

// A product as one number and the values that are multiplied.
typedef struct product {
  double number;
  ppn_mil_value_t* factors[MAX_FACTORS];
  uint32_t count;
  bool is_too_long;
} product_t;

static void multiply(product_t* product, ppn_mil_value_t* value) {
  double number;
  if (ppn_mil_fusion_number(value, &number)) {
    product->number *= number;
  } else if (product->count == MAX_FACTORS) {
    product->is_too_long = true;
  } else {
    product->factors[product->count++] = value;
  }
}

// Multiplies by what `operation` computes, if that is a product itself.
static bool expand_operation(const ppn_mil_fusion_t* fusion, const ppn_mil_operation_t* operation,
                             product_t* product);

static void expand(const ppn_mil_fusion_t* fusion, ppn_mil_value_t* value, product_t* product) {
  bool is_inner = value->producer && ppn_mil_fusion_used_once(fusion, value);
  if (product->is_too_long || !is_inner || !expand_operation(fusion, value->producer, product)) {
    multiply(product, value);
  }
}

static bool expand_operation(const ppn_mil_fusion_t* fusion, const ppn_mil_operation_t* operation,
                             product_t* product) {
  ppn_mil_value_t *x = ppn_mil_fusion_operand(operation, "x"),
                  *y = ppn_mil_fusion_operand(operation, "y");
  double number;
  if (ppn_mil_operation_is(operation, "mul")) {
    expand(fusion, x, product);
    expand(fusion, y, product);
    return true;
  }
  if (ppn_mil_operation_is(operation, "real_div") && ppn_mil_fusion_number(y, &number)) {
    product->number /= number;
    expand(fusion, x, product);
    return true;
  }
  bool is_square = ppn_mil_operation_is(operation, "square");
  bool is_power = ppn_mil_operation_is(operation, "pow") && ppn_mil_fusion_number(y, &number);
  if (!is_square && !(is_power && (number == 2 || number == 3))) return false;
  for (int i = 0; i < (is_square ? 2 : (int)number); i++) multiply(product, x);
  return true;
}

static product_t product_of(const ppn_mil_fusion_t* fusion, ppn_mil_value_t* value) {
  product_t product = {.number = 1};
  expand(fusion, value, &product);
  return product;
}

// The other operand of value = 1 + other, or NULL.
static ppn_mil_value_t* beside_one(const ppn_mil_value_t* value) {
  ppn_mil_operation_t* add = ppn_mil_fusion_producer(value, "add");
  ppn_mil_value_t *other, *one;
  bool is_sum = add && ppn_mil_fusion_with_constant(add, &other, &one);
  return is_sum && ppn_mil_fusion_is_number(one, 1) ? other : NULL;
}

// value = x + 0.044715 x^3
static bool is_cubic(const ppn_mil_fusion_t* fusion, const ppn_mil_value_t* value,
                     const ppn_mil_value_t* x) {
  ppn_mil_operation_t* add = ppn_mil_fusion_producer(value, "add");
  if (!add) return false;
  ppn_mil_value_t *first = ppn_mil_fusion_operand(add, "x"),
                  *second = ppn_mil_fusion_operand(add, "y");
  if (first != x && second != x) return false;
  product_t cube = product_of(fusion, first == x ? second : first);
  return cube.count == 3 && !cube.is_too_long && ppn_mil_fusion_close(cube.number, 0.044715) &&
         cube.factors[0] == x && cube.factors[1] == x && cube.factors[2] == x;
}

// The mode of the GELU of `x` whose second factor is `factor`, or NULL.
static const char* mode_of(const ppn_mil_fusion_t* fusion, const ppn_mil_value_t* x,
                           const ppn_mil_value_t* factor) {
  const double pi = 3.14159265358979323846;
  ppn_mil_value_t* inner = beside_one(factor);
  ppn_mil_operation_t *erf = ppn_mil_fusion_producer(inner, "erf"),
                      *tanh = ppn_mil_fusion_producer(inner, "tanh");
  if (!erf && !tanh) return NULL;
  product_t argument = product_of(fusion, ppn_mil_fusion_operand(erf ? erf : tanh, "x"));
  if (argument.count != 1 || argument.is_too_long) return NULL;
  if (erf) {
    bool is_exact = argument.factors[0] == x && ppn_mil_fusion_close(argument.number, sqrt(0.5));
    return is_exact ? "EXACT" : NULL;
  }
  bool is_tanh = ppn_mil_fusion_close(argument.number, sqrt(2 / pi)) &&
                 is_cubic(fusion, argument.factors[0], x);
  return is_tanh ? "TANH_APPROXIMATION" : NULL;
}

static ppn_status_t fuse(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation) {
  product_t product = {.number = 1};
  if (!ppn_mil_operation_is(operation, "mul")) return ppn_status_ok();
  expand_operation(fusion, operation, &product);
  if (product.count != 2 || product.is_too_long || !ppn_mil_fusion_close(product.number, 0.5)) {
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < 2; i++) {
    ppn_mil_value_t *x = product.factors[i], *gelu;
    const char* mode = mode_of(fusion, x, product.factors[1 - i]);
    if (!mode) continue;
    ppn_mil_builder_t builder = ppn_mil_fusion_builder(fusion, operation);
    ppn_mil_value_t* name = NULL;
    PPN_RETURN_IF_ERROR(ppn_mil_constant_string(&builder, "mode", mode, &name));
    ppn_mil_input_t inputs[] = {PPN_MIL_IN("x", x), PPN_MIL_IN("mode", name)};
    PPN_RETURN_IF_ERROR(ppn_mil_emit(&builder, "gelu", inputs, 2, NULL, 0, &gelu, 1));
    ppn_mil_fusion_replace(operation, gelu);
    break;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_mil_pass_fuse_gelu(ppn_mil_function_t* function) {
  return ppn_mil_fusion_run(function, fuse);
}
