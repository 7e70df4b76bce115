#include "engine/fuse.h"

#include <math.h>
#include <string.h>

enum { MAX_FUSED = 4 };

typedef struct fuser {
  ppn_mil_function_t* function;
  ppn_arena_t* arena;
  bool rounds;  // fp16 values are rounded after each operation
} fuser_t;

static ppn_engine_value_t* record_of(const ppn_mil_value_t* value) {
  return value->scratch;
}

static ppn_engine_operation_t* kept_of(const ppn_mil_operation_t* operation) {
  return operation->scratch;
}

static unsigned flags_of(const ppn_mil_operation_t* operation) {
  const ppn_engine_kernel_t* kernel = ppn_engine_kernel_find(operation->op->type);
  return kernel ? kernel->flags : 0;
}

// ---- Uses ----

static void count_use(ppn_mil_value_t* value, ppn_mil_operation_t* user, uint32_t number) {
  ppn_engine_value_t* record = record_of(value);
  if (!record) return;  // a constant that specialisation made
  ++record->use_count;
  record->user = user;
  if (record->last_use < number) record->last_use = number;
}

static void count_uses(ppn_mil_function_t* function) {
  uint32_t number = 0;
  for (ppn_mil_operation_t* operation = function->block->first; operation;
       operation = operation->next) {
    kept_of(operation)->number = ++number;
    for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
      for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
        count_use(operation->inputs[i].values[j], operation, number);
      }
    }
  }
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    count_use(function->block->outputs[i], NULL, number + 1);
  }
  // What is viewed is needed as long as the view.
  for (ppn_mil_operation_t* operation = function->block->last; operation;
       operation = operation->previous) {
    if (!(flags_of(operation) & PPN_ENGINE_VIEW)) continue;
    ppn_engine_value_t* viewed = record_of(operation->inputs[0].values[0]);
    uint32_t last = record_of(operation->outputs[0])->last_use;
    if (viewed && viewed->last_use < last) viewed->last_use = last;
  }
}

static const ppn_mil_value_t* viewed_by(const ppn_mil_value_t* value) {
  while (value->producer && flags_of(value->producer) & PPN_ENGINE_VIEW) {
    value = value->producer->inputs[0].values[0];
  }
  return value;
}

// ---- Activations ----

static bool is(const ppn_mil_operation_t* operation, const char* type) {
  return strcmp(operation->op->type, type) == 0;
}

static float number(const ppn_mil_operation_t* operation, const char* parameter, double fallback) {
  return (float)ppn_mil_input_float(operation, parameter, fallback);
}

static bool read_gelu(const ppn_mil_operation_t* operation, ppn_engine_fused_t* out) {
  const char* mode = ppn_mil_input_string(operation, "mode", "EXACT");
  if (strcmp(mode, "EXACT") == 0) {
    out->kind = PPN_ENGINE_FUSED_GELU_ERF;
  } else if (strcmp(mode, "TANH_APPROXIMATION") == 0) {
    out->kind = PPN_ENGINE_FUSED_GELU_TANH;
  } else {
    out->kind = PPN_ENGINE_FUSED_SWISH;
    out->alpha = 1.702f;
  }
  return true;
}

static bool read_activation(const ppn_mil_operation_t* operation, ppn_engine_fused_t* out) {
  *out = (ppn_engine_fused_t){.kind = PPN_ENGINE_FUSED_CLAMP};
  if (is(operation, "relu")) {
    out->beta = INFINITY;
  } else if (is(operation, "relu6")) {
    out->beta = 6;
  } else if (is(operation, "clip")) {
    out->alpha = number(operation, "alpha", 0);
    out->beta = number(operation, "beta", 0);
  } else if (is(operation, "leaky_relu")) {
    out->kind = PPN_ENGINE_FUSED_LEAKY;
    out->alpha = number(operation, "alpha", 0.01);
  } else if (is(operation, "elu")) {
    out->kind = PPN_ENGINE_FUSED_ELU;
    out->alpha = number(operation, "alpha", 1);
  } else if (is(operation, "sigmoid")) {
    out->kind = PPN_ENGINE_FUSED_SIGMOID;
  } else if (is(operation, "tanh")) {
    out->kind = PPN_ENGINE_FUSED_TANH;
  } else if (is(operation, "silu")) {
    out->kind = PPN_ENGINE_FUSED_SWISH;
    out->alpha = 1;
  } else if (is(operation, "gelu")) {
    return read_gelu(operation, out);
  } else {
    return false;
  }
  return true;
}

// ---- Additions ----

static bool have_same_type(const ppn_mil_value_t* a, const ppn_mil_value_t* b) {
  return ppn_mil_type_equal(&a->type, &b->type);
}

// Among two products that are added the later one adds; the earlier one's result is its tensor.
static bool adds_later(const ppn_mil_operation_t* operation, const ppn_mil_value_t* other) {
  const ppn_mil_operation_t* producer = other->producer;
  return producer && flags_of(producer) & PPN_ENGINE_FUSES && record_of(other)->use_count == 1 &&
         kept_of(producer)->number > kept_of(operation)->number;
}

