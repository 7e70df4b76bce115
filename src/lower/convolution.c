// Convolutions, plain and transposed, in one to three dimensions.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

enum { MAX_SPATIAL = 3 };

typedef struct convolution {
  ppn_mil_value_t *x, *weight, *bias;
  int spatial;  // number of spatial dimensions
  int64_t strides[MAX_SPATIAL], padding[MAX_SPATIAL], dilations[MAX_SPATIAL],
      output_padding[MAX_SPATIAL];
  int64_t groups;
  bool is_transposed;
  const char* padding_mode;  // "same" or "valid"; NULL: `padding`
} convolution_t;

// One number stands for all dimensions.
static void read_list(const ppn_node_t* node, const char* name, int spatial, int64_t fallback,
                      int64_t* out) {
  int64_t values[PPN_MAX_RANK];
  uint32_t count = 0;
  bool given = ppn_row_literal_ints(node, name, values, &count) && count > 0;
  for (int i = 0; i < spatial; i++) {
    out[i] = !given ? fallback : values[(uint32_t)i < count ? (uint32_t)i : count - 1];
  }
}

static bool is_transposed(const ppn_node_t* node) {
  return ppn_row_literal_bool(node, "transposed",
                              strncmp(node->target, "aten::conv_transpose", 20) == 0);
}

static void read_convolution(const ppn_node_t* node, int spatial, convolution_t* out) {
  out->spatial = spatial;
  read_list(node, "stride", spatial, 1, out->strides);
  read_list(node, "padding", spatial, 0, out->padding);
  read_list(node, "dilation", spatial, 1, out->dilations);
  read_list(node, "output_padding", spatial, 0, out->output_padding);
  out->groups = ppn_row_literal_int(node, "groups", 1);
  out->is_transposed = is_transposed(node);
  out->padding_mode = ppn_row_literal_text(node, "padding", NULL);
}

static ppn_mil_value_t* emit(ppn_lower_context_t* context, const convolution_t* convolution,
                             const char* pad_type, bool with_bias) {
  int64_t pad[2 * MAX_SPATIAL];
  uint32_t spatial = (uint32_t)convolution->spatial;
  for (uint32_t i = 0; i < spatial; i++) pad[2 * i] = pad[2 * i + 1] = convolution->padding[i];
  bool is_custom = strcmp(pad_type, "custom") == 0;
  return ppn_row_emit(context, convolution->is_transposed ? "conv_transpose" : "conv",
                      {"x", convolution->x}, {"weight", convolution->weight},
                      {"bias", with_bias ? convolution->bias : NULL},
                      {"strides", ppn_row_ints(context, convolution->strides, spatial)},
                      {"pad_type", ppn_row_text(context, pad_type)},
                      {"pad", is_custom ? ppn_row_ints(context, pad, 2 * spatial) : NULL},
                      {"dilations", ppn_row_ints(context, convolution->dilations, spatial)},
                      {"groups", ppn_row_int(context, convolution->groups)});
}

// [C] → [1, C, 1, …]
static ppn_mil_value_t* add_bias(ppn_lower_context_t* context, const convolution_t* convolution,
                                 ppn_mil_value_t* result) {
  if (!convolution->bias) return result;
  int64_t axes[MAX_SPATIAL];
  for (int i = 0; i < convolution->spatial; i++) axes[i] = i + 1;
  ppn_mil_value_t* bias =
      ppn_row_expand_dims(context, convolution->bias, axes, (uint32_t)convolution->spatial);
  return ppn_row_binary(context, "add", result, bias);
}

// Core ML has no output padding: the full result is computed and cut, or grown with zeros where the
// output padding exceeds the padding.
static ppn_mil_value_t* with_output_padding(ppn_lower_context_t* context,
                                            const convolution_t* convolution) {
  bool grows = false;
  for (int i = 0; i < convolution->spatial; i++) {
    grows |= convolution->output_padding[i] > convolution->padding[i];
  }
  bool bias_inside = !grows && convolution->bias && convolution->bias->constant;
  ppn_mil_value_t* result = emit(context, convolution, "valid", bias_inside);
  uint32_t rank = (uint32_t)convolution->spatial + 2;
  int64_t begin[PPN_MAX_RANK] = {0}, end[PPN_MAX_RANK] = {0}, pad[2 * PPN_MAX_RANK] = {0};
  bool begin_mask[PPN_MAX_RANK] = {true, true}, end_mask[PPN_MAX_RANK] = {true, true};
  bool cuts = false;
  for (uint32_t i = 2; i < rank; i++) {
    int64_t padding = convolution->padding[i - 2], extra = convolution->output_padding[i - 2];
    begin[i] = padding;
    begin_mask[i] = padding == 0;
    end[i] = padding > extra ? extra - padding : 0;
    end_mask[i] = padding <= extra;
    pad[2 * i + 1] = extra > padding ? extra - padding : 0;
    cuts |= !begin_mask[i] || !end_mask[i];
  }
  if (cuts) {
    result = ppn_row_emit(context, "slice_by_index", {"x", result},
                          {"begin", ppn_row_ints(context, begin, rank)},
                          {"end", ppn_row_ints(context, end, rank)},
                          {"begin_mask", ppn_row_bools(context, begin_mask, rank)},
                          {"end_mask", ppn_row_bools(context, end_mask, rank)});
  }
  if (grows && !context->status) {
    result =
        ppn_row_emit(context, "pad", {"x", result}, {"pad", ppn_row_ints(context, pad, 2 * rank)},
                     {"mode", ppn_row_text(context, "constant")},
                     {"constant_val", ppn_row_number(context, convolution->x->type.dtype, 0)});
  }
  return bias_inside ? result : add_bias(context, convolution, result);
}

