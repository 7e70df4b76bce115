// Decompositions of operators that choose between elements.
#include "aten/build.h"
#include "aten/rows.h"

// where(condition, self, other) with numbers in place of tensors: the edge dialect makes them
// constants.
static ppn_status_t where_number(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "condition"),
                                ppn_build_argument(&build, "self"),
                                ppn_build_argument(&build, "other")};
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::where.self", arguments, 3, meta));
}

// max(self, other) is maximum(self, other): only the latter has a kernel everywhere.
static ppn_status_t extremum(ppn_aten_emitter_t* emitter, ppn_node_t* node, const char* op) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                ppn_build_argument(&build, "other")};
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  return ppn_build_finish(&build, ppn_build_typed(&build, op, arguments, 2, meta));
}

static ppn_status_t maximum(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return extremum(emitter, node, "aten::maximum");
}

static ppn_status_t minimum(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return extremum(emitter, node, "aten::minimum");
}

static const ppn_aten_row_t rows[] = {
    {"aten::where.Scalar", NULL, where_number, NULL},
    {"aten::where.ScalarSelf", NULL, where_number, NULL},
    {"aten::where.ScalarOther", NULL, where_number, NULL},
    {"aten::max.other", NULL, maximum, NULL},
    {"aten::min.other", NULL, minimum, NULL},
};
const ppn_aten_family_t ppn_aten_selection = {rows, PPN_COUNT_OF(rows)};
