// Sizes at run time: where an unknown size can be read from, and the operations that need sizes.
#include "lower/row.h"
#include "tensor/tensor.h"

bool ppn_row_sizes_static(const ppn_dim_t* dims, int rank) {
  for (int i = 0; i < rank; i++) {
    if (!ppn_dim_is_static(dims[i])) return false;
  }
  return true;
}

// The axis of a tensor value that has this size, or -1.
static int axis_with_size(const ppn_value_t* value, ppn_dim_t dim) {
  if (!value || value->kind != PPN_VALUE_TENSOR) return -1;
  for (int i = 0; i < value->tensor.rank; i++) {
    if (ppn_dim_equal(value->tensor.sizes[i], dim)) return i;
  }
  return -1;
}

// Where a size can be read: axis `axis` of a tensor, or (axis -1) a symbolic integer.
typedef struct size_source {
  const ppn_value_t* value;
  int axis;
} size_source_t;

static bool try_source(const ppn_value_t* value, ppn_dim_t dim, size_source_t* out) {
  if (!value) return false;
  out->value = value;
  out->axis = axis_with_size(value, dim);
  return out->axis >= 0 || (value->kind == PPN_VALUE_SYM_INT && ppn_dim_equal(value->dim, dim));
}

static bool find_in_node(const ppn_node_t* node, ppn_dim_t dim, size_source_t* out) {
  for (uint32_t i = 0; node && i < node->argument_count; i++) {
    const ppn_argument_t* argument = &node->arguments[i];
    if (argument->kind == PPN_ARGUMENT_VALUE && try_source(argument->u.value, dim, out))
      return true;
    for (uint32_t j = 0; argument->kind == PPN_ARGUMENT_VALUES && j < argument->count; j++) {
      if (try_source(argument->u.values[j], dim, out)) return true;
    }
    for (uint32_t j = 0; argument->kind == PPN_ARGUMENT_INTS && j < argument->count; j++) {
      if (try_source(argument->u.ints[j].value, dim, out)) return true;
    }
  }
  return false;
}

bool ppn_row_sizes_known(const ppn_node_t* node, const ppn_dim_t* dims, int rank) {
  size_source_t source;
  for (int i = 0; i < rank; i++) {
    if (!ppn_dim_is_static(dims[i]) && !find_in_node(node, dims[i], &source)) return false;
  }
  return true;
}

// User tensors only: symbolic inputs are themselves looked up here.
static bool find_in_inputs(const ppn_lower_context_t* context, ppn_dim_t dim, size_source_t* out) {
  const ppn_exported_program_t* program = context->program;
  for (uint32_t i = 0; i < program->input_count; i++) {
    ppn_value_t* value = program->graph->inputs[i];
    if (program->inputs[i].kind != PPN_INPUT_USER || !value || value->kind != PPN_VALUE_TENSOR) {
      continue;
    }
    if (try_source(value, dim, out)) return true;
  }
  return false;
}

static ppn_mil_value_t* size_of_axis(ppn_lower_context_t* context, const ppn_value_t* value,
                                     int axis) {
  ppn_mil_value_t* shape = ppn_row_unary(context, "shape", ppn_row_value(context, value));
  return ppn_row_emit(context, "gather", {"x", shape}, {"indices", ppn_row_int(context, axis)},
                      {"axis", ppn_row_int(context, 0)});
}

ppn_mil_value_t* ppn_row_dim(ppn_lower_context_t* context, ppn_dim_t dim) {
  if (context->status) return NULL;
  if (ppn_dim_is_static(dim)) return ppn_row_int(context, dim.value);
  size_source_t source;
  if (find_in_node(context->node, dim, &source) &&
      (source.axis >= 0 || source.value->scratch || source.value->producer)) {
    return source.axis < 0 ? ppn_row_value(context, source.value)
                           : size_of_axis(context, source.value, source.axis);
  }
  if (find_in_inputs(context, dim, &source)) {
    return size_of_axis(context, source.value, source.axis);
  }
  ppn_buffer_t text = {0};
  ppn_dim_print(context->program->symbols, dim, &text);
  ppn_row_fail(context, ppn_status_make(PPN_STATUS_UNSUPPORTED,
                                        "size %s cannot be read from any input's shape",
                                        ppn_buffer_text(&text)));
  ppn_buffer_release(&text);
  return NULL;
}

ppn_mil_value_t* ppn_row_sizes(ppn_lower_context_t* context, const ppn_dim_t* dims, int rank) {
  int64_t numbers[PPN_MAX_RANK];
  ppn_mil_value_t* parts[PPN_MAX_RANK];
  if (context->status) return NULL;
  if (ppn_row_sizes_static(dims, rank)) {
    for (int i = 0; i < rank; i++) numbers[i] = dims[i].value;
    return ppn_row_ints(context, numbers, (uint32_t)rank);
  }
  // Rank-0 parts are joined into a vector.
  for (int i = 0; i < rank; i++) parts[i] = ppn_row_dim(context, dims[i]);
  return ppn_row_concat(context, parts, (uint32_t)rank, 0);
}

