// Decompositions of Einstein sums: operands are joined from left to right, each pair by one matrix
// product.
//
// The labels of a pair fall in four groups: those of both operands that are still needed (batch) or
// not (inner), and those of one operand only. Each side is summed over what nobody needs, permuted
// to [batch, own, inner] and viewed as three dimensions.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_LABELS = 32, MAXIMUM_OPERANDS = 16, ELLIPSIS = 128 };

typedef struct labels {
  int count;
  uint8_t at[MAXIMUM_LABELS];  // a letter, or ELLIPSIS + the distance from its last dimension
} labels_t;

typedef struct operand {
  ppn_value_t* value;
  labels_t labels;
} operand_t;

typedef struct equation {
  int count;
  operand_t operands[MAXIMUM_OPERANDS];
  labels_t result;
  int ellipsis_rank;
} equation_t;

static int find(const labels_t* labels, uint8_t label) {
  for (int i = 0; i < labels->count; ++i) {
    if (labels->at[i] == label) return i;
  }
  return -1;
}

static bool append(labels_t* labels, uint8_t label) {
  if (labels->count == MAXIMUM_LABELS) return false;
  labels->at[labels->count++] = label;
  return true;
}

// ---- Parsing ----

static bool append_ellipsis(labels_t* labels, int rank) {
  for (int i = rank; i > 0; --i) {
    if (!append(labels, (uint8_t)(ELLIPSIS + i))) return false;
  }
  return true;
}

// One operand's text up to ',' or '-' or the end. An ellipsis stands for `rank` dimensions.
static bool parse_labels(const char** text, int rank, labels_t* out) {
  const char* c = *text;
  out->count = 0;
  for (; *c && *c != ',' && *c != '-'; ++c) {
    if (*c == ' ') continue;
    if (strncmp(c, "...", 3) == 0) {
      if (!append_ellipsis(out, rank)) return false;
      c += 2;
    } else if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')) {
      if (!append(out, (uint8_t)*c)) return false;
    } else {
      return false;
    }
  }
  *text = c;
  return true;
}

// Without an arrow: the ellipsis, then the letters that occur once, in order of the alphabet.
static bool imply_result(equation_t* equation) {
  if (!append_ellipsis(&equation->result, equation->ellipsis_rank)) return false;
  for (int letter = 'A'; letter <= 'z'; ++letter) {
    int seen = 0;
    for (int i = 0; i < equation->count; ++i) {
      for (int j = 0; j < equation->operands[i].labels.count; ++j) {
        seen += equation->operands[i].labels.at[j] == letter;
      }
    }
    if (seen == 1 && !append(&equation->result, (uint8_t)letter)) return false;
  }
  return true;
}

static bool parse(const char* text, const ppn_argument_t* tensors, equation_t* out) {
  if (tensors->count < 1 || tensors->count > MAXIMUM_OPERANDS) return false;
  for (uint32_t i = 0; i < tensors->count; ++i) {
    operand_t* operand = &out->operands[out->count++];
    operand->value = tensors->u.values[i];
    if (i > 0 && *text++ != ',') return false;
    const char* start = text;
    if (!parse_labels(&text, 0, &operand->labels)) return false;
    int rank = operand->value->tensor.rank - operand->labels.count;
    bool has_ellipsis = memchr(start, '.', (size_t)(text - start)) != NULL;
    if (rank < 0 || (rank > 0 && !has_ellipsis)) return false;
    if (rank > out->ellipsis_rank) out->ellipsis_rank = rank;
    if (has_ellipsis && !parse_labels(&start, rank, &operand->labels)) return false;
  }
  while (*text == ' ') ++text;
  if (strncmp(text, "->", 2) != 0) return !*text && imply_result(out);
  text += 2;
  return parse_labels(&text, out->ellipsis_rank, &out->result) && !*text;
}

// ---- One operand ----

