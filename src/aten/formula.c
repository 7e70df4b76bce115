#include "aten/formula.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aten/build.h"

// A tensor, or a number when `tensor` is NULL.
typedef struct operand {
  ppn_value_t* tensor;
  double number;
} operand_t;

typedef struct formula {
  ppn_build_t build;
  const char* next;      // the text that is not read yet
  ppn_dtype_t dtype;     // tensors are converted to it; INVALID: they stay as they are
  bool is_inapplicable;  // a parameter is neither a tensor nor a literal number
} formula_t;

static operand_t parse_expression(formula_t* formula);
static operand_t parse_primary(formula_t* formula);

static operand_t number(double value) {
  operand_t operand = {NULL, value};
  return operand;
}

static operand_t tensor(ppn_value_t* value) {
  operand_t operand = {value, 0};
  return operand;
}

static bool stopped(const formula_t* formula) {
  return formula->build.status || formula->is_inapplicable;
}

// ---- Operators ----

typedef struct operation {
  const char* name;      // in formulas
  const char* mirrored;  // b op' a == a op b; NULL: there is none
  const char*
      of_number;  // the operator whose second operand is a number; NULL: it becomes a tensor
  const char* of_tensors;
  bool is_comparison;
} operation_t;

static const operation_t operations[] = {
    {"+", "+", "aten::add.Scalar", "aten::add.Tensor", false},
    {"-", "rsub", "aten::sub.Scalar", "aten::sub.Tensor", false},
    {"rsub", NULL, "aten::rsub.Scalar", NULL, false},
    {"*", "*", "aten::mul.Scalar", "aten::mul.Tensor", false},
    {"/", NULL, "aten::div.Scalar", "aten::div.Tensor", false},
    {"<", ">", "aten::lt.Scalar", "aten::lt.Tensor", true},
    {"<=", ">=", "aten::le.Scalar", "aten::le.Tensor", true},
    {">", "<", "aten::gt.Scalar", "aten::gt.Tensor", true},
    {">=", "<=", "aten::ge.Scalar", "aten::ge.Tensor", true},
    {"==", "==", "aten::eq.Scalar", "aten::eq.Tensor", true},
    {"!=", "!=", "aten::ne.Scalar", "aten::ne.Tensor", true},
    {"&", NULL, NULL, "aten::logical_and", true},
    {"|", NULL, NULL, "aten::logical_or", true},
    {"pow", NULL, "aten::pow.Tensor_Scalar", "aten::pow.Tensor_Tensor", false},
    {"maximum", "maximum", NULL, "aten::maximum", false},
    {"minimum", "minimum", NULL, "aten::minimum", false},
    {"atan2", NULL, NULL, "aten::atan2", false},
    {"remainder", NULL, "aten::remainder.Scalar", "aten::remainder.Tensor", false},
    {"fmod", NULL, "aten::fmod.Scalar", "aten::fmod.Tensor", false},
};

static const operation_t* find_operation(const char* name, size_t size) {
  for (size_t i = 0; i < PPN_COUNT_OF(operations); ++i) {
    if (strlen(operations[i].name) == size && memcmp(operations[i].name, name, size) == 0) {
      return &operations[i];
    }
  }
  return NULL;
}

static double compute(const char* name, double a, double b) {
  switch (name[0]) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '<':
      return name[1] ? a <= b : a < b;
    case '>':
      return name[1] ? a >= b : a > b;
    case '=':
      return a == b;
    case '!':
      return a != b;
    case '&':
      return a != 0 && b != 0;
    case '|':
      return a != 0 || b != 0;
    case 'p':
      return pow(a, b);
    default:
      return NAN;
  }
}

// A number as an argument: an integer among integers.
static ppn_argument_t number_argument(const char* name, double value, ppn_dtype_t dtype) {
  bool is_integer = !ppn_dtype_is_float(dtype) && value == floor(value) && fabs(value) < 9e15;
  return is_integer ? ppn_argument_int(name, (int64_t)value) : ppn_argument_float(name, value);
}

static ppn_dtype_t result_type(const operation_t* operation, ppn_dtype_t dtype, double other) {
  if (operation->is_comparison) return PPN_DTYPE_BOOL;
  bool is_float = operation->name[0] == '/' || other != floor(other);
  return is_float && !ppn_dtype_is_float(dtype) ? PPN_DTYPE_FLOAT32 : dtype;
}

