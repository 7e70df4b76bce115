// The greedy memory planner, on cases worked out with ExecuTorch's own planner and on random ones.
#include "executorch/memory_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the four above first.
#include <cmocka.h>

static void equal_sizes_last_one_first(void** state) {
  (void)state;
  // y = x + c: the input and the output overlap; the output was collected last.
  ppn_planned_tensor_t tensors[] = {{12, 0, 2, 0}, {12, 1, 3, 0}};
  uint64_t size;
  assert_null(ppn_memory_plan_greedy(tensors, 2, 16, &size));
  assert_int_equal(size, 32);
  assert_int_equal(tensors[0].offset, 16);
  assert_int_equal(tensors[1].offset, 0);
}

static void disjoint_lifetimes_share(void** state) {
  (void)state;
  ppn_planned_tensor_t tensors[] = {{100, 0, 1, 0}, {50, 1, 2, 0}, {90, 2, 3, 0}, {0, 0, 3, 0}};
  uint64_t size;
  assert_null(ppn_memory_plan_greedy(tensors, 4, 16, &size));
  assert_int_equal(tensors[0].offset, 0);
  assert_int_equal(tensors[2].offset, 0);
  assert_int_equal(tensors[1].offset, 112);
  assert_int_equal(size, 176);
}

static void room_above_is_used(void** state) {
  (void)state;
  // A large bucket whose owner is dead holds two small tensors that are alive together.
  ppn_planned_tensor_t tensors[] = {{1024, 0, 1, 0}, {512, 2, 4, 0}, {256, 3, 4, 0}};
  uint64_t size;
  assert_null(ppn_memory_plan_greedy(tensors, 3, 16, &size));
  assert_int_equal(tensors[1].offset, 0);
  assert_int_equal(tensors[2].offset, 512);
  assert_int_equal(size, 1024);
}

static void random_tensors_never_collide(void** state) {
  (void)state;
  enum { COUNT = 300 };
  static ppn_planned_tensor_t tensors[COUNT];
  uint32_t seed = 1;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < COUNT; ++i) {
      seed = seed * 1664525 + 1013904223;
      uint32_t first = seed >> 8 & 127, length = seed >> 16 & 15;
      tensors[i] = (ppn_planned_tensor_t){(seed >> 20) + 1, first, first + length, 0};
    }
    uint64_t size;
    assert_null(ppn_memory_plan_greedy(tensors, COUNT, 16, &size));
    for (int i = 0; i < COUNT; ++i) {
      const ppn_planned_tensor_t* a = &tensors[i];
      assert_int_equal(a->offset % 16, 0);
      assert_true(a->offset + a->size <= size);
      for (int j = 0; j < i; ++j) {
        const ppn_planned_tensor_t* b = &tensors[j];
        if (a->first > b->last || b->first > a->last) continue;
        assert_true(a->offset + a->size <= b->offset || b->offset + b->size <= a->offset);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_sizes_last_one_first),
      cmocka_unit_test(disjoint_lifetimes_share),
      cmocka_unit_test(room_above_is_used),
      cmocka_unit_test(random_tensors_never_collide),
  };
  return cmocka_run_group_tests_name("memory plan", tests, NULL, NULL);
}
