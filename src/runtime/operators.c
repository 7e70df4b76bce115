// All operators, by family.
#include "runtime/operators.h"

#include <string.h>

static const ppn_operator_family_t* const families[] = {
    &ppn_operators_primitives,
    &ppn_operators_copies,
    &ppn_operators_views,
    &ppn_operators_shapes,
    &ppn_operators_indexing,
    &ppn_operators_creation,
    &ppn_operators_sorting,
    &ppn_operators_images,
    &ppn_operators_products,
    &ppn_operators_convolution,
    &ppn_operators_pooling,
    &ppn_operators_elementwise,
    &ppn_operators_reductions,
    &ppn_operators_normalisation,
    NULL,  // ends the list
};

// "aten::add" and "out" against "aten::add.out".
static bool is_named(const char* row, const char* name, const char* overload) {
  size_t size = strlen(name);
  if (strncmp(row, name, size) != 0) return false;
  if (!*overload) return row[size] == 0;
  return row[size] == '.' && strcmp(row + size + 1, overload) == 0;
}

const ppn_operator_row_t* ppn_operator_find(const char* name, const char* overload) {
  for (size_t i = 0; families[i]; ++i) {
    for (uint32_t j = 0; j < families[i]->count; ++j) {
      if (is_named(families[i]->rows[j].name, name, overload)) return &families[i]->rows[j];
    }
  }
  return NULL;
}

size_t ppn_runtime_operator_count(void) {
  size_t count = 0;
  for (size_t i = 0; families[i]; ++i) count += families[i]->count;
  return count;
}

const char* ppn_runtime_operator_name(size_t index) {
  for (size_t i = 0; families[i]; ++i) {
    if (index < families[i]->count) return families[i]->rows[index].name;
    index -= families[i]->count;
  }
  return NULL;
}
