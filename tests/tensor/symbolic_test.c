// Size expressions: both grammars, values, bounds, text, and texts that would take forever.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "base/buffer.h"
#include "tensor/symbolic.h"

#define S "Symbol('s0', positive=True, integer=True)"
#define T "Symbol('s1', integer=True)"

static ppn_dim_t parse(ppn_symbol_table_t* table, const char* text) {
  ppn_dim_t dim = {0, 0};
  ppn_status_t status = ppn_dim_parse(table, ppn_sv(text), -1, &dim);
  if (status) fail_msg("%s", ppn_status_message(status));
  return dim;
}

// The same size in both grammars, its value for s0 = 7, s1 = 3 (worked out by hand), and how it is
// printed.
static const struct {
  const char *srepr, *infix, *printed;
  int64_t value;
} cases[] = {
    {"Add(Mul(Integer(2), " S "), Integer(1))", "2*s0 + 1", "2*s0 + 1", 15},
    {"Mul(" S ", " T ")", "s1*s0", "s0*s1", 21},
    {"Pow(" S ", Integer(2))", "s0**2", "s0**2", 49},
    {"FloorDiv(Add(" S ", Integer(3)), Integer(4))", "((s0 + 3)//4)", "((s0 + 3)//4)", 2},
    {"Mul(Integer(-1), FloorDiv(Mul(Integer(-1), " S "), Integer(3)))", "-((-s0)//3)", NULL, 3},
    {"Mod(" S ", Integer(4))", "Mod(s0, 4)", "Mod(s0, 4)", 3},
    {"PythonMod(Add(" S ", Integer(-30)), Integer(7))", "PythonMod(s0 - 30, 7)", NULL, 5},
    {"Max(Integer(1), " S ", " T ")", "Max(1, s0, s1)", NULL, 7},
    {"Min(" S ", " T ")", "Min(s0, s1)", NULL, 3},
    {"Mul(Rational(1, 7), " S ")", "s0/7", NULL, 1},
    {"TruncToInt(Mul(Float('1.5', precision=53), ToFloat(" S ")))", "TruncToInt(1.5*ToFloat(s0))",
     NULL, 10},
    {"Piecewise(ExprCondPair(Integer(1), StrictGreaterThan(" S ", Integer(9))), "
     "ExprCondPair(Integer(2), true))",
     "Piecewise((1, s0 > 9), (2, True))", NULL, 2},
    {"Add(" S ", Mul(Integer(-1), " S "))", "s0 - s0", "0", 0},
};

static void both_grammars_say_the_same(void** state) {
  (void)state;
  for (size_t i = 0; i < PPN_COUNT_OF(cases); ++i) {
    ppn_symbol_table_t* table;
    assert_null(ppn_symbol_table_create(&table));
    parse(table, "s0 + s1");  // so that s0 is symbol 0
    ppn_dim_t a = parse(table, cases[i].srepr), b = parse(table, cases[i].infix);
    assert_true(ppn_dim_equal(a, b));
    const int64_t values[] = {7, 3};
    int64_t value, minimum, maximum;
    assert_null(ppn_dim_evaluate(table, a, values, &value));
    assert_int_equal(value, cases[i].value);
    ppn_dim_bounds(table, a, &minimum, &maximum);
    assert_true(minimum <= value && value <= maximum);
    ppn_buffer_t text = {0};
    ppn_dim_print(table, a, &text);
    if (cases[i].printed) assert_string_equal(ppn_buffer_text(&text), cases[i].printed);
    assert_true(ppn_dim_equal(a, parse(table, ppn_buffer_text(&text))));
    ppn_buffer_release(&text);
    ppn_symbol_table_free(table);
  }
}

static void bounds_follow_ranges(void** state) {
  (void)state;
  ppn_symbol_table_t* table;
  assert_null(ppn_symbol_table_create(&table));
  assert_null(ppn_symbol_table_set_range(table, ppn_sv("s0"), 3, 50));
  int64_t minimum, maximum;
  ppn_dim_bounds(table, parse(table, "2*s0 + 1"), &minimum, &maximum);
  assert_int_equal(minimum, 7);
  assert_int_equal(maximum, 101);
  ppn_dim_bounds(table, parse(table, "((s0 + 3)//4)"), &minimum, &maximum);
  assert_int_equal(minimum, 1);
  assert_int_equal(maximum, 13);
  ppn_symbol_table_free(table);
}

static void refuse(const char* text, const char* part) {
  ppn_symbol_table_t* table;
  ppn_dim_t dim;
  assert_null(ppn_symbol_table_create(&table));
  ppn_status_t status = ppn_dim_parse(table, ppn_sv(text), -1, &dim);
  assert_non_null(status);
  if (!strstr(ppn_status_message(status), part)) {
    fail_msg("'%s' does not say '%s'", ppn_status_message(status), part);
  }
  ppn_status_free(status);
  ppn_symbol_table_free(table);
}

static void bad_texts_are_refused(void** state) {
  (void)state;
  refuse("", "expected");
  refuse("2*", "position 2");
  refuse("s0 s1", "expected the end");
  refuse("Symbol('oo')", "the name of a symbol");
  refuse("Mod(s0)", "Mod has 1 operands");
  refuse("s0//0", "divides by zero");
  refuse("9223372036854775808", "does not fit 64 bits");
}

// Each level doubles or multiplies what is below it: a short text, but an endless expression.
static void texts_that_grow_are_refused(void** state) {
  (void)state;
  ppn_buffer_t text = {0};
  for (int i = 0; i < 20; ++i) ppn_buffer_append_text(&text, "Mod(");
  ppn_buffer_append_text(&text, "s0");
  for (int i = 0; i < 20; ++i) ppn_buffer_append_text(&text, ", 7)**30");
  refuse(ppn_buffer_text(&text), "terms when it is written out");
  // Parentheses in operands were once read twice at every level.
  text.size = 0;
  for (int i = 0; i < 80; ++i) ppn_buffer_append_text(&text, "unknown((");
  refuse(ppn_buffer_text(&text), "expected");
  text.size = 0;
  for (int i = 0; i < 300; ++i) ppn_buffer_append_text(&text, "(");
  refuse(ppn_buffer_text(&text), "nested");
  ppn_buffer_release(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_grammars_say_the_same),
      cmocka_unit_test(bounds_follow_ranges),
      cmocka_unit_test(bad_texts_are_refused),
      cmocka_unit_test(texts_that_grow_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
