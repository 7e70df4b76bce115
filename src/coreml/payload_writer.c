// The payload of a delegate: a folder flattened to bytes.
//
//   file data, in node order │ JSON describing the nodes, its bytes reversed
//
// A node is a file or a folder; children come before their folder, the root is last. Weights start
// at a multiple of 64, so that they can be used in place when the payload is aligned. metadata.json
// comes last, because the identifier in it is the hash of the files before it.
// A model that several methods share is found by a key with this identifier.
#include <inttypes.h>
#include <stdlib.h>

#include "coreml/delegate.h"
#include "coreml/package_layout.h"

#define PACKAGE_NAME "model.mlpackage"
#define COMPILED_NAME "model.mlmodelc"
#define WEIGHT_FILE_SUFFIX "weights/weight.bin"
#define METADATA_NAME "metadata.json"
#define IDENTIFIER_PREFIX "executorch_"
#define KEY_PREFIX "coreml_" IDENTIFIER_PREFIX
#define UUID_LENGTH 36
#define WEIGHT_ALIGNMENT 64

typedef struct node {
  const char* name;
  bool is_folder;
  uint32_t parent;  // index; UINT32_MAX for the root
  uint64_t offset, size;
} node_t;

typedef struct payload {
  ppn_arena_t arena;
  const char* name;
  const char* model_name;  // of the folder with the model
  const ppn_package_file_t* files;
  uint32_t file_count;
  uint64_t* file_offsets;
  uint64_t metadata_offset;
  ppn_buffer_t metadata;                       // with a blank identifier
  size_t identifier_offset;                    // of the UUID in it
  ppn_buffer_t directory;                      // the JSON, reversed
  char key[sizeof(KEY_PREFIX) + UUID_LENGTH];  // empty: not known yet
} payload_t;

// ---- metadata.json ----

static void append_names(ppn_buffer_t* out, const ppn_coreml_feature_t* features, uint32_t count) {
  ppn_buffer_append_text(out, "[");
  for (uint32_t i = 0; i < count; ++i) {
    if (i > 0) ppn_buffer_append_text(out, ", ");
    ppn_json_append_string(out, features[i].name);
  }
  ppn_buffer_append_text(out, "]");
}

static void append_interface(ppn_buffer_t* out, const ppn_coreml_interface_t* interface) {
  ppn_buffer_append_text(out, "\"inputNames\": ");
  append_names(out, interface->inputs, interface->input_count);
  ppn_buffer_append_text(out, ", \"outputNames\": ");
  append_names(out, interface->outputs, interface->output_count);
}

static void append_identifier(payload_t* payload) {
  ppn_buffer_append_text(&payload->metadata, "\"identifier\": \"" IDENTIFIER_PREFIX);
  payload->identifier_offset = payload->metadata.size;
  for (int i = 0; i < UUID_LENGTH; ++i) ppn_buffer_append_text(&payload->metadata, "0");
  ppn_buffer_append_text(&payload->metadata, "\"");
}

static void make_metadata(payload_t* payload, const ppn_coreml_model_t* model) {
  ppn_buffer_t* out = &payload->metadata;
  ppn_buffer_append_text(out, "{");
  if (!model->is_multifunction) {
    append_interface(out, &model->interfaces[0]);
    ppn_buffer_append_text(out, ", ");
    append_identifier(payload);
  } else {
    append_identifier(payload);
    ppn_buffer_append_text(out, ", \"methods\": {");
    for (uint32_t i = 0; i < model->interface_count; ++i) {
      if (i > 0) ppn_buffer_append_text(out, ", ");
      ppn_json_append_string(out, model->interfaces[i].function_name);
      ppn_buffer_append_text(out, ": {");
      append_interface(out, &model->interfaces[i]);
      ppn_buffer_append_text(out, "}");
    }
    ppn_buffer_append_text(out, "}");
  }
  ppn_buffer_append_text(out, "}");
}

// ---- The directory ----

typedef struct node_list {
  node_t* nodes;
  uint32_t count;
} node_list_t;

static uint32_t add_node(node_list_t* list, const char* name, bool is_folder, uint64_t offset,
                         uint64_t size) {
  node_t* node = &list->nodes[list->count];
  *node = (node_t){name, is_folder, UINT32_MAX, offset, size};
  return list->count++;
}

