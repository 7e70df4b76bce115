// Arithmetic of complex tensors, part by part.
#include "aten/complex.h"

// ---- The same operator on each part ----

enum { MAXIMUM_RESULTS = 64 };

// The node's arguments with complex tensors replaced by one part. NULL when one cannot be split.
static ppn_argument_t* part_arguments(ppn_complex_node_t* split, bool imaginary) {
  ppn_node_t* node = split->node;
  ppn_arena_t* arena = split->build.emitter->graph->arena;
  ppn_argument_t* arguments =
      ppn_arena_memdup(arena, node->arguments, node->argument_count * sizeof(*arguments));
  ppn_complex_t parts;
  for (uint32_t i = 0; arguments && i < node->argument_count; ++i) {
    ppn_argument_t* argument = &arguments[i];
    bool is_list = argument->kind == PPN_ARGUMENT_VALUES;
    if (!is_list && argument->kind != PPN_ARGUMENT_VALUE) continue;
    uint32_t count = is_list ? argument->count : 1;
    if (is_list) {
      argument->u.values =
          ppn_arena_memdup(arena, argument->u.values, count * sizeof(*argument->u.values));
      if (!argument->u.values) return NULL;
    }
    ppn_value_t** values = is_list ? argument->u.values : &argument->u.value;
    for (uint32_t j = 0; j < count; ++j) {
      bool is_complex = values[j] && values[j]->kind == PPN_VALUE_TENSOR &&
                        ppn_dtype_is_complex(values[j]->tensor.dtype);
      if (!is_complex) continue;
      if (!ppn_complex_parts(split, values[j], &parts)) return NULL;
      values[j] = imaginary ? parts.imaginary : parts.real;
    }
  }
  return arguments;
}

// f(a + bi) = f(a) + f(b)i: what moves elements, or adds them up.
static void each_part(ppn_complex_node_t* split) {
  ppn_node_t* node = split->node;
  ppn_value_t* results[2][MAXIMUM_RESULTS];
  ppn_tensor_meta_t metas[MAXIMUM_RESULTS];
  if (node->output_count > MAXIMUM_RESULTS) return;
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i] || !ppn_dtype_is_complex(node->outputs[i]->tensor.dtype)) return;
    metas[i] = ppn_complex_part_meta(node->outputs[i]);
  }
  for (int part = 0; part < 2; ++part) {
    ppn_argument_t* arguments = part_arguments(split, part == 1);
    if (!arguments) return;
    ppn_build_several(&split->build, node->target, arguments, node->argument_count, metas,
                      results[part], node->output_count);
  }
  for (uint32_t i = 0; i < node->output_count && !split->build.status; ++i) {
    ppn_complex_set(split, i, (ppn_complex_t){results[0][i], results[1][i]});
  }
}

// ---- Operands ----

// A complex tensor, or something real: a tensor or a number.
typedef struct operand {
  bool is_complex;
  ppn_argument_t real, imaginary;
} operand_t;

static bool read_operand(ppn_complex_node_t* split, const char* name, operand_t* out) {
  ppn_argument_t argument = ppn_build_argument(&split->build, name);
  ppn_complex_t parts;
  *out = (operand_t){.real = argument};
  if (argument.kind == PPN_ARGUMENT_COMPLEX) {
    *out = (operand_t){true, ppn_argument_float("other", argument.u.complex.real),
                       ppn_argument_float("other", argument.u.complex.imaginary)};
    return true;
  }
  if (argument.kind != PPN_ARGUMENT_VALUE) {
    return argument.kind == PPN_ARGUMENT_INT || argument.kind == PPN_ARGUMENT_FLOAT;
  }
  ppn_value_t* value = argument.u.value;
  if (value->kind != PPN_VALUE_TENSOR || !ppn_dtype_is_complex(value->tensor.dtype)) return true;
  if (!ppn_complex_parts(split, value, &parts)) return false;
  *out = (operand_t){true, ppn_argument_value("self", parts.real),
                     ppn_argument_value("self", parts.imaginary)};
  return true;
}

// op(a, b) with the sizes of the node's result.
static ppn_value_t* combine(ppn_complex_node_t* split, const char* op, ppn_argument_t a,
                            ppn_argument_t b) {
  ppn_tensor_meta_t meta = ppn_complex_part_meta(split->node->outputs[0]);
  a.name = "self";
  b.name = "other";
  const ppn_argument_t arguments[] = {a, b};
  return ppn_build_typed(&split->build, op, arguments, 2, &meta);
}

static ppn_argument_t of(ppn_value_t* value) {
  return ppn_argument_value("self", value);
}

static ppn_value_t* add(ppn_complex_node_t* split, const char* op, ppn_value_t* a, ppn_value_t* b) {
  return split->build.status ? NULL : combine(split, op, of(a), of(b));
}

