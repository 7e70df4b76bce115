#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>

static bool reserve(ppn_buffer_t* buffer, size_t extra) {
  if (buffer->failed || extra > SIZE_MAX / 2 - buffer->size) {
    buffer->failed = true;
    return false;
  }
  size_t needed = buffer->size + extra;
  if (needed <= buffer->capacity) return true;
  size_t capacity = buffer->capacity ? buffer->capacity : 256;
  while (capacity < needed) capacity *= 2;
  uint8_t* data = realloc(buffer->data, capacity);
  if (!data) {
    buffer->failed = true;
    return false;
  }
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
}

void ppn_buffer_release(ppn_buffer_t* buffer) {
  free(buffer->data);
  memset(buffer, 0, sizeof(*buffer));
}

uint8_t* ppn_buffer_extend(ppn_buffer_t* buffer, size_t size) {
  if (!reserve(buffer, size)) return NULL;
  uint8_t* start = buffer->data + buffer->size;
  if (size) memset(start, 0, size);
  buffer->size += size;
  return start;
}

void ppn_buffer_append(ppn_buffer_t* buffer, const void* data, size_t size) {
  if (size == 0 || !reserve(buffer, size)) return;
  memcpy(buffer->data + buffer->size, data, size);
  buffer->size += size;
}

void ppn_buffer_append_text(ppn_buffer_t* buffer, const char* text) {
  ppn_buffer_append(buffer, text, strlen(text));
}

void ppn_buffer_printf(ppn_buffer_t* buffer, const char* format, ...) {
  va_list arguments, copy;
  va_start(arguments, format);
  va_copy(copy, arguments);
  int size = vsnprintf(NULL, 0, format, copy);
  va_end(copy);
  if (size < 0) {
    buffer->failed = true;
  } else if (reserve(buffer, (size_t)size + 1)) {
    vsnprintf((char*)buffer->data + buffer->size, (size_t)size + 1, format, arguments);
    buffer->size += (size_t)size;
  }
  va_end(arguments);
}

const char* ppn_buffer_text(ppn_buffer_t* buffer) {
  if (!reserve(buffer, 1)) return "";
  buffer->data[buffer->size] = 0;
  return (const char*)buffer->data;
}
