// Making, annotating and passing on status values. See pippin/status.h for what a status is.
#ifndef PPN_BASE_STATUS_H_
#define PPN_BASE_STATUS_H_

#include <stdarg.h>

#include "base/portability.h"
#include "pippin/status.h"

// A new error. The message is printf-formatted and copied. Never returns NULL (when memory is out,
// a static OUT_OF_MEMORY status is returned).
ppn_status_t ppn_status_make(ppn_status_code_t code, const char* format, ...) PPN_MUST_USE
    PPN_PRINTF(2, 3);

// Puts "<context>: " before the message of `status` and returns it. NULL stays NULL (the context is
// not formatted).
ppn_status_t ppn_status_annotate(ppn_status_t status, const char* format, ...) PPN_MUST_USE
    PPN_PRINTF(2, 3);

// Drops `status` and says whether it was an error. For the rare place where failure only means
// "no".
int ppn_status_consume(ppn_status_t status);

#define PPN_RETURN_IF_ERROR(expression)                \
  do {                                                 \
    ppn_status_t status_ = (expression);               \
    if (PPN_UNLIKELY(status_ != NULL)) return status_; \
  } while (0)

#define PPN_RETURN_IF_ERROR_ANNOTATED(expression, ...)                                   \
  do {                                                                                   \
    ppn_status_t status_ = (expression);                                                 \
    if (PPN_UNLIKELY(status_ != NULL)) return ppn_status_annotate(status_, __VA_ARGS__); \
  } while (0)

// For functions that release resources at a label: sets `status` (a local ppn_status_t) and jumps
// when it is an error.
#define PPN_GOTO_IF_ERROR(status, label, expression) \
  do {                                               \
    (status) = (expression);                         \
    if (PPN_UNLIKELY((status) != NULL)) goto label;  \
  } while (0)

#define ppn_out_of_memory() ppn_status_make(PPN_STATUS_OUT_OF_MEMORY, "out of memory")

#endif  // PPN_BASE_STATUS_H_