static operand_t with_number(formula_t* formula, const operation_t* operation, ppn_value_t* self,
                             double value) {
  ppn_tensor_meta_t meta = self->tensor;
  meta.strides = NULL;
  meta.dtype = result_type(operation, self->tensor.dtype, value);
  const char* op = operation->of_number ? operation->of_number : operation->of_tensors;
  const char* name = strcmp(operation->name, "pow") == 0 ? "exponent" : "other";
  return tensor(ppn_build_op(&formula->build, op, &meta, ppn_argument_value("self", self),
                             number_argument(name, value, self->tensor.dtype)));
}

// number op tensor
static operand_t number_with(formula_t* formula, const operation_t* operation, double value,
                             ppn_value_t* other) {
  if (operation->mirrored) {
    const operation_t* mirrored = find_operation(operation->mirrored, strlen(operation->mirrored));
    return with_number(formula, mirrored, other, value);
  }
  ppn_tensor_meta_t meta = other->tensor;
  meta.strides = NULL;
  meta.dtype = result_type(operation, other->tensor.dtype, value);
  bool is_power = strcmp(operation->name, "pow") == 0;
  return tensor(ppn_build_op(&formula->build, is_power ? "aten::pow.Scalar" : operation->of_tensors,
                             &meta, number_argument("self", value, other->tensor.dtype),
                             ppn_argument_value(is_power ? "exponent" : "other", other)));
}

static operand_t apply(formula_t* formula, const operation_t* operation, operand_t a, operand_t b) {
  if (stopped(formula)) return number(0);
  if (!a.tensor && !b.tensor) return number(compute(operation->name, a.number, b.number));
  if (!b.tensor) return with_number(formula, operation, a.tensor, b.number);
  if (!a.tensor) return number_with(formula, operation, a.number, b.tensor);
  ppn_dtype_t dtype = ppn_dtype_promote(a.tensor->tensor.dtype, b.tensor->tensor.dtype);
  dtype = result_type(operation, dtype, 0);
  return tensor(
      ppn_build_binary(&formula->build, operation->of_tensors, a.tensor, b.tensor, dtype));
}

// ---- Reductions ----

// Over the node's "dim" argument, or everything when it has none.
static operand_t reduce(formula_t* formula, const char* op, ppn_value_t* x) {
  int64_t dims[64];
  uint32_t count;
  if (stopped(formula)) return number(0);
  if (!ppn_build_axes(&formula->build, "dim", x->tensor.rank, dims, &count)) {
    formula->is_inapplicable = true;
    return number(0);
  }
  bool keepdim = ppn_build_bool(&formula->build, "keepdim", false);
  return tensor(ppn_build_reduce(&formula->build, op, x, dims, count, keepdim));
}

// A loss: none, the mean or the sum, as the node's "reduction" argument says.
static operand_t reduce_loss(formula_t* formula, operand_t x) {
  int64_t kind = ppn_build_int(&formula->build, "reduction", 1);
  if (stopped(formula) || !x.tensor || kind == 0) return x;
  return reduce(formula, kind == 1 ? "aten::mean.dim" : "aten::sum.dim_IntList", x.tensor);
}

// ---- Functions ----

static operand_t call_unary(formula_t* formula, const char* name, int size, operand_t x) {
  char op[64];
  if (stopped(formula)) return number(0);
  if (!x.tensor) {
    double value = size == 3 && memcmp(name, "abs", 3) == 0    ? fabs(x.number)
                   : size == 3 && memcmp(name, "log", 3) == 0  ? log(x.number)
                   : size == 4 && memcmp(name, "sqrt", 4) == 0 ? sqrt(x.number)
                                                               : NAN;
    return number(value);
  }
  snprintf(op, sizeof op, "aten::%.*s", size, name);
  ppn_tensor_meta_t meta = x.tensor->tensor;
  meta.strides = NULL;
  if (strcmp(op, "aten::isnan") == 0 || strcmp(op, "aten::isinf") == 0 ||
      strcmp(op, "aten::logical_not") == 0) {
    meta.dtype = PPN_DTYPE_BOOL;
  }
  return tensor(ppn_build_op(&formula->build, op, &meta, ppn_argument_value("self", x.tensor)));
}

