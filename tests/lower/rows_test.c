// The lowering table agrees with the operator table.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>
#include <string.h>

#include "base/string_map.h"
#include "lower/lower.h"

static void every_row_names_an_operator(void** state) {
  (void)state;
  uint32_t count = 0, rows = 0;
  const ppn_lower_family_t* const* families = ppn_lower_families(&count);
  assert_true(count > 10);
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t j = 0; j < families[i]->count; j++, rows++) {
      const char* name = families[i]->rows[j].name;
      bool is_python = strncmp(name, "_operator::", 11) == 0 || strncmp(name, "torch::", 7) == 0;
      if (!is_python && !ppn_aten_op_find(ppn_sv(name))) fail_msg("no operator %s", name);
      assert_non_null(families[i]->rows[j].lower);
    }
  }
  assert_true(rows > 400);
}

static void every_row_is_found_and_unique(void** state) {
  (void)state;
  uint32_t count = 0;
  const ppn_lower_family_t* const* families = ppn_lower_families(&count);
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t j = 0; j < families[i]->count; j++) {
      const ppn_lower_row_t* row = &families[i]->rows[j];
      if (ppn_lower_row_find(row->name) != row) fail_msg("%s has two rows", row->name);
    }
  }
  assert_null(ppn_lower_row_find("aten::no_such_operator"));
}

// In-place operators and operators with an out argument never have a row.
static void rows_are_functional(void** state) {
  (void)state;
  uint32_t count = 0;
  const ppn_lower_family_t* const* families = ppn_lower_families(&count);
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t j = 0; j < families[i]->count; j++) {
      const ppn_aten_op_t* op = ppn_aten_op_find(ppn_sv(families[i]->rows[j].name));
      if (!op) continue;
      for (uint32_t k = 0; k < op->parameter_count; k++) {
        if (op->parameters[k].alias_is_write)
          fail_msg("%s writes '%s'", op->name, op->parameters[k].name);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_names_an_operator),
      cmocka_unit_test(every_row_is_found_and_unique),
      cmocka_unit_test(rows_are_functional),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