// A label twice in an operand takes the diagonal.
static bool take_diagonals(ppn_build_t* build, operand_t* operand) {
  labels_t* labels = &operand->labels;
  for (int i = 0; i < labels->count && !build->status; ++i) {
    int j = i + 1;
    while (j < labels->count && labels->at[j] != labels->at[i]) ++j;
    if (j >= labels->count) continue;
    const ppn_tensor_meta_t* meta = &operand->value->tensor;
    ppn_dim_t sizes[MAXIMUM_LABELS];
    uint8_t label = labels->at[i];
    int rank = 0;
    if (!ppn_dim_equal(meta->sizes[i], meta->sizes[j])) return false;
    ppn_dim_t size = meta->sizes[i];
    for (int k = 0; k < meta->rank; ++k) {
      if (k == i || k == j) continue;
      labels->at[rank] = labels->at[k];
      sizes[rank++] = meta->sizes[k];
    }
    labels->at[rank] = label;
    sizes[rank++] = size;
    labels->count = rank;
    ppn_tensor_meta_t result = ppn_build_meta(build, meta->dtype, rank, sizes);
    operand->value = ppn_build_op(
        build, "aten::diagonal", &result, ppn_argument_value("self", operand->value),
        ppn_argument_int("offset", 0), ppn_argument_int("dim1", i), ppn_argument_int("dim2", j));
    i = -1;
  }
  return true;
}

// Sums over the labels that are in neither list.
static void sum_others(ppn_build_t* build, operand_t* operand, const labels_t* a,
                       const labels_t* b) {
  int64_t dims[MAXIMUM_LABELS];
  uint32_t count = 0;
  labels_t kept = {0};
  for (int i = 0; i < operand->labels.count; ++i) {
    uint8_t label = operand->labels.at[i];
    if (find(a, label) >= 0 || find(b, label) >= 0) {
      append(&kept, label);
    } else {
      dims[count++] = i;
    }
  }
  if (count) {
    operand->value =
        ppn_build_reduce(build, "aten::sum.dim_IntList", operand->value, dims, count, false);
  }
  operand->labels = kept;
}

static ppn_value_t* arrange(ppn_build_t* build, const operand_t* operand, const labels_t* order) {
  int64_t dims[MAXIMUM_LABELS];
  bool changes = false;
  for (int i = 0; i < order->count; ++i) {
    dims[i] = find(&operand->labels, order->at[i]);
    changes |= dims[i] != i;
  }
  return changes ? ppn_build_permute(build, operand->value, dims) : operand->value;
}

// ---- Pairs ----

typedef struct groups {
  labels_t batch, inner, own[2];
} groups_t;

static bool group(const operand_t* a, const operand_t* b, const labels_t* needed, groups_t* out) {
  bool fits = true;
  memset(out, 0, sizeof *out);
  for (int i = 0; i < a->labels.count; ++i) {
    uint8_t label = a->labels.at[i];
    bool is_shared = find(&b->labels, label) >= 0, is_kept = find(needed, label) >= 0;
    fits &= append(!is_shared ? &out->own[0] : is_kept ? &out->batch : &out->inner, label);
  }
  for (int i = 0; i < b->labels.count; ++i) {
    if (find(&a->labels, b->labels.at[i]) < 0) fits &= append(&out->own[1], b->labels.at[i]);
  }
  return fits;
}

// Sizes of 1 become those of the other operand where both have the label.
static void spread(ppn_build_t* build, operand_t* operand, const operand_t* other) {
  ppn_build_size_t sizes[MAXIMUM_LABELS];
  bool changes = false;
  if (build->status) return;
  for (int i = 0; i < operand->labels.count; ++i) {
    int there = find(&other->labels, operand->labels.at[i]);
    bool grows = there >= 0 && ppn_dim_is(operand->value->tensor.sizes[i], 1) &&
                 !ppn_dim_is(other->value->tensor.sizes[there], 1);
    sizes[i] =
        grows ? ppn_build_size_of(other->value, there) : ppn_build_size_of(operand->value, i);
    changes |= grows;
  }
  if (changes)
    operand->value = ppn_build_expand(build, operand->value, sizes, operand->labels.count);
}