// A number for a tensor: the edge dialect makes it a constant.
static ppn_value_t* filled(formula_t* formula, double value, ppn_dtype_t dtype) {
  ppn_tensor_meta_t meta = ppn_build_meta(&formula->build, dtype, 0, NULL);
  ppn_argument_t fill = number_argument("s", value, dtype);
  if (dtype == PPN_DTYPE_BOOL) fill = ppn_argument_bool("s", value != 0);
  return ppn_build_op(&formula->build, "aten::scalar_tensor", &meta, fill,
                      ppn_argument_dtype("dtype", dtype));
}

static operand_t choose(formula_t* formula, operand_t condition, operand_t a, operand_t b) {
  if (stopped(formula)) return number(0);
  if (!condition.tensor) return condition.number != 0 ? a : b;
  ppn_dtype_t dtype = a.tensor   ? a.tensor->tensor.dtype
                      : b.tensor ? b.tensor->tensor.dtype
                                 : formula->dtype;
  if (dtype == PPN_DTYPE_INVALID) dtype = PPN_DTYPE_FLOAT32;
  if (!a.tensor) a.tensor = filled(formula, a.number, dtype);
  if (!b.tensor) b.tensor = filled(formula, b.number, dtype);
  return tensor(ppn_build_where(&formula->build, condition.tensor, a.tensor, b.tensor));
}

static operand_t call_function(formula_t* formula, const char* name, size_t size,
                               const operand_t* arguments, int count) {
  if (count == 3) return choose(formula, arguments[0], arguments[1], arguments[2]);
  static const struct {
    const char *name, *op;
  } reductions[] = {{"sum", "aten::sum.dim_IntList"}, {"mean", "aten::mean.dim"}};
  for (size_t i = 0; i < PPN_COUNT_OF(reductions) && count == 1 && arguments[0].tensor; ++i) {
    if (strlen(reductions[i].name) != size || memcmp(reductions[i].name, name, size) != 0) continue;
    return reduce(formula, reductions[i].op, arguments[0].tensor);
  }
  if (size == 4 && memcmp(name, "loss", 4) == 0) return reduce_loss(formula, arguments[0]);
  const operation_t* operation = find_operation(name, size);
  if (count == 2 && operation) return apply(formula, operation, arguments[0], arguments[1]);
  return call_unary(formula, name, (int)size, arguments[0]);
}

// ---- Parsing: each function reads one level of precedence ----

static char peek(formula_t* formula) {
  while (*formula->next == ' ') ++formula->next;
  return *formula->next;
}

// Numbers with a name that no parameter of the node has.
static bool find_constant(const formula_t* formula, const char* name, double* out) {
  ppn_dtype_t dtype = formula->build.node->outputs[0]->tensor.dtype;
  const struct {
    const char* name;
    double value;
  } constants[] = {{"inf", INFINITY},
                   {"nan", NAN},
                   {"pi", 3.14159265358979323846},
                   {"largest", dtype == PPN_DTYPE_FLOAT16    ? 65504.0
                               : dtype == PPN_DTYPE_BFLOAT16 ? 0x1.fep127
                               : dtype == PPN_DTYPE_FLOAT64  ? DBL_MAX
                                                             : (double)FLT_MAX}};
  if (ppn_node_argument(formula->build.node, name)) return false;
  for (size_t i = 0; i < PPN_COUNT_OF(constants); ++i) {
    if (strcmp(constants[i].name, name) == 0) return *out = constants[i].value, true;
  }
  return false;
}

static operand_t parameter(formula_t* formula, const char* name, size_t size) {
  char text[64];
  snprintf(text, sizeof text, "%.*s", (int)size, name);
  double constant;
  if (find_constant(formula, text, &constant)) return number(constant);
  ppn_value_t* value = ppn_build_tensor(&formula->build, text);
  if (value && *formula->next == '?') {
    ++formula->next;
    parse_primary(formula);
  }
  if (value) {
    if (formula->dtype == PPN_DTYPE_INVALID) return tensor(value);
    return tensor(ppn_build_cast(&formula->build, value, formula->dtype));
  }
  ppn_argument_t argument = ppn_build_argument(&formula->build, text);
  double literal = 0;
  if (*formula->next == '?') {  // what it is when it is not given
    ++formula->next;
    operand_t fallback = parse_primary(formula);
    if (argument.kind == PPN_ARGUMENT_NONE) return fallback;
  }
  formula->is_inapplicable |= !ppn_argument_as_double(&argument, &literal);
  return number(literal);
}

