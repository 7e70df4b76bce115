// What a classifier ends with: the most probable class, and probabilities by class.
#include "engine/interpret.h"
#include "tensor/element.h"

ppn_status_t ppn_engine_run_classify(ppn_engine_interpreter_t* interpreter,
                                     const ppn_mil_operation_t* operation) {
  const ppn_mil_constant_t* classes = ppn_mil_operation_input(operation, "classes")->constant;
  ppn_tensor_t probabilities;
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_fetch(
      interpreter, ppn_mil_operation_input(operation, "probabilities"), &probabilities));
  if (!classes || classes->view.rank != 1 ||
      (classes->dtype != PPN_DTYPE_STRING && classes->dtype != PPN_DTYPE_INT64)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "classify '%s': its classes are no list of texts or of int64 numbers",
                           operation->name);
  }
  int64_t count = ppn_tensor_numel(&probabilities);
  if (count != classes->view.sizes[0] || count == 0) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "classify '%s': %lld probabilities for %lld classes", operation->name,
                           (long long)count, (long long)classes->view.sizes[0]);
  }
  int64_t best = 0;
  for (int64_t i = 1; i < count; ++i) {
    if (ppn_element_as_double(probabilities.dtype, probabilities.data, i) >
        ppn_element_as_double(probabilities.dtype, probabilities.data, best)) {
      best = i;
    }
  }
  // Texts are no tensors: their place stands for them.
  int64_t label = classes->dtype == PPN_DTYPE_STRING
                      ? best
                      : ppn_element_as_int64(classes->dtype, classes->view.data, best);
  ppn_tensor_t value = ppn_tensor_make(&label, PPN_DTYPE_INT64, 0, NULL);
  PPN_RETURN_IF_ERROR(ppn_engine_values_copy(&interpreter->values, operation->outputs[0], &value));
  value = ppn_tensor_make(probabilities.data, probabilities.dtype, 1, &count);
  return ppn_engine_values_copy(&interpreter->values, operation->outputs[1], &value);
}