static ppn_value_t* multiply(ppn_complex_node_t* split, ppn_argument_t a, ppn_argument_t b) {
  return split->build.status ? NULL : combine(split, "aten::mul.Tensor", a, b);
}

static ppn_complex_t product(ppn_complex_node_t* split, const operand_t* a, const operand_t* b) {
  ppn_complex_t out;
  if (!a->is_complex || !b->is_complex) {
    const operand_t *complex = a->is_complex ? a : b, *real = a->is_complex ? b : a;
    out.real = multiply(split, complex->real, real->real);
    out.imaginary = multiply(split, complex->imaginary, real->real);
    return out;
  }
  out.real = add(split, "aten::sub.Tensor", multiply(split, a->real, b->real),
                 multiply(split, a->imaginary, b->imaginary));
  out.imaginary = add(split, "aten::add.Tensor", multiply(split, a->real, b->imaginary),
                      multiply(split, a->imaginary, b->real));
  return out;
}

static void mul(ppn_complex_node_t* split) {
  operand_t a, b;
  if (!read_operand(split, "self", &a) || !read_operand(split, "other", &b)) return;
  ppn_complex_set(split, 0, product(split, &a, &b));
}

// |z|^2
static ppn_value_t* square(ppn_complex_node_t* split, ppn_complex_t z) {
  if (split->build.status) return NULL;
  ppn_build_t* build = &split->build;
  ppn_value_t* real = ppn_build_binary(build, "aten::mul.Tensor", z.real, z.real, 0);
  ppn_value_t* imaginary = ppn_build_binary(build, "aten::mul.Tensor", z.imaginary, z.imaginary, 0);
  return ppn_build_binary(build, "aten::add.Tensor", real, imaginary, 0);
}

// a / b = a · conj(b) / |b|^2
static void divide(ppn_complex_node_t* split) {
  operand_t a, b;
  if (!read_operand(split, "self", &a) || !read_operand(split, "other", &b)) return;
  ppn_complex_t out;
  if (!b.is_complex) {
    out.real = combine(split, "aten::div.Tensor", a.real, b.real);
    out.imaginary = combine(split, "aten::div.Tensor", a.imaginary, b.real);
  } else {
    if (b.real.kind != PPN_ARGUMENT_VALUE) return;
    ppn_complex_t divisor = {b.real.u.value, b.imaginary.u.value};
    ppn_value_t* size = square(split, divisor);
    ppn_value_t* negative = ppn_build_unary(&split->build, "aten::neg", divisor.imaginary);
    if (split->build.status) return;
    b.imaginary = of(negative);
    ppn_complex_t above = product(split, &a, &b);
    out.real = add(split, "aten::div.Tensor", above.real, size);
    out.imaginary = add(split, "aten::div.Tensor", above.imaginary, size);
  }
  ppn_complex_set(split, 0, out);
}

// self ± other. What is real has no imaginary part to add: 0 is added where sizes may spread.
static void sum(ppn_complex_node_t* split, const char* op) {
  operand_t a, b;
  if (ppn_node_argument(split->node, "alpha") && ppn_build_int(&split->build, "alpha", 0) != 1) {
    return;
  }
  if (!read_operand(split, "self", &a) || !read_operand(split, "other", &b)) return;
  ppn_complex_t out = {combine(split, op, a.real, b.real), NULL};
  if (a.is_complex) {
    ppn_argument_t other = b.is_complex ? b.imaginary : ppn_argument_float("other", 0);
    if (!b.is_complex && b.real.kind == PPN_ARGUMENT_VALUE) {
      ppn_value_t* zero = ppn_build_scalar(&split->build, "aten::mul.Scalar", b.real.u.value, 0, 0);
      if (split->build.status) return;
      other = of(zero);
    }
    out.imaginary = combine(split, op, a.imaginary, other);
  } else {
    ppn_value_t* zero = ppn_build_scalar(&split->build, "aten::mul.Scalar", a.real.u.value, 0, 0);
    if (split->build.status) return;
    out.imaginary = combine(split, op, of(zero), b.imaginary);
  }
  ppn_complex_set(split, 0, out);
}

static void plus(ppn_complex_node_t* split) {
  sum(split, "aten::add.Tensor");
}

static void minus(ppn_complex_node_t* split) {
  sum(split, "aten::sub.Tensor");
}

// Products of matrices. ppn_build_typed needs no rule of its own for them.
static ppn_value_t* matrix_product(ppn_complex_node_t* split, const char* second, ppn_value_t* a,
                                   ppn_value_t* b) {
  ppn_tensor_meta_t meta = ppn_complex_part_meta(split->node->outputs[0]);
  const ppn_argument_t arguments[] = {of(a), ppn_argument_value(second, b)};
  return ppn_build_typed(&split->build, split->node->target, arguments, 2, &meta);
}

