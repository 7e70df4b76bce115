// Models through the public interface: description, predictions, states, threads, errors; from a
// package, and the same from the compiled model that is made of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/half.h"
#include "coreml/model.h"
#include "engine/program_support.h"
#include "pippin/model.h"

#define SIZES(...) ((const int64_t[]){__VA_ARGS__})

typedef struct package {
  char folder[64], path[96];
  ppn_model_t* model;
} package_t;

// y = x + bias; state += sum of x over rows, and total is the state. x has 1 to 64 rows; bias may
// be left out and is 2 then.
static void build_program(fixture_t* fixture) {
  ppn_mil_type_t type = make_type(fixture, PPN_DTYPE_FLOAT16, 1, SIZES(3));
  type.kind = PPN_MIL_STATE;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(-1, 3)),
                  *bias = add_input(fixture, "bias", PPN_DTYPE_FLOAT32, 1, SIZES(3)), *sum = NULL,
                  *half = NULL, *axes = ints(fixture, 1, (const int32_t[]){0}),
                  *no = boolean(fixture, false);
  expect_ok(ppn_mil_function_add_input(fixture->function, "sum", &type, &sum));
  expect_ok(ppn_mil_constant_string(&fixture->builder, NULL, "fp16", &half));
  ppn_mil_value_t* y = EMIT(fixture, "add", PPN_MIL_IN("x", x), PPN_MIL_IN("y", bias));
  ppn_mil_value_t* rows = EMIT(fixture, "reduce_sum", PPN_MIL_IN("x", x), PPN_MIL_IN("axes", axes),
                               PPN_MIL_IN("keep_dims", no));
  rows = EMIT(fixture, "cast", PPN_MIL_IN("x", rows), PPN_MIL_IN("dtype", half));
  ppn_mil_value_t* total = EMIT(fixture, "read_state", PPN_MIL_IN("input", sum));
  total = EMIT(fixture, "add", PPN_MIL_IN("x", total), PPN_MIL_IN("y", rows));
  ppn_mil_input_t write[] = {PPN_MIL_IN("input", sum), PPN_MIL_IN("data", total)};
  expect_ok(ppn_mil_emit(&fixture->builder, "write_state", write, 2, NULL, 0, NULL, 0));
  y->name = "y", total->name = "total";
  ppn_mil_value_t* outputs[] = {y, total};
  set_outputs(fixture, outputs, 2);
}

static int write_package(void** state) {
  package_t* package = calloc(1, sizeof *package);
  void* program = NULL;
  set_up(&program);
  fixture_t* fixture = program;
  build_program(fixture);
  ppn_coreml_model_t* coreml = NULL;
  ppn_coreml_package_plan_t* plan = NULL;
  expect_ok(ppn_coreml_model_from_program(fixture->program, &coreml));
  coreml->interfaces[0].inputs[1].is_optional = true;
  coreml->interfaces[0].inputs[1].default_value = 2;
  strcpy(package->folder, "/tmp/pippin-model-XXXXXX");
  assert_non_null(mkdtemp(package->folder));
  snprintf(package->path, sizeof package->path, "%s/model.mlpackage", package->folder);
  expect_ok(ppn_coreml_package_plan_create(coreml, &plan));
  expect_ok(ppn_coreml_package_write(plan, package->path));
  ppn_coreml_package_plan_free(plan);
  ppn_coreml_model_free(coreml);
  tear_down(&program);
  expect_ok(ppn_model_open(package->path, &package->model));
  *state = package;
  return 0;
}

static void remove_files(const char* root, const char* const* files, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char path[192];
    snprintf(path, sizeof path, "%s%s", root, files[i]);
    assert_int_equal(remove(path), 0);
  }
}

static void remove_package_files(const char* path) {
  static const char* const files[] = {"/Data/com.apple.CoreML/model.mlmodel",
                                      "/Data/com.apple.CoreML", "/Data", "/Manifest.json", ""};
  remove_files(path, files, sizeof files / sizeof *files);
}

