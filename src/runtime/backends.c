// All backends.
#include <string.h>

#include "runtime/backend.h"

static const ppn_backend_t* const backends[] = {&ppn_backend_coreml};

const ppn_backend_t* ppn_backend_find(const char* id) {
  for (size_t i = 0; i < PPN_COUNT_OF(backends); ++i) {
    if (strcmp(backends[i]->id, id) == 0) return backends[i];
  }
  return NULL;
}

size_t ppn_runtime_backend_count(void) {
  return PPN_COUNT_OF(backends);
}

const char* ppn_runtime_backend_name(size_t index) {
  return index < PPN_COUNT_OF(backends) ? backends[index]->id : NULL;
}
