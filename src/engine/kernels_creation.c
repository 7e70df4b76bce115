// Tensors made from numbers, and masks of them.
#include <math.h>

#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/copy.h"
#include "kernels/creation.h"
#include "kernels/indices.h"

static const uint64_t zero = 0;
static const int32_t one = 1;

static const void* element_of(const ppn_tensor_t* tensor, const void* fallback) {
  return tensor ? tensor->data : fallback;
}

// ---- Constant elements ----

static ppn_status_t prepare_fill(ppn_engine_node_t* node, ppn_arena_t* arena) {
  (void)arena;
  node->state = (void*)(uintptr_t)ppn_node_input(node, "value");
  return ppn_status_ok();
}

static ppn_status_t run_fill(ppn_engine_node_t* node) {
  ppn_kernel_fill(&node->outputs[0], element_of(node->state, &zero), node->environment->pool);
  return ppn_status_ok();
}

typedef struct one_hot {
  const ppn_tensor_t *indices, *on, *off;
  int axis;
} one_hot_t;

static ppn_status_t prepare_one_hot(ppn_engine_node_t* node, ppn_arena_t* arena) {
  one_hot_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->indices = ppn_node_input(node, "indices");
  state->on = ppn_node_input(node, "on_value");
  state->off = ppn_node_input(node, "off_value");
  state->axis =
      (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", -1), node->outputs[0].rank);
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_one_hot(ppn_engine_node_t* node) {
  const one_hot_t* state = node->state;
  const ppn_tensor_t* out = &node->outputs[0];
  ppn_kernel_fill(out, element_of(state->off, &zero), node->environment->pool);
  ppn_kernel_one_hot(state->indices, state->axis, element_of(state->on, &one), out);
  return ppn_status_ok();
}

// ---- Ranges ----

typedef struct range {
  const ppn_tensor_t *start, *end, *step;
} range_t;

static ppn_status_t prepare_range(ppn_engine_node_t* node, ppn_arena_t* arena) {
  range_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->start = ppn_node_input(node, "start");
  state->end = ppn_node_input(node, "end");
  state->step = ppn_node_input(node, "step");
  node->state = state;
  return ppn_status_ok();
}

static double number_of(const ppn_tensor_t* tensor) {
  return ppn_element_as_double(tensor->dtype, tensor->data, 0);
}

static ppn_status_t run_range(ppn_engine_node_t* node) {
  const range_t* state = node->state;
  ppn_tensor_t* out = &node->outputs[0];
  double start = number_of(state->start), end = number_of(state->end),
         step = number_of(state->step);
  double length = step == 0 ? -1 : ceil((end - start) / step);
  if (length < 0) length = 0;
  if (step == 0 || !(length <= (double)out->sizes[0])) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                         "from %g to %g in steps of %g there are not at most %lld numbers", start,
                         end, step, (long long)out->sizes[0]);
  }
  out->sizes[0] = (int64_t)length;
  if (ppn_dtype_is_integer(out->dtype)) {
    ppn_kernel_range_integers((int64_t)start, (int64_t)step, out);
  } else {
    ppn_kernel_range(start, step, out);
  }
  return ppn_status_ok();
}

// ---- Bands ----

typedef struct band {
  const ppn_tensor_t* x;
  int64_t low, high;
} band_t;

static ppn_status_t prepare_band(ppn_engine_node_t* node, ppn_arena_t* arena) {
  band_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  int64_t lower = ppn_mil_input_int(node->operation, "lower", -1),
          upper = ppn_mil_input_int(node->operation, "upper", -1);
  *state = (band_t){ppn_node_input(node, "x"), lower < 0 ? INT64_MIN : -lower,
                    upper < 0 ? INT64_MAX : upper};
  if (state->x->rank < 2) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "x has rank %d, not 2 or more",
                         state->x->rank);
  }
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_band(ppn_engine_node_t* node) {
  const band_t* state = node->state;
  ppn_kernel_band(state->x, state->low, state->high, &node->outputs[0]);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"fill", PPN_ENGINE_EXACT, prepare_fill, run_fill, NULL},
    {"fill_like", PPN_ENGINE_EXACT, prepare_fill, run_fill, NULL},
    {"one_hot", PPN_ENGINE_EXACT, prepare_one_hot, run_one_hot, NULL},
    {"range_1d", 0, prepare_range, run_range, NULL},
    {"band_part", PPN_ENGINE_EXACT | PPN_ENGINE_IN_PLACE, prepare_band, run_band, NULL},
};

const ppn_engine_family_t ppn_engine_creation = {kernels, PPN_COUNT_OF(kernels)};
