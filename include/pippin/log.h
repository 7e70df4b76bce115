// Log callback: warnings and information the library has for its user.
#ifndef PIPPIN_LOG_H_
#define PIPPIN_LOG_H_

#include "pippin/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ppn_log_level {
  PPN_LOG_DEBUG = 0,
  PPN_LOG_INFO = 1,
  PPN_LOG_WARNING = 2,
  PPN_LOG_ERROR = 3,
} ppn_log_level_t;

// `message` is one line without a line break, valid during the call. May be called from any thread
// that uses the library.
typedef void (*ppn_log_callback_t)(void* user_data, ppn_log_level_t level, const char* message);

// Sets where messages of at least `minimum_level` go; NULL drops them all, which is the default.
// Process-wide; thread-safe, but set it before other threads use the library.
PPN_API void ppn_log_set_callback(ppn_log_callback_t callback, void* user_data,
                                  ppn_log_level_t minimum_level);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_LOG_H_