// Adds the files of the package whose paths start with `prefix`, folders after their content, and
// gives them `children` by setting their parent afterwards. Files of one folder are neighbours.
static ppn_status_t add_folder(payload_t* payload, node_list_t* list, const char* name,
                               const char* prefix, uint32_t* out_index) {
  size_t length = strlen(prefix);
  uint32_t children[8], child_count = 0;
  const char* last_folder = NULL;
  for (uint32_t i = 0; i < payload->file_count; ++i) {
    const char* path = payload->files[i].path;
    if (strncmp(path, prefix, length) != 0) continue;
    const char* rest = path + length;
    const char* slash = strchr(rest, '/');
    uint32_t child;
    if (child_count == PPN_COUNT_OF(children)) {
      return ppn_status_make(PPN_STATUS_INTERNAL, "a package folder has too many entries");
    }
    if (!slash) {
      child = add_node(list, rest, false, payload->file_offsets[i], payload->files[i].content.size);
    } else {
      char* folder = ppn_arena_strdup(&payload->arena, ppn_sv_make(rest, (size_t)(slash - rest)));
      char* inner =
          ppn_arena_strdup(&payload->arena, ppn_sv_make(path, (size_t)(slash + 1 - path)));
      if (!folder || !inner) return ppn_out_of_memory();
      if (last_folder && strcmp(last_folder, folder) == 0) continue;
      last_folder = folder;
      PPN_RETURN_IF_ERROR(add_folder(payload, list, folder, inner, &child));
    }
    children[child_count++] = child;
  }
  *out_index = add_node(list, name, true, 0, 0);
  for (uint32_t i = 0; i < child_count; ++i) list->nodes[children[i]].parent = *out_index;
  return ppn_status_ok();
}

static void append_node(ppn_buffer_t* out, const node_list_t* list, uint32_t index) {
  const node_t* node = &list->nodes[index];
  const char* separator = "";
  ppn_buffer_append_text(out, "{\"children\":{");
  for (uint32_t i = 0; node->is_folder && i < index; ++i) {
    if (list->nodes[i].parent != index) continue;
    ppn_buffer_append_text(out, separator);
    ppn_json_append_string(out, list->nodes[i].name);
    ppn_buffer_printf(out, ":%" PRIu32, i);
    separator = ",";
  }
  ppn_buffer_printf(out, "},\"dataRegion\":{\"offset\":%" PRIu64 ",\"size\":%" PRIu64 "},",
                    node->offset, node->size);
  ppn_buffer_printf(out, "\"kind\":%d,\"name\":", node->is_folder);
  ppn_json_append_string(out, node->name);
  ppn_buffer_append_text(out, "}");
}

static ppn_status_t make_directory(payload_t* payload) {
  node_list_t list = {0};
  PPN_ARENA_NEW(&payload->arena, payload->file_count * 4 + 8, &list.nodes);
  uint32_t package;
  PPN_RETURN_IF_ERROR(add_folder(payload, &list, payload->model_name, "", &package));
  uint32_t metadata =
      add_node(&list, METADATA_NAME, false, payload->metadata_offset, payload->metadata.size);
  uint32_t root = add_node(&list, payload->name, true, 0, 0);
  list.nodes[package].parent = list.nodes[metadata].parent = root;
  ppn_buffer_t* out = &payload->directory;
  ppn_buffer_append_text(out, "{\"nodes\":[");
  for (uint32_t i = 0; i < list.count; ++i) {
    if (i > 0) ppn_buffer_append_text(out, ",");
    append_node(out, &list, i);
  }
  ppn_buffer_append_text(out, "]}");
  PPN_RETURN_IF_ERROR(ppn_buffer_status(out));
  for (size_t i = 0, j = out->size - 1; i < j; ++i, --j) {
    uint8_t byte = out->data[i];
    out->data[i] = out->data[j];
    out->data[j] = byte;
  }
  return ppn_status_ok();
}

// ---- Writing ----

typedef struct hashing_sink {
  ppn_sink_t target;
  ppn_hasher_t* hasher;
} hashing_sink_t;

static ppn_status_t write_hashed(void* self, const void* data, size_t size) {
  hashing_sink_t* sink = self;
  ppn_hasher_update(sink->hasher, data, size);
  return ppn_sink_write(sink->target, data, size);
}

