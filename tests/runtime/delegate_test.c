// Core ML delegates in programs: results by several threads, damaged payloads, memory at run time.
// The program is the digits example, lowered here.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "base/buffer.h"
#include "pippin/pippin.h"
#include "runtime/program.h"

#define MODEL "examples/digits/digits.pt2"

static atomic_int allocations;

void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void* __wrap_malloc(size_t size);
void* __wrap_calloc(size_t count, size_t size);
void* __wrap_realloc(void* memory, size_t size);

void* __wrap_malloc(size_t size) {
  ++allocations;
  return __real_malloc(size);
}
void* __wrap_calloc(size_t count, size_t size) {
  ++allocations;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* memory, size_t size) {
  ++allocations;
  return __real_realloc(memory, size);
}

static const ppn_engine_options_t one_thread = {.thread_count = 1};

static ppn_status_t append(void* user_data, const void* data, size_t size) {
  ppn_buffer_append(user_data, data, size);
  return NULL;
}

static void lower_digits(ppn_buffer_t* out) {
  ppn_exported_program_t* exported;
  assert_null(ppn_exported_program_load(MODEL, &exported));
  ppn_coreml_partitioner_t partitioner = ppn_coreml_partitioner_defaults();
  ppn_edge_method_source_t method = {
      .name = "forward", .program = exported, .partitioner = &partitioner};
  ppn_edge_program_t* edge;
  assert_null(ppn_to_edge_transform_and_lower(&method, 1, NULL, &edge));
  assert_null(ppn_edge_program_write_to(edge, append, out));
  assert_null(ppn_buffer_status(out));
  ppn_edge_program_free(edge);
  ppn_exported_program_free(exported);
}

static int set_up(void** state) {
  ppn_buffer_t* file = calloc(1, sizeof(*file));
  lower_digits(file);
  *state = file;
  return 0;
}

static int tear_down(void** state) {
  ppn_buffer_release(*state);
  free(*state);
  return 0;
}

// Runs the method on one image; NULL or the error.
static ppn_status_t run(ppn_method_t* method, float value, float* out_first) {
  ppn_tensor_info_t info;
  ppn_evalue_t input = {.kind = PPN_EVALUE_TENSOR}, output;
  assert_int_equal(ppn_method_input_info(method, 0, &info), PPN_EVALUE_TENSOR);
  static const int64_t zero_strides[PPN_MAX_RANK];
  input.u.tensor = ppn_tensor_make(&value, info.dtype, info.rank, info.sizes);
  memcpy(input.u.tensor.strides, zero_strides, sizeof(zero_strides));
  ppn_status_t status = ppn_method_set_input(method, 0, &input);
  if (!status) status = ppn_method_execute(method);
  if (!status) status = ppn_method_get_output(method, 0, &output);
  if (!status) *out_first = *(const float*)output.u.tensor.data;
  return status;
}

static void the_second_execution_allocates_nothing(void** state) {
  const ppn_buffer_t* file = *state;
  ppn_program_t* program;
  ppn_method_t* method;
  float first, second;
  assert_null(ppn_program_open_memory(file->data, file->size, "digits", &program));
  assert_null(ppn_method_load(program, "forward", &one_thread, &method));
  assert_null(run(method, 0.5f, &first));
  allocations = 0;
  ppn_status_t status = run(method, 0.5f, &second);
  int counted = allocations;
  assert_null(status);
  assert_int_equal(counted, 0);
  assert_true(first == second);
  ppn_method_free(method);
  ppn_program_free(program);
}

typedef struct worker {
  ppn_program_t* program;
  float value, result;
  bool failed;
} worker_t;

static void* work(void* context) {
  worker_t* worker = context;
  ppn_method_t* method;
  worker->failed =
      ppn_status_consume(ppn_method_load(worker->program, "forward", &one_thread, &method));
  if (worker->failed) return NULL;
  for (int i = 0; i < 20 && !worker->failed; ++i) {
    float result = 0;
    worker->failed = ppn_status_consume(run(method, worker->value, &result)) ||
                     (i > 0 && result != worker->result);
    worker->result = result;
  }
  ppn_method_free(method);
  return NULL;
}

static void serves_several_threads(void** state) {
  const ppn_buffer_t* file = *state;
  worker_t workers[6] = {{0}};
  pthread_t threads[6];
  ppn_program_t* program;
  assert_null(ppn_program_open_memory(file->data, file->size, "digits", &program));
  for (int i = 0; i < 6; ++i) {
    workers[i].program = program;
    workers[i].value = (float)(i / 2) * 0.25f;  // two threads each compute the same
    assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < 6; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < 6; ++i) {
    assert_false(workers[i].failed);
    assert_true(workers[i].result == workers[i ^ 1].result);
  }
  assert_true(workers[0].result != workers[2].result);
  ppn_program_free(program);
}

static void survives_damaged_payloads(void** state) {
  const ppn_buffer_t* file = *state;
  uint32_t random = 1, loaded = 0, refused = 0;
  uint8_t* bytes = malloc(file->size);
  memcpy(bytes, file->data, file->size);
  for (int round = 0; round < 400; ++round) {
    size_t places[3];
    for (int i = 0; i < 3; ++i) {
      random = random * 1664525 + 1013904223;
      // The end holds the directory of the payload's files and the model's description.
      size_t range = round % 2 ? file->size : 8192;
      places[i] = file->size - 1 - (random >> 4) % range;
      bytes[places[i]] ^= (uint8_t)(1u << (random >> 1) % 8);
    }
    ppn_program_t* program;
    ppn_method_t* method = NULL;
    float result;
    ppn_status_t status = ppn_program_open_memory(bytes, file->size, "digits", &program);
    if (!status) status = ppn_method_load(program, "forward", &one_thread, &method);
    loaded += !status;
    refused += !!status;
    if (!status) status = run(method, 0.5f, &result);
    ppn_status_free(status);
    ppn_method_free(method);
    ppn_program_free(program);
    for (int i = 0; i < 3; ++i) bytes[places[i]] = file->data[places[i]];
  }
  assert_true(loaded > 0 && refused > 0);
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_second_execution_allocates_nothing),
      cmocka_unit_test(serves_several_threads),
      cmocka_unit_test(survives_damaged_payloads),
  };
  return cmocka_run_group_tests_name("delegate", tests, set_up, tear_down);
}
