// Size expressions, one per line. What is printed must read back as the same expression.
#include "tensor/symbolic.h"
#include <stdio.h>

#include "fuzz.h"

static void check(ppn_symbol_table_t* table, ppn_dim_t dim) {
  int64_t minimum, maximum, value, values[8];
  ppn_dim_bounds(table, dim, &minimum, &maximum);
  fuzz_expect(minimum <= maximum, "empty bounds");
  if (ppn_symbol_table_count(table) <= PPN_COUNT_OF(values)) {
    for (size_t i = 0; i < PPN_COUNT_OF(values); ++i) values[i] = (int64_t)i + 2;
    if (!fuzz_is_error(ppn_dim_evaluate(table, dim, values, &value))) {
      bool in_range = true;
      for (uint32_t i = 0; i < ppn_symbol_table_count(table); ++i) {
        const ppn_symbol_t* symbol = ppn_symbol_table_symbol(table, i);
        in_range &= symbol->minimum <= values[i] && values[i] <= symbol->maximum;
      }
      fuzz_expect(!in_range || (minimum <= value && value <= maximum),
                  "a value outside its bounds");
    }
  }
}

static void parse_line(ppn_symbol_table_t* table, ppn_string_view_t line) {
  ppn_dim_t dim, again;
  if (fuzz_is_error(ppn_dim_parse(table, line, -1, &dim))) return;
  check(table, dim);
  ppn_buffer_t text = {0};
  ppn_dim_print(table, dim, &text);
  ppn_string_view_t printed = ppn_sv_make((const char*)text.data, text.size);
  if (!fuzz_is_error(ppn_dim_parse(table, printed, -1, &again)) && !ppn_dim_equal(dim, again)) {
    ppn_buffer_t other = {0};
    ppn_dim_print(table, again, &other);
    fprintf(stderr, "'%.*s' prints as '%s' and reads back as '%s'\n", PPN_SV(line),
            ppn_buffer_text(&text), ppn_buffer_text(&other));
    fuzz_expect(false, "an expression that reads back as another");
  }
  ppn_buffer_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_symbol_table_t* table;
  if (fuzz_is_error(ppn_symbol_table_create(&table))) return 0;
  const char *cursor = (const char*)data, *end = cursor + size;
  while (cursor < end) {
    const char* stop = memchr(cursor, '\n', (size_t)(end - cursor));
    if (!stop) stop = end;
    parse_line(table, ppn_sv_make(cursor, (size_t)(stop - cursor)));
    cursor = stop + 1;
  }
  ppn_symbol_table_free(table);
  return 0;
}
