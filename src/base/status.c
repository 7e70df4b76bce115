#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ppn_status {
  ppn_status_code_t code;
  char* message;
};

static char out_of_memory_message[] = "out of memory";
static struct ppn_status out_of_memory_status = {PPN_STATUS_OUT_OF_MEMORY, out_of_memory_message};

static char* format_message(const char* format, va_list arguments) {
  va_list copy;
  va_copy(copy, arguments);
  int size = vsnprintf(NULL, 0, format, copy);
  va_end(copy);
  if (size < 0) return NULL;
  char* text = malloc((size_t)size + 1);
  if (text) vsnprintf(text, (size_t)size + 1, format, arguments);
  return text;
}

ppn_status_t ppn_status_make(ppn_status_code_t code, const char* format, ...) {
  struct ppn_status* status = malloc(sizeof(*status));
  if (!status) return &out_of_memory_status;
  va_list arguments;
  va_start(arguments, format);
  status->code = code;
  status->message = format_message(format, arguments);
  va_end(arguments);
  if (!status->message) {
    free(status);
    return &out_of_memory_status;
  }
  return status;
}

ppn_status_t ppn_status_create(ppn_status_code_t code, const char* message) {
  return ppn_status_make(code, "%s", message);
}

ppn_status_t ppn_status_annotate(ppn_status_t status, const char* format, ...) {
  if (!status || status == &out_of_memory_status) return status;
  va_list arguments;
  va_start(arguments, format);
  char* context = format_message(format, arguments);
  va_end(arguments);
  if (!context) return status;
  size_t context_size = strlen(context), message_size = strlen(status->message);
  char* joined = realloc(context, context_size + 2 + message_size + 1);
  if (!joined) {
    free(context);
    return status;
  }
  memcpy(joined + context_size, ": ", 2);
  memcpy(joined + context_size + 2, status->message, message_size + 1);
  free(status->message);
  status->message = joined;
  return status;
}

int ppn_status_consume(ppn_status_t status) {
  if (!status) return 0;
  ppn_status_free(status);
  return 1;
}

ppn_status_code_t ppn_status_code(ppn_status_t status) {
  return status ? status->code : PPN_STATUS_OK;
}

const char* ppn_status_message(ppn_status_t status) {
  return status ? status->message : "OK";
}

const char* ppn_status_code_name(ppn_status_code_t code) {
  static const char* const names[] = {
      "OK",          "INVALID_ARGUMENT",     "NOT_FOUND",    "INVALID_DATA",
      "UNSUPPORTED", "INCOMPATIBLE_VERSION", "OUT_OF_RANGE", "OUT_OF_MEMORY",
      "IO",          "FAILED_PRECONDITION",  "MISMATCH",     "INTERNAL",
  };
  return (unsigned)code < PPN_COUNT_OF(names) ? names[code] : "UNKNOWN";
}

void ppn_status_free(ppn_status_t status) {
  if (!status || status == &out_of_memory_status) return;
  free(status->message);
  free(status);
}
