// Views and copies between them, against plain loops.
#include "tensor/view.h"

#include <string.h>

#include "base/arena.h"
#include "kernels/kernel_testing.h"
#include "tensor/slice.h"

static void fill_range(const ppn_tensor_t* tensor) {
  for (int64_t i = 0; i < ppn_tensor_numel(tensor); ++i) {
    ppn_element_set_int64(tensor->dtype, tensor->data, i, i);
  }
}

static void assert_same(const ppn_tensor_t* a, const ppn_tensor_t* b) {
  for (int64_t i = 0; i < ppn_tensor_numel(a); ++i) {
    assert_true(ppn_test_element(a, i) == ppn_test_element(b, i));
  }
}

static void views_share_elements(void** state) {
  (void)state;
  int32_t data[24];
  ppn_tensor_t x = PPN_TENSOR(INT32, data, 2, 3, 4);
  fill_range(&x);
  ppn_tensor_t view = ppn_view_slice(&x, 2, 3, 2, -2);
  assert_elements(&view, 3, 1, 7, 5, 11, 9, 15, 13, 19, 17, 23, 21);
  view = ppn_view_select(&x, 1, 2);
  assert_elements(&view, 8, 9, 10, 11, 20, 21, 22, 23);
  view = ppn_view_permute(&view, (const int[]){1, 0});
  assert_elements(&view, 8, 20, 9, 21, 10, 22, 11, 23);
  view = ppn_view_select(&x, 0, 0);
  view = ppn_view_windows(&view, 1, 2, 3, 1);
  assert_int_equal(view.rank, 3);
  assert_elements(&view, 0, 1, 2, 1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9, 10, 9, 10, 11);
  view = ppn_view_select(&x, 0, 1);
  view = ppn_view_split_axis(&view, 1, 2);
  view = ppn_view_move_axis(&view, 2, 0);
  assert_elements(&view, 12, 14, 16, 18, 20, 22, 13, 15, 17, 19, 21, 23);
}

static void broadcasting_aligns_the_last_axis(void** state) {
  (void)state;
  int32_t data[3] = {1, 2, 3};
  ppn_tensor_t x = PPN_TENSOR(INT32, data, 3, 1), view;
  assert_true(ppn_view_broadcast(&x, PPN_SIZES(2, 3, 2), &view));
  assert_elements(&view, 1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3);
  assert_false(ppn_view_broadcast(&x, PPN_SIZES(2, 2), &view));
  assert_false(ppn_view_broadcast(&x, 1, (const int64_t[]){3}, &view));
}

static void slices_follow_numpy(void** state) {
  (void)state;
  static const struct {
    ppn_slice_t slice;
    int64_t size, start, count;
  } cases[] = {
      {{1, 4, 1, false, false}, 5, 1, 3},
      {{-2, 9, 1, false, false}, 5, 3, 2},
      {{0, -1, 2, false, false}, 6, 0, 3},
      {{-9, 2, 1, false, false}, 5, 0, 2},
      {{4, 1, -1, false, false}, 5, 4, 3},
      {{9, -9, -2, false, false}, 5, 4, 3},
      {{3, 1, 1, false, false}, 5, 3, 0},
      {{0, 0, -1, true, true}, 5, 4, 5},
      {{0, 0, 3, true, true}, 5, 0, 2},
      {{2, INT64_MAX, 1, false, false}, 5, 2, 3},
      {{7, 9, 1, false, false}, 5, 5, 0},
      {{INT64_MIN, INT64_MAX, 2, false, false}, 5, 0, 3},
      {{0, 5, INT64_MAX, false, false}, 5, 0, 1},
      {{0, 1, 1, false, false}, 0, 0, 0},
  };
  for (size_t i = 0; i < PPN_COUNT_OF(cases); ++i) {
    int64_t start = -7, count = -7;
    ppn_slice_resolve(&cases[i].slice, cases[i].size, &start, &count);
    assert_int_equal(start, cases[i].start);
    assert_int_equal(count, cases[i].count);
  }
}

// Copies between two views of random layout, for all element sizes.
static void copies_in_any_layout(void** state) {
  (void)state;
  static const ppn_dtype_t dtypes[] = {PPN_DTYPE_INT8, PPN_DTYPE_INT16, PPN_DTYPE_INT32,
                                       PPN_DTYPE_INT64};
  static uint8_t from[8 * 40000], to[8 * 40000];
  uint32_t seed = 7;
  for (int round = 0; round < 400; ++round) {
    int64_t sizes[4];
    int source_order[4], target_order[4], rank = 1 + round % 4;
    for (int i = 0; i < rank; ++i) {
      seed = seed * 1664525 + 1013904223;
      sizes[i] = rank == 2 ? seed >> 24 & 63 : seed >> 24 & 7;
      source_order[i] = target_order[i] = i;
    }
    for (int i = 0; i < rank; ++i) {
      seed = seed * 1664525 + 1013904223;
      int a = (int)(seed >> 20) % rank, b = (int)(seed >> 24) % rank, swap = source_order[a];
      source_order[a] = source_order[i];
      source_order[i] = swap;
      swap = target_order[b];
      target_order[b] = target_order[i];
      target_order[i] = swap;
    }
    // Layout: sizes in the order of memory, with a step of 1 or 2 and maybe backwards.
    ppn_tensor_t views[2];
    for (int side = 0; side < 2; ++side) {
      const int* order = side == 0 ? source_order : target_order;
      int64_t memory[4];
      for (int i = 0; i < rank; ++i) memory[order[i]] = sizes[i] * 2;
      ppn_tensor_t whole = ppn_tensor_make(
          side == 0 ? from : to, dtypes[round % 4 == 3 ? 3 : round / 4 % 4], rank, memory);
      if (side == 0) fill_range(&whole);
      if (side == 1) memset(to, 0xee, sizeof(to));
      for (int i = 0; i < rank; ++i) {
        seed = seed * 1664525 + 1013904223;
        int64_t step = (int64_t)(seed >> 24 & 1) + 1;
        bool backwards = (seed >> 27 & 3) == 0;
        whole = ppn_view_slice(&whole, i, backwards ? (memory[i] / 2 - 1) * step : 0, memory[i] / 2,
                               backwards ? -step : step);
      }
      views[side] = ppn_view_permute(&whole, order);
    }
    ppn_tensor_copy(&views[0], &views[1]);
    assert_same(&views[0], &views[1]);
  }
}

static void copies_broadcast_sources(void** state) {
  (void)state;
  int32_t data[3] = {1, 2, 3}, out[12];
  ppn_tensor_t x = PPN_TENSOR(INT32, data, 3, 1), view, target = PPN_TENSOR(INT32, out, 2, 3, 2);
  assert_true(ppn_view_broadcast(&x, PPN_SIZES(2, 3, 2), &view));
  ppn_tensor_copy(&view, &target);
  assert_elements(&target, 1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(views_share_elements),
      cmocka_unit_test(broadcasting_aligns_the_last_axis),
      cmocka_unit_test(slices_follow_numpy),
      cmocka_unit_test(copies_in_any_layout),
      cmocka_unit_test(copies_broadcast_sources),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
