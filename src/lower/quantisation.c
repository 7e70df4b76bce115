// Quantised tensors. Constants become compressed weights, which stay as they are stored; others
// quantise and dequantise while the model runs.
#include <math.h>
#include <string.h>

#include "lower/compressed.h"
#include "lower/families.h"
#include "tensor/tensor.h"

// Is `needed` within the target? A program without a target gets what it needs.
static bool target_has(const ppn_lower_options_t* options, ppn_mil_opset_t needed, const char* what,
                       ppn_buffer_t* reason) {
  if (!options->minimum_opset || options->minimum_opset >= needed) return true;
  return ppn_row_refuse(reason, "%s need iOS%d (the target is iOS%d)", what,
                        ppn_mil_opset_ios_version(needed),
                        ppn_mil_opset_ios_version(options->minimum_opset));
}

static bool is_byte(ppn_dtype_t dtype) {
  return dtype == PPN_DTYPE_INT8 || dtype == PPN_DTYPE_UINT8;
}

static ppn_dtype_t weight_dtype(const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  return ppn_dtype_is_float(dtype) ? dtype : PPN_DTYPE_INVALID;
}

// A tensor argument as the constant it is, whatever conversions were around it.
static ppn_mil_value_t* constant(ppn_lower_context_t* context, const ppn_node_t* node,
                                 const char* name) {
  ppn_mil_value_t* value = ppn_row_tensor(context, node, name);
  if (!value || ppn_row_is_viewable(value)) return value;
  ppn_row_fail(context, ppn_status_make(PPN_STATUS_UNSUPPORTED,
                                        "'%s' is computed outside the Core ML model; it has to be "
                                        "a constant of it",
                                        value->name));
  return NULL;
}

// ---- torchao::dequantize_affine ----

// [block_size] as numbers of blocks; -1 is a whole dimension.
static bool affine_blocks(const ppn_node_t* node, ppn_row_blocks_t* out) {
  int64_t block[PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_row_blocks_whole(ppn_row_meta(node, "input"), out) || out->rank == 0 ||
      !ppn_row_literal_ints(node, "block_size", block, &count) || count != (uint32_t)out->rank) {
    return false;
  }
  for (int i = 0; i < out->rank; i++) {
    if (block[i] == -1) block[i] = out->sizes[i];
    if (block[i] < 1 || out->sizes[i] % block[i] != 0) return false;
    out->counts[i] = out->sizes[i] / block[i];
  }
  return true;
}

static bool has_elements(const ppn_tensor_meta_t* meta, int64_t count) {
  int64_t numel = 1;
  if (!meta || !ppn_row_sizes_static(meta->sizes, meta->rank)) return false;
  for (int i = 0; i < meta->rank; i++) numel *= meta->sizes[i].value;
  return numel == count;
}

// What the data were quantised to: by default all of their type.
static void affine_range(const ppn_node_t* node, int64_t* out_minimum, int64_t* out_maximum) {
  bool is_unsigned = ppn_row_meta(node, "input")->dtype == PPN_DTYPE_UINT8;
  *out_minimum = (int64_t)ppn_row_literal_number(node, "quant_min", is_unsigned ? 0 : -128);
  *out_maximum = (int64_t)ppn_row_literal_number(node, "quant_max", is_unsigned ? 255 : 127);
}

