// Tensors from nothing, and conversions.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

// Up to this many elements are stored as constants, more are filled at run time.
enum { MAX_STORED = 4096, MAX_GENERATED = 1 << 20 };

// `value` in every element of result 0.
static ppn_mil_value_t* filled(ppn_lower_context_t* context, const ppn_node_t* node, double value) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  ppn_mil_value_t* number = ppn_row_number(context, ppn_row_output_dtype(node), value);
  if (context->status) return NULL;
  int64_t numel = 0, sizes[PPN_MAX_RANK];
  bool is_static = ppn_row_sizes_static(meta->sizes, meta->rank);
  for (int i = 0; i < meta->rank; i++) sizes[i] = meta->sizes[i].value;
  if (meta->rank == 0) return number;
  if (is_static && ppn_sizes_numel(meta->rank, sizes, &numel) && numel <= MAX_STORED) {
    const int64_t strides[PPN_MAX_RANK] = {0};
    return ppn_row_restride(context, number, meta->rank, sizes, strides, 0);
  }
  return ppn_row_emit(context, "fill", {"shape", ppn_row_sizes(context, meta->sizes, meta->rank)},
                      {"value", number});
}

static ppn_status_t lower_zeros(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, filled(context, node, 0));
}

static ppn_status_t lower_ones(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, filled(context, node, 1));
}

static ppn_status_t lower_full(ppn_lower_context_t* context, const ppn_node_t* node) {
  const char* name = ppn_node_argument(node, "fill_value") ? "fill_value"
                     : ppn_node_argument(node, "value")    ? "value"
                                                           : "s";
  const ppn_argument_t* value = ppn_node_argument(node, name);
  if (value->kind != PPN_ARGUMENT_VALUE) {
    return ppn_row_result(context, node,
                          filled(context, node, ppn_row_literal_number(node, name, 0)));
  }
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  ppn_mil_value_t* x = ppn_row_operand(context, value, ppn_row_output_dtype(node));
  if (x && x->type.rank > 0) x = ppn_row_reshape_static(context, x, NULL, 0);
  return ppn_row_result(context, node, ppn_row_broadcast(context, x, meta->sizes, meta->rank));
}

static bool filled_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  if (meta && ppn_row_sizes_known(node, meta->sizes, meta->rank)) return true;
  return ppn_row_refuse(reason, "the sizes cannot be read from the arguments");
}

// ---- Sequences ----

// A constant from a function of the flat index.
static ppn_mil_value_t* generated(ppn_lower_context_t* context, const ppn_node_t* node,
                                  double (*element)(void* state, int64_t index), void* state) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  int64_t numel = 0, sizes[PPN_MAX_RANK];
  for (int i = 0; i < meta->rank; i++) sizes[i] = meta->sizes[i].value;
  ppn_sizes_numel(meta->rank, sizes, &numel);
  void* data = calloc((size_t)numel + 1, ppn_dtype_size(dtype));
  if (!data) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  for (int64_t i = 0; i < numel; i++) ppn_element_set_double(dtype, data, i, element(state, i));
  ppn_mil_value_t* result = ppn_row_data(context, dtype, meta->rank, sizes, data);
  free(data);
  return result;
}

static bool can_generate(const ppn_node_t* node) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  int64_t numel = 0, sizes[PPN_MAX_RANK];
  if (!meta || !ppn_row_sizes_static(meta->sizes, meta->rank)) return false;
  for (int i = 0; i < meta->rank; i++) sizes[i] = meta->sizes[i].value;
  return ppn_sizes_numel(meta->rank, sizes, &numel) && numel <= MAX_GENERATED;
}

typedef struct sequence {
  double start, step, end;
  int64_t count;
} sequence_t;

static double sequence_element(void* state, int64_t index) {
  const sequence_t* sequence = state;
  return sequence->start + sequence->step * (double)index;
}

// linspace counts its second half from the end.
static double linspace_element(void* state, int64_t index) {
  const sequence_t* sequence = state;
  int64_t rest = sequence->count - 1 - index;
  return index < sequence->count / 2 || sequence->count == 1
             ? sequence_element(state, index)
             : sequence->end - sequence->step * (double)rest;
}

static ppn_status_t lower_arange(ppn_lower_context_t* context, const ppn_node_t* node) {
  sequence_t sequence = {ppn_row_literal_number(node, "start", 0),
                         ppn_row_literal_number(node, "step", 1), 0, 0};
  if (ppn_row_is_literal(node, "start") && ppn_row_is_literal(node, "end") &&
      ppn_row_is_literal(node, "step") && can_generate(node)) {
    return ppn_row_result(context, node, generated(context, node, sequence_element, &sequence));
  }
  // Count in integers when all three are, whatever the result's type.
  const ppn_argument_t* arguments[] = {ppn_node_argument(node, "start"),
                                       ppn_node_argument(node, "end"),
                                       ppn_node_argument(node, "step")};
  bool given[3];
  for (int i = 0; i < 3; i++) given[i] = arguments[i] && arguments[i]->kind != PPN_ARGUMENT_NONE;
  ppn_dtype_t dtype = ppn_row_promote(arguments, 3);
  ppn_mil_value_t* start =
      given[0] ? ppn_row_operand(context, arguments[0], dtype) : ppn_row_number(context, dtype, 0);
  ppn_mil_value_t* end = ppn_row_operand(context, arguments[1], dtype);
  ppn_mil_value_t* step =
      given[2] ? ppn_row_operand(context, arguments[2], dtype) : ppn_row_number(context, dtype, 1);
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "range_1d", {"end", end}, {"start", start}, {"step", step}));
}