static operand_t parse_primary(formula_t* formula) {
  char c = peek(formula);
  if (c == '(') {
    ++formula->next;
    operand_t value = parse_expression(formula);
    peek(formula);
    ++formula->next;
    return value;
  }
  if (isdigit((unsigned char)c)) {
    char* end;
    double value = strtod(formula->next, &end);
    formula->next = end;
    return number(value);
  }
  const char* name = formula->next;
  while (isalnum((unsigned char)*formula->next) || *formula->next == '_') ++formula->next;
  size_t size = (size_t)(formula->next - name);
  if (peek(formula) != '(') return parameter(formula, name, size);
  operand_t arguments[3];
  int count = 0;
  do {
    ++formula->next;
    arguments[count++] = parse_expression(formula);
  } while (peek(formula) == ',' && count < 3);
  ++formula->next;
  return call_function(formula, name, size, arguments, count);
}

static operand_t parse_unary(formula_t* formula) {
  if (peek(formula) != '-') return parse_primary(formula);
  ++formula->next;
  operand_t value = parse_unary(formula);
  return value.tensor ? call_unary(formula, "neg", 3, value) : number(-value.number);
}

static operand_t parse_product(formula_t* formula) {
  operand_t value = parse_unary(formula);
  while (peek(formula) == '*' || peek(formula) == '/') {
    const operation_t* operation = find_operation(formula->next++, 1);
    value = apply(formula, operation, value, parse_unary(formula));
  }
  return value;
}

static operand_t parse_sum(formula_t* formula) {
  operand_t value = parse_product(formula);
  while (peek(formula) == '+' || peek(formula) == '-') {
    const operation_t* operation = find_operation(formula->next++, 1);
    value = apply(formula, operation, value, parse_product(formula));
  }
  return value;
}

static operand_t parse_comparison(formula_t* formula) {
  operand_t value = parse_sum(formula);
  char c = peek(formula);
  if (!c || !strchr("<>=!", c)) return value;
  size_t size = formula->next[1] == '=' ? 2 : 1;
  const operation_t* operation = find_operation(formula->next, size);
  formula->next += size;
  return apply(formula, operation, value, parse_sum(formula));
}

static operand_t parse_expression(formula_t* formula) {
  operand_t value = parse_comparison(formula);
  while (peek(formula) == '&' || peek(formula) == '|') {
    const operation_t* operation = find_operation(formula->next++, 1);
    value = apply(formula, operation, value, parse_comparison(formula));
  }
  return value;
}

// ---- Types ----

static ppn_dtype_t promoted(const ppn_node_t* node) {
  ppn_dtype_t dtype = PPN_DTYPE_INVALID;
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    const ppn_argument_t* argument = &node->arguments[i];
    if (argument->kind != PPN_ARGUMENT_VALUE || argument->u.value->kind != PPN_VALUE_TENSOR) {
      continue;
    }
    ppn_dtype_t other = argument->u.value->tensor.dtype;
    dtype = dtype == PPN_DTYPE_INVALID ? other : ppn_dtype_promote(dtype, other);
  }
  return dtype;
}

ppn_status_t ppn_aten_decompose_formula(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_tensor_meta_t result = node->outputs[0]->tensor;
  formula_t formula = {.build = ppn_build_start(emitter, node), .next = node->op->row->formula};
  formula.dtype = result.dtype == PPN_DTYPE_BOOL ? promoted(node) : result.dtype;
  if (ppn_dtype_is_complex(formula.dtype) || formula.dtype == PPN_DTYPE_INVALID) {
    return ppn_status_ok();
  }
  if (formula.dtype == PPN_DTYPE_FLOAT16 || formula.dtype == PPN_DTYPE_BFLOAT16) {
    formula.dtype = PPN_DTYPE_FLOAT32;
  }
  operand_t value = parse_expression(&formula);
  if (formula.build.status) return formula.build.status;
  if (formula.is_inapplicable || !value.tensor || value.tensor->tensor.rank != result.rank) {
    return ppn_status_ok();
  }
  return ppn_build_finish(&formula.build,
                          ppn_build_cast(&formula.build, value.tensor, result.dtype));
}