static bool affine_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  ppn_row_blocks_t blocks;
  int64_t minimum, maximum;
  if (!ppn_row_constant_argument(node, "input", options) ||
      !ppn_row_constant_argument(node, "scale", options) ||
      (ppn_row_given(node, "zero_point") &&
       !ppn_row_constant_argument(node, "zero_point", options))) {
    return ppn_row_refuse(reason, "only constants can be dequantised; this is computed");
  }
  if (!affine_blocks(node, &blocks) ||
      !has_elements(ppn_row_meta(node, "scale"), ppn_row_blocks_count(&blocks)) ||
      (ppn_row_given(node, "zero_point") &&
       !has_elements(ppn_row_meta(node, "zero_point"), ppn_row_blocks_count(&blocks)))) {
    return ppn_row_refuse(reason, "the blocks do not divide the data, or have other scales");
  }
  affine_range(node, &minimum, &maximum);
  if (weight_dtype(node) == PPN_DTYPE_INVALID || minimum > maximum ||
      (minimum >= 0 ? maximum > 255 : minimum < -128 || maximum > 127)) {
    return ppn_row_refuse(reason, "weights of %lld to %lld; Core ML has 4 and 8 bits",
                          (long long)minimum, (long long)maximum);
  }
  bool is_nibble = minimum >= 0 ? maximum <= 15 : minimum >= -8 && maximum <= 7;
  if (is_nibble && !target_has(options, PPN_MIL_OPSET_IOS18, "weights of 4 bits", reason)) {
    return false;
  }
  return target_has(options, ppn_row_blocks_opset(&blocks), "weights with scales for blocks",
                    reason);
}

static ppn_status_t lower_affine(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_row_blocks_t blocks = {0};
  int64_t minimum, maximum;
  affine_blocks(node, &blocks);
  affine_range(node, &minimum, &maximum);
  ppn_mil_value_t *data = constant(context, node, "input"),
                  *scale = constant(context, node, "scale"),
                  *zero_point = constant(context, node, "zero_point");
  return ppn_row_result(context, node,
                        ppn_row_shift_scale(context, &blocks, data, scale, zero_point, minimum,
                                            maximum, weight_dtype(node)));
}

// ---- quant::dequantize_codebook ----

static bool codebook_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  const ppn_tensor_meta_t *codes = ppn_row_meta(node, "codes"),
                          *table = ppn_row_meta(node, "codebook");
  int64_t bits = ppn_row_literal_int(node, "nbits", 0), tables = 1;
  if (!ppn_row_constant_argument(node, "codes", options) ||
      !ppn_row_constant_argument(node, "codebook", options)) {
    return ppn_row_refuse(reason, "only constants can be looked up; this is computed");
  }
  if (bits < 1 || bits > 8 || bits == 5 || bits == 7) {
    return ppn_row_refuse(reason, "codes of %lld bits; Core ML has 1, 2, 3, 4, 6 and 8",
                          (long long)bits);
  }
  bool fits = table->rank == codes->rank + 2 && table->rank <= PPN_MAX_RANK &&
              weight_dtype(node) != PPN_DTYPE_INVALID &&
              ppn_row_sizes_static(table->sizes, table->rank) &&
              ppn_row_sizes_static(codes->sizes, codes->rank) && codes->rank > 0 &&
              table->sizes[codes->rank].value == (int64_t)1 << bits &&
              table->sizes[codes->rank + 1].value == 1;
  for (int i = 0; fits && i < codes->rank; i++) {
    tables *= table->sizes[i].value;
    fits = table->sizes[i].value > 0 && codes->sizes[i].value % table->sizes[i].value == 0;
  }
  if (!fits) {
    return ppn_row_refuse(reason, "the codebook is not [tables of each dimension, 2^bits, 1]");
  }
  if (tables == 1 && bits != 3) {
    return target_has(options, PPN_MIL_OPSET_IOS16, "weights in a table", reason);
  }
  return target_has(options, PPN_MIL_OPSET_IOS18,
                    tables == 1 ? "codes of 3 bits" : "weights with a table for each group",
                    reason);
}

static ppn_status_t lower_codebook(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t *codes = constant(context, node, "codes"),
                  *table = constant(context, node, "codebook");
  int bits = (int)ppn_row_literal_int(node, "nbits", 8);
  return ppn_row_result(context, node,
                        ppn_row_look_up(context, codes, table, bits, weight_dtype(node)));
}

// ---- quantized_decomposed: scales of a tensor, or of channels ----

// Arguments have one name in operators for a tensor and another in those for channels.
static const char* either(const ppn_node_t* node, const char* one, const char* several) {
  return ppn_node_argument(node, one) ? one : several;
}

static const char* scale_name(const ppn_node_t* node) {
  return either(node, "scale", "scales");
}

static const char* zero_point_name(const ppn_node_t* node) {
  return either(node, "zero_point", "zero_points");
}

