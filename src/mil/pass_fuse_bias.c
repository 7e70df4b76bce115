// Takes a constant that is added to the result of a linear layer or a convolution into its bias:
//
//   linear(x, weight) + [out],  conv(x, weight) + [out, 1, 1]
#include "mil/fusion.h"
#include "tensor/tensor.h"

static bool is_zero(const ppn_mil_constant_t* constant) {
  int64_t count = ppn_mil_constant_numel(constant);
  for (int64_t i = 0; i < count; i++) {
    if (ppn_mil_constant_element(constant, i) != 0) return false;
  }
  return true;
}

// The axis of the result that the bias runs along, or -1.
static int bias_axis(const ppn_mil_operation_t* layer) {
  if (ppn_mil_operation_is(layer, "linear")) return layer->outputs[0]->type.rank - 1;
  bool is_conv =
      ppn_mil_operation_is(layer, "conv") || ppn_mil_operation_is(layer, "conv_transpose");
  return is_conv ? 1 : -1;
}

// Is the constant one number for each channel, whatever its leading and trailing ones?
static bool is_channel_vector(const ppn_mil_constant_t* constant, int rank, int axis,
                              ppn_dim_t channels) {
  const ppn_tensor_t* view = &constant->view;
  if (!ppn_dim_is_static(channels) || view->rank > rank || constant->scale) return false;
  for (int i = 0; i < view->rank; i++) {
    bool is_channels = rank - view->rank + i == axis;
    if (view->sizes[i] != (is_channels ? channels.value : 1)) return false;
  }
  return view->rank >= rank - axis;
}

static ppn_status_t fuse(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation) {
  ppn_mil_value_t *value, *addend;
  if (!ppn_mil_operation_is(operation, "add") ||
      !ppn_mil_fusion_with_constant(operation, &value, &addend) || !value->producer ||
      !ppn_mil_fusion_used_once(fusion, value) || value->type.dtype != PPN_DTYPE_FLOAT32) {
    return ppn_status_ok();
  }
  ppn_mil_operation_t* layer = value->producer;
  int axis = bias_axis(layer), rank = value->type.rank;
  if (axis < 0 || layer->parent != operation->parent ||
      !is_channel_vector(addend->constant, rank, axis, value->type.sizes[axis])) {
    return ppn_status_ok();
  }
  ppn_mil_value_t* old = ppn_mil_fusion_operand(layer, "bias");
  if (old && (!old->constant || !is_zero(old->constant))) return ppn_status_ok();
  ppn_mil_constant_t* vector =
      ppn_arena_memdup(&fusion->function->program->arena, addend->constant, sizeof *vector);
  if (!vector) return ppn_out_of_memory();
  // The same elements as a vector.
  const ppn_tensor_t* view = &addend->constant->view;
  int dimension = view->rank - (rank - axis);
  vector->view.rank = 1;
  vector->view.sizes[0] = view->sizes[dimension];
  vector->view.strides[0] = view->strides[dimension];
  vector->blob_offset = UINT64_MAX;
  ppn_mil_builder_t builder = ppn_mil_fusion_builder(fusion, operation);
  ppn_mil_value_t* bias = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_constant_value(&builder, addend->name, vector, &bias));
  PPN_RETURN_IF_ERROR(ppn_mil_set_input(fusion->function, layer, "bias", bias));
  layer->origin = operation->origin ? operation->origin : layer->origin;
  ppn_mil_fusion_replace(operation, value);
  return ppn_status_ok();
}

ppn_status_t ppn_mil_pass_fuse_bias(ppn_mil_function_t* function) {
  return ppn_mil_fusion_run(function, fuse);
}
