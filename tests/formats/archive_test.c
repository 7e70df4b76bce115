// ZIP archives put together by hand, byte by byte along the format; weight files; pickles.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "base/buffer.h"
#include "formats/pickle_tensors.h"
#include "formats/weight_blob.h"
#include "formats/zip_archive.h"

static void put(ppn_buffer_t* out, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) {
    uint8_t byte = i < 8 ? (uint8_t)(value >> 8 * i) : 0;
    ppn_buffer_append(out, &byte, 1);
  }
}

typedef struct part {
  const char *name, *content;  // what is in the archive
  uint16_t method;
  uint32_t crc, size;    // of the content when inflated; 0: as stored
  uint32_t packed_size;  // of the content; 0: it is a text
} part_t;

// Local headers without sizes (as streams have them), one directory entry each, the end record.
static ppn_buffer_t make_zip(const part_t* parts, uint32_t count) {
  ppn_buffer_t out = {0}, directory = {0};
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t name_size = (uint32_t)strlen(parts[i].name), offset = (uint32_t)out.size;
    uint32_t packed = parts[i].packed_size;
    if (packed == 0) packed = (uint32_t)strlen(parts[i].content);
    put(&out, 0x04034b50, 4);
    put(&out, 0, 4);
    put(&out, parts[i].method, 2);
    put(&out, 0, 16);  // time, date, checksum, sizes
    put(&out, name_size, 2);
    put(&out, 0, 2);
    ppn_buffer_append_text(&out, parts[i].name);
    ppn_buffer_append(&out, parts[i].content, packed);
    put(&directory, 0x02014b50, 4);
    put(&directory, 0, 6);
    put(&directory, parts[i].method, 2);
    put(&directory, 0, 4);
    put(&directory, parts[i].crc, 4);
    put(&directory, packed, 4);
    put(&directory, parts[i].size ? parts[i].size : packed, 4);
    put(&directory, name_size, 2);
    put(&directory, 0, 12);
    put(&directory, offset, 4);
    ppn_buffer_append_text(&directory, parts[i].name);
  }
  uint32_t start = (uint32_t)out.size;
  ppn_buffer_append(&out, directory.data, directory.size);
  put(&out, 0x06054b50, 4);
  put(&out, 0, 4);
  put(&out, count, 2);
  put(&out, count, 2);
  put(&out, directory.size, 4);
  put(&out, start, 4);
  put(&out, 0, 2);
  ppn_buffer_release(&directory);
  return out;
}

static ppn_status_t open_zip(const part_t* parts, uint32_t count, ppn_buffer_t* out_bytes,
                             ppn_zip_archive_t* out) {
  *out_bytes = make_zip(parts, count);
  return ppn_zip_open(ppn_span_make(out_bytes->data, out_bytes->size), out);
}

static void expect_error(ppn_status_t status, ppn_status_code_t code, const char* part) {
  assert_int_equal(ppn_status_code(status), code);
  if (!strstr(ppn_status_message(status), part)) {
    fail_msg("'%s' does not say '%s'", ppn_status_message(status), part);
  }
  ppn_status_free(status);
}

static void zip_reads_stored_and_deflated(void** state) {
  (void)state;
  // "aaaaaaaaaa" (10 times) deflated with fixed codes, by zlib; CRC-32 values from Python.
  const part_t parts[] = {{"top/a", "hello", 0, 0x3610a686, 0, 0},
                          {"top/b", "\x4b\x4c\x84\x01\x00", 8, 0x4c11cdf0, 10, 5}};
  ppn_buffer_t bytes;
  ppn_zip_archive_t zip;
  ppn_span_t content;
  assert_null(open_zip(parts, 2, &bytes, &zip));
  assert_null(ppn_zip_find(&zip, "top/c"));
  ppn_zip_entry_t* entry = ppn_zip_find(&zip, "top/a");
  assert_null(ppn_zip_read(&zip, entry, &content));
  assert_int_equal(content.size, 5);
  assert_memory_equal(content.data, "hello", 5);
  assert_true(content.data > bytes.data && content.data < bytes.data + bytes.size);  // a view
  assert_null(ppn_zip_check(entry, content));
  expect_error(ppn_zip_check(entry, ppn_span_make("hellp", 5)), PPN_STATUS_INVALID_DATA,
               "entry 'top/a' (header at offset 0) does not match its checksum");
  ppn_span_t again;
  entry = ppn_zip_find(&zip, "top/b");
  assert_null(ppn_zip_read(&zip, entry, &content));
  assert_int_equal(content.size, 10);
  assert_memory_equal(content.data, "aaaaaaaaaa", 10);
  assert_null(ppn_zip_check(entry, content));
  assert_null(ppn_zip_read(&zip, entry, &again));
  assert_ptr_equal(again.data, content.data);  // inflated once
  ppn_buffer_release(&bytes);
  ppn_zip_close(&zip);
}