static int remove_package(void** state) {
  package_t* package = *state;
  ppn_model_free(package->model);
  remove_package_files(package->path);
  assert_int_equal(remove(package->folder), 0);
  free(package);
  return 0;
}

// The package is gone before it is compiled: an open model needs it no more.
static int write_compiled(void** state) {
  write_package(state);
  package_t* package = *state;
  remove_package_files(package->path);
  snprintf(package->path, sizeof package->path, "%s/model.mlmodelc", package->folder);
  expect_ok(ppn_model_compile(package->model, package->path));
  expect_ok(ppn_model_compile(package->model, package->path));  // replaces it
  ppn_model_free(package->model);
  expect_ok(ppn_model_open(package->path, &package->model));
  expect_error(ppn_model_compile(package->model, "/tmp/never.mlmodelc"),
               PPN_STATUS_FAILED_PRECONDITION, "this one is compiled already");
  return 0;
}

static int remove_compiled(void** state) {
  package_t* package = *state;
  ppn_model_free(package->model);
  static const char* const files[] = {"/analytics/coremldata.bin",
                                      "/analytics",
                                      "/coremldata.bin",
                                      "/metadata.json",
                                      "/model.mil",
                                      ""};
  remove_files(package->path, files, sizeof files / sizeof *files);
  assert_int_equal(remove(package->folder), 0);
  free(package);
  return 0;
}

static void the_description(void** state) {
  const ppn_model_t* model = ((package_t*)*state)->model;
  size_t count = 0, function = 7;
  assert_int_equal(ppn_model_specification_version(model), 9);
  expect_ok(ppn_model_find_function(model, NULL, &function));
  assert_string_equal(ppn_model_function_name(model, function), "main");
  expect_error(ppn_model_find_function(model, "prefill", &function), PPN_STATUS_NOT_FOUND,
               "it has 'main'");
  const ppn_model_feature_t* inputs = ppn_model_inputs(model, 0, &count);
  assert_int_equal(count, 2);
  assert_string_equal(inputs[0].name, "x");
  assert_int_equal(inputs[0].kind, PPN_FEATURE_MULTI_ARRAY);
  assert_int_equal(inputs[0].dtype, PPN_DTYPE_FLOAT32);
  assert_true(inputs[0].is_flexible && !inputs[0].is_optional);
  assert_int_equal(inputs[0].ranges[0].lower, 1);
  assert_int_equal(inputs[0].ranges[0].upper, 64);
  assert_int_equal(inputs[0].ranges[1].lower, 3);
  assert_true(inputs[1].is_optional && !inputs[1].is_flexible);
  assert_float_equal(inputs[1].default_value, 2, 0);
  assert_string_equal(ppn_model_outputs(model, 0, &count)[1].name, "total");
  assert_int_equal(count, 2);
  const ppn_model_feature_t* states = ppn_model_states(model, 0, &count);
  assert_int_equal(count, 1);
  assert_int_equal(states[0].kind, PPN_FEATURE_STATE);
  assert_int_equal(states[0].dtype, PPN_DTYPE_FLOAT16);
  assert_int_equal(states[0].shape[0], 3);
}

static const float six[] = {1, 2, 3, 4, 5, 6};

static ppn_model_instance_t* make_instance(void** state) {
  ppn_model_instance_t* instance = NULL;
  const ppn_engine_options_t options = {.thread_count = 1};
  expect_ok(ppn_model_instance_create(((package_t*)*state)->model, "main", &options, &instance));
  return instance;
}

