// Shares operations that do the same to the same operands.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "mil/pass_list.h"

// Operations seen so far in this block, by hash, chained.
typedef struct seen {
  uint64_t hash;
  ppn_mil_operation_t* operation;
  uint32_t next;  // index + 1; 0: none
} seen_t;

typedef struct table {
  seen_t* entries;
  uint32_t* buckets;  // index + 1
  uint32_t count, bucket_count;
} table_t;

enum { SMALL = 64 };  // constants of at most so many elements are compared by content

static bool is_small(const ppn_mil_constant_t* constant) {
  return constant && !constant->texts && !constant->scale &&
         ppn_mil_constant_numel(constant) <= SMALL;
}

static bool same_value(const ppn_mil_value_t* a, const ppn_mil_value_t* b) {
  if (a == b) return true;
  if (!is_small(a->constant) || !is_small(b->constant) || !ppn_mil_type_equal(&a->type, &b->type)) {
    return false;
  }
  if (a->constant->text || b->constant->text) {
    return a->constant->text && b->constant->text &&
           strcmp(a->constant->text, b->constant->text) == 0;
  }
  int64_t count = ppn_mil_constant_numel(a->constant);
  for (int64_t i = 0; i < count; i++) {
    double x = ppn_mil_constant_element(a->constant, i),
           y = ppn_mil_constant_element(b->constant, i);
    if (memcmp(&x, &y, sizeof x) != 0) return false;
  }
  return true;
}

static uint64_t mix(uint64_t hash, uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  return hash * 0xff51afd7ed558ccdu;
}

static uint64_t hash_value(const ppn_mil_value_t* value) {
  if (!is_small(value->constant)) return (uint64_t)(uintptr_t)value;
  if (value->constant->text)
    return ppn_hash64(value->constant->text, strlen(value->constant->text));
  uint64_t hash = value->type.dtype;
  int64_t count = ppn_mil_constant_numel(value->constant);
  for (int64_t i = 0; i < count; i++) {
    double number = ppn_mil_constant_element(value->constant, i);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    hash = mix(hash, bits);
  }
  return hash;
}

static uint64_t hash_operation(const ppn_mil_operation_t* operation) {
  uint64_t hash = (uint64_t)(uintptr_t)operation->op;
  for (uint32_t i = 0; i < operation->op->parameter_count; i++) {
    for (uint32_t j = 0; j < operation->inputs[i].count; j++) {
      hash = mix(hash, hash_value(operation->inputs[i].values[j]) + i);
    }
  }
  return hash;
}

static bool same_operation(const ppn_mil_operation_t* a, const ppn_mil_operation_t* b) {
  if (a->op != b->op || a->output_count != b->output_count) return false;
  for (uint32_t i = 0; i < a->op->parameter_count; i++) {
    if (a->inputs[i].count != b->inputs[i].count) return false;
    for (uint32_t j = 0; j < a->inputs[i].count; j++) {
      if (!same_value(a->inputs[i].values[j], b->inputs[i].values[j])) return false;
    }
  }
  for (uint32_t i = 0; i < a->output_count; i++) {
    if (!ppn_mil_type_equal(&a->outputs[i]->type, &b->outputs[i]->type)) return false;
  }
  return true;
}

static bool is_repeatable(const ppn_mil_operation_t* operation) {
  const char* type = operation->op->type;
  return operation->block_count == 0 && operation->output_count > 0 &&
         strncmp(type, "random_", 7) != 0 && strncmp(type, "list_", 5) != 0 &&
         strcmp(type, "make_list") != 0 && strcmp(type, "read_state") != 0 &&
         strcmp(type, "write_state") != 0;
}

static void resolve(void* context, ppn_mil_value_t** slot) {
  (void)context;
  while ((*slot)->replacement) *slot = (*slot)->replacement;
}

static void share(ppn_mil_function_t* function, table_t* table, ppn_mil_operation_t* operation) {
  ppn_mil_operation_visit_values(operation, resolve, NULL);
  if (!is_repeatable(operation)) return;
  for (uint32_t i = 0; i < operation->output_count; i++) {
    if (operation->outputs[i]->scratch == function) return;  // results keep their operation
  }
  uint64_t hash = hash_operation(operation);
  uint32_t* bucket = &table->buckets[hash % table->bucket_count];
  for (uint32_t i = *bucket; i; i = table->entries[i - 1].next) {
    const seen_t* entry = &table->entries[i - 1];
    if (entry->hash != hash || !same_operation(entry->operation, operation)) continue;
    for (uint32_t j = 0; j < operation->output_count; j++) {
      operation->outputs[j]->replacement = entry->operation->outputs[j];
    }
    ppn_mil_operation_remove(operation);
    return;
  }
  table->entries[table->count] = (seen_t){hash, operation, *bucket};
  *bucket = ++table->count;
}

ppn_status_t ppn_mil_pass_redundant(ppn_mil_function_t* function) {
  uint32_t count = 0;
  for (ppn_mil_operation_t* o = function->block->first; o; o = o->next) count++;
  table_t table = {.bucket_count = 2 * count + 1};
  table.entries = calloc((size_t)count + 1, sizeof *table.entries);
  table.buckets = calloc(table.bucket_count, sizeof *table.buckets);
  ppn_status_t status = table.entries && table.buckets ? ppn_status_ok() : ppn_out_of_memory();
  ppn_mil_clear_scratch(function);
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    function->block->outputs[i]->scratch = function;
  }
  for (ppn_mil_operation_t *o = function->block->first, *next; !status && o; o = next) {
    next = o->next;
    share(function, &table, o);
  }
  free(table.entries);
  free(table.buckets);
  if (!status) ppn_mil_function_apply_replacements(function);
  return status;
}
