#include "runtime/shares.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct share {
  struct share* next;
  const ppn_share_kind_t* kind;
  const void* key;
  void* object;
  uint32_t references;
} share_t;

struct ppn_shares {
  pthread_mutex_t lock;  // also while an object is made: the second to ask waits for it
  share_t* list;
};

ppn_status_t ppn_shares_create(ppn_shares_t** out_shares) {
  *out_shares = calloc(1, sizeof(**out_shares));
  if (!*out_shares) return ppn_out_of_memory();
  pthread_mutex_init(&(*out_shares)->lock, NULL);
  return ppn_status_ok();
}

void ppn_shares_free(ppn_shares_t* shares) {
  if (!shares) return;
  pthread_mutex_destroy(&shares->lock);
  free(shares);
}

static ppn_status_t add(ppn_shares_t* shares, const ppn_share_kind_t* kind, const void* key,
                        const void* context, share_t** out_share) {
  share_t* share = calloc(1, sizeof(*share));
  if (!share) return ppn_out_of_memory();
  ppn_status_t status = kind->create(context, &share->object);
  if (status) {
    free(share);
    return status;
  }
  share->kind = kind;
  share->key = key;
  share->next = shares->list;
  shares->list = share;
  *out_share = share;
  return ppn_status_ok();
}

ppn_status_t ppn_shares_acquire(ppn_shares_t* shares, const ppn_share_kind_t* kind, const void* key,
                                const void* context, void** out_object) {
  ppn_status_t status = ppn_status_ok();
  *out_object = NULL;
  pthread_mutex_lock(&shares->lock);
  share_t* share = shares->list;
  while (share && (share->kind != kind || share->key != key)) share = share->next;
  if (!share) status = add(shares, kind, key, context, &share);
  if (!status) {
    ++share->references;
    *out_object = share->object;
  }
  pthread_mutex_unlock(&shares->lock);
  return status;
}

void ppn_shares_release(ppn_shares_t* shares, void* object) {
  if (!object) return;
  pthread_mutex_lock(&shares->lock);
  share_t** link = &shares->list;
  while ((*link)->object != object) link = &(*link)->next;
  share_t* share = *link;
  bool is_last = --share->references == 0;
  if (is_last) *link = share->next;
  pthread_mutex_unlock(&shares->lock);
  if (!is_last) return;
  share->kind->release(object);
  free(share);
}
