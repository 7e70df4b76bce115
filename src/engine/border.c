#include "engine/border.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/storage.h"

void ppn_engine_transfer_release(ppn_engine_transfer_t* transfer) {
  free(transfer->memory);
  *transfer = (ppn_engine_transfer_t){0};
}

ppn_status_t ppn_engine_transfer_reserve(ppn_engine_transfer_t* transfer, size_t size) {
  if (size <= transfer->capacity) return ppn_status_ok();
  free(transfer->memory);
  transfer->capacity = 0;
  transfer->memory = malloc(size);
  if (!transfer->memory) return ppn_out_of_memory();
  transfer->capacity = size;
  return ppn_status_ok();
}

// ---- Checks ----

typedef struct dimension {
  const char* input;
  int index;
} dimension_t;

typedef struct description {
  const dimension_t* dimensions;
  char text[128];
} description_t;

static const char* describe(void* context, size_t item) {
  description_t* description = context;
  const dimension_t* dimension = &description->dimensions[item];
  snprintf(description->text, sizeof(description->text), "input '%s', dimension %d",
           dimension->input, dimension->index);
  return description->text;
}

static ppn_status_t check_type(const ppn_mil_value_t* declared, const ppn_tensor_t* input) {
  if (input->dtype != declared->type.dtype) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "input '%s' is %s, %s was given",
                           declared->name, ppn_dtype_name(declared->type.dtype),
                           ppn_dtype_name(input->dtype));
  }
  if (input->rank != declared->type.rank) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "input '%s' has %d dimensions, a tensor of %d was given", declared->name,
                           declared->type.rank, input->rank);
  }
  for (int i = 0; i < input->rank; ++i) {
    ppn_dim_t size = declared->type.sizes[i];
    if (input->sizes[i] < 0 || (ppn_dim_is_static(size) && size.value != input->sizes[i])) {
      return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                             "input '%s', dimension %d: expected %lld, found %lld", declared->name,
                             i, (long long)size.value, (long long)input->sizes[i]);
    }
  }
  return ppn_status_ok();
}

static ppn_status_t check_symbols(const ppn_mil_function_t* function, const ppn_tensor_t* inputs,
                                  uint32_t input_count) {
  const ppn_symbol_table_t* symbols = function->program->symbols;
  size_t capacity = (size_t)input_count * PPN_MAX_RANK + 1, count = 0;
  uint32_t symbol_count = ppn_symbol_table_count(symbols), index = 0;
  ppn_dim_t* expected = malloc(capacity * sizeof(*expected));
  int64_t* actual = malloc(capacity * sizeof(*actual));
  int64_t* values = malloc(((size_t)symbol_count + 1) * sizeof(*values));
  dimension_t* dimensions = malloc(capacity * sizeof(*dimensions));
  ppn_status_t status = ppn_status_ok();
  if (!expected || !actual || !values || !dimensions) {
    status = ppn_out_of_memory();
    goto done;
  }
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_mil_value_t* declared = function->inputs[i];
    if (declared->type.kind == PPN_MIL_STATE) continue;
    for (int j = 0; j < declared->type.rank; ++j) {
      if (ppn_dim_is_static(declared->type.sizes[j])) continue;
      expected[count] = declared->type.sizes[j];
      actual[count] = inputs[index].sizes[j];
      dimensions[count++] = (dimension_t){declared->name, j};
    }
    ++index;
  }
  for (uint32_t i = 0; i < symbol_count; ++i) values[i] = -1;
  description_t description = {.dimensions = dimensions};
  status = ppn_dims_bind(symbols, expected, actual, count, values, describe, &description);
done:
  free(expected);
  free(actual);
  free(values);
  free(dimensions);
  return status;
}

ppn_status_t ppn_engine_check_inputs(const ppn_mil_function_t* function, const ppn_tensor_t* inputs,
                                     uint32_t input_count) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    count += function->inputs[i]->type.kind != PPN_MIL_STATE;
  }
  if (count != input_count) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "function '%s' has %u inputs, %u were given", function->name, count,
                           input_count);
  }
  uint32_t index = 0;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    if (function->inputs[i]->type.kind == PPN_MIL_STATE) continue;
    PPN_RETURN_IF_ERROR(check_type(function->inputs[i], &inputs[index++]));
  }
  return check_symbols(function, inputs, input_count);
}

// ---- Conversions ----

ppn_status_t ppn_engine_take_input(ppn_engine_transfer_t* transfer, const ppn_tensor_t* input,
                                   ppn_tensor_t* out_tensor) {
  *out_tensor = *input;
  ppn_dtype_t dtype = ppn_engine_stored_dtype(input->dtype);
  if (dtype == input->dtype && ppn_tensor_is_contiguous(input)) return ppn_status_ok();
  *out_tensor = ppn_tensor_make(NULL, dtype, input->rank, input->sizes);
  PPN_RETURN_IF_ERROR(ppn_engine_transfer_reserve(transfer, ppn_tensor_size(out_tensor)));
  out_tensor->data = transfer->memory;
  ppn_tensor_copy(input, out_tensor);
  return ppn_status_ok();
}

ppn_status_t ppn_engine_give_output(ppn_engine_transfer_t* transfer, ppn_dtype_t dtype,
                                    const ppn_tensor_t* result, ppn_tensor_t* output) {
  ppn_tensor_t given = ppn_tensor_make(output->data, dtype, result->rank, result->sizes);
  if (!given.data && dtype == result->dtype) {
    given.data = result->data;
  } else {
    if (!given.data) {
      PPN_RETURN_IF_ERROR(ppn_engine_transfer_reserve(transfer, ppn_tensor_size(&given) + 1));
      given.data = transfer->memory;
    }
    if (given.data != result->data) ppn_tensor_copy(result, &given);
  }
  *output = given;
  return ppn_status_ok();
}