static void zip_refuses_names_that_lead_elsewhere(void** state) {
  (void)state;
  static const char* const names[] = {"/etc/passwd", "../a", "a/../b", "a/..", "a\\b", "a\nb", ""};
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    const part_t part = {names[i], "x", 0, 0, 0, 0};
    ppn_buffer_t bytes;
    ppn_zip_archive_t zip;
    expect_error(open_zip(&part, 1, &bytes, &zip), PPN_STATUS_INVALID_DATA, "forbidden name");
    ppn_buffer_release(&bytes);
  }
  const part_t good = {"a..b/..c", "x", 0, 0, 0, 0},
               twice[] = {{"a", "x", 0, 0, 0, 0}, {"a", "y", 0, 0, 0, 0}};
  ppn_buffer_t bytes;
  ppn_zip_archive_t zip;
  assert_null(open_zip(&good, 1, &bytes, &zip));
  ppn_zip_close(&zip);
  ppn_buffer_release(&bytes);
  expect_error(open_zip(twice, 2, &bytes, &zip), PPN_STATUS_INVALID_DATA,
               "two entries are named 'a'");
  ppn_buffer_release(&bytes);
}

static void zip_refuses_damage(void** state) {
  (void)state;
  const part_t bomb = {"a", "xx", 8, 0, 1u << 30, 0}, strange = {"a", "xx", 12, 0, 0, 0};
  ppn_buffer_t bytes;
  ppn_zip_archive_t zip;
  ppn_span_t content;
  assert_null(open_zip(&bomb, 1, &bytes, &zip));
  expect_error(ppn_zip_read(&zip, &zip.entries[0], &content), PPN_STATUS_INVALID_DATA, "ratio");
  ppn_zip_close(&zip);
  for (size_t size = 0; size < bytes.size; ++size) {  // no part of it passes for an archive
    ppn_status_t status = ppn_zip_open(ppn_span_make(bytes.data, size), &zip);
    assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_DATA);
    ppn_status_free(status);
  }
  ppn_buffer_release(&bytes);
  assert_null(open_zip(&strange, 1, &bytes, &zip));
  expect_error(ppn_zip_read(&zip, &zip.entries[0], &content), PPN_STATUS_UNSUPPORTED, "method 12");
  ppn_zip_close(&zip);
  ppn_buffer_release(&bytes);
}

// ---- Weight files ----

static void weight_file_reads_what_is_written(void** state) {
  (void)state;
  ppn_weight_blob_layout_t layout = {0};
  uint64_t first, second;
  assert_null(ppn_weight_blob_layout_add(&layout, 6, &first));
  assert_null(ppn_weight_blob_layout_add(&layout, 3, &second));
  assert_int_equal(first, 64);
  assert_int_equal(second, 192);
  assert_int_equal(ppn_weight_blob_layout_size(&layout), 192 + 64 + 3);
  _Alignas(8) uint8_t file[259] = {0};
  ppn_weight_blob_make_header(2, file);
  ppn_weight_blob_make_record(first, PPN_DTYPE_FLOAT16, 3, file + first);
  ppn_weight_blob_make_record(second, PPN_DTYPE_INT4, 5, file + second);
  ppn_span_t bytes = ppn_span_make(file, sizeof(file));
  uint32_t count;
  ppn_weight_blob_entry_t entry;
  assert_null(ppn_weight_blob_verify(bytes, &count));
  assert_int_equal(count, 2);
  assert_null(ppn_weight_blob_find(bytes, ppn_weight_blob_next(NULL), &entry));
  assert_int_equal(entry.dtype, PPN_DTYPE_FLOAT16);
  assert_int_equal(entry.numel, 3);
  assert_ptr_equal(entry.data.data, file + 128);
  assert_int_equal(ppn_weight_blob_next(&entry), second);
  assert_null(ppn_weight_blob_find(bytes, second, &entry));
  assert_int_equal(entry.dtype, PPN_DTYPE_INT4);
  assert_int_equal(entry.numel, 5);  // 3 bytes, 4 bits of them unused
  assert_int_equal(entry.data.size, 3);
  expect_error(ppn_weight_blob_find(bytes, 100, &entry), PPN_STATUS_INVALID_DATA, "multiple of 64");
  expect_error(ppn_weight_blob_find(bytes, 128, &entry), PPN_STATUS_INVALID_DATA, "0xDEADBEEF");
  expect_error(ppn_weight_blob_find(ppn_span_make(file, 258), second, &entry),
               PPN_STATUS_INVALID_DATA, "past the end");
  file[4] = 3;
  expect_error(ppn_weight_blob_verify(bytes, &count), PPN_STATUS_INCOMPATIBLE_VERSION, "version 3");
}