static void defaults_and_sizes(void** state) {
  ppn_model_instance_t* instance = make_instance(state);
  ppn_tensor_t inputs[2] = {tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3))}, outputs[2];
  expect_ok(ppn_model_predict(instance, inputs, 2, outputs, 2));
  expect_floats(&outputs[0], 6, (const float[]){3, 4, 5, 6, 7, 8});
  // Given, as integers, and with other sizes.
  const int32_t bias[] = {10, 20, 30};
  inputs[0] = tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(1, 3));
  inputs[1] = tensor((void*)bias, PPN_DTYPE_INT32, 1, SIZES(3));
  expect_ok(ppn_model_predict(instance, inputs, 2, outputs, 2));
  expect_floats(&outputs[0], 3, (const float[]){11, 22, 33});
  // Into the caller's memory, as other types.
  double y[3];
  float total[3];
  ppn_tensor_t targets[2] = {tensor(y, PPN_DTYPE_FLOAT64, 2, SIZES(1, 3)),
                             tensor(total, PPN_DTYPE_FLOAT32, 1, SIZES(3))};
  expect_ok(ppn_model_predict_into(instance, inputs, 2, targets, 2));
  assert_float_equal(y[2], 33, 0);
  assert_float_equal(total[0], 1 + 4 + 1 + 1, 0);  // the instance's own state sums up
  targets[0].sizes[0] = 2;
  expect_error(ppn_model_predict_into(instance, inputs, 2, targets, 2), PPN_STATUS_OUT_OF_RANGE,
               "output 'y' is float32[1, 3]; memory for float64[2, 3] was given");
  ppn_model_instance_free(instance);
}

static void wrong_inputs(void** state) {
  ppn_model_instance_t* instance = make_instance(state);
  ppn_tensor_t inputs[2] = {{0}}, outputs[2];
  expect_error(ppn_model_predict(instance, inputs, 2, outputs, 2), PPN_STATUS_INVALID_ARGUMENT,
               "Feature x is required but not specified");
  expect_error(ppn_model_predict(instance, inputs, 1, outputs, 2), PPN_STATUS_INVALID_ARGUMENT,
               "2 inputs");
  float data[65 * 3] = {0};
  inputs[0] = tensor(data, PPN_DTYPE_FLOAT32, 2, SIZES(65, 3));
  expect_error(ppn_model_predict(instance, inputs, 2, outputs, 2), PPN_STATUS_OUT_OF_RANGE,
               "input 'x': Size (65) of dimension (0) is not in allowed range (1..64)");
  inputs[0] = tensor(data, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3));
  inputs[1] = tensor(data, PPN_DTYPE_FLOAT32, 1, SIZES(4));
  expect_error(ppn_model_predict(instance, inputs, 2, outputs, 2), PPN_STATUS_OUT_OF_RANGE,
               "input 'bias': MultiArray shape (4) does not match the shape (3)");
  ppn_model_instance_free(instance);
}

static float first_of_sum(const ppn_model_state_t* state) {
  ppn_tensor_t view;
  expect_ok(ppn_model_state_tensor(state, "sum", &view));
  assert_int_equal(view.dtype, PPN_DTYPE_FLOAT16);
  return ppn_half_to_float(((const uint16_t*)view.data)[0]);
}

