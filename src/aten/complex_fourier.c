// Fourier transforms as products with matrices of cosines and sines, one dimension at a time.
//
// X[k] = scale · sum over j of x[j] e^(-2πijk/n); the inverse has the other sign. Matrices have no
// rows for what is padded. A product costs n² where a fast transform costs n log n, but it is what
// the device is built for, and what coremltools makes of a transform.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aten/complex.h"
#include "tensor/tensor.h"

#define PI 3.14159265358979323846
enum { MAXIMUM_DIMS = 8, MAXIMUM_ELEMENTS = 1 << 22 };

typedef enum norm { NORM_NONE, NORM_ROOT, NORM_SIZE } norm_t;

// One dimension of a transform.
typedef struct transform {
  int dim;
  int64_t size;     // n
  int64_t columns;  // of the result: n, or n / 2 + 1 where only half is wanted
  bool is_inverse;
  bool to_real;  // from half a spectrum
  norm_t norm;
} transform_t;

// ---- Matrices ----

// scale · w[j] · f(2πjk/n), f the cosine or ± the sine. Half a spectrum stands for a whole one: all
// but its first (and, where n is even, last) elements count twice.
static double element(const transform_t* transform, bool is_sine, int64_t j, int64_t k) {
  int64_t n = transform->size;
  double angle = 2 * PI * (double)(j * k % n) / (double)n;
  double value = !is_sine ? cos(angle) : transform->is_inverse ? sin(angle) : -sin(angle);
  if (transform->to_real && j > 0 && 2 * j != n) value *= 2;
  if (transform->norm == NORM_NONE) return value;
  return value / (transform->norm == NORM_SIZE ? (double)n : sqrt((double)n));
}

static ppn_value_t* make_matrix(ppn_complex_node_t* split, const transform_t* transform,
                                int64_t rows, bool is_sine, ppn_dtype_t dtype) {
  if (split->build.status) return NULL;
  const int64_t sizes[] = {rows, transform->columns};
  void* data = malloc((size_t)(rows * transform->columns) * ppn_dtype_size(dtype));
  if (!data) {
    split->build.status = ppn_out_of_memory();
    return NULL;
  }
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t k = 0; k < transform->columns; ++k) {
      ppn_element_set_double(dtype, data, j * transform->columns + k,
                             element(transform, is_sine, j, k));
    }
  }
  ppn_value_t* value = NULL;
  split->build.status = ppn_exported_program_add_constant(
      split->build.emitter->program, is_sine ? "fourier_sine" : "fourier_cosine", dtype, 2, sizes,
      data, &value);
  free(data);
  return value;
}

// x · matrix along the last dimension.
static ppn_value_t* multiply(ppn_complex_node_t* split, ppn_value_t* x, ppn_value_t* matrix) {
  if (split->build.status) return NULL;
  ppn_tensor_meta_t meta =
      ppn_build_meta(&split->build, x->tensor.dtype, x->tensor.rank, x->tensor.sizes);
  if (split->build.status) return NULL;
  meta.sizes[meta.rank - 1] = matrix->tensor.sizes[1];
  const ppn_argument_t arguments[] = {ppn_argument_value("self", x),
                                      ppn_argument_value("other", matrix)};
  return ppn_build_typed(&split->build, "aten::matmul", arguments, 2, &meta);
}

static ppn_value_t* add(ppn_complex_node_t* split, const char* op, ppn_value_t* a, ppn_value_t* b) {
  return ppn_build_binary(&split->build, op, a, b, 0);
}

// ---- One dimension ----

// Puts the dimension last, and cuts what is longer than the matrix has rows.
static ppn_value_t* bring(ppn_complex_node_t* split, ppn_value_t* x, int dim, int64_t rows) {
  if (split->build.status || !x) return NULL;
  if (x->tensor.sizes[dim].value > rows) {
    x = ppn_build_slice(&split->build, x, dim, 0, rows, rows);
  }
  if (split->build.status || dim == x->tensor.rank - 1) return x;
  return ppn_build_transpose(&split->build, x, dim, -1);
}

static ppn_value_t* put_back(ppn_complex_node_t* split, ppn_value_t* x, int dim) {
  if (split->build.status || !x || dim == x->tensor.rank - 1) return x;
  return ppn_build_transpose(&split->build, x, dim, -1);
}

// A NULL imaginary part is zero, of x and, when the result is real, of the result. False when this
// cannot be done.
static bool transform_dim(ppn_complex_node_t* split, ppn_complex_t* x,
                          const transform_t* transform) {
  ppn_dim_t size = x->real->tensor.sizes[transform->dim];
  int64_t wanted = transform->to_real ? transform->size / 2 + 1 : transform->size;
  if (!ppn_dim_is_static(size) || transform->size < 1 || size.value < 1) return false;
  int64_t rows = size.value < wanted ? size.value : wanted;
  if (transform->columns > MAXIMUM_ELEMENTS / rows) return false;
  ppn_dtype_t dtype = x->real->tensor.dtype;
  ppn_value_t* cosine = make_matrix(split, transform, rows, false, dtype);
  ppn_value_t* sine = make_matrix(split, transform, rows, true, dtype);
  ppn_value_t *real = bring(split, x->real, transform->dim, rows),
              *imaginary = bring(split, x->imaginary, transform->dim, rows);
  ppn_complex_t out = {multiply(split, real, cosine), NULL};
  if (!transform->to_real) out.imaginary = multiply(split, real, sine);
  if (imaginary) {
    out.real = add(split, "aten::sub.Tensor", out.real, multiply(split, imaginary, sine));
    if (!transform->to_real) {
      out.imaginary =
          add(split, "aten::add.Tensor", out.imaginary, multiply(split, imaginary, cosine));
    }
  }
  x->real = put_back(split, out.real, transform->dim);
  x->imaginary = put_back(split, out.imaginary, transform->dim);
  return !split->build.status;
}

