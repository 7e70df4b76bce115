// Convolutions.
#include "kernels/convolution.h"

#include "kernels/plain_products.h"
#include "runtime/operands.h"
#include "runtime/operators.h"

static const int64_t zeros[PPN_CONVOLUTION_MAX_RANK] = {0, 0, 0};
static const int64_t ones[PPN_CONVOLUTION_MAX_RANK] = {1, 1, 1};

static bool check_channels(ppn_operator_call_t* call, const ppn_tensor_t* input,
                           const ppn_tensor_t* weight, const ppn_tensor_t* bias,
                           const ppn_convolution_t* convolution) {
  int64_t groups = convolution->groups;
  if (groups < 1 || weight->sizes[0] % groups != 0) {
    ppn_call_refuse(call, "%lld groups for a weight with %lld channels", (long long)groups,
                    (long long)weight->sizes[0]);
    return false;
  }
  int64_t expected = convolution->is_transposed ? weight->sizes[0] : weight->sizes[1] * groups;
  if (convolution->in_channels != expected) {
    ppn_call_refuse(call, "the input has %lld channels, the weight takes %lld",
                    (long long)convolution->in_channels, (long long)expected);
    return false;
  }
  if (bias && (bias->rank != 1 || bias->sizes[0] != convolution->out_channels)) {
    ppn_call_refuse(call, "expected a bias of %lld elements, found %d dimensions, the first %lld",
                    (long long)convolution->out_channels, bias->rank,
                    (long long)(bias->rank > 0 ? bias->sizes[0] : 1));
    return false;
  }
  if (weight->dtype != input->dtype) {
    ppn_call_refuse(call, "an input of %s and a weight of %s", ppn_dtype_name(input->dtype),
                    ppn_dtype_name(weight->dtype));
    return false;
  }
  return true;
}

// The size of the result in dimension `i`; an error when the kernel does not fit.
static int64_t out_size(ppn_operator_call_t* call, const ppn_convolution_t* convolution, int i,
                        int64_t output_padding) {
  int64_t in = convolution->in_sizes[i], kernel = convolution->kernel[i],
          stride = convolution->strides[i], dilation = convolution->dilations[i],
          pad = convolution->pads[i];
  int64_t size = convolution->is_transposed
                     ? (in - 1) * stride - 2 * pad + dilation * (kernel - 1) + output_padding + 1
                     : ppn_convolution_out_size(in, kernel, stride, dilation, pad, pad);
  if (size < 1) {
    ppn_call_refuse(call, "dimension %d: a kernel of %lld does not fit an input of %lld", i + 2,
                    (long long)kernel, (long long)in);
  }
  return size;
}

static void run_float(ppn_operator_call_t* call, ppn_convolution_t* convolution) {
  size_t size = ppn_convolution_scratch_size(convolution, ppn_thread_pool_size(call->pool));
  void* scratch = ppn_call_aligned_scratch(call, size);
  if (scratch) ppn_convolution_run(convolution, scratch, call->pool);
}

static void run(ppn_operator_call_t* call, ppn_convolution_t* convolution,
                const ppn_tensor_t* input, const ppn_tensor_t* weight, const ppn_tensor_t* bias,
                ppn_tensor_t* out) {
  ppn_dtype_t dtype = ppn_call_compute_dtype(call, input->dtype);
  const void* x = ppn_call_elements(call, input, dtype);
  const void* w = ppn_call_elements(call, weight, dtype);
  const void* b = ppn_call_elements(call, bias, dtype);
  void* y = ppn_call_result(call, out, dtype);
  if (call->status || ppn_tensor_numel(out) == 0) return;
  if (dtype == PPN_DTYPE_FLOAT32) {
    convolution->x = x, convolution->weight = w, convolution->y = y;
    convolution->epilogue.row_bias = b;
    run_float(call, convolution);
  } else if (dtype == PPN_DTYPE_FLOAT64) {
    ppn_plain_convolution_double(convolution, x, w, b, y);
  } else {
    ppn_plain_convolution_int64(convolution, x, w, b, y);
  }
  ppn_call_store(call, y, dtype, out);
}

// input, weight, bias, stride, padding, dilation, transposed, output_padding, groups.
static ppn_status_t run_convolution(ppn_operator_call_t* call) {
  const ppn_tensor_t *input = ppn_call_tensor(call, 0), *weight = ppn_call_tensor(call, 1),
                     *bias = ppn_call_tensor(call, 2);
  if (call->status || !input || !weight) {
    ppn_call_refuse(call, "expected an input and a weight");
    return ppn_call_finish(call);
  }
  int rank = input->rank - 2;
  if (rank < 1 || rank > PPN_CONVOLUTION_MAX_RANK || weight->rank != input->rank) {
    ppn_call_refuse(call,
                    "expected an input of 3 to 5 dimensions and a weight of as many, found %d and "
                    "%d",
                    input->rank, weight->rank);
    return ppn_call_finish(call);
  }
  ppn_convolution_t convolution = {.rank = rank};
  int64_t output_padding[PPN_CONVOLUTION_MAX_RANK], sizes[PPN_MAX_RANK];
  ppn_call_sizes(call, 3, "stride", rank, ones, 1, convolution.strides);
  ppn_call_sizes(call, 4, "padding", rank, zeros, 0, convolution.pads);
  ppn_call_sizes(call, 5, "dilation", rank, ones, 1, convolution.dilations);
  convolution.is_transposed = ppn_call_bool(call, 6, false);
  ppn_call_sizes(call, 7, "output_padding", rank, zeros, 0, output_padding);
  convolution.groups = ppn_call_int(call, 8, 1);
  convolution.batch = input->sizes[0], convolution.in_channels = input->sizes[1];
  convolution.out_channels =
      convolution.is_transposed ? weight->sizes[1] * convolution.groups : weight->sizes[0];
  if (call->status || !check_channels(call, input, weight, bias, &convolution))
    return ppn_call_finish(call);
  sizes[0] = convolution.batch, sizes[1] = convolution.out_channels;
  for (int i = 0; i < rank; ++i) {
    convolution.in_sizes[i] = input->sizes[2 + i];
    convolution.kernel[i] = weight->sizes[2 + i];
    convolution.out_sizes[i] = sizes[2 + i] = out_size(call, &convolution, i, output_padding[i]);
  }
  ppn_tensor_t* out = ppn_call_out(call, 9, input->dtype, input->rank, sizes);
  if (out) run(call, &convolution, input, weight, bias, out);
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::convolution.out", run_convolution},
};

const ppn_operator_family_t ppn_operators_convolution = {rows, PPN_COUNT_OF(rows)};