static bool is_known(const ppn_node_t* node, const char* name, const ppn_lower_options_t* options) {
  return ppn_row_is_literal(node, name) || ppn_row_constant_argument(node, name, options);
}

static bool decomposed_blocks(const ppn_node_t* node, ppn_row_blocks_t* out) {
  const ppn_tensor_meta_t* input = ppn_row_meta(node, "input");
  const char* scale = scale_name(node);
  if (!input) return false;
  if (ppn_node_argument(node, "group_size")) {
    int64_t group = ppn_row_literal_int(node, "group_size", 0);
    if (!ppn_row_blocks_whole(input, out) || out->rank != 2 || group < 1 ||
        out->sizes[1] % group != 0) {
      return false;
    }
    out->counts[0] = out->sizes[0];
    out->counts[1] = out->sizes[1] / group;
  } else if (ppn_node_argument(node, "axis")) {
    int64_t axis = ppn_row_axis(node, "axis", 0, input->rank);
    if (axis < 0 || axis >= input->rank || !ppn_dim_is_static(input->sizes[axis])) return false;
    *out = (ppn_row_blocks_t){.rank = input->rank};
    for (int i = 0; i < input->rank; i++) {
      out->sizes[i] = input->sizes[i].value;
      out->counts[i] = i == axis ? input->sizes[i].value : 1;
    }
  } else {
    *out = (ppn_row_blocks_t){.rank = input->rank};
    for (int i = 0; i < input->rank; i++) {
      out->sizes[i] = input->sizes[i].value;
      out->counts[i] = 1;
    }
  }
  const ppn_tensor_meta_t *scales = ppn_row_meta(node, scale),
                          *zero_points = ppn_row_meta(node, zero_point_name(node));
  int64_t count = ppn_row_blocks_count(out);
  return (!scales || has_elements(scales, count)) &&
         (!zero_points || has_elements(zero_points, count));
}

static bool decomposed_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                 ppn_buffer_t* reason) {
  ppn_row_blocks_t blocks;
  if (!is_known(node, scale_name(node), options) ||
      !is_known(node, zero_point_name(node), options) ||
      !ppn_row_require_literal(node, NULL, "quant_min", "quant_max")) {
    return ppn_row_refuse(reason, "scales that are computed while the model runs");
  }
  return decomposed_blocks(node, &blocks) ||
         ppn_row_refuse(reason, "the scales do not fit the tensor");
}

// Scales or zero points as a constant vector, or a scalar.
static ppn_mil_value_t* numbers(ppn_lower_context_t* context, const ppn_node_t* node,
                                const char* name, ppn_dtype_t dtype) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  if (!argument || argument->kind == PPN_ARGUMENT_NONE) return NULL;
  if (argument->kind != PPN_ARGUMENT_VALUE) return ppn_row_operand(context, argument, dtype);
  return constant(context, node, name);
}

static bool is_zero(const ppn_mil_value_t* value) {
  int64_t count = value ? ppn_mil_constant_numel(value->constant) : 0;
  for (int64_t i = 0; i < count; i++) {
    if (ppn_mil_constant_element(value->constant, i) != 0) return false;
  }
  return true;
}

// Scale, zero point and axis of `quantize` and `dequantize`. One number is a scalar.
typedef struct parameters {
  ppn_mil_value_t *scale, *zero_point, *axis;
} parameters_t;

static parameters_t read_parameters(ppn_lower_context_t* context, const ppn_node_t* node,
                                    ppn_dtype_t data, ppn_dtype_t number) {
  parameters_t out = {0};
  ppn_mil_value_t* scale = numbers(context, node, scale_name(node), PPN_DTYPE_FLOAT32);
  ppn_mil_value_t* zero_point = numbers(context, node, zero_point_name(node), PPN_DTYPE_INT32);
  if (context->status) return out;
  int64_t count = ppn_mil_constant_numel(scale->constant);
  int rank = count > 1 ? 1 : 0;
  out.scale = ppn_row_reshape_constant(context, scale, number, rank, &count);
  if (!is_zero(zero_point)) {
    out.zero_point = ppn_row_reshape_constant(context, zero_point, data, rank, &count);
  }
  if (rank == 1) {
    out.axis =
        ppn_row_int(context, ppn_row_axis(node, "axis", 0, ppn_row_meta(node, "input")->rank));
  }
  return out;
}

