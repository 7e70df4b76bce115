// Einstein sums of one or two operands: summing, permuting, and one matrix product.
//
// The letters of two operands fall in four groups: shared and kept (batch), shared and summed
// (inner), and those of one side only. Each side is permuted to [batch..., own..., inner...] and
// reshaped to three dimensions; matmul does the rest.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

enum { MAX_LETTERS = 8 };

typedef struct equation {
  char operands[2][MAX_LETTERS + 1];
  char result[MAX_LETTERS + 1];
  int count;
} equation_t;

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Without an arrow the result has the letters that occur once, in order of the alphabet.
static bool add_implicit_result(equation_t* out) {
  int length = 0;
  for (int c = 'A'; c <= 'z'; c++) {
    int seen = 0;
    for (int i = 0; i < out->count; i++) {
      for (const char* p = out->operands[i]; *p; p++) seen += *p == c;
    }
    if (seen == 1) {
      if (length == MAX_LETTERS) return false;
      out->result[length++] = (char)c;
    }
  }
  return true;
}

// Plain letters only: no ellipsis, no letter twice in one operand.
static bool parse(const char* text, equation_t* out) {
  memset(out, 0, sizeof *out);
  char* target = out->operands[0];
  int length = 0;
  bool arrow = false;
  out->count = 1;
  for (const char* p = text; *p; p++) {
    if (*p == ' ') continue;
    if (*p == ',' && !arrow) {
      if (out->count == 2) return false;
      target = out->operands[out->count++];
      length = 0;
    } else if (p[0] == '-' && p[1] == '>' && !arrow) {
      arrow = true;
      target = out->result;
      length = 0;
      p++;
    } else if (is_letter(*p) && length < MAX_LETTERS && !strchr(target, *p)) {
      target[length++] = *p;
    } else {
      return false;
    }
  }
  return arrow || add_implicit_result(out);
}

static bool read_equation(const ppn_node_t* node, equation_t* out) {
  const ppn_argument_t* tensors = ppn_node_argument(node, "tensors");
  if (!parse(ppn_row_literal_text(node, "equation", "?"), out) || !tensors ||
      tensors->kind != PPN_ARGUMENT_VALUES || (int)tensors->count != out->count) {
    return false;
  }
  for (int i = 0; i < out->count; i++) {
    if (tensors->u.values[i]->tensor.rank != (int)strlen(out->operands[i])) return false;
  }
  for (const char* p = out->result; *p; p++) {
    if (!strchr(out->operands[0], *p) && !strchr(out->operands[1], *p)) return false;
  }
  return true;
}

// Removes the letters that neither `kept` nor `other` has, by summing over them.
static ppn_mil_value_t* sum_lone(ppn_lower_context_t* context, ppn_mil_value_t* x, char* letters,
                                 const char* kept, const char* other) {
  int64_t axes[MAX_LETTERS];
  uint32_t count = 0;
  int length = 0;
  for (int i = 0; letters[i]; i++) {
    if (strchr(kept, letters[i]) || strchr(other, letters[i])) {
      letters[length++] = letters[i];
    } else {
      axes[count++] = i;
    }
  }
  letters[length] = 0;
  return count ? ppn_row_reduce(context, "reduce_sum", x, axes, count, false) : x;
}

// Permutes dimensions `from` into the order `to` (the same letters).
static ppn_mil_value_t* arrange(ppn_lower_context_t* context, ppn_mil_value_t* x, const char* from,
                                const char* to) {
  int64_t permutation[MAX_LETTERS];
  for (int i = 0; to[i]; i++) permutation[i] = strchr(from, to[i]) - from;
  return ppn_row_transpose(context, x, permutation);
}

typedef struct groups {
  char batch[MAX_LETTERS + 1], inner[MAX_LETTERS + 1], own[2][MAX_LETTERS + 1];
} groups_t;

static void append(char* text, char c) {
  size_t length = strlen(text);
  if (length < MAX_LETTERS) text[length] = c;
}

static groups_t group(const equation_t* equation) {
  groups_t groups = {{0}, {0}, {{0}, {0}}};
  for (const char* p = equation->operands[0]; *p; p++) {
    bool shared = strchr(equation->operands[1], *p), kept = strchr(equation->result, *p);
    append(!shared ? groups.own[0] : kept ? groups.batch : groups.inner, *p);
  }
  for (const char* p = equation->operands[1]; *p; p++) {
    if (!strchr(equation->operands[0], *p)) append(groups.own[1], *p);
  }
  return groups;
}

