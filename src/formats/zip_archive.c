#include "formats/zip_archive.h"

#include <libdeflate.h>

#include "base/file_kind.h"

#define END_SIGNATURE 0x06054b50u
#define END64_LOCATOR_SIGNATURE 0x07064b50u
#define END64_SIGNATURE 0x06064b50u
#define CENTRAL_SIGNATURE 0x02014b50u
#define LOCAL_SIGNATURE 0x04034b50u
#define END_SIZE 22
#define END64_LOCATOR_SIZE 20
#define CENTRAL_SIZE 46
#define LOCAL_SIZE 30
#define MAXIMUM_COMMENT 65535
// Deflate shrinks at most by about 1030; anything beyond is damage or an attack.
#define MAXIMUM_RATIO 1040

static uint16_t load16(const uint8_t* p) {
  return (uint16_t)(p[0] | p[1] << 8);
}
static uint32_t load32(const uint8_t* p) {
  return (uint32_t)load16(p) | (uint32_t)load16(p + 2) << 16;
}
static uint64_t load64(const uint8_t* p) {
  return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32;
}

static bool fits(ppn_span_t bytes, uint64_t offset, uint64_t size) {
  return offset <= bytes.size && size <= bytes.size - offset;
}

typedef struct directory {
  uint64_t offset, size, count;
} directory_t;

static ppn_status_t damaged(uint64_t offset, const char* what) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "damaged ZIP archive: %s at offset %llu", what,
                         (unsigned long long)offset);
}

// The end record is the last thing in the file but for a comment.
static ppn_status_t find_directory(ppn_span_t bytes, directory_t* out) {
  if (bytes.size < END_SIZE) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "not a ZIP archive but %s: its %zu bytes are too few for one",
                           ppn_file_kind(bytes), bytes.size);
  }
  size_t lowest =
      bytes.size > END_SIZE + MAXIMUM_COMMENT ? bytes.size - END_SIZE - MAXIMUM_COMMENT : 0;
  for (size_t at = bytes.size - END_SIZE + 1; at-- > lowest;) {
    const uint8_t* end = bytes.data + at;
    if (load32(end) != END_SIGNATURE || load16(end + 20) != bytes.size - at - END_SIZE) continue;
    *out = (directory_t){
        .offset = load32(end + 16), .size = load32(end + 12), .count = load16(end + 10)};
    if (at < END64_LOCATOR_SIZE || load32(end - END64_LOCATOR_SIZE) != END64_LOCATOR_SIGNATURE) {
      return ppn_status_ok();
    }
    uint64_t end64_offset = load64(end - END64_LOCATOR_SIZE + 8);
    if (!fits(bytes, end64_offset, 56) || load32(bytes.data + end64_offset) != END64_SIGNATURE) {
      return damaged(end64_offset, "no ZIP64 end record");
    }
    const uint8_t* end64 = bytes.data + end64_offset;
    *out = (directory_t){
        .offset = load64(end64 + 48), .size = load64(end64 + 40), .count = load64(end64 + 32)};
    return ppn_status_ok();
  }
  if (load32(bytes.data) != LOCAL_SIGNATURE) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "not a ZIP archive but %s",
                           ppn_file_kind(bytes));
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "a truncated ZIP archive: its %zu bytes hold no end record; copy or "
                         "download the file again",
                         bytes.size);
}

// Values that did not fit stand in the extra field with id 1, in a fixed order.
static ppn_status_t read_zip64(const uint8_t* header, uint64_t at, ppn_zip_entry_t* entry) {
  uint64_t* fields[] = {&entry->size, &entry->compressed_size, &entry->header_offset};
  const uint8_t* extra = header + CENTRAL_SIZE + load16(header + 28);
  size_t left = load16(header + 30);
  while (left >= 4) {
    size_t size = load16(extra + 2);
    if (size > left - 4) return damaged(at, "bad extra field");
    if (load16(extra) == 1) {
      const uint8_t* value = extra + 4;
      size_t value_left = size;
      for (size_t i = 0; i < PPN_COUNT_OF(fields); ++i) {
        if (*fields[i] != UINT32_MAX) continue;
        if (value_left < 8) return damaged(at, "short ZIP64 field");
        *fields[i] = load64(value);
        value += 8;
        value_left -= 8;
      }
    }
    extra += 4 + size;
    left -= 4 + size;
  }
  return ppn_status_ok();
}

// Names are printed and put together to paths.
static bool is_good_name(ppn_string_view_t name) {
  if (name.size == 0 || name.data[0] == '/') return false;
  for (size_t i = 0; i < name.size; ++i) {
    unsigned char c = (unsigned char)name.data[i];
    if (c < ' ' || c == 0x7f || c == '\\') return false;
    bool is_part_start = i == 0 || name.data[i - 1] == '/';
    bool is_up = is_part_start && i + 1 < name.size && c == '.' && name.data[i + 1] == '.' &&
                 (i + 2 == name.size || name.data[i + 2] == '/');
    if (is_up) return false;
  }
  return true;
}

static ppn_status_t check_name(const ppn_zip_archive_t* archive, const ppn_zip_entry_t* entry,
                               uint64_t at) {
  if (!is_good_name(entry->name)) return damaged(at, "an entry with a forbidden name");
  if (!ppn_string_map_get(&archive->by_name, entry->name)) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "damaged ZIP archive: two entries are named '%.*s', the second at offset "
                         "%llu",
                         PPN_SV(entry->name), (unsigned long long)at);
}