// May the result be written over `tensor`? Only what a kernel wrote, that nobody needs after
// `adding`, and that the operation does not read otherwise.
static bool is_dead_after(const ppn_mil_operation_t* operation, const ppn_mil_value_t* tensor,
                          const ppn_mil_operation_t* adding) {
  if (!tensor->producer || flags_of(tensor->producer) & PPN_ENGINE_VIEW) return false;
  if (record_of(tensor)->last_use != kept_of(adding)->number) return false;
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      if (viewed_by(operation->inputs[i].values[j]) == tensor) return false;
    }
  }
  return true;
}

static bool read_addition(const ppn_mil_operation_t* operation, const ppn_mil_operation_t* adding,
                          ppn_engine_fused_t* out, ppn_mil_value_t** out_value) {
  if (!is(adding, "add")) return false;
  ppn_mil_value_t *x = ppn_mil_operation_input(adding, "x"),
                  *y = ppn_mil_operation_input(adding, "y"), *result = operation->outputs[0];
  ppn_mil_value_t* other = x == result ? y : x;
  if (x == y || !have_same_type(other, result) || !have_same_type(result, adding->outputs[0]) ||
      other->constant || adds_later(operation, other)) {
    return false;
  }
  *out = (ppn_engine_fused_t){
      .kind = PPN_ENGINE_FUSED_ADD,
      .tensor = record_of(other)->tensor,
      .is_dead = is_dead_after(operation, other, adding),
  };
  *out_value = other;
  return true;
}

// ---- Joining ----

static void move_before(ppn_mil_operation_t* operation, ppn_mil_operation_t* before) {
  ppn_mil_block_t* block = operation->parent;
  ppn_mil_operation_remove(operation);
  operation->next = before;
  operation->previous = before->previous;
  if (before->previous) {
    before->previous->next = operation;
  } else {
    block->first = operation;
  }
  before->previous = operation;
}

// The operation takes the place of `absorbed`, which used its result.
static void absorb(ppn_mil_operation_t* operation, ppn_mil_operation_t* absorbed) {
  ppn_engine_operation_t* kept = kept_of(operation);
  move_before(operation, absorbed);
  operation->outputs[0] = absorbed->outputs[0];
  operation->outputs[0]->producer = operation;
  kept->original = kept_of(absorbed)->original;
  kept->number = kept_of(absorbed)->number;
  ppn_mil_operation_remove(absorbed);
}

static ppn_status_t fuse_into(const fuser_t* fuser, ppn_mil_operation_t* operation) {
  ppn_engine_operation_t* kept = kept_of(operation);
  bool exact_only = fuser->rounds && operation->outputs[0]->type.dtype == PPN_DTYPE_FLOAT16;
  while (kept->fused_count < MAX_FUSED) {
    const ppn_engine_value_t* result = record_of(operation->outputs[0]);
    ppn_engine_fused_t fused;
    ppn_mil_value_t* value = NULL;
    if (result->use_count != 1 || !result->user) break;
    bool is_activation = read_activation(result->user, &fused) &&
                         (!exact_only || fused.kind == PPN_ENGINE_FUSED_CLAMP) &&
                         have_same_type(operation->outputs[0], result->user->outputs[0]);
    if (!is_activation && (exact_only || kept->fused_count > 0 ||
                           !read_addition(operation, result->user, &fused, &value))) {
      break;
    }
    if (!kept->fused) {
      PPN_ARENA_NEW(fuser->arena, MAX_FUSED, &kept->fused);
      PPN_ARENA_NEW(fuser->arena, MAX_FUSED, &kept->fused_values);
    }
    kept->fused[kept->fused_count] = fused;
    kept->fused_values[kept->fused_count++] = value;
    absorb(operation, result->user);
  }
  return ppn_status_ok();
}

// Only products of floats do the work of what follows them.
static bool has_integers(const ppn_mil_operation_t* operation) {
  static const char* const operands[] = {"x", "y", "weight"};
  for (size_t i = 0; i < PPN_COUNT_OF(operands); ++i) {
    const ppn_mil_value_t* value = ppn_mil_operation_input(operation, operands[i]);
    if (value && value->type.dtype != PPN_DTYPE_FLOAT16 && value->type.dtype != PPN_DTYPE_FLOAT32) {
      return true;
    }
  }
  return false;
}

ppn_status_t ppn_engine_fuse(ppn_mil_function_t* function,
                             const ppn_engine_environment_t* environment) {
  fuser_t fuser = {
      .function = function,
      .arena = &function->program->arena,
      .rounds = environment->numerics == PPN_NUMERICS_DEVICE,
  };
  count_uses(function);
  if (environment->is_observed) return ppn_status_ok();
  for (ppn_mil_operation_t *operation = function->block->first, *next; operation;
       operation = next) {
    next = operation->next;
    if (!(flags_of(operation) & PPN_ENGINE_FUSES) || operation->output_count != 1 ||
        has_integers(operation)) {
      continue;
    }
    // The operation moves, and what follows it may go: go on behind its old place.
    ppn_mil_operation_t* previous = operation->previous;
    PPN_RETURN_IF_ERROR(fuse_into(&fuser, operation));
    next = previous ? previous->next : function->block->first;
    if (next == operation) next = operation->next;
  }
  return ppn_status_ok();
}