static void matmul(ppn_complex_node_t* split) {
  const char* second = ppn_node_argument(split->node, "mat2") ? "mat2" : "other";
  ppn_complex_t a, b, out;
  if (!ppn_complex_parts(split, ppn_build_tensor(&split->build, "self"), &a) ||
      !ppn_complex_parts(split, ppn_build_tensor(&split->build, second), &b)) {
    return;
  }
  out.real = add(split, "aten::sub.Tensor", matrix_product(split, second, a.real, b.real),
                 matrix_product(split, second, a.imaginary, b.imaginary));
  out.imaginary = add(split, "aten::add.Tensor", matrix_product(split, second, a.real, b.imaginary),
                      matrix_product(split, second, a.imaginary, b.real));
  ppn_complex_set(split, 0, out);
}

// ---- Between real and complex ----

static bool self_parts(ppn_complex_node_t* split, ppn_complex_t* out) {
  return ppn_complex_parts(split, ppn_build_tensor(&split->build, "self"), out);
}

static void real(ppn_complex_node_t* split) {
  ppn_complex_t z;
  if (self_parts(split, &z)) ppn_complex_replace(split, z.real);
}

static void imaginary(ppn_complex_node_t* split) {
  ppn_complex_t z;
  if (self_parts(split, &z)) ppn_complex_replace(split, z.imaginary);
}

static void view_as_real(ppn_complex_node_t* split) {
  ppn_complex_t z;
  if (!self_parts(split, &z)) return;
  ppn_build_t* build = &split->build;
  ppn_value_t* parts[] = {ppn_build_unsqueeze(build, z.real, -1),
                          ppn_build_unsqueeze(build, z.imaginary, -1)};
  if (build->status) return;
  ppn_tensor_meta_t meta = ppn_complex_part_meta(split->node->outputs[0]);
  const ppn_argument_t arguments[] = {
      ppn_argument_values(build->emitter->graph->arena, "tensors", parts, 2),
      ppn_argument_int("dim", -1)};
  ppn_complex_replace(split, ppn_build_typed(build, "aten::cat", arguments, 2, &meta));
}

static ppn_value_t* select_last(ppn_complex_node_t* split, ppn_value_t* self, int64_t index) {
  ppn_tensor_meta_t meta = ppn_complex_part_meta(split->node->outputs[0]);
  const ppn_argument_t arguments[] = {of(self), ppn_argument_int("dim", -1),
                                      ppn_argument_int("index", index)};
  return ppn_build_typed(&split->build, "aten::select.int", arguments, 3, &meta);
}

static void view_as_complex(ppn_complex_node_t* split) {
  ppn_value_t* self = ppn_build_tensor(&split->build, "self");
  if (!self) return;
  ppn_complex_set(split, 0,
                  (ppn_complex_t){select_last(split, self, 0), select_last(split, self, 1)});
}

static void from_parts(ppn_complex_node_t* split) {
  ppn_complex_t z = {ppn_build_tensor(&split->build, "real"),
                     ppn_build_tensor(&split->build, "imag")};
  ppn_complex_set(split, 0, z);
}

static void polar(ppn_complex_node_t* split) {
  ppn_build_t* build = &split->build;
  ppn_value_t *size = ppn_build_tensor(build, "abs"), *angle = ppn_build_tensor(build, "angle");
  if (!size || !angle) return;
  ppn_value_t *cosine = ppn_build_unary(build, "aten::cos", angle),
              *sine = ppn_build_unary(build, "aten::sin", angle);
  ppn_complex_set(split, 0,
                  (ppn_complex_t){add(split, "aten::mul.Tensor", size, cosine),
                                  add(split, "aten::mul.Tensor", size, sine)});
}

static void conjugate(ppn_complex_node_t* split) {
  ppn_complex_t z;
  if (!self_parts(split, &z)) return;
  z.imaginary = ppn_build_unary(&split->build, "aten::neg", z.imaginary);
  ppn_complex_set(split, 0, z);
}

static void absolute(ppn_complex_node_t* split) {
  ppn_complex_t z;
  if (!self_parts(split, &z)) return;
  ppn_value_t* squared = square(split, z);
  if (!split->build.status) {
    ppn_complex_replace(split, ppn_build_unary(&split->build, "aten::sqrt", squared));
  }
}

static void angle(ppn_complex_node_t* split) {
  ppn_complex_t z;
  if (!self_parts(split, &z)) return;
  ppn_complex_replace(split,
                      ppn_build_binary(&split->build, "aten::atan2", z.imaginary, z.real, 0));
}

