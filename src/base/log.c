#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ppn_log_callback_t log_callback;
static void* log_user_data;
static ppn_log_level_t log_minimum_level;

void ppn_log_set_callback(ppn_log_callback_t callback, void* user_data,
                          ppn_log_level_t minimum_level) {
  pthread_mutex_lock(&lock);
  log_callback = callback;
  log_user_data = user_data;
  log_minimum_level = minimum_level;
  pthread_mutex_unlock(&lock);
}

void ppn_log(ppn_log_level_t level, const char* format, ...) {
  pthread_mutex_lock(&lock);
  ppn_log_callback_t callback = level >= log_minimum_level ? log_callback : NULL;
  void* user_data = log_user_data;
  pthread_mutex_unlock(&lock);
  if (!callback) return;
  va_list arguments, copy;
  va_start(arguments, format);
  va_copy(copy, arguments);
  int size = vsnprintf(NULL, 0, format, copy);
  va_end(copy);
  char* text = size < 0 ? NULL : malloc((size_t)size + 1);
  if (text) {
    vsnprintf(text, (size_t)size + 1, format, arguments);
    callback(user_data, level, text);
    free(text);
  }
  va_end(arguments);
}
