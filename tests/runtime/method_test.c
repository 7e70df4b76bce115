// Methods: loading, inputs and outputs, instructions, mutable data, dynamic shapes, damage.
// (Operators and official files are judged by torch in tests/python/test_runtime.py.)
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "formats/pte_sample.h"
#include "runtime/program.h"

// A damaged program may ask for arenas of any size: let the sanitizer refuse as malloc does.
const char* __asan_default_options(void);
const char* __asan_default_options(void) {
  return "allocator_may_return_null=1";
}

typedef struct fixture {
  pte_sample_t sample;
  uint8_t* bytes;
  ppn_program_t* program;
  ppn_method_t* method;
} fixture_t;

static void open_sample(fixture_t* fixture) {
  size_t size;
  fixture->bytes = pte_sample_write(&fixture->sample, &size);
  assert_null(
      ppn_program_open_bytes(ppn_span_make(fixture->bytes, size), "sample", &fixture->program));
}

static void load_forward(fixture_t* fixture) {
  pte_sample_fill(&fixture->sample);
  open_sample(fixture);
  static const ppn_engine_options_t options = {.thread_count = 1};
  assert_null(ppn_method_load(fixture->program, "forward", &options, &fixture->method));
}

static void close_fixture(fixture_t* fixture) {
  ppn_method_free(fixture->method);
  ppn_program_free(fixture->program);
  free(fixture->bytes);
}

static void expect_message(ppn_status_t status, ppn_status_code_t code, const char* part) {
  if (ppn_status_code(status) != code || !strstr(ppn_status_message(status), part)) {
    fail_msg("expected '%s', found %s: %s", part, ppn_status_code_name(ppn_status_code(status)),
             ppn_status_message(status));
  }
  ppn_status_free(status);
}

static ppn_evalue_t matrix_value(float* data, int64_t rows, int64_t columns) {
  int64_t sizes[] = {rows, columns};
  return (ppn_evalue_t){.kind = PPN_EVALUE_TENSOR,
                        .u.tensor = ppn_tensor_make(data, PPN_DTYPE_FLOAT32, 2, sizes)};
}

static void runs_instructions(void** state) {
  (void)state;
  fixture_t fixture = {0};
  load_forward(&fixture);
  ppn_tensor_info_t info;
  assert_int_equal(ppn_method_input_count(fixture.method), 1);
  assert_int_equal(ppn_method_output_count(fixture.method), 3);
  assert_int_equal(ppn_method_input_info(fixture.method, 0, &info), PPN_EVALUE_TENSOR);
  assert_int_equal(info.dtype, PPN_DTYPE_FLOAT32);
  assert_int_equal(info.sizes[0], 4);
  assert_true(info.is_dynamic && info.is_memory_planned);
  assert_int_equal(info.nbytes, 48);
  assert_int_equal(ppn_method_output_info(fixture.method, 2, &info), PPN_EVALUE_INT);

  float x[] = {1, 2, 3, 4, 5, 6};
  for (int64_t rows = 2; rows >= 1; --rows) {
    ppn_evalue_t value = matrix_value(x, rows, 3), out;
    assert_null(ppn_method_set_input(fixture.method, 0, &value));
    assert_null(ppn_method_execute(fixture.method));
    assert_null(ppn_method_get_output(fixture.method, 0, &out));
    assert_int_equal(out.u.tensor.sizes[0], rows);
    assert_memory_equal(out.u.tensor.data, x, (size_t)rows * 12);
    assert_null(ppn_method_get_output(fixture.method, 1, &out));
    assert_memory_equal(out.u.tensor.data, fixture.sample.constant, 12);
    assert_null(ppn_method_get_output(fixture.method, 2, &out));
    assert_int_equal(out.kind, PPN_EVALUE_INT);
    assert_int_equal(out.u.integer, rows + 1);
  }
  close_fixture(&fixture);
}

static void takes_inputs_of_any_strides(void** state) {
  (void)state;
  fixture_t fixture = {0};
  load_forward(&fixture);
  float x[] = {1, 2, 3, 4, 5, 6};
  ppn_evalue_t value = matrix_value(x, 2, 3), out;
  value.u.tensor.strides[0] = 1;
  value.u.tensor.strides[1] = 2;
  assert_null(ppn_method_set_input(fixture.method, 0, &value));
  assert_null(ppn_method_execute(fixture.method));
  assert_null(ppn_method_get_output(fixture.method, 0, &out));
  static const float expected[] = {1, 3, 5, 2, 4, 6};
  assert_memory_equal(out.u.tensor.data, expected, sizeof(expected));
  close_fixture(&fixture);
}

static void refuses_wrong_inputs(void** state) {
  (void)state;
  fixture_t fixture = {0};
  load_forward(&fixture);
  float x[15] = {0};
  expect_message(ppn_method_execute(fixture.method), PPN_STATUS_FAILED_PRECONDITION,
                 "input 0 was not set");
  ppn_evalue_t value = matrix_value(x, 5, 3);
  expect_message(ppn_method_set_input(fixture.method, 0, &value), PPN_STATUS_OUT_OF_RANGE,
                 "input 0: dimension 0 is 5; the program allows at most 4");
  value = matrix_value(x, 2, 3);
  value.u.tensor.rank = 1;
  expect_message(ppn_method_set_input(fixture.method, 0, &value), PPN_STATUS_INVALID_ARGUMENT,
                 "expected 2 dimensions, found 1");
  value = matrix_value(x, 2, 3);
  value.u.tensor.dtype = PPN_DTYPE_INT32;
  expect_message(ppn_method_set_input(fixture.method, 0, &value), PPN_STATUS_INVALID_ARGUMENT,
                 "expected dtype float32, found int32");
  value = (ppn_evalue_t){.kind = PPN_EVALUE_INT};
  expect_message(ppn_method_set_input(fixture.method, 0, &value), PPN_STATUS_INVALID_ARGUMENT,
                 "expected a tensor, found an int");
  expect_message(ppn_method_set_input(fixture.method, 1, &value), PPN_STATUS_INVALID_ARGUMENT,
                 "there is no 1");
  expect_message(ppn_method_load(fixture.program, "backward", NULL, &(ppn_method_t*){NULL}),
                 PPN_STATUS_NOT_FOUND, "no method 'backward'");
  close_fixture(&fixture);
}

