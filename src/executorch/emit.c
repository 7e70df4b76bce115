#include "executorch/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "executorch/method.h"

ppn_emit_options_t ppn_emit_options_defaults(void) {
  ppn_emit_options_t options = {.segment_alignment = 128,
                                .constant_tensor_alignment = 16,
                                .allocate_graph_input = true,
                                .allocate_graph_output = true,
                                .allocate_mutable_buffers = true};
  return options;
}

// ---- Payloads ----

static ppn_status_t hash_piece(void* self, const void* data, size_t size) {
  ppn_hasher_update(self, data, size);
  return ppn_status_ok();
}

static ppn_status_t hash_payload(ppn_payload_pool_t* pool, uint32_t index) {
  if (pool->is_hashed[index]) return ppn_status_ok();
  ppn_hasher_t* hasher = ppn_hasher_create();
  if (!hasher) return ppn_out_of_memory();
  ppn_status_t status = ppn_producer_write(pool->payloads[index], (ppn_sink_t){hash_piece, hasher});
  if (!status) {
    pool->hashes[index] = ppn_hasher_digest(hasher);
    pool->is_hashed[index] = true;
  }
  ppn_hasher_free(hasher);
  return status;
}

static ppn_status_t grow(ppn_payload_pool_t* pool) {
  if (pool->count < pool->capacity) return ppn_status_ok();
  uint32_t capacity = pool->capacity ? pool->capacity * 2 : 8;
  void* payloads = realloc((void*)pool->payloads, capacity * sizeof(*pool->payloads));
  if (payloads) pool->payloads = payloads;
  void* hashes = realloc(pool->hashes, capacity * sizeof(*pool->hashes));
  if (hashes) pool->hashes = hashes;
  void* is_hashed = realloc(pool->is_hashed, capacity * sizeof(*pool->is_hashed));
  if (is_hashed) pool->is_hashed = is_hashed;
  if (!payloads || !hashes || !is_hashed) return ppn_out_of_memory();
  pool->capacity = capacity;
  return ppn_status_ok();
}

ppn_status_t ppn_payload_pool_add(ppn_payload_pool_t* pool, const ppn_producer_t* payload,
                                  uint32_t* out_index) {
  PPN_RETURN_IF_ERROR(grow(pool));
  uint32_t added = pool->count;
  pool->payloads[added] = payload;
  pool->is_hashed[added] = false;
  for (uint32_t i = 0; i < added; ++i) {
    bool equal = pool->payloads[i] == payload;
    if (!equal && pool->payloads[i]->size == payload->size) {
      PPN_RETURN_IF_ERROR(hash_payload(pool, i));
      PPN_RETURN_IF_ERROR(hash_payload(pool, added));
      equal = ppn_hash128_equal(pool->hashes[i], pool->hashes[added]);
    }
    if (equal) {
      *out_index = i;
      return ppn_status_ok();
    }
  }
  *out_index = pool->count++;
  return ppn_status_ok();
}

void ppn_payload_pool_release(ppn_payload_pool_t* pool) {
  free((void*)pool->payloads);
  free(pool->hashes);
  free(pool->is_hashed);
  *pool = (ppn_payload_pool_t){0};
}

// ---- What cannot be emitted ----

// Lists every operator without an out-variant once, with the first place it comes from.
static ppn_status_t check_operators(const ppn_edge_method_t* methods, uint32_t method_count) {
  ppn_string_map_t seen = {0};
  ppn_buffer_t list = {0};
  ppn_status_t status = NULL;
  for (uint32_t i = 0; i < method_count; ++i) {
    for (ppn_node_t* node = methods[i].program->graph->first; node && !status; node = node->next) {
      ppn_emission_t emission = ppn_emission_of(node);
      bool is_missing = emission.kind == PPN_EMISSION_MISSING;
      if (!is_missing || ppn_string_map_find(&seen, ppn_sv(node->target))) continue;
      ppn_buffer_printf(&list, "%s%s", list.size ? "; " : "", ppn_node_describe(node));
      status = ppn_string_map_set(&seen, ppn_sv(node->target), node);
    }
  }
  if (!status && list.size) {
    status = ppn_status_make(
        PPN_STATUS_UNSUPPORTED,
        "operators without an out-variant cannot stay on the CPU: %s. Let Core ML take them, or "
        "rewrite the model without them",
        ppn_buffer_text(&list));
  }
  ppn_string_map_release(&seen);
  ppn_buffer_release(&list);
  return status;
}

// ---- Programs ----

