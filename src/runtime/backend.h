// Backends: what executes the delegates of a program.
#ifndef PPN_RUNTIME_BACKEND_H_
#define PPN_RUNTIME_BACKEND_H_

#include "formats/pte_reader.h"
#include "runtime/operator.h"
#include "runtime/shares.h"

// What a delegate is made from. Everything outlives the delegate but the request itself.
typedef struct ppn_backend_request {
  const char* method;
  ppn_span_t payload;
  const ppn_pte_compile_spec_t* compile_specs;
  uint32_t compile_spec_count;
  const ppn_pte_file_t* file;  // for its named data
  ppn_shares_t* shares;        // of all delegates of the program
  const ppn_engine_options_t* options;
} ppn_backend_request_t;

typedef struct ppn_backend {
  const char* id;  // "CoreMLBackend"
  // `*out_delegate` belongs to the method; it is used by one thread at a time.
  ppn_status_t (*create)(const ppn_backend_request_t* request, void** out_delegate);
  // Arguments: inputs, then outputs, which are written in place and resized when dynamic.
  ppn_status_t (*execute)(void* delegate, ppn_runtime_value_t* const* arguments, uint32_t count);
  void (*release)(void* delegate);  // NULL is fine
} ppn_backend_t;

extern const ppn_backend_t ppn_backend_coreml;  // backend_coreml.c

// NULL when there is none. Backends are listed in runtime/backends.c.
const ppn_backend_t* ppn_backend_find(const char* id);

#endif  // PPN_RUNTIME_BACKEND_H_