static void lists_all_that_is_missing(void** state) {
  (void)state;
  fixture_t fixture = {0};
  pte_sample_fill(&fixture.sample);
  fixture.sample.operators[0].name = "mine::first";
  fixture.sample.operators[1].name = "mine::second";
  open_sample(&fixture);
  expect_message(ppn_method_load(fixture.program, "forward", NULL, &fixture.method),
                 PPN_STATUS_UNSUPPORTED, "'mine::first.out', 'mine::second'");
  expect_message(ppn_method_load(fixture.program, "delegated", NULL, &fixture.method),
                 PPN_STATUS_UNSUPPORTED, "backend 'NoBackend'");
  close_fixture(&fixture);
}

static void never_writes_constants(void** state) {
  (void)state;
  fixture_t fixture = {0};
  pte_sample_fill(&fixture.sample);
  static const int32_t copy[] = {SAMPLE_CONSTANT, SAMPLE_TOTAL, SAMPLE_FALSE, SAMPLE_CONSTANT};
  fixture.sample.instructions[1].args = copy;
  open_sample(&fixture);
  assert_null(ppn_method_load(fixture.program, "forward", NULL, &fixture.method));
  float x[3] = {0};
  ppn_evalue_t value = matrix_value(x, 1, 3);
  assert_null(ppn_method_set_input(fixture.method, 0, &value));
  expect_message(ppn_method_execute(fixture.method), PPN_STATUS_INVALID_DATA,
                 "instruction 1: aten::copy_: result (argument 0): a constant cannot be written");
  close_fixture(&fixture);
}

static void stops_endless_loops(void** state) {
  (void)state;
  fixture_t fixture = {0};
  pte_sample_fill(&fixture.sample);
  fixture.sample.instructions[4].target = 4;
  open_sample(&fixture);
  assert_null(ppn_method_load(fixture.program, "forward", NULL, &fixture.method));
  float x[3] = {0};
  ppn_evalue_t value = matrix_value(x, 1, 3);
  assert_null(ppn_method_set_input(fixture.method, 0, &value));
  expect_message(ppn_method_execute(fixture.method), PPN_STATUS_INVALID_DATA,
                 "a loop does not end");
  close_fixture(&fixture);
}

// Whatever the verifier lets through loads and runs, or fails, without touching foreign memory.
static void survives_every_flipped_bit(void** state) {
  (void)state;
  pte_sample_t sample;
  size_t size;
  pte_sample_fill(&sample);
  sample.plans[0].instruction_count = 4;  // no jumps: endless loops take time
  sample.program.plan_count = 1;
  uint8_t* bytes = pte_sample_write(&sample, &size);
  static const ppn_engine_options_t options = {.thread_count = 1};
  float x[12] = {0};
  uint32_t ran = 0;
  for (size_t bit = 0; bit < size * 8; ++bit) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    ppn_program_t* program;
    ppn_method_t* method = NULL;
    ppn_status_t status = ppn_program_open_bytes(ppn_span_make(bytes, size), NULL, &program);
    if (!status) status = ppn_method_load(program, "forward", &options, &method);
    ppn_evalue_t value = matrix_value(x, 2, 3), out;
    if (!status) status = ppn_method_set_input(method, 0, &value);
    if (!status) status = ppn_method_execute(method);
    if (!status) status = ppn_method_get_output(method, 0, &out);
    ran += !status;
    ppn_status_free(status);
    ppn_method_free(method);
    ppn_program_free(program);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_true(ran > 0);
  free(bytes);
}

static void* run_often(void* context) {
  ppn_program_t* program = context;
  ppn_method_t* method;
  static const ppn_engine_options_t options = {.thread_count = 1};
  if (ppn_status_consume(ppn_method_load(program, "forward", &options, &method))) return context;
  float x[6];
  void* failed = NULL;
  for (int i = 0; i < 200 && !failed; ++i) {
    for (int j = 0; j < 6; ++j) x[j] = (float)(i * 7 + j);
    ppn_evalue_t value = matrix_value(x, 2, 3), out;
    if (ppn_status_consume(ppn_method_set_input(method, 0, &value)) ||
        ppn_status_consume(ppn_method_execute(method)) ||
        ppn_status_consume(ppn_method_get_output(method, 0, &out)) ||
        memcmp(out.u.tensor.data, x, sizeof(x)) != 0) {
      failed = context;
    }
  }
  ppn_method_free(method);
  return failed;
}

static void serves_several_threads(void** state) {
  (void)state;
  fixture_t fixture = {0};
  pte_sample_fill(&fixture.sample);
  open_sample(&fixture);
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, run_often, fixture.program), 0);
  }
  for (int i = 0; i < 4; ++i) {
    void* failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  close_fixture(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_instructions),          cmocka_unit_test(takes_inputs_of_any_strides),
      cmocka_unit_test(refuses_wrong_inputs),       cmocka_unit_test(lists_all_that_is_missing),
      cmocka_unit_test(never_writes_constants),     cmocka_unit_test(stops_endless_loops),
      cmocka_unit_test(survives_every_flipped_bit), cmocka_unit_test(serves_several_threads),
  };
  return cmocka_run_group_tests_name("method", tests, NULL, NULL);
}
