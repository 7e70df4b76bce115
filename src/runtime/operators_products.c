// Matrix products and distances.
#include <math.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/plain_products.h"
#include "runtime/operands.h"
#include "runtime/operators.h"

// ---- Batches of products ----

// [batch, rows, depth] times [batch, depth, columns] as views; the same dtype.
typedef struct ppn_product_call {
  ppn_tensor_t a, b;  // rank 3
  double alpha, beta;
  int64_t integer_alpha, integer_beta;  // the same for integers
  const ppn_tensor_t* added;            // beta times this is added, broadcast; or NULL
} ppn_product_call_t;

// A tensor seen with `rank` dimensions, by ones in front.
static ppn_tensor_t with_rank(const ppn_tensor_t* tensor, int rank) {
  ppn_tensor_t view = *tensor;
  int missing = rank - tensor->rank;
  for (int i = 0; i < rank; ++i) {
    view.sizes[i] = i < missing ? 1 : tensor->sizes[i - missing];
    view.strides[i] = i < missing ? 0 : tensor->strides[i - missing];
  }
  view.rank = rank;
  return view;
}

static ppn_tensor_t transposed(ppn_tensor_t tensor) {
  int i = tensor.rank - 2, j = tensor.rank - 1;
  int64_t size = tensor.sizes[i], stride = tensor.strides[i];
  tensor.sizes[i] = tensor.sizes[j], tensor.strides[i] = tensor.strides[j];
  tensor.sizes[j] = size, tensor.strides[j] = stride;
  return tensor;
}

// Fills the result with what is added, broadcast to [batch, rows, columns].
static void fill_added(ppn_operator_call_t* call, const ppn_tensor_t* added, ppn_dtype_t dtype,
                       const int64_t* sizes, void* result) {
  if (!added) return;
  ppn_tensor_t source = with_rank(added, 3), target = ppn_tensor_make(result, dtype, 3, sizes);
  for (int i = 0; i < 3; ++i) {
    if (source.sizes[i] == sizes[i]) continue;
    if (source.sizes[i] != 1) {
      ppn_call_refuse(call, "what is added has size %lld where the product has %lld",
                      (long long)source.sizes[i], (long long)sizes[i]);
      return;
    }
    source.sizes[i] = sizes[i], source.strides[i] = 0;
  }
  ppn_tensor_copy(&source, &target);
}

static void run_float(ppn_operator_call_t* call, const ppn_product_call_t* product, float* c) {
  const ppn_tensor_t *a = &product->a, *b = &product->b;
  ppn_gemm_t gemm = ppn_gemm_make(a->sizes[1], b->sizes[2], a->sizes[2]);
  gemm.alpha = (float)product->alpha, gemm.beta = product->added ? (float)product->beta : 0;
  // Half floats of A are converted beforehand, those of B while they are read.
  ppn_tensor_t copy = *a;
  if (a->dtype != PPN_DTYPE_FLOAT32) {
    copy = ppn_tensor_make((void*)(uintptr_t)ppn_call_elements(call, a, PPN_DTYPE_FLOAT32),
                           PPN_DTYPE_FLOAT32, 3, a->sizes);
  }
  gemm.a = copy.data;
  gemm.a_row_stride = copy.strides[1], gemm.a_depth_stride = copy.strides[2];
  gemm.b.dtype = b->dtype, gemm.b.data = b->data;
  gemm.b.depth_stride = b->strides[1], gemm.b.column_stride = b->strides[2];
  gemm.c = c;
  gemm.batch_rank = 1, gemm.batch_sizes[0] = a->sizes[0];
  gemm.a_batch_strides[0] = copy.strides[0], gemm.b_batch_strides[0] = b->strides[0];
  gemm.c_batch_strides[0] = gemm.rows * gemm.columns;
  size_t size = ppn_gemm_scratch_size(&gemm, ppn_thread_pool_size(call->pool));
  void* scratch = ppn_call_aligned_scratch(call, size);
  if (!call->status) ppn_gemm_run(&gemm, scratch, call->pool);
}

static void run_plain(ppn_operator_call_t* call, const ppn_product_call_t* product,
                      ppn_dtype_t dtype, void* c) {
  const ppn_tensor_t *a = &product->a, *b = &product->b;
  int64_t rows = a->sizes[1], depth = a->sizes[2], columns = b->sizes[2];
  const void *x = ppn_call_elements(call, a, dtype), *y = ppn_call_elements(call, b, dtype);
  if (call->status) return;
  for (int64_t i = 0; i < a->sizes[0]; ++i) {
    if (dtype == PPN_DTYPE_FLOAT64) {
      ppn_plain_product_double(rows, columns, depth, (const double*)x + i * rows * depth,
                               (const double*)y + i * depth * columns,
                               (double*)c + i * rows * columns, product->alpha,
                               product->added ? product->beta : 0);
    } else {
      ppn_plain_product_int64(rows, columns, depth, (const int64_t*)x + i * rows * depth,
                              (const int64_t*)y + i * depth * columns,
                              (int64_t*)c + i * rows * columns, product->integer_alpha,
                              product->added ? product->integer_beta : 0);
    }
  }
}