// ---- Pickles ----

static ppn_status_t find_storage(void* context, ppn_string_view_t key, ppn_span_t* out_bytes) {
  (void)context;
  static const float storage[6] = {1, 2, 3, 4, 5, 6};
  if (!ppn_sv_equals(key, "7")) return ppn_status_make(PPN_STATUS_NOT_FOUND, "no storage");
  *out_bytes = ppn_span_make(storage, sizeof(storage));
  return ppn_status_ok();
}

static ppn_status_t parse(const char* text, size_t size, ppn_pickled_tensors_t* out) {
  return ppn_pickled_tensors_parse(ppn_span_make(text, size), find_storage, NULL, out);
}

// {"w": rebuild(storage '7' of 6 floats, offset `offset`, sizes (2, 2), strides (1, 2))},
// protocol 2.
static ppn_buffer_t make_pickle(uint8_t offset) {
  ppn_buffer_t out = {0};
  static const char head[] =
      "\x80\002}X\001\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\007\0\0\0storage"
      "ctorch\nFloatStorage\nX\001\0\0\0"
      "7X\003\0\0\0cpuK\006tQK";
  static const char tail[] =
      "K\002K\002\x86K\001K\002\x86\x89"
      "ccollections\nOrderedDict\n)RtRs.";
  ppn_buffer_append(&out, head, sizeof(head) - 1);
  put(&out, offset, 1);
  ppn_buffer_append(&out, tail, sizeof(tail) - 1);
  return out;
}

static void pickle_makes_a_view_of_a_storage(void** state) {
  (void)state;
  ppn_buffer_t pickle = make_pickle(2);
  ppn_pickled_tensors_t tensors;
  assert_null(parse((const char*)pickle.data, pickle.size, &tensors));
  const ppn_pickled_tensor_t* tensor = ppn_string_map_get(&tensors.by_name, ppn_sv("w"));
  assert_non_null(tensor);
  assert_int_equal(tensor->dtype, PPN_DTYPE_FLOAT32);
  assert_int_equal(tensor->rank, 2);
  assert_int_equal(tensor->strides[0], 1);
  assert_int_equal(tensor->strides[1], 2);
  assert_int_equal(tensor->storage_offset, 2);
  assert_int_equal(tensor->storage.size, 24);
  ppn_pickled_tensors_release(&tensors);
  for (size_t size = 0; size < pickle.size; ++size) {
    ppn_status_t status = parse((const char*)pickle.data, size, &tensors);
    assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_DATA);
    ppn_status_free(status);
  }
  ppn_buffer_release(&pickle);
  pickle = make_pickle(3);
  expect_error(parse((const char*)pickle.data, pickle.size, &tensors), PPN_STATUS_INVALID_DATA,
               "a tensor reaches beyond its storage of 24 bytes");
  ppn_buffer_release(&pickle);
}

static void pickle_refuses_what_is_no_tensor(void** state) {
  (void)state;
  ppn_pickled_tensors_t tensors;
  static const char code[] = "\x80\002cos\nsystem\nX\002\0\0\0ls\x85R.";
  expect_error(parse(code, sizeof(code) - 1, &tensors), PPN_STATUS_UNSUPPORTED,
               "offset 2: it holds the Python object 'os.system'");
  static const char deep[] = "\x80\002(((((t.";
  expect_error(parse(deep, sizeof(deep) - 1, &tensors), PPN_STATUS_INVALID_DATA, "values are left");
  static const char number[] = "\x80\002K\001.";
  expect_error(parse(number, sizeof(number) - 1, &tensors), PPN_STATUS_INVALID_DATA, "neither");
  static const char old[] = "I1\n.";
  expect_error(parse(old, sizeof(old) - 1, &tensors), PPN_STATUS_UNSUPPORTED, "opcode 0x49");
  assert_null(ppn_pickled_tensors_read(ppn_span_make(NULL, 0), &tensors));
  assert_int_equal(tensors.by_name.count, 0);
  ppn_pickled_tensors_release(&tensors);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zip_reads_stored_and_deflated),
      cmocka_unit_test(zip_refuses_names_that_lead_elsewhere),
      cmocka_unit_test(zip_refuses_damage),
      cmocka_unit_test(weight_file_reads_what_is_written),
      cmocka_unit_test(pickle_makes_a_view_of_a_storage),
      cmocka_unit_test(pickle_refuses_what_is_no_tensor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
