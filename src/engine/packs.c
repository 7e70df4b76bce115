#include "engine/packs.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/half.h"
#include "engine/node.h"

typedef struct entry {
  ppn_engine_pack_t pack;  // first, so that one is the other
  struct entry* next;
  const ppn_engine_packing_t* packing;
  const void* source;
  int references;
} entry_t;

struct ppn_engine_packs {
  pthread_mutex_t lock;
  entry_t* list;
};

ppn_status_t ppn_engine_packs_create(ppn_engine_packs_t** out_packs) {
  *out_packs = calloc(1, sizeof(**out_packs));
  if (!*out_packs) return ppn_out_of_memory();
  pthread_mutex_init(&(*out_packs)->lock, NULL);
  return ppn_status_ok();
}

void ppn_engine_packs_free(ppn_engine_packs_t* packs) {
  if (!packs) return;
  pthread_mutex_destroy(&packs->lock);
  free(packs);
}

static void entry_free(entry_t* entry) {
  if (entry->pack.form && entry->packing->release_form) {
    entry->packing->release_form(entry->pack.form);
  }
  free(entry->pack.memory);
  free(entry);
}

void ppn_engine_packs_release(ppn_engine_packs_t* packs, const ppn_engine_pack_t* pack) {
  entry_t* entry = (entry_t*)(uintptr_t)pack;
  if (!entry) return;
  pthread_mutex_lock(&packs->lock);
  if (--entry->references == 0) {
    entry_t** link = &packs->list;
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    entry_free(entry);
  }
  pthread_mutex_unlock(&packs->lock);
}

static ppn_status_t add(ppn_engine_packs_t* packs, const ppn_engine_packing_t* packing,
                        const ppn_tensor_t* constant, const void* wanted, entry_t** out_entry) {
  entry_t* entry = calloc(1, sizeof(*entry));
  if (!entry) return ppn_out_of_memory();
  entry->packing = packing;
  entry->source = constant->data;
  ppn_status_t status = packing->make(constant, wanted, &entry->pack);
  if (status) {
    entry_free(entry);
    return status;
  }
  entry->next = packs->list;
  packs->list = entry;
  *out_entry = entry;
  return status;
}

static bool is_wanted(const entry_t* entry, const ppn_engine_packing_t* packing,
                      const ppn_tensor_t* constant, const void* wanted) {
  return entry->source == constant->data && entry->packing == packing &&
         (!packing->is_wanted || packing->is_wanted(&entry->pack, wanted));
}

ppn_status_t ppn_engine_packs_get(ppn_engine_packs_t* packs, const ppn_engine_packing_t* packing,
                                  const ppn_tensor_t* constant, const void* wanted,
                                  const ppn_engine_pack_t** out_pack) {
  ppn_status_t status = ppn_status_ok();
  pthread_mutex_lock(&packs->lock);
  entry_t* entry = packs->list;
  while (entry && !is_wanted(entry, packing, constant, wanted)) entry = entry->next;
  if (!entry) status = add(packs, packing, constant, wanted, &entry);
  if (!status) {
    ++entry->references;
    *out_pack = &entry->pack;
  }
  pthread_mutex_unlock(&packs->lock);
  return status;
}

void* ppn_engine_pack_allocate(size_t size) {
  return aligned_alloc(PPN_ENGINE_ALIGNMENT, ppn_align(size ? size : 1, PPN_ENGINE_ALIGNMENT));
}

const float* ppn_engine_pack_floats(const ppn_tensor_t* constant, void** out_memory) {
  *out_memory = NULL;
  if (constant->dtype == PPN_DTYPE_FLOAT32) return constant->data;
  size_t count = (size_t)ppn_tensor_numel(constant);
  *out_memory = malloc(count * sizeof(float) + 1);
  if (*out_memory) ppn_half_to_float_array(constant->data, *out_memory, count);
  return *out_memory;
}