static ppn_status_t lower_linspace(ppn_lower_context_t* context, const ppn_node_t* node) {
  sequence_t sequence = {ppn_row_literal_number(node, "start", 0), 0,
                         ppn_row_literal_number(node, "end", 0),
                         ppn_row_literal_int(node, "steps", 1)};
  if (sequence.count > 1) {
    sequence.step = (sequence.end - sequence.start) / (double)(sequence.count - 1);
  }
  return ppn_row_result(context, node, generated(context, node, linspace_element, &sequence));
}

static double eye_element(void* state, int64_t index) {
  int64_t columns = *(const int64_t*)state;
  return index / columns == index % columns;
}

static ppn_status_t lower_eye(ppn_lower_context_t* context, const ppn_node_t* node) {
  int64_t columns = ppn_row_output(node, 0)->sizes[1].value;
  return ppn_row_result(context, node, generated(context, node, eye_element, &columns));
}

static bool generated_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                ppn_buffer_t* reason) {
  (void)options;
  if (!ppn_row_require_literal(node, reason, "start", "end", "steps", "n", "m")) return false;
  return can_generate(node) || ppn_row_refuse(reason, "not a constant of moderate size");
}

// ---- Triangles ----

typedef struct triangle {
  int64_t columns, diagonal;
  bool upper;
} triangle_t;

static double triangle_element(const triangle_t* triangle, int64_t index) {
  int64_t row = index / triangle->columns, column = index % triangle->columns;
  return triangle->upper ? column - row >= triangle->diagonal : column - row <= triangle->diagonal;
}

static ppn_mil_value_t* stored_triangle(ppn_lower_context_t* context, triangle_t* triangle,
                                        const ppn_dim_t* dims) {
  int64_t sizes[] = {dims[0].value, dims[1].value}, numel = sizes[0] * sizes[1];
  triangle->columns = sizes[1];
  uint8_t* mask = malloc((size_t)numel + 1);
  if (!mask) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  for (int64_t i = 0; i < numel; i++) mask[i] = triangle_element(triangle, i) != 0;
  ppn_mil_value_t* result = ppn_row_data(context, PPN_DTYPE_BOOL, 2, sizes, mask);
  free(mask);
  return result;
}

// 0, 1, 2 … along one of two axes.
static ppn_mil_value_t* positions(ppn_lower_context_t* context, ppn_dim_t size, int64_t other) {
  ppn_mil_value_t* range =
      ppn_row_emit(context, "range_1d", {"end", ppn_row_dim(context, size)},
                   {"start", ppn_row_int(context, 0)}, {"step", ppn_row_int(context, 1)});
  return ppn_row_expand_dims(context, range, &other, 1);
}

static ppn_mil_value_t* counted_triangle(ppn_lower_context_t* context, const triangle_t* triangle,
                                         const ppn_dim_t* sizes) {
  ppn_mil_value_t* offset = ppn_row_binary(context, "sub", positions(context, sizes[1], 0),
                                           positions(context, sizes[0], 1));
  return ppn_row_binary_number(context, triangle->upper ? "greater_equal" : "less_equal", offset,
                               (double)triangle->diagonal);
}

static ppn_status_t lower_triangle(ppn_lower_context_t* context, const ppn_node_t* node,
                                   bool upper) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  if (context->status) return ppn_row_finish(context);
  triangle_t triangle = {.diagonal = ppn_row_literal_int(node, "diagonal", 0), .upper = upper};
  // band_part includes the main diagonal.
  if (upper ? triangle.diagonal <= 0 : triangle.diagonal >= 0) {
    int64_t lower = upper ? -triangle.diagonal : -1, above = upper ? -1 : triangle.diagonal;
    return ppn_row_result(
        context, node,
        ppn_row_emit(context, "band_part", {"x", x}, {"lower", ppn_row_int(context, lower)},
                     {"upper", ppn_row_int(context, above)}));
  }
  const ppn_dim_t* sizes = x->type.sizes + x->type.rank - 2;
  bool known = ppn_row_sizes_static(sizes, 2) && sizes[0].value * sizes[1].value <= MAX_GENERATED;
  ppn_mil_value_t* inside = known ? stored_triangle(context, &triangle, sizes)
                                  : counted_triangle(context, &triangle, sizes);
  return ppn_row_result(
      context, node, ppn_row_select(context, inside, x, ppn_row_number(context, x->type.dtype, 0)));
}

static ppn_status_t lower_tril(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_triangle(context, node, false);
}