static ppn_mil_value_t* convolve(ppn_lower_context_t* context, const convolution_t* convolution) {
  bool padded = false, extended = false;
  for (int i = 0; i < convolution->spatial; i++) {
    padded |= convolution->padding[i] != 0;
    extended |= convolution->output_padding[i] != 0;
  }
  if (convolution->is_transposed && extended) return with_output_padding(context, convolution);
  const char* pad_type = convolution->padding_mode ? convolution->padding_mode
                         : padded                  ? "custom"
                                                   : "valid";
  // A computed bias is added afterwards.
  bool bias_inside = convolution->bias && convolution->bias->constant;
  ppn_mil_value_t* result = emit(context, convolution, pad_type, bias_inside);
  return bias_inside ? result : add_bias(context, convolution, result);
}

static ppn_status_t lower_convolution(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  convolution_t convolution = {0};
  convolution.x = ppn_row_operand(context, ppn_node_argument(node, "input"), dtype);
  convolution.weight = ppn_row_operand(context, ppn_node_argument(node, "weight"), dtype);
  if (ppn_row_given(node, "bias")) {
    convolution.bias = ppn_row_operand(context, ppn_node_argument(node, "bias"), dtype);
  }
  if (context->status) return ppn_row_finish(context);
  read_convolution(node, convolution.weight->type.rank - 2, &convolution);
  bool is_single = convolution.x->type.rank < convolution.weight->type.rank;  // no batch dimension
  if (is_single) {
    convolution.x = ppn_row_expand_dims(context, convolution.x, (const int64_t[]){0}, 1);
  }
  ppn_mil_value_t* result = convolve(context, &convolution);
  if (is_single) result = ppn_row_squeeze(context, result, (const int64_t[]){0}, 1);
  return ppn_row_result(context, node, result);
}

static bool convolution_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                  ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t *x = ppn_row_meta(node, "input"), *weight = ppn_row_meta(node, "weight");
  if (!ppn_row_require_literal(node, reason, "stride", "padding", "dilation", "output_padding",
                               "groups")) {
    return false;
  }
  if (!x || !weight || weight->rank < 3 || weight->rank > 5 || x->rank < weight->rank - 1) {
    return ppn_row_refuse(reason, "not a convolution in one to three dimensions");
  }
  if (!ppn_dtype_is_float(x->dtype)) return ppn_row_refuse(reason, "convolution of integers");
  if (!ppn_row_require_static(node, "weight", reason)) return false;
  if (!ppn_dim_is_static(x->sizes[x->rank - weight->rank + 1])) {
    return ppn_row_refuse(reason, "the number of channels is not fixed");
  }
  return true;
}

// ---- im2col-free relatives: channel layout ----

static ppn_status_t lower_pixel_shuffle(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  ppn_mil_value_t* factor = ppn_row_int(context, ppn_row_literal_int(node, "upscale_factor", 1));
  return ppn_row_result(
      context, node, ppn_row_emit(context, "pixel_shuffle", {"x", x}, {"upscale_factor", factor}));
}

static ppn_status_t lower_pixel_unshuffle(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  uint32_t factor = (uint32_t)ppn_row_literal_int(node, "downscale_factor", 1);
  return ppn_row_result(context, node,
                        ppn_row_emit(context, "pixel_unshuffle", {"x", x},
                                     {"downscale_factor",
                                      ppn_row_data(context, PPN_DTYPE_UINT32, 0, NULL, &factor)}));
}

static bool pixels_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (x && x->rank == 4 && ppn_dtype_is_float(x->dtype)) return true;
  return ppn_row_refuse(reason, "only float images of rank 4");
}

static const ppn_lower_row_t rows[] = {
    {"aten::convolution", lower_convolution, convolution_supported, 0, 0},
    {"aten::_convolution", lower_convolution, convolution_supported, 0, 0},
    {"aten::_convolution.deprecated", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv1d", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv1d.padding", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv2d", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv2d.padding", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv3d", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv3d.padding", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv_transpose1d", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv_transpose2d.input", lower_convolution, convolution_supported, 0, 0},
    {"aten::conv_transpose3d.input", lower_convolution, convolution_supported, 0, 0},
    {"aten::pixel_shuffle", lower_pixel_shuffle, pixels_supported, 0, 0},
    {"aten::pixel_unshuffle", lower_pixel_unshuffle, pixels_supported, PPN_MIL_OPSET_IOS16, 0},
};

PPN_LOWER_DEFINE_FAMILY(convolution, "Convolution");