static void states_are_apart(void** state) {
  ppn_model_instance_t* instance = make_instance(state);
  ppn_model_state_t *a = NULL, *b = NULL;
  expect_ok(ppn_model_state_create(((package_t*)*state)->model, NULL, &a));
  expect_ok(ppn_model_state_create(((package_t*)*state)->model, NULL, &b));
  ppn_tensor_t inputs[2] = {tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(1, 3))}, outputs[2],
               view;
  expect_ok(ppn_model_instance_use_state(instance, a));
  for (int i = 0; i < 2; i++) expect_ok(ppn_model_predict(instance, inputs, 2, outputs, 2));
  expect_ok(ppn_model_state_tensor(b, "sum", &view));
  ((uint16_t*)view.data)[0] = ppn_float_to_half(100);
  expect_ok(ppn_model_instance_use_state(instance, b));
  expect_ok(ppn_model_predict(instance, inputs, 2, outputs, 2));
  assert_float_equal(first_of_sum(a), 2, 0);
  assert_float_equal(first_of_sum(b), 101, 0);
  expect_ok(ppn_model_instance_use_state(instance, NULL));
  expect_ok(ppn_model_predict(instance, inputs, 2, outputs, 2));
  assert_float_equal(ppn_half_to_float(((const uint16_t*)outputs[1].data)[0]), 1, 0);
  assert_float_equal(first_of_sum(b), 101, 0);
  expect_error(ppn_model_state_tensor(a, "x", &view), PPN_STATUS_NOT_FOUND, "it has 'sum'");
  // Another model's.
  ppn_model_t* other = NULL;
  ppn_model_state_t* foreign = NULL;
  expect_ok(ppn_model_open(((package_t*)*state)->path, &other));
  expect_ok(ppn_model_state_create(other, NULL, &foreign));
  expect_error(ppn_model_instance_use_state(instance, foreign), PPN_STATUS_INVALID_ARGUMENT,
               "another model");
  ppn_model_instance_free(instance);
  ppn_model_state_free(foreign);
  ppn_model_state_free(a);
  ppn_model_state_free(b);
  ppn_model_free(other);
}

// Each thread has an instance; the model is shared.
static void* predict_often(void* argument) {
  ppn_model_instance_t* instance = NULL;
  const ppn_engine_options_t options = {.thread_count = 1};
  if (ppn_model_instance_create(argument, NULL, &options, &instance)) return NULL;
  ppn_tensor_t inputs[2] = {tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3))}, outputs[2];
  bool is_right = true;
  for (int i = 0; i < 50 && is_right; i++) {
    inputs[0].sizes[0] = 1 + i % 2;
    is_right = !ppn_model_predict(instance, inputs, 2, outputs, 2) &&
               ((const float*)outputs[0].data)[2] == 5;
  }
  ppn_model_instance_free(instance);
  return is_right ? argument : NULL;
}

static void threads_share_a_model(void** state) {
  pthread_t threads[4];
  ppn_model_t* model = ((package_t*)*state)->model;
  for (int i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, predict_often, model), 0);
  }
  for (int i = 0; i < 4; i++) {
    void* result = NULL;
    assert_int_equal(pthread_join(threads[i], &result), 0);
    assert_ptr_equal(result, model);
  }
}

// Version 4, an empty description, and an empty model of another kind.
static void other_kinds_are_named(void** state) {
  char path[128];
  snprintf(path, sizeof path, "%s/other.mlmodel", ((package_t*)*state)->folder);
  static const struct {
    int field;
    const char* text;
  } cases[] = {
      {302, "the model is a tree ensemble regressor; Pippin runs ML Programs only: run it"},
      {500, "the model is a neural network; Pippin runs ML Programs only: convert"},
      {202, "the model is a pipeline"},
      {401, "the model is a support vector classifier"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned tag = (unsigned)cases[i].field << 3 | 2;
    const uint8_t bytes[] = {0x08, 4, 0x12, 0, (uint8_t)(tag & 0x7F) | 0x80, (uint8_t)(tag >> 7),
                             0};
    FILE* file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fclose(file), 0);
    ppn_model_t* model = NULL;
    expect_error(ppn_model_open(path, &model), PPN_STATUS_UNSUPPORTED, cases[i].text);
    assert_null(model);
  }
  assert_int_equal(remove(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_description),       cmocka_unit_test(defaults_and_sizes),
      cmocka_unit_test(wrong_inputs),          cmocka_unit_test(states_are_apart),
      cmocka_unit_test(threads_share_a_model), cmocka_unit_test(other_kinds_are_named),
  };
  int failed = cmocka_run_group_tests_name("package", tests, write_package, remove_package);
  return failed + cmocka_run_group_tests_name("compiled", tests, write_compiled, remove_compiled);
}