static ppn_status_t lower_triu(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_triangle(context, node, true);
}

static bool triangle_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!ppn_row_require_literal(node, reason, "diagonal")) return false;
  if (!x || x->rank < 2) return ppn_row_refuse(reason, "not a matrix");
  return true;
}

static ppn_status_t lower_one_hot(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* indices =
      ppn_row_operand(context, ppn_node_argument(node, "self"), PPN_DTYPE_INT32);
  int64_t classes = ppn_row_literal_int(node, "num_classes", 1);
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "one_hot", {"indices", indices},
                   {"one_hot_vector_size", ppn_row_int(context, classes)},
                   {"axis", ppn_row_int(context, -1)}, {"on_value", ppn_row_int(context, 1)},
                   {"off_value", ppn_row_int(context, 0)}));
}

static bool one_hot_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                              ppn_buffer_t* reason) {
  (void)options;
  if (ppn_row_literal_int(node, "num_classes", -1) > 0) return true;
  return ppn_row_refuse(reason, "the number of classes is not given");
}

// ---- Conversion ----

// Binding a result converts to the type that the traced program states.
static ppn_status_t lower_convert(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, ppn_row_tensor(context, node, "self"));
}

static bool is_small_integer(ppn_dtype_t dtype) {
  return dtype == PPN_DTYPE_INT8 || dtype == PPN_DTYPE_UINT8 || dtype == PPN_DTYPE_INT16 ||
         dtype == PPN_DTYPE_UINT16;
}

static bool convert_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                              ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t *from = ppn_row_meta(node, "self"), *to = ppn_row_output(node, 0);
  if (from && to && is_small_integer(to->dtype) && ppn_dtype_is_integer(from->dtype) &&
      from->dtype != to->dtype) {
    return ppn_row_refuse(reason, "wrapping around to %s", ppn_dtype_name(to->dtype));
  }
  return true;
}

// src, in self's type and shape
static ppn_status_t lower_copy(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  ppn_mil_value_t* source =
      ppn_row_operand(context, ppn_node_argument(node, "src"), ppn_row_output_dtype(node));
  return ppn_row_result(context, node, ppn_row_broadcast(context, source, meta->sizes, meta->rank));
}

enum { MOVES = PPN_LOWER_SMALL_INTEGERS };

static const ppn_lower_row_t rows[] = {
    {"aten::zeros", lower_zeros, filled_supported, 0, MOVES},
    {"aten::zeros_like", lower_zeros, filled_supported, 0, MOVES},
    {"aten::new_zeros", lower_zeros, filled_supported, 0, MOVES},
    {"aten::empty.memory_format", lower_zeros, filled_supported, 0, MOVES},
    {"aten::empty_like", lower_zeros, filled_supported, 0, MOVES},
    {"aten::new_empty", lower_zeros, filled_supported, 0, MOVES},
    {"dim_order_ops::_empty_dim_order", lower_zeros, filled_supported, 0, MOVES},
    {"aten::ones", lower_ones, filled_supported, 0, MOVES},
    {"aten::ones_like", lower_ones, filled_supported, 0, MOVES},
    {"aten::new_ones", lower_ones, filled_supported, 0, MOVES},
    {"aten::full", lower_full, filled_supported, 0, MOVES},
    {"aten::full_like", lower_full, filled_supported, 0, MOVES},
    {"aten::new_full", lower_full, filled_supported, 0, MOVES},
    {"aten::fill.Scalar", lower_full, filled_supported, 0, MOVES},
    {"aten::fill.Tensor", lower_full, filled_supported, 0, MOVES},
    {"aten::scalar_tensor", lower_full, NULL, 0, MOVES},
    {"aten::arange", lower_arange, NULL, 0, 0},
    {"aten::arange.start", lower_arange, NULL, 0, 0},
    {"aten::arange.start_step", lower_arange, NULL, 0, 0},
    {"aten::linspace", lower_linspace, generated_supported, 0, 0},
    {"aten::eye", lower_eye, generated_supported, 0, 0},
    {"aten::eye.m", lower_eye, generated_supported, 0, 0},
    {"aten::tril", lower_tril, triangle_supported, 0, 0},
    {"aten::triu", lower_triu, triangle_supported, 0, 0},
    {"aten::one_hot", lower_one_hot, one_hot_supported, 0, 0},
    {"aten::_to_copy", lower_convert, convert_supported, 0, MOVES},
    {"aten::to.dtype", lower_convert, convert_supported, 0, MOVES},
    {"aten::to.dtype_layout", lower_convert, convert_supported, 0, MOVES},
    {"aten::to.device", lower_convert, convert_supported, 0, MOVES},
    {"aten::to.other", lower_convert, convert_supported, 0, MOVES},
    {"aten::type_as", lower_convert, convert_supported, 0, MOVES},
    {"dim_order_ops::_to_dim_order_copy", lower_convert, convert_supported, 0, MOVES},
    {"aten::copy", lower_copy, filled_supported, 0, MOVES},
};

PPN_LOWER_DEFINE_FAMILY(creation, "Creation and conversion");