// ---- The operators ----

typedef struct request {
  int64_t dims[MAXIMUM_DIMS];
  int count;
  bool is_inverse, to_half, to_real;
  norm_t norm;
} request_t;

// The operand's parts, in the type of the result's.
static bool read_operand(ppn_complex_node_t* split, ppn_complex_t* out) {
  ppn_value_t* self = ppn_build_tensor(&split->build, "self");
  if (!self) return false;
  if (ppn_dtype_is_complex(self->tensor.dtype)) return ppn_complex_parts(split, self, out);
  out->real = ppn_build_cast(&split->build, self,
                             ppn_complex_part_type(split->node->outputs[0]->tensor.dtype));
  out->imaginary = NULL;
  return !split->build.status;
}

// The last dimension is the one that is halved or made of halves: first or last in order.
static void run(ppn_complex_node_t* split, const request_t* request) {
  ppn_complex_t x;
  ppn_value_t* result = split->node->outputs[0];
  if (request->count == 0 || !read_operand(split, &x)) return;
  for (int i = 0; i < request->count; ++i) {
    int index = request->to_half ? request->count - 1 - i : i;
    int dim = (int)request->dims[index];
    bool is_last = index == request->count - 1;
    ppn_dim_t columns = result->tensor.sizes[dim], present = x.real->tensor.sizes[dim];
    if (!ppn_dim_is_static(columns) || !ppn_dim_is_static(present)) return;
    transform_t transform = {dim,
                             columns.value,
                             columns.value,
                             request->is_inverse,
                             request->to_real && is_last,
                             request->norm};
    if (request->to_half && is_last) {
      // n is stated, or the operand's size; the result has n / 2 + 1 elements.
      transform.size = present.value / 2 + 1 == columns.value ? present.value : 0;
      ppn_argument_t n = ppn_build_argument(&split->build, "n"),
                     s = ppn_build_argument(&split->build, "s");
      int64_t sizes[MAXIMUM_DIMS];
      uint32_t count = 0;
      if (ppn_argument_as_int(&n, &sizes[0])) transform.size = sizes[0];
      if (ppn_argument_as_ints(&s, sizes, MAXIMUM_DIMS, &count) && count > 0 &&
          sizes[count - 1] > 0) {
        transform.size = sizes[count - 1];
      }
      if (transform.size / 2 + 1 != columns.value) return;
    }
    if (!transform_dim(split, &x, &transform)) return;
  }
  if (request->to_real) {
    ppn_complex_replace(split, x.real);
  } else {
    ppn_complex_set(split, 0, x);
  }
}

// Dimensions counted from the start.
static bool wrap_dims(request_t* request, int rank) {
  for (int i = 0; i < request->count; ++i) {
    if (request->dims[i] < 0) request->dims[i] += rank;
    if (request->dims[i] < 0 || request->dims[i] >= rank) return false;
  }
  return true;
}

// torch.fft's: the variant is in the name, as in "aten::fft_irfft2".
static void transform_by_name(ppn_complex_node_t* split) {
  ppn_build_t* build = &split->build;
  const char* name = split->node->target + strlen("aten::fft_");
  request_t request = {.is_inverse = name[0] == 'i'};
  if (request.is_inverse) ++name;
  request.to_half = name[0] == 'r' && !request.is_inverse;
  request.to_real = name[0] == 'r' && request.is_inverse;
  ppn_argument_t dim = ppn_build_argument(build, "dim"), s = ppn_build_argument(build, "s"),
                 norm = ppn_build_argument(build, "norm");
  int rank = split->node->outputs[0]->tensor.rank;
  uint32_t count = 0;
  if (ppn_argument_as_int(&dim, &request.dims[0])) {
    request.count = 1;
  } else if (ppn_argument_as_ints(&dim, request.dims, MAXIMUM_DIMS, &count)) {
    request.count = (int)count;
  } else {
    // All of them, or as many of the last as sizes are given.
    request.count = s.kind == PPN_ARGUMENT_INTS ? (int)s.count : rank;
    if (request.count > MAXIMUM_DIMS || request.count > rank) return;
    for (int i = 0; i < request.count; ++i) request.dims[i] = rank - request.count + i;
  }
  const char* text = norm.kind == PPN_ARGUMENT_STRING ? norm.u.string : "backward";
  if (strcmp(text, "ortho") == 0) {
    request.norm = NORM_ROOT;
  } else if (strcmp(text, request.is_inverse ? "backward" : "forward") == 0) {
    request.norm = NORM_SIZE;
  }
  if (wrap_dims(&request, rank)) run(split, &request);
}