// ---- Dequantisation of what is not stored in bytes, or has no dimension ----

// The parameter's elements along the axis, to be broadcast with the data.
static ppn_mil_value_t* along_axis(ppn_lower_context_t* context, const ppn_node_t* node,
                                   const char* name, ppn_dtype_t dtype) {
  int64_t sizes[PPN_MAX_RANK];
  ppn_mil_value_t* value = numbers(context, node, name, dtype);
  if (!value) return NULL;
  int rank = ppn_row_meta(node, "input")->rank;
  int64_t count = ppn_mil_constant_numel(value->constant),
          axis = ppn_row_axis(node, "axis", 0, rank);
  if (count == 1) return ppn_row_reshape_constant(context, value, dtype, 0, NULL);
  for (int i = 0; i < rank; i++) sizes[i] = i == axis ? count : 1;
  return ppn_row_reshape_constant(context, value, dtype, rank, sizes);
}

static ppn_mil_value_t* dequantise_numbers(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = weight_dtype(node);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "input"), dtype);
  ppn_mil_value_t* zero_point = along_axis(context, node, zero_point_name(node), dtype);
  if (!is_zero(zero_point)) x = ppn_row_binary(context, "sub", x, zero_point);
  return ppn_row_binary(context, "mul", x, along_axis(context, node, scale_name(node), dtype));
}

static bool dequantize_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                 ppn_buffer_t* reason) {
  const ppn_tensor_meta_t* input = ppn_row_meta(node, "input");
  ppn_row_blocks_t blocks;
  if (!decomposed_supported(node, options, reason)) return false;
  if (weight_dtype(node) == PPN_DTYPE_INVALID) {
    return ppn_row_refuse(reason, "the result is not a float tensor");
  }
  bool is_group = ppn_node_argument(node, "group_size") != NULL;
  if (ppn_row_constant_argument(node, "input", options) && is_byte(input->dtype) &&
      input->rank > 0) {
    decomposed_blocks(node, &blocks);
    return target_has(options, ppn_row_blocks_opset(&blocks), "quantised weights", reason);
  }
  if (is_group) return ppn_row_refuse(reason, "scales for groups, of what is not a constant");
  return !is_byte(input->dtype) || input->rank == 0 ||
         target_has(options, PPN_MIL_OPSET_IOS17, "quantised activations", reason);
}

static ppn_mil_value_t* dequantise_weight(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_row_blocks_t blocks = {0};
  bool is_unsigned = ppn_row_meta(node, "input")->dtype == PPN_DTYPE_UINT8;
  decomposed_blocks(node, &blocks);
  ppn_mil_value_t* data = constant(context, node, "input");
  ppn_mil_value_t* scale = numbers(context, node, scale_name(node), PPN_DTYPE_FLOAT32);
  ppn_mil_value_t* zero_point = numbers(context, node, zero_point_name(node), PPN_DTYPE_INT32);
  return ppn_row_shift_scale(context, &blocks, data, scale, zero_point, is_unsigned ? 0 : -128,
                             is_unsigned ? 255 : 127, weight_dtype(node));
}

static ppn_status_t lower_dequantize(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_tensor_meta_t* input = ppn_row_meta(node, "input");
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "input");
  if (context->status) return ppn_row_finish(context);
  if (!is_byte(input->dtype) || input->rank == 0) {
    return ppn_row_result(context, node, dequantise_numbers(context, node));
  }
  if (ppn_row_is_viewable(x)) {
    return ppn_row_result(context, node, dequantise_weight(context, node));
  }
  parameters_t with = read_parameters(context, node, input->dtype, weight_dtype(node));
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "dequantize", {"input", ppn_row_cast(context, x, input->dtype)},
                   {"scale", with.scale}, {"zero_point", with.zero_point}, {"axis", with.axis}));
}