static ppn_status_t read_directory(ppn_zip_archive_t* archive, const directory_t* directory) {
  ppn_span_t bytes = archive->bytes;
  if (!fits(bytes, directory->offset, directory->size) ||
      directory->count > directory->size / CENTRAL_SIZE) {
    return damaged(directory->offset, "the central directory reaches beyond the file");
  }
  PPN_ARENA_NEW(&archive->arena, directory->count, &archive->entries);
  uint64_t at = directory->offset, end = directory->offset + directory->size;
  for (uint64_t i = 0; i < directory->count; ++i) {
    const uint8_t* header = bytes.data + at;
    if (end - at < CENTRAL_SIZE || load32(header) != CENTRAL_SIGNATURE) {
      return damaged(at, "no central directory entry");
    }
    uint64_t size =
        (uint64_t)CENTRAL_SIZE + load16(header + 28) + load16(header + 30) + load16(header + 32);
    if (size > end - at) return damaged(at, "truncated central directory entry");
    ppn_zip_entry_t* entry = &archive->entries[archive->entry_count++];
    *entry = (ppn_zip_entry_t){
        .name = ppn_sv_make((const char*)header + CENTRAL_SIZE, load16(header + 28)),
        .flags = load16(header + 8),
        .method = load16(header + 10),
        .crc = load32(header + 16),
        .compressed_size = load32(header + 20),
        .size = load32(header + 24),
        .header_offset = load32(header + 42)};
    PPN_RETURN_IF_ERROR(read_zip64(header, at, entry));
    PPN_RETURN_IF_ERROR(check_name(archive, entry, at));
    PPN_RETURN_IF_ERROR(ppn_string_map_set(&archive->by_name, entry->name, entry));
    at += size;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_zip_open(ppn_span_t bytes, ppn_zip_archive_t* out_archive) {
  *out_archive = (ppn_zip_archive_t){.bytes = bytes};
  directory_t directory = {0};
  ppn_status_t status = find_directory(bytes, &directory);
  if (!status) status = read_directory(out_archive, &directory);
  if (status) ppn_zip_close(out_archive);
  return status;
}

void ppn_zip_close(ppn_zip_archive_t* archive) {
  ppn_string_map_release(&archive->by_name);
  ppn_arena_release(&archive->arena);
  *archive = (ppn_zip_archive_t){0};
}

ppn_zip_entry_t* ppn_zip_find(const ppn_zip_archive_t* archive, const char* name) {
  return ppn_string_map_get(&archive->by_name, ppn_sv(name));
}

static ppn_status_t inflate_entry(ppn_zip_archive_t* archive, ppn_zip_entry_t* entry,
                                  ppn_span_t packed, ppn_span_t* out_content) {
  if (entry->size > SIZE_MAX / 2 || entry->size / MAXIMUM_RATIO > entry->compressed_size) {
    return damaged(entry->header_offset, "impossible compression ratio");
  }
  // Entries that overlap could together ask for more than the file can hold.
  archive->inflated_size += entry->size;
  if (archive->inflated_size / MAXIMUM_RATIO > archive->bytes.size) {
    return damaged(entry->header_offset, "overlapping entries");
  }
  void* memory = ppn_arena_alloc(&archive->arena, (size_t)entry->size);
  struct libdeflate_decompressor* inflater = memory ? libdeflate_alloc_decompressor() : NULL;
  if (!inflater) return ppn_out_of_memory();
  enum libdeflate_result result = libdeflate_deflate_decompress(inflater, packed.data, packed.size,
                                                                memory, (size_t)entry->size, NULL);
  libdeflate_free_decompressor(inflater);
  if (result != LIBDEFLATE_SUCCESS) {
    return damaged(entry->header_offset, "damaged compressed data");
  }
  entry->inflated = memory;
  *out_content = ppn_span_make(memory, (size_t)entry->size);
  return ppn_status_ok();
}

ppn_status_t ppn_zip_read(ppn_zip_archive_t* archive, ppn_zip_entry_t* entry,
                          ppn_span_t* out_content) {
  if (entry->inflated) {
    *out_content = ppn_span_make(entry->inflated, (size_t)entry->size);
    return ppn_status_ok();
  }
  uint64_t at = entry->header_offset;
  const uint8_t* header = archive->bytes.data + at;
  if (!fits(archive->bytes, at, LOCAL_SIZE) || load32(header) != LOCAL_SIGNATURE) {
    return damaged(at, "no local header");
  }
  uint16_t name_size = load16(header + 26);
  uint64_t start = at + LOCAL_SIZE + name_size + load16(header + 28);
  if (!fits(archive->bytes, start, entry->compressed_size) || name_size != entry->name.size ||
      memcmp(header + LOCAL_SIZE, entry->name.data, name_size) != 0) {
    return damaged(at, "the local header contradicts the directory");
  }
  ppn_span_t packed = {archive->bytes.data + start, (size_t)entry->compressed_size};
  if (entry->flags & 1 || (entry->method != 0 && entry->method != 8)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "ZIP entry '%.*s' is encrypted or uses compression method %u; only "
                           "stored and deflated entries can be read",
                           PPN_SV(entry->name), entry->method);
  }
  if (entry->method == 8) return inflate_entry(archive, entry, packed, out_content);
  if (entry->size != entry->compressed_size) return damaged(at, "a stored entry with two sizes");
  *out_content = packed;
  return ppn_status_ok();
}

ppn_status_t ppn_zip_check(const ppn_zip_entry_t* entry, ppn_span_t content) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  return ppn_status_ok();  // or no mutated text would get past here
#endif
  if (entry->crc == 0 || libdeflate_crc32(0, content.data, content.size) == entry->crc) {
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "damaged ZIP archive: the content of entry '%.*s' (header at offset %llu) "
                         "does not match its checksum; copy or download the file again",
                         PPN_SV(entry->name), (unsigned long long)entry->header_offset);
}
