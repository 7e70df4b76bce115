// Arena, buffer, string map, checked arithmetic, status: what everything else stands on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "base/file_kind.h"
#include "base/status.h"
#include "base/string_map.h"

static void arena_aligns_zeroes_and_refuses(void** state) {
  (void)state;
  ppn_arena_t arena = {0};
  for (size_t size = 0; size < 300; size += 7) {
    uint8_t* memory = ppn_arena_alloc(&arena, size);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
    for (size_t i = 0; i < size; ++i) assert_int_equal(memory[i], 0);
    memset(memory, 0xff, size);
  }
  char* large = ppn_arena_alloc(&arena, 1 << 20);
  assert_non_null(large);
  assert_int_equal(large[(1 << 20) - 1], 0);
  assert_null(ppn_arena_alloc(&arena, SIZE_MAX));
  assert_null(ppn_arena_alloc_array(&arena, SIZE_MAX / 2, 3));
  assert_string_equal(ppn_arena_printf(&arena, "%s-%d", "a", 5), "a-5");
  assert_string_equal(ppn_arena_strdup(&arena, ppn_sv_make("abcdef", 3)), "abc");
  ppn_arena_release(&arena);
  assert_null(arena.blocks);
}

static void buffer_grows_and_keeps_failures(void** state) {
  (void)state;
  ppn_buffer_t buffer = {0};
  assert_string_equal(ppn_buffer_text(&buffer), "");
  for (int i = 0; i < 1000; ++i) ppn_buffer_printf(&buffer, "%d,", i % 10);
  assert_int_equal(buffer.size, 2000);
  assert_memory_equal(ppn_buffer_text(&buffer), "0,1,2,3,", 8);
  assert_int_equal(buffer.size, 2000);  // the end of the text does not count
  uint8_t* tail = ppn_buffer_extend(&buffer, 3);
  assert_memory_equal(tail, "\0\0\0", 3);
  ppn_buffer_append(&buffer, "x", SIZE_MAX / 2);
  assert_true(buffer.failed);
  assert_int_equal(buffer.size, 2003);
  ppn_status_t status = ppn_buffer_status(&buffer);
  assert_int_equal(ppn_status_code(status), PPN_STATUS_OUT_OF_MEMORY);
  ppn_status_free(status);
  ppn_buffer_release(&buffer);
}

static void string_map_keeps_order_and_replaces(void** state) {
  (void)state;
  enum { COUNT = 3000 };
  static char keys[COUNT][16];
  static int values[COUNT];
  ppn_string_map_t map = {0};
  assert_null(ppn_string_map_get(&map, ppn_sv("none")));
  for (int i = 0; i < COUNT; ++i) {
    snprintf(keys[i], sizeof(keys[i]), "k%d", i);
    assert_null(ppn_string_map_set(&map, ppn_sv(keys[i]), &values[i]));
  }
  assert_int_equal(map.count, COUNT);
  for (int i = 0; i < COUNT; ++i) {
    assert_ptr_equal(ppn_string_map_get(&map, ppn_sv(keys[i])), &values[i]);
    assert_ptr_equal(map.entries[i].value, &values[i]);
  }
  assert_null(ppn_string_map_set(&map, ppn_sv("k7"), &values[0]));
  assert_int_equal(map.count, COUNT);
  assert_ptr_equal(ppn_string_map_get(&map, ppn_sv("k7")), &values[0]);
  assert_null(ppn_string_map_find(&map, ppn_sv("k")));
  ppn_string_map_release(&map);
}

static void arithmetic_tells_overflow(void** state) {
  (void)state;
  size_t size;
  int64_t value;
  assert_true(ppn_checked_add(SIZE_MAX - 1, 1, &size));
  assert_false(ppn_checked_add(SIZE_MAX, 1, &size));
  assert_true(ppn_checked_multiply(0, SIZE_MAX, &size));
  assert_false(ppn_checked_multiply(SIZE_MAX / 2, 3, &size));
  static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -3,       -1, 0, 1,
                                  2,         INT64_MAX - 1, INT64_MAX};
  for (size_t i = 0; i < PPN_COUNT_OF(edges); ++i) {
    for (size_t j = 0; j < PPN_COUNT_OF(edges); ++j) {
      // Long double has 64 bits of mantissa where these tests run: enough to see an overflow.
      long double sum = (long double)edges[i] + (long double)edges[j];
      long double product = (long double)edges[i] * (long double)edges[j];
      bool sum_fits = sum >= -0x1p63L && sum < 0x1p63L;
      bool product_fits = product >= -0x1p63L && product < 0x1p63L;
      assert_int_equal(ppn_checked_add_i64(edges[i], edges[j], &value), sum_fits);
      if (sum_fits) assert_int_equal(value, edges[i] + edges[j]);
      assert_int_equal(ppn_checked_multiply_i64(edges[i], edges[j], &value), product_fits);
      if (product_fits) assert_int_equal(value, edges[i] * edges[j]);
    }
  }
  assert_int_equal(ppn_align(65, 64), 128);
  assert_int_equal(ppn_align(64, 64), 64);
}

static void status_gathers_context(void** state) {
  (void)state;
  ppn_status_t status = ppn_status_make(PPN_STATUS_INVALID_DATA, "byte %d", 7);
  status = ppn_status_annotate(status, "entry '%s'", "a");
  status = ppn_status_annotate(status, "model.pt2");
  assert_string_equal(ppn_status_message(status), "model.pt2: entry 'a': byte 7");
  assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_DATA);
  assert_string_equal(ppn_status_code_name(ppn_status_code(status)), "INVALID_DATA");
  assert_int_equal(ppn_status_consume(status), 1);
  assert_int_equal(ppn_status_consume(NULL), 0);
  assert_null(ppn_status_annotate(NULL, "never"));
  assert_string_equal(ppn_status_message(NULL), "OK");
}

static void kinds_of_files(void** state) {
  (void)state;
  assert_string_equal(ppn_file_kind(ppn_span_make(NULL, 0)), "an empty file");
  assert_string_equal(ppn_file_kind(ppn_span_make("    ET12", 8)), "an ExecuTorch program (.pte)");
  assert_string_equal(ppn_file_kind(ppn_span_make("    ET1", 7)), "a file of an unknown kind");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_aligns_zeroes_and_refuses),
      cmocka_unit_test(buffer_grows_and_keeps_failures),
      cmocka_unit_test(string_map_keeps_order_and_replaces),
      cmocka_unit_test(arithmetic_tells_overflow),
      cmocka_unit_test(status_gathers_context),
      cmocka_unit_test(kinds_of_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
