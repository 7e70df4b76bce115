// A second run with the same shapes allocates nothing. Linked with the allocators wrapped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>

#include "engine/program_support.h"

static int allocations;

void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void* __real_aligned_alloc(size_t alignment, size_t size);
void* __wrap_malloc(size_t size);
void* __wrap_calloc(size_t count, size_t size);
void* __wrap_realloc(void* memory, size_t size);
void* __wrap_aligned_alloc(size_t alignment, size_t size);

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
void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __real_aligned_alloc(alignment, size);
}

static void the_second_run_allocates_nothing(void** state) {
  fixture_t* fixture = *state;
  const int64_t sizes[] = {8, 16};
  static uint16_t data[8 * 16];
  const int32_t order[] = {1, 0};
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT16, 2, sizes),
                  *perm = ints(fixture, 2, order);
  ppn_mil_value_t* y = EMIT(fixture, "transpose", PPN_MIL_IN("x", x), PPN_MIL_IN("perm", perm));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  ppn_tensor_t input = tensor(data, PPN_DTYPE_FLOAT16, 2, sizes), output = {0};
  expect_ok(ppn_engine_prepare(fixture->context, &input, 1));
  assert_true(allocations > 0);
  allocations = 0;
  for (int i = 0; i < 3; i++) {
    expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
    output.data = NULL;
  }
  assert_int_equal(allocations, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_second_run_allocates_nothing, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