static ppn_status_t write_files(payload_t* payload, ppn_hasher_t* hasher, ppn_sink_t sink) {
  hashing_sink_t hashing = {sink, hasher};
  ppn_sink_t hashing_sink = {write_hashed, &hashing};
  uint64_t position = 0;
  for (uint32_t i = 0; i < payload->file_count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_sink_write_zeros(sink, payload->file_offsets[i] - position));
    PPN_RETURN_IF_ERROR(ppn_producer_write(&payload->files[i].content, hashing_sink));
    position = payload->file_offsets[i] + payload->files[i].content.size;
  }
  return ppn_status_ok();
}

// Writes the files and, from what was written, makes the key.
static ppn_status_t write_files_and_key(payload_t* payload, ppn_sink_t sink) {
  ppn_hasher_t* hasher = ppn_hasher_create();
  if (!hasher) return ppn_out_of_memory();
  ppn_status_t status = write_files(payload, hasher, sink);
  if (!status) {
    ppn_hasher_update(hasher, payload->metadata.data, payload->metadata.size);
    memcpy(payload->key, KEY_PREFIX, sizeof(KEY_PREFIX));
    ppn_uuid_from_hash(ppn_hasher_digest(hasher), payload->key + strlen(KEY_PREFIX));
  }
  ppn_hasher_free(hasher);
  return status;
}

static ppn_status_t write_payload(void* self, ppn_sink_t sink) {
  payload_t* payload = self;
  PPN_RETURN_IF_ERROR(write_files_and_key(payload, sink));
  const char* uuid = payload->key + strlen(KEY_PREFIX);
  const uint8_t* metadata = payload->metadata.data;
  size_t before = payload->identifier_offset, after = before + UUID_LENGTH;
  PPN_RETURN_IF_ERROR(ppn_sink_write(sink, metadata, before));
  PPN_RETURN_IF_ERROR(ppn_sink_write(sink, uuid, UUID_LENGTH));
  PPN_RETURN_IF_ERROR(ppn_sink_write(sink, metadata + after, payload->metadata.size - after));
  return ppn_sink_write(sink, payload->directory.data, payload->directory.size);
}

static void release_payload(void* self) {
  payload_t* payload = self;
  ppn_buffer_release(&payload->metadata);
  ppn_buffer_release(&payload->directory);
  ppn_arena_release(&payload->arena);
  free(payload);
}

static ppn_status_t build(payload_t* payload, ppn_coreml_package_plan_t* plan) {
  payload->files = ppn_coreml_package_plan_compiled_files(plan, &payload->file_count);
  payload->model_name = payload->files ? COMPILED_NAME : PACKAGE_NAME;
  if (!payload->files) payload->files = ppn_coreml_package_plan_files(plan, &payload->file_count);
  PPN_ARENA_NEW(&payload->arena, payload->file_count, &payload->file_offsets);
  uint64_t end = 0;
  for (uint32_t i = 0; i < payload->file_count; ++i) {
    bool is_weights = ppn_sv_ends_with(ppn_sv(payload->files[i].path), WEIGHT_FILE_SUFFIX);
    uint64_t alignment = is_weights ? WEIGHT_ALIGNMENT : 1;
    payload->file_offsets[i] = (end + alignment - 1) / alignment * alignment;
    end = payload->file_offsets[i] + payload->files[i].content.size;
  }
  make_metadata(payload, ppn_coreml_package_plan_model(plan));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&payload->metadata));
  payload->metadata_offset = end;
  return make_directory(payload);
}

ppn_status_t ppn_coreml_payload_create(ppn_coreml_package_plan_t* plan, const char* name,
                                       ppn_producer_t* out_payload) {
  *out_payload = (ppn_producer_t){0};
  payload_t* payload = calloc(1, sizeof(*payload));
  if (!payload) return ppn_out_of_memory();
  payload->name = name;
  ppn_status_t status = build(payload, plan);
  if (status) {
    release_payload(payload);
    return status;
  }
  out_payload->size = payload->metadata_offset + payload->metadata.size + payload->directory.size;
  out_payload->write = write_payload;
  out_payload->release = release_payload;
  out_payload->self = payload;
  return ppn_status_ok();
}

// ---- The key ----

static ppn_status_t drop(void* self, const void* data, size_t size) {
  (void)self, (void)data, (void)size;
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_payload_key(const ppn_producer_t* producer, const char** out_key) {
  payload_t* payload = producer->self;
  if (!payload->key[0]) PPN_RETURN_IF_ERROR(write_files_and_key(payload, (ppn_sink_t){drop, NULL}));
  *out_key = payload->key;
  return ppn_status_ok();
}
