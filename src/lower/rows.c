// The registry of lowering rows: families, searched by operator name.
#include <pthread.h>

#include "base/string_map.h"
#include "lower/families.h"

static const ppn_lower_family_t* const families[] = {
#define FAMILY(name) &ppn_lower_family_##name,
    PPN_LOWER_FAMILIES(FAMILY)
#undef FAMILY
};

static ppn_string_map_t map;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void build(void) {
  for (size_t i = 0; i < PPN_COUNT_OF(families); i++) {
    for (uint32_t j = 0; j < families[i]->count; j++) {
      const ppn_lower_row_t* row = &families[i]->rows[j];
      // Out of memory only loses rows: their operators then stay on the CPU.
      ppn_status_consume(ppn_string_map_set(&map, ppn_sv(row->name), (void*)(uintptr_t)row));
    }
  }
}

const ppn_lower_row_t* ppn_lower_row_find(const char* op_name) {
  pthread_once(&once, build);
  return ppn_string_map_get(&map, ppn_sv(op_name));
}

const ppn_lower_family_t* const* ppn_lower_families(uint32_t* out_count) {
  *out_count = (uint32_t)PPN_COUNT_OF(families);
  return families;
}