// Several unknown sizes as a shape for reshape: one that cannot be read, else the first, as -1.
static ppn_mil_value_t* sizes_but_one(ppn_lower_context_t* context, const ppn_dim_t* dims,
                                      int rank) {
  ppn_mil_value_t* parts[PPN_MAX_RANK];
  size_source_t source;
  int inferred = -1;
  for (int i = 0; i < rank; i++) {
    if (ppn_dim_is_static(dims[i])) continue;
    bool readable =
        find_in_node(context->node, dims[i], &source) || find_in_inputs(context, dims[i], &source);
    if (!readable || inferred < 0) inferred = i;
    if (!readable) break;
  }
  for (int i = 0; i < rank; i++) {
    parts[i] = i == inferred ? ppn_row_int(context, -1) : ppn_row_dim(context, dims[i]);
  }
  return ppn_row_concat(context, parts, (uint32_t)rank, 0);
}

bool ppn_row_reshape_possible(const ppn_node_t* node, const ppn_dim_t* dims, int rank) {
  size_source_t source;
  int unreadable = 0;
  for (int i = 0; i < rank; i++) {
    unreadable += !ppn_dim_is_static(dims[i]) && !find_in_node(node, dims[i], &source);
  }
  return unreadable <= 1;
}

static bool same_sizes(const ppn_mil_value_t* x, const ppn_dim_t* dims, int rank) {
  if (x->type.rank != rank) return false;
  for (int i = 0; i < rank; i++) {
    if (!ppn_dim_equal(x->type.sizes[i], dims[i])) return false;
  }
  return true;
}

ppn_mil_value_t* ppn_row_reshape(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                 const ppn_dim_t* dims, int rank) {
  if (context->status || !x || same_sizes(x, dims, rank)) return x;
  int64_t numbers[PPN_MAX_RANK];
  int unknown = 0;
  for (int i = 0; i < rank; i++) {
    numbers[i] = ppn_dim_is_static(dims[i]) ? dims[i].value : -1;
    unknown += !ppn_dim_is_static(dims[i]);
  }
  if (unknown == 0 && ppn_row_is_viewable(x) && ppn_tensor_is_contiguous(&x->constant->view)) {
    int64_t strides[PPN_MAX_RANK];
    ppn_strides_contiguous(rank, numbers, strides);
    return ppn_row_restride(context, x, rank, numbers, strides, 0);
  }
  // reshape cannot make a scalar.
  if (rank == 0) {
    int64_t axes[PPN_MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) axes[i] = i;
    return ppn_row_squeeze(context, x, axes, (uint32_t)x->type.rank);
  }
  ppn_mil_value_t* shape = unknown <= 1 ? ppn_row_ints(context, numbers, (uint32_t)rank)
                                        : sizes_but_one(context, dims, rank);
  return ppn_row_emit(context, "reshape", {"x", x}, {"shape", shape});
}

ppn_mil_value_t* ppn_row_reshape_static(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                        const int64_t* sizes, int rank) {
  ppn_dim_t dims[PPN_MAX_RANK];
  for (int i = 0; i < rank; i++) dims[i] = ppn_dim_static(sizes[i]);
  return ppn_row_reshape(context, x, dims, rank);
}

// A broadcast constant of at most this many elements is stored; above it is tiled at run time.
enum { MAX_BROADCAST_CONSTANT = 4096 };

ppn_mil_value_t* ppn_row_broadcast(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                   const ppn_dim_t* dims, int rank) {
  if (context->status || !x || same_sizes(x, dims, rank)) return x;
  int64_t sizes[PPN_MAX_RANK], numel = 0;
  bool is_static = ppn_row_sizes_static(dims, rank);
  for (int i = 0; is_static && i < rank; i++) sizes[i] = dims[i].value;
  x = ppn_row_raise_rank(context, x, rank);
  if (context->status || !x) return NULL;
  if (is_static && ppn_row_is_viewable(x) && ppn_sizes_numel(rank, sizes, &numel) &&
      numel <= MAX_BROADCAST_CONSTANT) {
    int64_t strides[PPN_MAX_RANK];
    for (int i = 0; i < rank; i++) {
      strides[i] = x->constant->view.sizes[i] == 1 ? 0 : x->constant->view.strides[i];
    }
    return ppn_row_restride(context, x, rank, sizes, strides, 0);
  }
  ppn_dim_t repeats[PPN_MAX_RANK];
  bool any = false;
  for (int i = 0; i < rank; i++) {
    bool repeat = ppn_dim_is(x->type.sizes[i], 1) && !ppn_dim_is(dims[i], 1);
    repeats[i] = repeat ? dims[i] : ppn_dim_static(1);
    any |= repeat;
  }
  if (!any) return x;
  return ppn_row_emit(context, "tile", {"x", x}, {"reps", ppn_row_sizes(context, repeats, rank)});
}
