// Decompositions of operators that only order dimensions anew: one permutation each.
#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64 };

typedef struct permutation {
  int rank;
  int64_t dims[MAXIMUM_RANK];
} permutation_t;

static permutation_t identity(int rank) {
  permutation_t permutation = {.rank = rank};
  for (int i = 0; i < rank; ++i) permutation.dims[i] = i;
  return permutation;
}

static void swap(permutation_t* permutation, int a, int b) {
  int64_t dim = permutation->dims[a];
  permutation->dims[a] = permutation->dims[b];
  permutation->dims[b] = dim;
}

static ppn_status_t permute(ppn_build_t* build, const permutation_t* permutation) {
  return ppn_build_finish(
      build, ppn_build_permute(build, ppn_build_tensor(build, "self"), permutation->dims));
}

static ppn_status_t reversed(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  permutation_t permutation = identity(ppn_build_tensor(&build, "self")->tensor.rank);
  for (int i = 0; i < permutation.rank / 2; ++i) swap(&permutation, i, permutation.rank - 1 - i);
  return permute(&build, &permutation);
}

// The transposes of matrices. Conjugation changes nothing about real numbers.
static ppn_status_t transposed(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  const ppn_tensor_meta_t* meta = &ppn_build_tensor(&build, "self")->tensor;
  if (meta->rank < 2 || ppn_dtype_is_complex(meta->dtype)) return ppn_status_ok();
  permutation_t permutation = identity(meta->rank);
  swap(&permutation, meta->rank - 2, meta->rank - 1);
  return permute(&build, &permutation);
}

static ppn_status_t swapped(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  int rank = ppn_build_tensor(&build, "self")->tensor.rank;
  permutation_t permutation = identity(rank);
  if (rank > 0) {
    swap(&permutation, ppn_build_axis(&build, "dim0", 0, rank),
         ppn_build_axis(&build, "dim1", 0, rank));
  }
  return permute(&build, &permutation);
}

// Reads the dimensions, counted from the start; false when they are not literal.
static bool read_dims(const ppn_build_t* build, const char* name, int rank, int64_t* out,
                      uint32_t* out_count) {
  ppn_argument_t argument = ppn_build_argument(build, name);
  *out_count = 1;
  if (!ppn_argument_as_int(&argument, out) &&
      !ppn_argument_as_ints(&argument, out, MAXIMUM_RANK, out_count)) {
    return false;
  }
  for (uint32_t i = 0; i < *out_count; ++i) {
    if (out[i] < 0) out[i] += rank;
    if (out[i] < 0 || out[i] >= rank) return false;
  }
  return true;
}

// Dimension source[i] goes to destination[i]; the others keep their order.
static ppn_status_t moved(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  int rank = ppn_build_tensor(&build, "self")->tensor.rank;
  int64_t source[MAXIMUM_RANK], destination[MAXIMUM_RANK];
  uint32_t count, other_count;
  bool is_taken[MAXIMUM_RANK] = {false}, is_set[MAXIMUM_RANK] = {false};
  if (!read_dims(&build, "source", rank, source, &count) ||
      !read_dims(&build, "destination", rank, destination, &other_count) || count != other_count) {
    return ppn_status_ok();
  }
  permutation_t permutation = {.rank = rank};
  for (uint32_t i = 0; i < count; ++i) {
    permutation.dims[destination[i]] = source[i];
    is_taken[source[i]] = is_set[destination[i]] = true;
  }
  for (int from = 0, to = 0; to < rank; ++to) {
    if (is_set[to]) continue;
    while (is_taken[from]) ++from;
    permutation.dims[to] = from++;
  }
  return permute(&build, &permutation);
}

static const ppn_aten_row_t rows[] = {
    {"aten::numpy_T", NULL, reversed, NULL},   {"aten::mT", NULL, transposed, NULL},
    {"aten::mH", NULL, transposed, NULL},      {"aten::matrix_H", NULL, transposed, NULL},
    {"aten::adjoint", NULL, transposed, NULL}, {"aten::swapdims", NULL, swapped, NULL},
    {"aten::movedim.int", NULL, moved, NULL},  {"aten::movedim.intlist", NULL, moved, NULL},
    {"aten::moveaxis.int", NULL, moved, NULL}, {"aten::moveaxis.intlist", NULL, moved, NULL},
};
const ppn_aten_family_t ppn_aten_axes = {rows, PPN_COUNT_OF(rows)};
