// Log: what the library tells besides its results (warnings, progress).
#ifndef PPN_BASE_LOG_H_
#define PPN_BASE_LOG_H_

#include "base/portability.h"
#include "pippin/log.h"

// Formats and passes a message to the callback set with ppn_log_set_callback. Levels below the
// callback's are dropped before they are formatted. Thread-safe.
void ppn_log(ppn_log_level_t level, const char* format, ...) PPN_PRINTF(2, 3);

#endif  // PPN_BASE_LOG_H_
