// The op table: all families, searched by type and opset.
#include <pthread.h>
#include <string.h>

#include "base/string_map.h"
#include "mil/op_rows.h"

static const ppn_mil_family_t* const families[] = {
#define FAMILY(name) &ppn_mil_family_##name,
    PPN_MIL_FAMILIES(FAMILY)
#undef FAMILY
};

// Type to its first row; later versions follow it in the same array.
static ppn_string_map_t map;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void build(void) {
  for (size_t i = 0; i < PPN_COUNT_OF(families); i++) {
    for (uint32_t j = 0; j < families[i]->count; j++) {
      const ppn_mil_op_t* op = &families[i]->ops[j];
      if (ppn_string_map_get(&map, ppn_sv(op->type))) continue;
      // Out of memory only makes operations unknown.
      ppn_status_consume(ppn_string_map_set(&map, ppn_sv(op->type), (void*)(uintptr_t)op));
    }
  }
}

// Is `op + 1` the next version of the same type? Rows of a family are contiguous.
static bool has_later_version(const ppn_mil_op_t* op) {
  for (size_t i = 0; i < PPN_COUNT_OF(families); i++) {
    const ppn_mil_op_t* end = families[i]->ops + families[i]->count;
    if (op >= families[i]->ops && op + 1 < end) return strcmp(op[1].type, op->type) == 0;
  }
  return false;
}

const ppn_mil_op_t* ppn_mil_op_find(ppn_string_view_t type, ppn_mil_opset_t opset) {
  pthread_once(&once, build);
  const ppn_mil_op_t* op = ppn_string_map_get(&map, type);
  if (!op || op->since > opset) return NULL;
  while (has_later_version(op) && op[1].since <= opset) op++;
  return op;
}

int ppn_mil_parameter_index(const ppn_mil_op_t* op, ppn_string_view_t name) {
  for (uint32_t i = 0; i < op->parameter_count; i++) {
    if (ppn_sv_equals(name, op->parameters[i].name)) return (int)i;
  }
  return -1;
}

ppn_mil_opset_t ppn_mil_op_since(ppn_string_view_t type) {
  pthread_once(&once, build);
  const ppn_mil_op_t* op = ppn_string_map_get(&map, type);
  return op ? op->since : (ppn_mil_opset_t)0;
}

void ppn_mil_op_visit_all(ppn_mil_op_visitor_t visit, void* context) {
  for (size_t i = 0; i < PPN_COUNT_OF(families); i++) {
    const char* previous = "";
    for (uint32_t j = 0; j < families[i]->count; j++) {
      const ppn_mil_op_t* op = &families[i]->ops[j];
      if (strcmp(op->type, previous) != 0) visit(context, op);
      previous = op->type;
    }
  }
}
