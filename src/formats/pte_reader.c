#include "formats/pte_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/pte_reader_plan.h"
#include "formats/pte_tables.h"

#define PREFIX_SIZE 8  // root offset and identifier
#define MINIMUM_HEADER_SIZE 24

ppn_status_t ppn_pte_invalid(const ppn_pte_file_t* file, const uint8_t* address, const char* format,
                             ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "offset %zu: %s",
                         (size_t)(address - file->bytes.data), text);
}

static uint64_t load_u64(const uint8_t* at) {
  uint64_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

// ---- Header and segments ----

// Behind the identifier: magic, u32 length, u64 program size, u64 segment base, u64 segment size.
static ppn_status_t read_header(ppn_pte_file_t* file) {
  ppn_span_t bytes = file->bytes;
  file->flatbuffer = bytes;
  if (bytes.size < PREFIX_SIZE) {
    return ppn_pte_invalid(file, bytes.data + bytes.size,
                           "the file ends here: too short for an ExecuTorch program; was it "
                           "copied or downloaded whole?");
  }
  const uint8_t* header = bytes.data + PREFIX_SIZE;
  if (bytes.size < PREFIX_SIZE + MINIMUM_HEADER_SIZE + 8 ||
      memcmp(header, PPN_PTE_EXTENDED_HEADER_MAGIC, 4) != 0) {
    return NULL;  // no header: the whole file is the FlatBuffer
  }
  uint32_t header_size = ppn_flatbuffer_load_u32(header + 4);
  uint64_t program_size = load_u64(header + 8), base = load_u64(header + 16);
  uint64_t data_size = header_size >= MINIMUM_HEADER_SIZE + 8 ? load_u64(header + 24) : 0;
  if (header_size < MINIMUM_HEADER_SIZE) {
    return ppn_pte_invalid(file, header + 4,
                           "the extended header has %u bytes; expected %d or more", header_size,
                           MINIMUM_HEADER_SIZE);
  }
  if (program_size < PREFIX_SIZE || program_size > bytes.size) {
    return ppn_pte_invalid(
        file, header + 8, "the program has %" PRIu64 " bytes, but the file has %zu: is it cut off?",
        program_size, bytes.size);
  }
  if (base > bytes.size || data_size > bytes.size - base) {
    return ppn_pte_invalid(file, header + 16,
                           "segments take %" PRIu64 " bytes from offset %" PRIu64
                           " on, but the file has %zu: is it cut off?",
                           data_size, base, bytes.size);
  }
  file->flatbuffer.size = (size_t)program_size;
  file->segment_base = base;
  return NULL;
}

static ppn_status_t read_segments(ppn_pte_file_t* file, ppn_flatbuffer_table_t program) {
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(program, PPN_PTE_PROGRAM_SEGMENTS);
  PPN_ARENA_NEW(&file->arena, items.count, &file->segments);
  uint64_t available = file->bytes.size - file->segment_base;
  for (uint32_t i = 0; i < items.count; ++i) {
    ppn_flatbuffer_table_t segment = ppn_flatbuffer_item(items, i);
    uint64_t offset = ppn_flatbuffer_u64(segment, PPN_PTE_SEGMENT_OFFSET);
    uint64_t size = ppn_flatbuffer_u64(segment, PPN_PTE_SEGMENT_SIZE);
    if (size && !file->segment_base) {
      return ppn_pte_invalid(file, segment, "segment %u has bytes, but the file has no segments",
                             i);
    }
    if (size && (offset > available || size > available - offset)) {
      return ppn_pte_invalid(file, segment,
                             "segment %u (offset %" PRIu64 ", size %" PRIu64
                             ") runs past the end of the file: is it cut off?",
                             i, file->segment_base + offset, size);
    }
    if (size) {
      file->segments[i] =
          ppn_span_make(file->bytes.data + file->segment_base + offset, (size_t)size);
    }
  }
  file->segment_count = items.count;
  return NULL;
}

// ---- What segments hold ----

// The parts of a segment: part i starts at offset i and ends at latest with the segment.
static ppn_status_t read_subsegments(ppn_pte_file_t* file, ppn_flatbuffer_table_t table,
                                     const char* what, ppn_span_t** out_spans,
                                     uint32_t* out_count) {
  ppn_flatbuffer_vector_t offsets = ppn_flatbuffer_items(table, PPN_PTE_SUBSEGMENT_OFFSETS);
  if (offsets.count <= 1) return NULL;  // only the reserved entry
  uint32_t index = ppn_flatbuffer_u32(table, PPN_PTE_SUBSEGMENT_INDEX);
  if (index >= file->segment_count) {
    return ppn_pte_invalid(file, table, "%s are in segment %u of %u", what, index,
                           file->segment_count);
  }
  ppn_span_t segment = file->segments[index];
  PPN_ARENA_NEW(&file->arena, offsets.count, out_spans);
  for (uint32_t i = 0; i < offsets.count; ++i) {
    uint64_t offset = load_u64(offsets.items + (size_t)i * 8);
    if (offset > segment.size) {
      return ppn_pte_invalid(file, offsets.items + (size_t)i * 8,
                             "%s: entry %u starts at %" PRIu64 " of a segment of %zu bytes", what,
                             i, offset, segment.size);
    }
    if (segment.size) {
      (*out_spans)[i] = ppn_span_make(segment.data + offset, segment.size - (size_t)offset);
    }
  }
  *out_count = offsets.count;
  return NULL;
}

// Data inside the FlatBuffer: a vector of tables whose slot 0 holds bytes.
static void read_inline(ppn_flatbuffer_vector_t tables, ppn_span_t* out_spans) {
  for (uint32_t i = 0; i < tables.count; ++i) {
    ppn_flatbuffer_vector_t bytes = ppn_flatbuffer_items(ppn_flatbuffer_item(tables, i), 0);
    out_spans[i] = ppn_span_make(bytes.items, bytes.count);
  }
}

static ppn_status_t read_constants(ppn_pte_file_t* file, ppn_flatbuffer_table_t program) {
  PPN_RETURN_IF_ERROR(
      read_subsegments(file, ppn_flatbuffer_subtable(program, PPN_PTE_PROGRAM_CONSTANT_SEGMENT),
                       "constants", &file->constants, &file->constant_count));
  ppn_flatbuffer_vector_t buffers = ppn_flatbuffer_items(program, PPN_PTE_PROGRAM_CONSTANT_BUFFER);
  if (!file->constant_count && buffers.count) {  // how it was done before release 0.2
    PPN_ARENA_NEW(&file->arena, buffers.count, &file->constants);
    read_inline(buffers, file->constants);
    file->constant_count = buffers.count;
    file->are_constants_inline = true;
  }
  ppn_flatbuffer_vector_t mutable_data =
      ppn_flatbuffer_items(program, PPN_PTE_PROGRAM_MUTABLE_DATA_SEGMENTS);
  if (!mutable_data.count) return NULL;
  return read_subsegments(file, ppn_flatbuffer_item(mutable_data, 0), "mutable data",
                          &file->mutable_data, &file->mutable_data_count);
}

static ppn_status_t read_payloads(ppn_pte_file_t* file, ppn_flatbuffer_table_t program) {
  ppn_flatbuffer_vector_t data =
      ppn_flatbuffer_items(program, PPN_PTE_PROGRAM_BACKEND_DELEGATE_DATA);
  file->payload_count = file->segment_count + data.count;
  PPN_ARENA_NEW(&file->arena, file->payload_count, &file->payloads);
  for (uint32_t i = 0; i < file->segment_count; ++i) file->payloads[i] = file->segments[i];
  read_inline(data, file->payloads + file->segment_count);
  return NULL;
}

static ppn_status_t read_named_data(ppn_pte_file_t* file, ppn_flatbuffer_table_t program) {
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(program, PPN_PTE_PROGRAM_NAMED_DATA);
  PPN_ARENA_NEW(&file->arena, items.count, &file->named_data);
  for (uint32_t i = 0; i < items.count; ++i) {
    ppn_flatbuffer_table_t item = ppn_flatbuffer_item(items, i);
    uint32_t segment = ppn_flatbuffer_u32(item, PPN_PTE_NAMED_DATA_SEGMENT);
    const char* key = ppn_flatbuffer_text(item, PPN_PTE_NAMED_DATA_KEY).data;
    if (segment >= file->segment_count) {
      return ppn_pte_invalid(file, item, "named data '%s' are in segment %u of %u", key, segment,
                             file->segment_count);
    }
    file->named_data[i] = (ppn_pte_named_span_t){key, segment, file->segments[segment]};
  }
  file->named_data_count = items.count;
  return NULL;
}

// ---- Opening ----

static ppn_status_t read_file(ppn_pte_file_t* file) {
  PPN_RETURN_IF_ERROR(read_header(file));
  PPN_RETURN_IF_ERROR(
      ppn_flatbuffer_verify(file->flatbuffer, PPN_PTE_IDENTIFIER, &ppn_pte_program_type));
  ppn_flatbuffer_table_t program = ppn_flatbuffer_root(file->flatbuffer);
  PPN_RETURN_IF_ERROR(read_segments(file, program));
  PPN_RETURN_IF_ERROR(read_constants(file, program));
  PPN_RETURN_IF_ERROR(read_payloads(file, program));
  PPN_RETURN_IF_ERROR(read_named_data(file, program));
  ppn_flatbuffer_vector_t plans = ppn_flatbuffer_items(program, PPN_PTE_PROGRAM_EXECUTION_PLAN);
  PPN_ARENA_NEW(&file->arena, plans.count, &file->plans);
  file->plan_count = plans.count;
  for (uint32_t i = 0; i < plans.count; ++i) {
    ppn_flatbuffer_table_t plan = ppn_flatbuffer_item(plans, i);
    PPN_RETURN_IF_ERROR_ANNOTATED(ppn_pte_read_plan(file, plan, &file->plans[i]), "method '%.100s'",
                                  ppn_flatbuffer_text(plan, PPN_PTE_PLAN_NAME).data);
  }
  return NULL;
}

ppn_status_t ppn_pte_open(ppn_span_t bytes, ppn_pte_file_t** out_file) {
  *out_file = NULL;
  ppn_pte_file_t* file = calloc(1, sizeof(*file));
  if (!file) return ppn_out_of_memory();
  file->bytes = bytes;
  ppn_status_t status = read_file(file);
  if (status) {
    ppn_pte_close(file);
    return status;
  }
  *out_file = file;
  return NULL;
}

void ppn_pte_close(ppn_pte_file_t* file) {
  if (!file) return;
  ppn_arena_release(&file->arena);
  free(file);
}

const ppn_pte_plan_t* ppn_pte_find_plan(const ppn_pte_file_t* file, const char* name) {
  for (uint32_t i = 0; i < file->plan_count; ++i) {
    if (strcmp(file->plans[i].name, name) == 0) return &file->plans[i];
  }
  return NULL;
}

bool ppn_pte_find_named_data(const ppn_pte_file_t* file, ppn_string_view_t key,
                             ppn_span_t* out_bytes) {
  for (uint32_t i = 0; i < file->named_data_count; ++i) {
    if (!ppn_sv_equals(key, file->named_data[i].key)) continue;
    *out_bytes = file->named_data[i].bytes;
    return true;
  }
  return false;
}