// e^(a + bi) = e^a (cos b + i sin b)
static void exponential(ppn_complex_node_t* split) {
  ppn_complex_t z;
  ppn_build_t* build = &split->build;
  if (!self_parts(split, &z)) return;
  ppn_value_t* size = ppn_build_unary(build, "aten::exp", z.real);
  ppn_value_t *cosine = ppn_build_unary(build, "aten::cos", z.imaginary),
              *sine = ppn_build_unary(build, "aten::sin", z.imaginary);
  if (build->status) return;
  ppn_complex_set(split, 0,
                  (ppn_complex_t){ppn_build_binary(build, "aten::mul.Tensor", size, cosine, 0),
                                  ppn_build_binary(build, "aten::mul.Tensor", size, sine, 0)});
}

// A conversion to a complex type, or from one: the imaginary part is lost.
static void convert(ppn_complex_node_t* split) {
  ppn_build_t* build = &split->build;
  ppn_value_t *self = ppn_build_tensor(build, "self"), *result = split->node->outputs[0];
  ppn_dtype_t dtype = ppn_complex_part_type(result->tensor.dtype);
  ppn_complex_t z = {self, NULL};
  bool from_complex = self && ppn_dtype_is_complex(self->tensor.dtype);
  if (!self || (from_complex && !self_parts(split, &z))) return;
  z.real = ppn_build_cast(build, z.real, dtype);
  if (!ppn_dtype_is_complex(result->tensor.dtype)) {
    ppn_complex_replace(split, z.real);
    return;
  }
  if (build->status) return;
  z.imaginary = from_complex ? ppn_build_cast(build, z.imaginary, dtype)
                             : ppn_build_scalar(build, "aten::mul.Scalar", z.real, 0, 0);
  ppn_complex_set(split, 0, z);
}

static const ppn_complex_row_t rows[] = {
    {"aten::real", real},
    {"aten::imag", imaginary},
    {"aten::view_as_real", view_as_real},
    {"aten::view_as_real_copy", view_as_real},
    {"aten::view_as_complex", view_as_complex},
    {"aten::view_as_complex_copy", view_as_complex},
    {"aten::complex", from_parts},
    {"aten::polar", polar},
    {"aten::conj", conjugate},
    {"aten::_conj", conjugate},
    {"aten::_conj_physical", conjugate},
    {"aten::conj_physical", conjugate},
    {"aten::abs", absolute},
    {"aten::angle", angle},
    {"aten::exp", exponential},
    {"aten::mul.Tensor", mul},
    {"aten::div.Tensor", divide},
    {"aten::add.Tensor", plus},
    {"aten::sub.Tensor", minus},
    {"aten::matmul", matmul},
    {"aten::mm", matmul},
    {"aten::bmm", matmul},
    {"aten::to.dtype", convert},
    {"aten::_to_copy", convert},
    // The same on each part.
    {"aten::neg", each_part},
    {"aten::resolve_conj", each_part},
    {"aten::resolve_neg", each_part},
    {"aten::clone", each_part},
    {"aten::contiguous", each_part},
    {"aten::alias", each_part},
    {"aten::detach", each_part},
    {"aten::lift_fresh_copy", each_part},
    {"aten::view", each_part},
    {"aten::_unsafe_view", each_part},
    {"aten::reshape", each_part},
    {"aten::flatten.using_ints", each_part},
    {"aten::unflatten.int", each_part},
    {"aten::permute", each_part},
    {"aten::transpose.int", each_part},
    {"aten::t", each_part},
    {"aten::mT", each_part},
    {"aten::numpy_T", each_part},
    {"aten::cat", each_part},
    {"aten::stack", each_part},
    {"aten::movedim.int", each_part},
    {"aten::squeeze", each_part},
    {"aten::squeeze.dim", each_part},
    {"aten::squeeze.dims", each_part},
    {"aten::unsqueeze", each_part},
    {"aten::expand", each_part},
    {"aten::repeat", each_part},
    {"aten::slice.Tensor", each_part},
    {"aten::select.int", each_part},
    {"aten::narrow", each_part},
    {"aten::split.Tensor", each_part},
    {"aten::split_with_sizes", each_part},
    {"aten::chunk", each_part},
    {"aten::unbind.int", each_part},
    {"aten::index.Tensor", each_part},
    {"aten::index_select", each_part},
    {"aten::gather", each_part},
    {"aten::flip", each_part},
    {"aten::roll", each_part},
    {"aten::fft_fftshift", each_part},
    {"aten::fft_ifftshift", each_part},
    {"aten::sum", each_part},
    {"aten::sum.dim_IntList", each_part},
    {"aten::mean", each_part},
    {"aten::mean.dim", each_part},
    {"aten::cumsum", each_part},
};
const ppn_complex_family_t ppn_complex_arithmetic = {rows, PPN_COUNT_OF(rows)};