// Writes the product to the out tensor at `index`, which has these sizes.
static void run_product(ppn_operator_call_t* call, ppn_product_call_t* product, uint32_t index,
                        int rank, const int64_t* sizes) {
  const ppn_tensor_t *a = &product->a, *b = &product->b;
  if (call->status) return;
  if (a->dtype != b->dtype || a->sizes[2] != b->sizes[1] || a->sizes[0] != b->sizes[0]) {
    ppn_call_refuse(call,
                    "operands do not fit: [%lld, %lld, %lld] of %s times [%lld, %lld, %lld] "
                    "of %s",
                    (long long)a->sizes[0], (long long)a->sizes[1], (long long)a->sizes[2],
                    ppn_dtype_name(a->dtype), (long long)b->sizes[0], (long long)b->sizes[1],
                    (long long)b->sizes[2], ppn_dtype_name(b->dtype));
    return;
  }
  ppn_dtype_t dtype = ppn_call_compute_dtype(call, a->dtype);
  ppn_tensor_t* out = ppn_call_out(call, index, a->dtype, rank, sizes);
  void* result = ppn_call_result(call, out, dtype);
  if (!result) return;
  const int64_t full[3] = {a->sizes[0], a->sizes[1], b->sizes[2]};
  fill_added(call, product->added, dtype, full, result);
  if (call->status) return;
  if (dtype == PPN_DTYPE_FLOAT32) {
    run_float(call, product, result);
  } else {
    run_plain(call, product, dtype, result);
  }
  ppn_call_store(call, result, dtype, out);
}

// The operand at `index` with one of the ranks between `minimum` and `maximum`; NULL after an
// error.
static const ppn_tensor_t* operand(ppn_operator_call_t* call, uint32_t index, int minimum,
                                   int maximum) {
  const ppn_tensor_t* tensor = ppn_call_tensor(call, index);
  if (call->status) return NULL;
  if (tensor && tensor->rank >= minimum && tensor->rank <= maximum) return tensor;
  if (!tensor) {
    ppn_call_refuse(call, "argument %u: expected a tensor, found None", index);
  } else if (minimum == maximum) {
    ppn_call_refuse(call, "argument %u: expected %d dimensions, found %d", index, minimum,
                    tensor->rank);
  } else {
    ppn_call_refuse(call, "argument %u: expected %d to %d dimensions, found %d", index, minimum,
                    maximum, tensor->rank);
  }
  return NULL;
}

// A product with factors; `beta` and `alpha` are the arguments that hold them.
static void read_factors(ppn_operator_call_t* call, uint32_t beta, uint32_t alpha,
                         ppn_product_call_t* product) {
  product->beta = ppn_call_double(call, beta, 1);
  product->alpha = ppn_call_double(call, alpha, 1);
  product->integer_beta = ppn_call_int(call, beta, 1);
  product->integer_alpha = ppn_call_int(call, alpha, 1);
}

static const ppn_product_call_t unit_factors = {.alpha = 1, .integer_alpha = 1};

// mm and bmm: matrices, or batches of them.
static ppn_status_t run_matrices(ppn_operator_call_t* call, int rank) {
  const ppn_tensor_t *a = operand(call, 0, rank, rank), *b = operand(call, 1, rank, rank);
  if (!a || !b) return ppn_call_finish(call);
  ppn_product_call_t product = unit_factors;
  product.a = with_rank(a, 3), product.b = with_rank(b, 3);
  const int64_t sizes[3] = {product.a.sizes[0], product.a.sizes[1], product.b.sizes[2]};
  run_product(call, &product, 2, rank, sizes + 3 - rank);
  return ppn_call_finish(call);
}

static ppn_status_t run_mm(ppn_operator_call_t* call) {
  return run_matrices(call, 2);
}

static ppn_status_t run_bmm(ppn_operator_call_t* call) {
  return run_matrices(call, 3);
}

// addmm and baddbmm: self, a, b, beta, alpha.
static ppn_status_t run_added(ppn_operator_call_t* call, int rank) {
  const ppn_tensor_t *self = operand(call, 0, 0, rank), *a = operand(call, 1, rank, rank),
                     *b = operand(call, 2, rank, rank);
  if (!self || !a || !b) return ppn_call_finish(call);
  ppn_product_call_t product = {.added = self};
  product.a = with_rank(a, 3), product.b = with_rank(b, 3);
  read_factors(call, 3, 4, &product);
  const int64_t sizes[3] = {product.a.sizes[0], product.a.sizes[1], product.b.sizes[2]};
  run_product(call, &product, 5, rank, sizes + 3 - rank);
  return ppn_call_finish(call);
}