// The product of consecutive sizes; false when it cannot be stated.
static bool merged_size(ppn_value_t* value, int first, int count, ppn_build_size_t* out) {
  int64_t size = 1;
  if (count == 1) return *out = ppn_build_size_of(value, first), true;
  for (int i = first; i < first + count; ++i) {
    if (!ppn_dim_is_static(value->tensor.sizes[i])) return false;
    size *= value->tensor.sizes[i].value;
  }
  return *out = ppn_build_literal(size), true;
}

// `operand` as [batch, rows, columns]; NULL when that cannot be stated.
static ppn_value_t* as_matrices(ppn_build_t* build, const operand_t* operand, const labels_t* batch,
                                const labels_t* rows, const labels_t* columns) {
  const labels_t* parts[] = {batch, rows, columns};
  labels_t order = {0};
  ppn_build_size_t sizes[3];
  if (build->status) return NULL;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < parts[i]->count; ++j) append(&order, parts[i]->at[j]);
  }
  ppn_value_t* value = arrange(build, operand, &order);
  for (int i = 0, first = 0; value && i < 3; first += parts[i++]->count) {
    if (!merged_size(value, first, parts[i]->count, &sizes[i])) return NULL;
  }
  return ppn_build_view(build, value, sizes, 3);
}

// a := a · b; false when the case is not covered.
static bool join(ppn_build_t* build, operand_t* a, operand_t* b, const labels_t* needed) {
  groups_t groups;
  sum_others(build, a, needed, &b->labels);
  sum_others(build, b, needed, &a->labels);
  spread(build, a, b);
  spread(build, b, a);
  if (!group(a, b, needed, &groups)) return false;
  ppn_value_t* left = as_matrices(build, a, &groups.batch, &groups.own[0], &groups.inner);
  ppn_value_t* right = as_matrices(build, b, &groups.batch, &groups.inner, &groups.own[1]);
  if (build->status || !left || !right) return false;
  ppn_value_t* product = ppn_build_matrix_product(build, left, right);
  const struct {
    const labels_t* labels;
    const operand_t* from;
  } parts[] = {{&groups.batch, a}, {&groups.own[0], a}, {&groups.own[1], b}};
  labels_t result = {0};
  ppn_build_size_t sizes[MAXIMUM_LABELS];
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < parts[i].labels->count; ++j) {
      uint8_t label = parts[i].labels->at[j];
      sizes[result.count] =
          ppn_build_size_of(parts[i].from->value, find(&parts[i].from->labels, label));
      if (!append(&result, label)) return false;
    }
  }
  a->value = ppn_build_view(build, product, sizes, result.count);
  a->labels = result;
  return a->value != NULL;
}

// The labels that the result or an operand from `first` on has.
static labels_t needed_from(const equation_t* equation, int first) {
  labels_t needed = equation->result;
  for (int i = first; i < equation->count; ++i) {
    for (int j = 0; j < equation->operands[i].labels.count; ++j) {
      uint8_t label = equation->operands[i].labels.at[j];
      if (find(&needed, label) < 0) append(&needed, label);
    }
  }
  return needed;
}

static ppn_status_t einsum(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t text = ppn_build_argument(&build, "equation"),
                 tensors = ppn_build_argument(&build, "tensors");
  equation_t equation = {0};
  if (text.kind != PPN_ARGUMENT_STRING || tensors.kind != PPN_ARGUMENT_VALUES ||
      !parse(text.u.string, &tensors, &equation)) {
    return ppn_status_ok();
  }
  for (int i = 0; i < equation.count; ++i) {
    if (!take_diagonals(&build, &equation.operands[i])) return build.status;
  }
  operand_t product = equation.operands[0];
  for (int i = 1; i < equation.count && !build.status; ++i) {
    labels_t needed = needed_from(&equation, i + 1);
    if (!join(&build, &product, &equation.operands[i], &needed)) return build.status;
  }
  sum_others(&build, &product, &equation.result, &equation.result);
  if (build.status || product.labels.count != equation.result.count) return build.status;
  return ppn_build_finish(&build, arrange(&build, &product, &equation.result));
}

static const ppn_aten_row_t rows[] = {
    {"aten::einsum", NULL, einsum, NULL},
};
const ppn_aten_family_t ppn_aten_einsum = {rows, PPN_COUNT_OF(rows)};
