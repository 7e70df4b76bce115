// Operators that sort and select.
#include "kernels/sort.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"

// The first `k` (all: -1) elements along a dimension; `values` -1: only the indices are a result.
static ppn_status_t sort(ppn_operator_call_t* call, int64_t given_dim, int64_t k, bool descending,
                         int values_index, uint32_t indices_index) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, given_dim, self->rank);
  int64_t sizes[PPN_MAX_RANK], size = self->rank ? self->sizes[dim] : 1;
  if (k == -1) k = size;
  if (!ppn_call_check(call, k >= 0 && k <= size, PPN_STATUS_INVALID_ARGUMENT,
                      "%lld elements of %lld", (long long)k, (long long)size)) {
    return ppn_call_finish(call);
  }
  for (int i = 0; i < self->rank; ++i) sizes[i] = i == dim ? k : self->sizes[i];
  ppn_tensor_t* values = NULL;
  if (values_index >= 0) {
    values = ppn_call_out(call, (uint32_t)values_index, self->dtype, self->rank, sizes);
  }
  ppn_tensor_t* indices = ppn_call_out(call, indices_index, PPN_DTYPE_INT64, self->rank, sizes);
  void* scratch = ppn_call_scratch(call, ppn_kernel_sort_scratch(self, dim, k, call->pool));
  if (!call->status && k > 0) {
    ppn_kernel_sort(self, dim, k, descending, values, indices, scratch, call->pool);
  }
  return ppn_call_finish(call);
}

// (self, k, dim, largest, sorted, values, indices)
static ppn_status_t run_topk(ppn_operator_call_t* call) {
  int64_t k = ppn_call_int(call, 1, 1);
  ppn_call_check(call, k >= 0, PPN_STATUS_INVALID_ARGUMENT, "%lld elements", (long long)k);
  return sort(call, ppn_call_int(call, 2, -1), k, ppn_call_bool(call, 3, true), 5, 6);
}

// (self, dim, descending, values, indices)
static ppn_status_t run_sort(ppn_operator_call_t* call) {
  return sort(call, ppn_call_int(call, 1, -1), -1, ppn_call_bool(call, 2, false), 3, 4);
}

// (self, stable, dim, descending, values, indices)
static ppn_status_t run_sort_stable(ppn_operator_call_t* call) {
  return sort(call, ppn_call_int(call, 2, -1), -1, ppn_call_bool(call, 3, false), 4, 5);
}

// (self, stable, dim, descending, out)
static ppn_status_t run_argsort(ppn_operator_call_t* call) {
  return sort(call, ppn_call_int(call, 2, -1), -1, ppn_call_bool(call, 3, false), -1, 4);
}

static const ppn_operator_row_t rows[] = {
    {"aten::argsort.stable_out", run_argsort},
    {"aten::sort.values", run_sort},
    {"aten::sort.values_stable", run_sort_stable},
    {"aten::topk.values", run_topk},
};

const ppn_operator_family_t ppn_operators_sorting = {rows, PPN_COUNT_OF(rows)};
