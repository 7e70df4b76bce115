#include "report.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

int fail(ppn_status_t status) {
  clear_progress();
  fprintf(stderr, "pippin: %s\n", ppn_status_message(status));
  int result = ppn_status_code(status) == PPN_STATUS_MISMATCH ? EXIT_DIFFERENT : EXIT_FAILED;
  ppn_status_free(status);
  return result;
}

static void print_log(void* user_data, ppn_log_level_t level, const char* message) {
  (void)user_data;
  static const char* const names[] = {"debug", "note", "warning", "error"};
  clear_progress();
  fprintf(stderr, "pippin: %s: %s\n", names[level], message);
}

void install_log(void) {
  ppn_log_level_t level = common.quiet     ? PPN_LOG_ERROR
                          : common.verbose ? PPN_LOG_INFO
                                           : PPN_LOG_WARNING;
  ppn_log_set_callback(print_log, NULL, level);
}

static bool progress_shown;

void show_progress(void* user_data, const char* stage, double fraction) {
  (void)user_data;
  if (common.quiet || !isatty(STDERR_FILENO)) return;
  fprintf(stderr, "\r\033[K%s %3.0f %%", stage, fraction * 100);
  fflush(stderr);
  progress_shown = true;
}

void clear_progress(void) {
  if (!progress_shown) return;
  fputs("\r\033[K", stderr);
  progress_shown = false;
}

const char* format_size(uint64_t bytes, char out[32]) {
  if (bytes < 1000) {
    snprintf(out, 32, "%u B", (unsigned)bytes);
  } else if (bytes < 1000000) {
    snprintf(out, 32, "%.1f kB", (double)bytes / 1e3);
  } else if (bytes < 1000000000) {
    snprintf(out, 32, "%.1f MB", (double)bytes / 1e6);
  } else {
    snprintf(out, 32, "%.2f GB", (double)bytes / 1e9);
  }
  return out;
}

double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
