// Messages of the tool: errors, warnings, progress, sizes and times.
#ifndef PIPPIN_TOOLS_REPORT_H_
#define PIPPIN_TOOLS_REPORT_H_

#include <stdint.h>

#include "pippin/pippin.h"

// Prints "pippin: <message>" on stderr, frees the status, returns EXIT_FAILED (EXIT_DIFFERENT for a
// mismatch).
int fail(ppn_status_t status);
// The library's log on stderr: warnings always (unless quiet), information when verbose.
void install_log(void);

// Progress on stderr, only when it is a terminal. Pass as ppn_progress_t; finish with
// clear_progress.
void show_progress(void* user_data, const char* stage, double fraction);
void clear_progress(void);

// "7.1 MB" into `out`.
const char* format_size(uint64_t bytes, char out[32]);
// Seconds of the monotonic clock.
double now_seconds(void);

#endif  // PIPPIN_TOOLS_REPORT_H_