// ---- Quantisation ----

static bool quantize_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  const ppn_tensor_meta_t *input = ppn_row_meta(node, "input"), *output = ppn_row_output(node, 0);
  if (!decomposed_supported(node, options, reason)) return false;
  if (ppn_node_argument(node, "group_size")) {
    return ppn_row_refuse(reason, "scales for groups, of what is not a constant");
  }
  if (!output || !is_byte(output->dtype) || !ppn_dtype_is_float(input->dtype)) {
    return ppn_row_refuse(reason, "quantises to %s; Core ML does to int8 and uint8",
                          output ? ppn_dtype_name(output->dtype) : "nothing");
  }
  return input->rank > 0 || ppn_row_refuse(reason, "quantises a single number");
}

// A range narrower than the type's, such as that of 4 bits: the operation itself clips to the
// type's. A step less at the lower end, as of symmetric ranges, is left as it is: only what
// saturates there differs, by that step.
static ppn_mil_value_t* clip(ppn_lower_context_t* context, const ppn_node_t* node,
                             ppn_mil_value_t* x, const parameters_t* with) {
  int64_t minimum = ppn_row_literal_int(node, "quant_min", -128),
          maximum = ppn_row_literal_int(node, "quant_max", 127);
  if (context->status || maximum - minimum >= 254 || with->axis) return x;
  double scale = ppn_mil_constant_element(with->scale->constant, 0);
  double zero = with->zero_point ? ppn_mil_constant_element(with->zero_point->constant, 0) : 0;
  return ppn_row_emit(
      context, "clip", {"x", x},
      {"alpha", ppn_row_number(context, x->type.dtype, ((double)minimum - zero) * scale)},
      {"beta", ppn_row_number(context, x->type.dtype, ((double)maximum - zero) * scale)});
}

static ppn_status_t lower_quantize(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output(node, 0)->dtype;
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "input");
  if (context->status) return ppn_row_finish(context);
  parameters_t with = read_parameters(context, node, dtype, x->type.dtype);
  x = clip(context, node, x, &with);
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "quantize", {"input", x}, {"scale", with.scale},
                   {"zero_point", with.zero_point}, {"axis", with.axis},
                   {"output_dtype", ppn_row_text(context, ppn_dtype_name(dtype))}));
}

enum { WEIGHT = PPN_LOWER_SMALL_INTEGERS | PPN_LOWER_COMPRESSED_WEIGHT };

static const ppn_lower_row_t rows[] = {
    {"torchao::dequantize_affine", lower_affine, affine_supported, PPN_MIL_OPSET_IOS16, WEIGHT},
    {"quant::dequantize_codebook", lower_codebook, codebook_supported, PPN_MIL_OPSET_IOS16, WEIGHT},
    {"quantized_decomposed::dequantize_per_tensor", lower_dequantize, dequantize_supported,
     PPN_MIL_OPSET_IOS16, WEIGHT},
    {"quantized_decomposed::dequantize_per_tensor.tensor", lower_dequantize, dequantize_supported,
     PPN_MIL_OPSET_IOS16, WEIGHT},
    {"quantized_decomposed::dequantize_per_channel", lower_dequantize, dequantize_supported,
     PPN_MIL_OPSET_IOS16, WEIGHT},
    {"quantized_decomposed::dequantize_per_channel_group", lower_dequantize, dequantize_supported,
     PPN_MIL_OPSET_IOS16, WEIGHT},
    {"quantized_decomposed::quantize_per_tensor", lower_quantize, quantize_supported,
     PPN_MIL_OPSET_IOS17, PPN_LOWER_SMALL_INTEGERS},
    {"quantized_decomposed::quantize_per_tensor.tensor", lower_quantize, quantize_supported,
     PPN_MIL_OPSET_IOS17, PPN_LOWER_SMALL_INTEGERS},
    {"quantized_decomposed::quantize_per_channel", lower_quantize, quantize_supported,
     PPN_MIL_OPSET_IOS17, PPN_LOWER_SMALL_INTEGERS},
};

PPN_LOWER_DEFINE_FAMILY(quantisation, "Quantisation");