// The size of a letter, from whichever operand has it larger than 1.
static int64_t size_of(const ppn_node_t* node, char letter) {
  const ppn_argument_t* tensors = ppn_node_argument(node, "tensors");
  int64_t size = 1;
  equation_t original;
  read_equation(node, &original);
  for (int i = 0; i < original.count; i++) {
    const char* at = strchr(original.operands[i], letter);
    if (!at) continue;
    int64_t here = tensors->u.values[i]->tensor.sizes[at - original.operands[i]].value;
    if (here > size) size = here;
  }
  return size;
}

static int64_t product_of(const ppn_node_t* node, const char* letters) {
  int64_t product = 1;
  for (; *letters; letters++) product *= size_of(node, *letters);
  return product;
}

// [batch, own, inner]
static ppn_mil_value_t* as_matrices(ppn_lower_context_t* context, const ppn_node_t* node,
                                    const equation_t* equation, const groups_t* groups, int side,
                                    ppn_mil_value_t* x) {
  char order[3 * MAX_LETTERS + 1];
  strcpy(order, groups->batch);
  strcat(order, groups->own[side]);
  strcat(order, groups->inner);
  x = arrange(context, x, equation->operands[side], order);
  int64_t sizes[] = {product_of(node, groups->batch), product_of(node, groups->own[side]),
                     product_of(node, groups->inner)};
  return ppn_row_reshape_static(context, x, sizes, 3);
}

static ppn_status_t lower_einsum(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_argument_t* tensors = ppn_node_argument(node, "tensors");
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  equation_t equation;
  read_equation(node, &equation);
  ppn_mil_value_t* operands[2] = {NULL, NULL};
  for (int i = 0; i < equation.count; i++) {
    operands[i] = ppn_row_list_item(context, tensors, (uint32_t)i, dtype);
    operands[i] = sum_lone(context, operands[i], equation.operands[i], equation.result,
                           equation.operands[1 - i]);
  }
  if (equation.count == 1) {
    return ppn_row_result(context, node,
                          arrange(context, operands[0], equation.operands[0], equation.result));
  }
  groups_t groups = group(&equation);
  ppn_mil_value_t* x = as_matrices(context, node, &equation, &groups, 0, operands[0]);
  ppn_mil_value_t* y = as_matrices(context, node, &equation, &groups, 1, operands[1]);
  ppn_mil_value_t* products = ppn_row_emit(context, "matmul", {"x", x}, {"y", y},
                                           {"transpose_x", ppn_row_bool(context, false)},
                                           {"transpose_y", ppn_row_bool(context, true)});
  char order[3 * MAX_LETTERS + 1];
  int64_t sizes[3 * MAX_LETTERS];
  strcpy(order, groups.batch);
  strcat(order, groups.own[0]);
  strcat(order, groups.own[1]);
  int rank = 0;
  for (; order[rank]; rank++) sizes[rank] = size_of(node, order[rank]);
  products = ppn_row_reshape_static(context, products, sizes, rank);
  return ppn_row_result(context, node, arrange(context, products, order, equation.result));
}

static bool einsum_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  equation_t equation;
  const ppn_argument_t* tensors = ppn_node_argument(node, "tensors");
  if (!read_equation(node, &equation)) {
    return ppn_row_refuse(reason, "an equation with more than two operands, ellipsis or diagonal");
  }
  for (uint32_t i = 0; i < tensors->count; i++) {
    const ppn_tensor_meta_t* meta = &tensors->u.values[i]->tensor;
    if (!ppn_row_sizes_static(meta->sizes, meta->rank)) {
      return ppn_row_refuse(reason, "needs fixed shapes");
    }
    // Broadcasting within the equation would need an expansion first.
    for (int j = 0; j < meta->rank; j++) {
      char letter = equation.operands[i][j];
      if (meta->sizes[j].value != size_of(node, letter)) {
        return ppn_row_refuse(reason, "sizes of '%c' differ", letter);
      }
    }
  }
  return ppn_dtype_is_float(ppn_row_output(node, 0)->dtype) ||
         ppn_row_refuse(reason, "only floating-point tensors");
}

static const ppn_lower_row_t rows[] = {
    {"aten::einsum", lower_einsum, einsum_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(einsum, "Einstein sums");
