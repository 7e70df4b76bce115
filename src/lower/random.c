// Random numbers. A model draws its own; torch's generator and seed do not reach it.
#include "lower/families.h"
#include "lower/row.h"

static bool draws_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  const ppn_argument_t* generator = ppn_node_argument(node, "generator");
  if (generator && generator->kind != PPN_ARGUMENT_NONE) {
    return ppn_row_refuse(reason, "a model has no generator but its own");
  }
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  if (!meta || !ppn_row_sizes_known(node, meta->sizes, meta->rank)) {
    return ppn_row_refuse(reason, "the sizes cannot be read from the arguments");
  }
  return meta->rank > 0 || ppn_row_refuse(reason, "a single number is not drawn by a model");
}

// Random numbers of `type` with its two parameters, as many as result 0 has.
static ppn_mil_value_t* draw(ppn_lower_context_t* context, const ppn_node_t* node, const char* type,
                             ppn_row_input_t first, ppn_row_input_t second) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  return ppn_row_emit(context, type, {"shape", ppn_row_sizes(context, meta->sizes, meta->rank)},
                      {first.name, first.value}, {second.name, second.value});
}

static ppn_status_t lower_normal(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_row_input_t mean = {"mean", ppn_row_number(context, dtype, 0)};
  ppn_row_input_t deviation = {"stddev", ppn_row_number(context, dtype, 1)};
  return ppn_row_result(context, node, draw(context, node, "random_normal", mean, deviation));
}

static ppn_status_t lower_uniform(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_row_input_t low = {"low", ppn_row_number(context, dtype, 0)};
  ppn_row_input_t high = {"high", ppn_row_number(context, dtype, 1)};
  return ppn_row_result(context, node, draw(context, node, "random_uniform", low, high));
}

// Rounding may carry a number near the end of the range to its end, which is not of the range.
static ppn_status_t lower_integers(ppn_lower_context_t* context, const ppn_node_t* node) {
  double from = ppn_row_literal_number(node, "low", 0),
         to = ppn_row_literal_number(node, "high", 1);
  ppn_row_input_t low = {"low", ppn_row_number(context, PPN_DTYPE_FLOAT32, from)};
  ppn_row_input_t high = {"high", ppn_row_number(context, PPN_DTYPE_FLOAT32, to)};
  ppn_mil_value_t* drawn = draw(context, node, "random_uniform", low, high);
  ppn_mil_value_t* whole = ppn_row_unary(context, "floor", drawn);
  return ppn_row_result(context, node, ppn_row_binary_number(context, "minimum", whole, to - 1));
}

static bool integers_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  const char* names[] = {"low", "high"};
  const double exact = options->float16 ? 1 << 11 : 1 << 24;  // integers up to it are
  for (size_t i = 0; i < PPN_COUNT_OF(names); i++) {
    const ppn_argument_t* bound = ppn_node_argument(node, names[i]);
    if (!bound) continue;
    double value = ppn_row_literal_number(node, names[i], 0);
    if (bound->kind == PPN_ARGUMENT_VALUE || value < -exact || value > exact) {
      return ppn_row_refuse(reason,
                            "the range is not one of constants that the compute precision holds");
    }
  }
  return draws_supported(node, options, reason);
}

// aten::rand is not here: the official partitioner leaves it to the CPU.
static const ppn_lower_row_t rows[] = {
    {"aten::randn", lower_normal, draws_supported, 0, 0},
    {"aten::randn_like", lower_normal, draws_supported, 0, 0},
    {"aten::rand_like", lower_uniform, draws_supported, 0, 0},
    {"aten::randint", lower_integers, integers_supported, 0, 0},
    {"aten::randint.low", lower_integers, integers_supported, 0, 0},
    {"aten::randint_like", lower_integers, integers_supported, 0, 0},
    {"aten::randint_like.low_dtype", lower_integers, integers_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(random, "Random numbers");
