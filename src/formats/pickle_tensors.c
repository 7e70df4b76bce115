#include "formats/pickle_tensors.h"

#include <stdlib.h>

#include "formats/pickle_machine.h"
#include "formats/zip_archive.h"

// ---- From values to tensors ----

static ppn_status_t collect(const ppn_pickle_value_t* root, ppn_pickled_tensors_t* out) {
  if (root->kind == PPN_PICKLE_TENSOR) {
    out->single = root->u.tensor;
    return ppn_status_ok();
  }
  if (root->kind != PPN_PICKLE_DICT) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the pickle is neither a dictionary of tensors nor a tensor");
  }
  const ppn_pickle_items_t* items = &root->u.items;
  for (uint32_t i = 0; i + 1 < items->count; i += 2) {
    const ppn_pickle_value_t *key = items->items[i], *value = items->items[i + 1];
    if (key->kind != PPN_PICKLE_TEXT) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA, "a name in the pickle is not a text");
    }
    if (value->kind != PPN_PICKLE_TENSOR) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "the pickle's '%.*s' is not a tensor",
                             PPN_SV(key->u.text));
    }
    PPN_RETURN_IF_ERROR(ppn_string_map_set(&out->by_name, key->u.text, value->u.tensor));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_pickled_tensors_parse(ppn_span_t pickle, ppn_pickle_find_storage_t find,
                                       void* context, ppn_pickled_tensors_t* out) {
  *out = (ppn_pickled_tensors_t){0};
  ppn_pickle_machine_t machine = {
      .pickle = pickle, .arena = &out->arena, .find = find, .context = context};
  ppn_pickle_value_t* root = NULL;
  ppn_status_t status = ppn_pickle_run(&machine, &root);
  if (!status) status = collect(root, out);
  if (status) ppn_pickled_tensors_release(out);
  return status;
}

// ---- Archives ----

static ppn_status_t read_entry(ppn_zip_archive_t* zip, const char* name, ppn_span_t* out) {
  ppn_zip_entry_t* entry = ppn_zip_find(zip, name);
  if (entry) return ppn_zip_read(zip, entry, out);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "there is no entry '%s'", name);
}

// "archive": the folder around everything.
static ppn_string_view_t top_of(const ppn_zip_archive_t* zip) {
  ppn_string_view_t name = zip->entry_count ? zip->entries[0].name : ppn_sv("");
  const char* slash = name.size ? memchr(name.data, '/', name.size) : NULL;
  return ppn_sv_make(name.data, slash ? (size_t)(slash - name.data) : 0);
}

static ppn_status_t find_storage(void* context, ppn_string_view_t key, ppn_span_t* out_bytes) {
  ppn_zip_archive_t* zip = context;
  char* name = ppn_arena_printf(&zip->arena, "%.*s/data/%.*s", PPN_SV(top_of(zip)), PPN_SV(key));
  return name ? read_entry(zip, name, out_bytes) : ppn_out_of_memory();
}

static ppn_status_t check_byte_order(ppn_zip_archive_t* zip) {
  char* name = ppn_arena_printf(&zip->arena, "%.*s/byteorder", PPN_SV(top_of(zip)));
  ppn_span_t order;
  if (!name) return ppn_out_of_memory();
  if (!ppn_zip_find(zip, name)) return ppn_status_ok();
  PPN_RETURN_IF_ERROR(read_entry(zip, name, &order));
  if (order.size == 6 && memcmp(order.data, "little", 6) == 0) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "the tensors were saved on a big-endian machine; save them on a "
                         "little-endian one");
}

static ppn_status_t read_archive(ppn_zip_archive_t* zip, ppn_pickled_tensors_t* out) {
  ppn_span_t pickle;
  PPN_RETURN_IF_ERROR(check_byte_order(zip));
  char* name = ppn_arena_printf(&zip->arena, "%.*s/data.pkl", PPN_SV(top_of(zip)));
  if (!name) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(read_entry(zip, name, &pickle));
  PPN_RETURN_IF_ERROR(ppn_zip_check(ppn_zip_find(zip, name), pickle));
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_pickled_tensors_parse(pickle, find_storage, zip, out), "%s",
                                name);
  return ppn_status_ok();
}

ppn_status_t ppn_pickled_tensors_read(ppn_span_t file, ppn_pickled_tensors_t* out) {
  *out = (ppn_pickled_tensors_t){0};
  if (file.size == 0) return ppn_status_ok();
  ppn_zip_archive_t* zip = calloc(1, sizeof(*zip));
  if (!zip) return ppn_out_of_memory();
  ppn_status_t status = ppn_zip_open(file, zip);
  if (!status) status = read_archive(zip, out);
  if (status) {
    ppn_zip_close(zip);
    free(zip);
    return status;
  }
  out->archive = zip;
  return ppn_status_ok();
}

void ppn_pickled_tensors_release(ppn_pickled_tensors_t* tensors) {
  ppn_string_map_release(&tensors->by_name);
  ppn_arena_release(&tensors->arena);
  if (tensors->archive) {
    ppn_zip_close(tensors->archive);
    free(tensors->archive);
  }
  *tensors = (ppn_pickled_tensors_t){0};
}