static ppn_status_t run_addmm(ppn_operator_call_t* call) {
  return run_added(call, 2);
}

static ppn_status_t run_baddbmm(ppn_operator_call_t* call) {
  return run_added(call, 3);
}

// ---- Vectors ----

// A vector as a matrix of one column.
static ppn_tensor_t as_column(const ppn_tensor_t* vector) {
  return transposed(with_rank(vector, 3));
}

static ppn_status_t run_mv(ppn_operator_call_t* call) {
  const ppn_tensor_t *matrix = operand(call, 0, 2, 2), *vector = operand(call, 1, 1, 1);
  if (!matrix || !vector) return ppn_call_finish(call);
  ppn_product_call_t product = unit_factors;
  product.a = with_rank(matrix, 3), product.b = as_column(vector);
  run_product(call, &product, 2, 1, matrix->sizes);
  return ppn_call_finish(call);
}

// self, matrix, vector, beta, alpha.
static ppn_status_t run_addmv(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = operand(call, 0, 0, 1), *matrix = operand(call, 1, 2, 2),
                     *vector = operand(call, 2, 1, 1);
  if (!self || !matrix || !vector) return ppn_call_finish(call);
  ppn_tensor_t added = self->rank == 1 ? as_column(self) : with_rank(self, 3);
  ppn_product_call_t product = {.added = &added};
  product.a = with_rank(matrix, 3), product.b = as_column(vector);
  read_factors(call, 3, 4, &product);
  run_product(call, &product, 5, 1, matrix->sizes);
  return ppn_call_finish(call);
}

static ppn_status_t run_dot(ppn_operator_call_t* call) {
  const ppn_tensor_t *a = operand(call, 0, 1, 1), *b = operand(call, 1, 1, 1);
  if (!a || !b) return ppn_call_finish(call);
  ppn_product_call_t product = unit_factors;
  product.a = with_rank(a, 3), product.b = as_column(b);
  const int64_t no_sizes[1] = {0};
  run_product(call, &product, 2, 0, no_sizes);
  return ppn_call_finish(call);
}

// ---- linear ----

// input [..., depth], weight [columns, depth], bias [columns] or None.
static ppn_status_t run_linear(ppn_operator_call_t* call) {
  const ppn_tensor_t *input = operand(call, 0, 1, PPN_MAX_RANK), *weight = operand(call, 1, 1, 2),
                     *bias = ppn_call_tensor(call, 2);
  if (!input || !weight || call->status) return ppn_call_finish(call);
  int64_t depth = input->sizes[input->rank - 1], rows = 1;
  for (int i = 0; i < input->rank - 1; ++i) rows *= input->sizes[i];
  const int64_t flat_sizes[2] = {rows, depth};
  void* data = (void*)(uintptr_t)ppn_call_elements(call, input, input->dtype);
  ppn_tensor_t flat = ppn_tensor_make(data, input->dtype, 2, flat_sizes);
  ppn_product_call_t product = {.alpha = 1, .beta = 1, .integer_alpha = 1, .integer_beta = 1};
  product.added = bias;
  product.a = with_rank(&flat, 3), product.b = transposed(with_rank(weight, 3));
  int64_t sizes[PPN_MAX_RANK];
  memcpy(sizes, input->sizes, sizeof(sizes));
  sizes[input->rank - 1] = product.b.sizes[2];
  bool is_vector = weight->rank == 1;
  run_product(call, &product, 3, is_vector ? input->rank - 1 : input->rank, sizes);
  return ppn_call_finish(call);
}

// ---- Distances ----

// The p-norm of the difference of two vectors.
static double distance(const double* a, const double* b, int64_t count, double p) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    double difference = fabs(a[i] - b[i]);
    if (p == 0) {
      sum += difference != 0;
    } else if (p == 1) {
      sum += difference;
    } else if (p == 2) {
      sum += difference * difference;
    } else if (isinf(p)) {
      sum = difference > sum || isnan(difference) ? difference : sum;
    } else {
      sum += pow(difference, p);
    }
  }
  if (p == 2) return sqrt(sum);
  return p == 0 || p == 1 || isinf(p) ? sum : pow(sum, 1 / p);
}

