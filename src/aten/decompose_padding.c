// Decompositions of padding.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64 };

typedef struct padding {
  const char* mode;
  int64_t amounts[2 * MAXIMUM_RANK];  // (before, after) from the last dimension on
  uint32_t count;
} padding_t;

static bool read(const ppn_build_t* build, padding_t* out) {
  ppn_argument_t amounts = ppn_build_argument(build, "pad"),
                 mode = ppn_build_argument(build, "mode");
  out->mode = mode.kind == PPN_ARGUMENT_STRING ? mode.u.string : "constant";
  return ppn_argument_as_ints(&amounts, out->amounts, 2 * MAXIMUM_RANK, &out->count);
}

// The operator of a mode for so many padded dimensions; NULL when there is none.
static const char* operator_of(const char* mode, uint32_t dims) {
  static const char* const reflection[] = {"aten::reflection_pad1d", "aten::reflection_pad2d",
                                           "aten::reflection_pad3d"};
  static const char* const replication[] = {"aten::replication_pad1d", "aten::replication_pad2d",
                                            "aten::replication_pad3d"};
  if (dims < 1 || dims > 3) return NULL;
  if (strcmp(mode, "reflect") == 0) return reflection[dims - 1];
  return strcmp(mode, "replicate") == 0 ? replication[dims - 1] : NULL;
}

// Negative amounts cut; they become 0. NULL when a size that is cut is not fixed.
static ppn_value_t* cut(ppn_build_t* build, ppn_value_t* x, padding_t* padding) {
  for (uint32_t i = 0; i < padding->count / 2 && x; ++i) {
    int64_t *before = &padding->amounts[2 * i], *after = &padding->amounts[2 * i + 1];
    int dim = x->tensor.rank - 1 - (int)i;
    if (*before >= 0 && *after >= 0) continue;
    if (!ppn_dim_is_static(x->tensor.sizes[dim])) return NULL;
    int64_t size = x->tensor.sizes[dim].value;
    int64_t start = *before < 0 ? -*before : 0, end = *after < 0 ? size + *after : size;
    if (start > end) return NULL;
    x = ppn_build_slice(build, x, dim, start, end, end - start);
    if (*before < 0) *before = 0;
    if (*after < 0) *after = 0;
  }
  return x;
}

// The end in front and the start behind.
static ppn_value_t* wrap(ppn_build_t* build, ppn_value_t* x, padding_t* padding) {
  x = cut(build, x, padding);
  for (uint32_t i = 0; i < padding->count / 2 && x; ++i) {
    int dim = x->tensor.rank - 1 - (int)i;
    int64_t before = padding->amounts[2 * i], after = padding->amounts[2 * i + 1];
    ppn_value_t* parts[3];
    uint32_t count = 0;
    if (before == 0 && after == 0) continue;
    if (!ppn_dim_is_static(x->tensor.sizes[dim])) return NULL;
    int64_t size = x->tensor.sizes[dim].value;
    if (before > 0) {
      parts[count++] = ppn_build_slice(build, x, dim, size - before, size, before);
    }
    parts[count++] = x;
    if (after > 0) parts[count++] = ppn_build_slice(build, x, dim, 0, after, after);
    x = ppn_build_cat(build, parts, count, dim);
  }
  return x;
}

static bool is_negative(const padding_t* padding) {
  for (uint32_t i = 0; i < padding->count; ++i) {
    if (padding->amounts[i] < 0) return true;
  }
  return false;
}

// The official kernel pads only: what is cut is sliced off first.
static ppn_status_t pad_constant(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  padding_t padding;
  if (!read(&build, &padding) || !is_negative(&padding)) return ppn_status_ok();
  ppn_value_t* x = cut(&build, ppn_build_tensor(&build, "self"), &padding);
  if (!x) return build.status;
  return ppn_build_finish(
      &build,
      ppn_build_op(&build, "aten::constant_pad_nd", &ppn_build_result(&build, 0)->tensor,
                   ppn_argument_value("self", x),
                   ppn_argument_ints(emitter->graph->arena, "pad", padding.amounts, padding.count),
                   ppn_build_argument(&build, "value")));
}

// Reflection or replication by the amounts that are positive; these become 0.
static ppn_value_t* pad_edges(ppn_build_t* build, const char* op, ppn_value_t* self,
                              padding_t* padding) {
  int64_t amounts[2 * MAXIMUM_RANK];
  ppn_dim_t sizes[MAXIMUM_RANK];
  int rank = self->tensor.rank;
  for (int i = 0; i < rank; ++i) sizes[i] = self->tensor.sizes[i];
  for (uint32_t i = 0; i < padding->count; ++i) {
    int dim = rank - 1 - (int)i / 2;
    amounts[i] = padding->amounts[i] > 0 ? padding->amounts[i] : 0;
    if (padding->amounts[i] > 0) padding->amounts[i] = 0;
    if (build->status) return NULL;
    build->status = ppn_dim_add(build->emitter->graph->symbols, sizes[dim],
                                ppn_dim_static(amounts[i]), &sizes[dim]);
  }
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank, sizes);
  return ppn_build_op(
      build, op, &meta, ppn_argument_value("self", self),
      ppn_argument_ints(build->emitter->graph->arena, "padding", amounts, padding->count));
}

static ppn_status_t pad(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  ppn_argument_t amounts = ppn_build_argument(&build, "pad");
  padding_t padding;
  bool is_literal = read(&build, &padding);
  if (strcmp(padding.mode, "constant") == 0) {
    ppn_argument_t value = ppn_build_argument(&build, "value");
    if (value.kind == PPN_ARGUMENT_NONE) value = ppn_argument_int("value", 0);
    return ppn_build_finish(&build, ppn_build_op(&build, "aten::constant_pad_nd", &result->tensor,
                                                 ppn_argument_value("self", self), amounts, value));
  }
  if (!is_literal) return ppn_status_ok();
  if (strcmp(padding.mode, "circular") == 0) {
    return ppn_build_finish(&build, wrap(&build, self, &padding));
  }
  const char* op = operator_of(padding.mode, padding.count / 2);
  if (!op) return ppn_status_ok();
  // What is cut off is cut off last: the padding repeats what lies there.
  ppn_value_t* padded = pad_edges(&build, op, self, &padding);
  return ppn_build_finish(&build, cut(&build, padded, &padding));
}

static const ppn_aten_row_t rows[] = {
    {"aten::pad", NULL, pad, NULL},
    {"aten::constant_pad_nd", NULL, pad_constant, NULL},
};
const ppn_aten_family_t ppn_aten_padding = {rows, PPN_COUNT_OF(rows)};