// Those that decomposed programs have.
static void transform_by_arguments(ppn_complex_node_t* split) {
  ppn_build_t* build = &split->build;
  const char* target = split->node->target;
  ppn_argument_t dim = ppn_build_argument(build, "dim");
  request_t request = {.norm = (norm_t)ppn_build_int(build, "normalization", 0)};
  uint32_t count = 0;
  if (!ppn_argument_as_ints(&dim, request.dims, MAXIMUM_DIMS, &count)) return;
  request.count = (int)count;
  request.to_real = strcmp(target, "aten::_fft_c2r") == 0;
  request.to_half = ppn_build_bool(build, "onesided", false);
  request.is_inverse = request.to_real || !ppn_build_bool(build, "forward", true);
  if (wrap_dims(&request, split->node->outputs[0]->tensor.rank)) run(split, &request);
}

// Frames of the signal, times a window, transformed: [..., frequency, time].
static void short_time(ppn_complex_node_t* split) {
  ppn_build_t* build = &split->build;
  ppn_value_t *self = ppn_build_tensor(build, "self"), *window = ppn_build_tensor(build, "window"),
              *result = split->node->outputs[0];
  int64_t size = ppn_build_int(build, "n_fft", 0);
  int64_t hop = ppn_build_int(build, "hop_length", size / 4);
  int64_t width = ppn_build_int(build, "win_length", size);
  int last = result->tensor.rank - 1, rank = self ? self->tensor.rank : 0;
  bool is_window = !window || window->tensor.dtype == (self ? self->tensor.dtype : 0);
  if (!ppn_dtype_is_complex(result->tensor.dtype)) return;  // return_complex=False is deprecated
  if (rank < 1 || size < 1 || hop < 1 || ppn_dtype_is_complex(self->tensor.dtype) || !is_window) {
    return;
  }
  ppn_dim_t sizes[3], frames = result->tensor.sizes[last];
  if (rank > 2 || (!window && width != size)) return;
  for (int i = 0; i < rank - 1; ++i) sizes[i] = self->tensor.sizes[i];
  sizes[rank - 1] = frames;
  sizes[rank] = ppn_dim_static(size);
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank + 1, sizes);
  const ppn_argument_t unfold[] = {ppn_argument_value("self", self),
                                   ppn_argument_int("dimension", -1),
                                   ppn_argument_int("size", size), ppn_argument_int("step", hop)};
  ppn_value_t* x = ppn_build_typed(build, "aten::unfold", unfold, 4, &meta);
  if (window && width < size) {
    int64_t pad[] = {(size - width) / 2, size - width - (size - width) / 2};
    ppn_dim_t padded = ppn_dim_static(size);
    ppn_tensor_meta_t shape = ppn_build_meta(build, self->tensor.dtype, 1, &padded);
    const ppn_argument_t arguments[] = {
        ppn_argument_value("self", window),
        ppn_argument_ints(build->emitter->graph->arena, "pad", pad, 2),
        ppn_argument_int("value", 0)};
    window = ppn_build_typed(build, "aten::constant_pad_nd", arguments, 3, &shape);
  }
  if (window && !build->status) x = add(split, "aten::mul.Tensor", x, window);
  if (build->status) return;
  ppn_dim_t columns = result->tensor.sizes[last - 1];
  bool is_normalized = ppn_build_bool(build, "normalized", false);
  transform_t transform = {rank,  size,  columns.value,
                           false, false, is_normalized ? NORM_ROOT : NORM_NONE};
  ppn_complex_t spectrum = {x, NULL};
  if (!ppn_dim_is_static(columns) || !transform_dim(split, &spectrum, &transform)) return;
  spectrum.real = ppn_build_transpose(build, spectrum.real, -1, -2);
  spectrum.imaginary = ppn_build_transpose(build, spectrum.imaginary, -1, -2);
  ppn_complex_set(split, 0, spectrum);
}

static const ppn_complex_row_t rows[] = {
    {"aten::fft_fft", transform_by_name},       {"aten::fft_ifft", transform_by_name},
    {"aten::fft_rfft", transform_by_name},      {"aten::fft_irfft", transform_by_name},
    {"aten::fft_fft2", transform_by_name},      {"aten::fft_ifft2", transform_by_name},
    {"aten::fft_rfft2", transform_by_name},     {"aten::fft_irfft2", transform_by_name},
    {"aten::fft_fftn", transform_by_name},      {"aten::fft_ifftn", transform_by_name},
    {"aten::fft_rfftn", transform_by_name},     {"aten::fft_irfftn", transform_by_name},
    {"aten::_fft_c2c", transform_by_arguments}, {"aten::_fft_r2c", transform_by_arguments},
    {"aten::_fft_c2r", transform_by_arguments}, {"aten::stft", short_time},
};
const ppn_complex_family_t ppn_complex_fourier = {rows, PPN_COUNT_OF(rows)};
