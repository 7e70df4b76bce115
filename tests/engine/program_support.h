// Building small ML Programs and running them, for tests of the engine. Include after cmocka.
#ifndef PPN_TESTS_ENGINE_PROGRAM_SUPPORT_H_
#define PPN_TESTS_ENGINE_PROGRAM_SUPPORT_H_

#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "mil/op.h"

typedef struct fixture {
  ppn_mil_program_t* program;
  ppn_mil_function_t* function;
  ppn_mil_builder_t builder;
  ppn_engine_model_t* model;
  ppn_engine_context_t* context;
} fixture_t;

static inline void expect_ok(ppn_status_t status) {
  if (status) fail_msg("%s", ppn_status_message(status));
}

static inline void expect_error(ppn_status_t status, ppn_status_code_t code, const char* text) {
  assert_int_equal(ppn_status_code(status), code);
  if (!strstr(ppn_status_message(status), text)) fail_msg("%s", ppn_status_message(status));
  ppn_status_free(status);
}

static inline int set_up(void** state) {
  fixture_t* fixture = calloc(1, sizeof *fixture);
  expect_ok(ppn_mil_program_create(NULL, &fixture->program));
  expect_ok(
      ppn_mil_function_create(fixture->program, "main", PPN_MIL_OPSET_IOS18, &fixture->function));
  fixture->builder =
      (ppn_mil_builder_t){.function = fixture->function, .block = fixture->function->block};
  *state = fixture;
  return 0;
}

static inline int tear_down(void** state) {
  fixture_t* fixture = *state;
  ppn_engine_context_free(fixture->context);
  ppn_engine_model_free(fixture->model);
  ppn_mil_program_free(fixture->program);
  free(fixture);
  return 0;
}

// A size below 0 is a symbol, the same for the same number.
static inline ppn_mil_type_t make_type(fixture_t* fixture, ppn_dtype_t dtype, int rank,
                                       const int64_t* sizes) {
  ppn_mil_type_t type;
  ppn_dim_t dims[PPN_MAX_RANK] = {{0, 0}};
  ppn_symbol_table_t* symbols = fixture->program->symbols;
  for (int i = 0; i < rank; i++) {
    dims[i] = ppn_dim_static(sizes[i]);
    if (sizes[i] >= 0) continue;
    char name[2] = {(char)('a' - 1 - sizes[i]), 0};
    uint32_t index = 0;
    expect_ok(ppn_symbol_table_add(symbols, ppn_sv(name), &index));
    expect_ok(ppn_symbol_table_set_range(symbols, ppn_sv(name), 1, 64));
    expect_ok(ppn_dim_from_symbol(symbols, index, &dims[i]));
  }
  expect_ok(ppn_mil_type_make(fixture->program, dtype, rank, dims, &type));
  return type;
}

static inline ppn_mil_value_t* add_input(fixture_t* fixture, const char* name, ppn_dtype_t dtype,
                                         int rank, const int64_t* sizes) {
  ppn_mil_value_t* value = NULL;
  ppn_mil_type_t type = make_type(fixture, dtype, rank, sizes);
  expect_ok(ppn_mil_function_add_input(fixture->function, name, &type, &value));
  return value;
}

static inline ppn_mil_value_t* ints(fixture_t* fixture, uint32_t count, const int32_t* values) {
  ppn_mil_value_t* value = NULL;
  expect_ok(ppn_mil_constant_int32s(&fixture->builder, NULL, values, count, &value));
  return value;
}

static inline ppn_mil_value_t* integer(fixture_t* fixture, int32_t number) {
  ppn_mil_value_t* value = NULL;
  expect_ok(ppn_mil_constant_int32(&fixture->builder, NULL, number, &value));
  return value;
}

static inline ppn_mil_value_t* boolean(fixture_t* fixture, bool truth) {
  ppn_mil_value_t* value = NULL;
  expect_ok(ppn_mil_constant_bool(&fixture->builder, NULL, truth, &value));
  return value;
}

static inline ppn_mil_value_t* floats(fixture_t* fixture, int rank, const int64_t* sizes,
                                      const float* data) {
  ppn_mil_value_t* value = NULL;
  expect_ok(ppn_mil_constant_tensor(&fixture->builder, NULL, PPN_DTYPE_FLOAT32, rank, sizes, data,
                                    &value));
  return value;
}

static inline ppn_mil_value_t* emit(fixture_t* fixture, const char* type,
                                    const ppn_mil_input_t* inputs, uint32_t count) {
  ppn_mil_value_t* value = NULL;
  expect_ok(ppn_mil_emit(&fixture->builder, type, inputs, count, NULL, 0, &value, 1));
  return value;
}

#define EMIT(fixture, type, ...)                            \
  emit((fixture), (type), (ppn_mil_input_t[]){__VA_ARGS__}, \
       (uint32_t)(sizeof((ppn_mil_input_t[]){__VA_ARGS__}) / sizeof(ppn_mil_input_t)))

static inline void set_outputs(fixture_t* fixture, ppn_mil_value_t** values, uint32_t count) {
  expect_ok(ppn_mil_block_set_outputs(fixture->function->block, values, count));
}

static inline void load(fixture_t* fixture, const ppn_engine_options_t* options) {
  expect_ok(ppn_engine_model_create(fixture->program, "main", options, NULL, &fixture->model));
  expect_ok(ppn_engine_context_create(fixture->model, &fixture->context));
}

static inline ppn_tensor_t tensor(void* data, ppn_dtype_t dtype, int rank, const int64_t* sizes) {
  return ppn_tensor_make(data, dtype, rank, sizes);
}

static inline void expect_floats(const ppn_tensor_t* actual, int64_t count, const float* expected) {
  assert_int_equal(actual->dtype, PPN_DTYPE_FLOAT32);
  assert_int_equal(ppn_tensor_numel(actual), count);
  for (int64_t i = 0; i < count; i++) {
    assert_float_equal(((const float*)actual->data)[i], expected[i], 1e-6);
  }
}

#endif  // PPN_TESTS_ENGINE_PROGRAM_SUPPORT_H_