static int by_name(const void* a, const void* b) {
  const ppn_edge_method_t *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

typedef struct emission {
  ppn_arena_t arena;
  ppn_constant_pool_t constants, initial_values;
  ppn_payload_pool_t payloads;
  ppn_method_emitter_t* emitters;
  uint32_t emitter_count;
  ppn_pte_plan_t* plans;
} emission_t;

static ppn_method_emitter_t* next_emitter(emission_t* emission, const ppn_emit_options_t* options) {
  ppn_method_emitter_t* emitter = &emission->emitters[emission->emitter_count++];
  emitter->options = options;
  emitter->constants = &emission->constants;
  emitter->initial_values = &emission->initial_values;
  emitter->payloads = &emission->payloads;
  emitter->arena = &emission->arena;
  return emitter;
}

static ppn_status_t emit_methods(emission_t* emission, const ppn_emission_source_t* source,
                                 const ppn_emit_options_t* options) {
  const ppn_edge_method_t** sorted;
  size_t count = (size_t)source->method_count + source->constant_method_count;
  PPN_ARENA_NEW(&emission->arena, source->method_count, &sorted);
  PPN_ARENA_NEW(&emission->arena, count, &emission->emitters);
  PPN_ARENA_NEW(&emission->arena, count, &emission->plans);
  for (uint32_t i = 0; i < source->method_count; ++i) sorted[i] = &source->methods[i];
  qsort((void*)sorted, source->method_count, sizeof(*sorted), by_name);
  for (uint32_t i = 0; i < source->method_count; ++i) {
    ppn_method_emitter_t* emitter = next_emitter(emission, options);
    emitter->method = sorted[i];
    emitter->program = sorted[i]->program;
    PPN_RETURN_IF_ERROR_ANNOTATED(ppn_method_emit(emitter, &emission->plans[i]), "method '%s'",
                                  sorted[i]->name);
  }
  for (uint32_t i = 0; i < source->constant_method_count; ++i) {
    const ppn_constant_method_t* method = &source->constant_methods[i];
    PPN_RETURN_IF_ERROR_ANNOTATED(
        ppn_constant_method_emit(next_emitter(emission, options), method,
                                 &emission->plans[source->method_count + i]),
        "constant method '%s'", method->name);
  }
  return ppn_status_ok();
}

static ppn_status_t describe(emission_t* emission, const ppn_emission_source_t* source,
                             const ppn_emit_options_t* options, ppn_pte_program_t* out_program) {
  PPN_RETURN_IF_ERROR(check_operators(source->methods, source->method_count));
  PPN_RETURN_IF_ERROR(emit_methods(emission, source, options));
  ppn_pte_named_data_t* entries;
  PPN_ARENA_NEW(&emission->arena, source->named_data_count, &entries);
  for (uint32_t i = 0; i < source->named_data_count; ++i) {
    const ppn_named_data_t* data = &source->named_data[i];
    entries[i] = (ppn_pte_named_data_t){data->key, data->content, data->alignment};
  }
  *out_program = (ppn_pte_program_t){
      .plans = emission->plans,
      .plan_count = emission->emitter_count,
      .constants = emission->constants.producers,
      .constant_count = emission->constants.count,
      .initial_values = emission->initial_values.producers,
      .initial_value_count = emission->initial_values.count,
      .payloads = emission->payloads.payloads,
      .payload_count = emission->payloads.count,
      .named_data = entries,
      .named_data_count = source->named_data_count,
      .segment_alignment = options->segment_alignment,
      .constant_alignment = options->constant_tensor_alignment,
  };
  return ppn_status_ok();
}

static void release(emission_t* emission) {
  for (uint32_t i = 0; i < emission->emitter_count; ++i) {
    ppn_method_emitter_release(&emission->emitters[i]);
  }
  ppn_constant_pool_release(&emission->constants);
  ppn_constant_pool_release(&emission->initial_values);
  ppn_payload_pool_release(&emission->payloads);
  ppn_arena_release(&emission->arena);
}

ppn_status_t ppn_emit_program(const ppn_emission_source_t* source,
                              const ppn_emit_options_t* options, ppn_sink_t sink) {
  emission_t emission = {0};
  ppn_pte_program_t program;
  ppn_status_t status = describe(&emission, source, options, &program);
  if (!status) status = ppn_pte_write(&program, sink);
  release(&emission);
  return status;
}

ppn_status_t ppn_emit_program_size(const ppn_emission_source_t* source,
                                   const ppn_emit_options_t* options, uint64_t* out_size) {
  emission_t emission = {0};
  ppn_pte_program_t program;
  ppn_status_t status = describe(&emission, source, options, &program);
  if (!status) status = ppn_pte_size(&program, out_size);
  release(&emission);
  return status;
}