// Batch sizes of two operands broadcast, all dimensions but the last two; -1 when they do not fit.
static int broadcast_batch(ppn_operator_call_t* call, const ppn_tensor_t* a, const ppn_tensor_t* b,
                           int64_t* sizes) {
  int rank = a->rank > b->rank ? a->rank : b->rank;
  ppn_tensor_t x = with_rank(a, rank), y = with_rank(b, rank);
  for (int i = 0; i < rank - 2; ++i) {
    sizes[i] = x.sizes[i] == 1 ? y.sizes[i] : x.sizes[i];
    if (y.sizes[i] == sizes[i] || y.sizes[i] == 1) continue;
    ppn_call_refuse(call, "batch dimension %d: sizes %lld and %lld do not fit", i,
                    (long long)x.sizes[i], (long long)y.sizes[i]);
    return -1;
  }
  return rank;
}

// x1 [..., rows, size], x2 [..., columns, size], p, compute_mode.
static ppn_status_t run_cdist(ppn_operator_call_t* call) {
  const ppn_tensor_t *a = operand(call, 0, 2, PPN_MAX_RANK), *b = operand(call, 1, 2, PPN_MAX_RANK);
  double p = ppn_call_double(call, 2, 2);
  if (!a || !b || call->status) return ppn_call_finish(call);
  int64_t sizes[PPN_MAX_RANK], size = a->sizes[a->rank - 1];
  int rank = broadcast_batch(call, a, b, sizes);
  if (rank < 0) return ppn_call_finish(call);
  int64_t rows = a->sizes[a->rank - 2], columns = b->sizes[b->rank - 2];
  sizes[rank - 2] = rows, sizes[rank - 1] = columns;
  if (b->sizes[b->rank - 1] != size || !(p >= 0)) {
    ppn_call_refuse(call, "vectors of %lld and %lld elements, p = %g", (long long)size,
                    (long long)b->sizes[b->rank - 1], p);
    return ppn_call_finish(call);
  }
  // Both operands with the broadcast batch: strides of 0 repeat.
  ppn_tensor_t x = with_rank(a, rank), y = with_rank(b, rank);
  for (int i = 0; i < rank - 2; ++i) {
    if (x.sizes[i] != sizes[i]) x.sizes[i] = sizes[i], x.strides[i] = 0;
    if (y.sizes[i] != sizes[i]) y.sizes[i] = sizes[i], y.strides[i] = 0;
  }
  ppn_tensor_t* out = ppn_call_out(call, 4, a->dtype, rank, sizes);
  const double* left = ppn_call_elements(call, &x, PPN_DTYPE_FLOAT64);
  const double* right = ppn_call_elements(call, &y, PPN_DTYPE_FLOAT64);
  double* result = ppn_call_result(call, out, PPN_DTYPE_FLOAT64);
  if (call->status) return ppn_call_finish(call);
  int64_t count = ppn_tensor_numel(out);
  for (int64_t i = 0; i < count; ++i) {
    int64_t item = i / (rows * columns), row = i / columns % rows, column = i % columns;
    result[i] = distance(left + (item * rows + row) * size,
                         right + (item * columns + column) * size, size, p);
  }
  ppn_call_store(call, result, PPN_DTYPE_FLOAT64, out);
  return ppn_call_finish(call);
}

// Distances of all pairs of rows: (0, 1), (0, 2), …, (1, 2), …
static ppn_status_t run_pdist(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = operand(call, 0, 2, 2);
  double p = ppn_call_double(call, 1, 2);
  if (!self || call->status) return ppn_call_finish(call);
  if (!(p >= 0)) ppn_call_refuse(call, "p = %g", p);
  int64_t rows = self->sizes[0], size = self->sizes[1];
  int64_t count = rows > 0 ? rows * (rows - 1) / 2 : 0;
  ppn_tensor_t* out = ppn_call_out(call, 2, self->dtype, 1, &count);
  const double* x = ppn_call_elements(call, self, PPN_DTYPE_FLOAT64);
  double* result = ppn_call_result(call, out, PPN_DTYPE_FLOAT64);
  if (call->status) return ppn_call_finish(call);
  double* next = result;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i + 1; j < rows; ++j) *next++ = distance(x + i * size, x + j * size, size, p);
  }
  ppn_call_store(call, result, PPN_DTYPE_FLOAT64, out);
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::mm.out", run_mm},
    {"aten::bmm.out", run_bmm},
    {"aten::addmm.out", run_addmm},
    {"aten::baddbmm.out", run_baddbmm},
    {"aten::mv.out", run_mv},
    {"aten::addmv.out", run_addmv},
    {"aten::dot.out", run_dot},
    {"aten::linear.out", run_linear},
    {"aten::_cdist_forward.out", run_cdist},
    {"aten::_pdist_forward.out", run_pdist},
};

const ppn_operator_family_t ppn_operators_products = {rows, PPN_COUNT_OF(rows)};
