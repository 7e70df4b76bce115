#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "coreml/compiled.h"
#include "coreml/delegate.h"

// Limits of the official reader, and sanity.
#define MAX_DIRECTORY_SIZE (10 * 1024 * 1024)
#define MAX_NODES 100000
#define MAX_DEPTH 64

#define PACKAGE_PREFIX "model.mlpackage/"
#define COMPILED_PREFIX "model.mlmodelc/"
#define METADATA_PATH "metadata.json"

typedef struct payload_file {
  const char* path;
  ppn_span_t bytes;
} payload_file_t;

typedef struct method_names {
  const char* method;  // NULL: the only one
  const char **inputs, **outputs;
  uint32_t input_count, output_count;
} method_names_t;

struct ppn_coreml_payload {
  ppn_arena_t arena;
  payload_file_t* files;
  uint32_t file_count;
  const char* identifier;
  method_names_t* methods;
  uint32_t method_count;
};

static ppn_status_t invalid(const char* problem) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "Core ML payload: %s", problem);
}

// ---- The directory: reversed JSON at the end ----

// The JSON text in the arena, read backwards until its braces balance.
static ppn_status_t find_directory(ppn_span_t bytes, ppn_arena_t* arena, ppn_string_view_t* out) {
  size_t end = bytes.size;
  while (end > 0 && (bytes.data[end - 1] == 0 || bytes.data[end - 1] == ' ' ||
                     (bytes.data[end - 1] >= '\t' && bytes.data[end - 1] <= '\r'))) {
    --end;
  }
  if (end == 0 || bytes.data[end - 1] != '{') {
    return invalid("it does not end with a directory of its files");
  }
  size_t limit = end > MAX_DIRECTORY_SIZE ? end - MAX_DIRECTORY_SIZE : 0;
  bool in_string = false, escaped = false;
  int64_t depth = 0;
  size_t at = end;
  while (at > limit) {
    char c = (char)bytes.data[--at];
    if (in_string) {
      if (escaped)
        escaped = false;
      else if (c == '\\')
        escaped = true;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"')
      in_string = true;
    else if (c == '{')
      ++depth;
    else if (c == '}' && --depth == 0)
      break;
  }
  if (depth != 0 || in_string) return invalid("the directory of its files has no beginning");
  size_t size = end - at;
  char* text = ppn_arena_alloc(arena, size + 1);
  if (!text) return ppn_out_of_memory();
  for (size_t i = 0; i < size; ++i) text[i] = (char)bytes.data[end - 1 - i];
  *out = ppn_sv_make(text, size);
  return ppn_status_ok();
}

typedef struct tree {
  ppn_coreml_payload_t* payload;
  ppn_span_t bytes;
  const json_t* nodes;
  bool* visited;  // by node: a node belongs to one folder
} tree_t;

static ppn_status_t add_file(tree_t* tree, const json_t* node, const char* path) {
  const json_t* region = json_object_get(node, "dataRegion");
  json_int_t offset = json_integer_value(json_object_get(region, "offset"));
  json_int_t size = json_integer_value(json_object_get(region, "size"));
  if (offset < 0 || size < 0 || (uint64_t)offset > tree->bytes.size ||
      (uint64_t)size > tree->bytes.size - (uint64_t)offset) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "Core ML payload: file '%s' (offset %" JSON_INTEGER_FORMAT
                           ", size %" JSON_INTEGER_FORMAT ") lies outside the %zu bytes",
                           path, offset, size, tree->bytes.size);
  }
  payload_file_t* file = &tree->payload->files[tree->payload->file_count++];
  file->path = path;
  file->bytes = ppn_span_make(tree->bytes.data + offset, (size_t)size);
  return ppn_status_ok();
}

static ppn_status_t add_node(tree_t* tree, size_t index, const char* path, int depth);

static ppn_status_t add_children(tree_t* tree, size_t index, const json_t* node, const char* path,
                                 int depth) {
  const char* name;
  json_t* child;
  json_object_foreach(json_object_get(node, "children"), name, child) {
    json_int_t child_index = json_is_integer(child) ? json_integer_value(child) : -1;
    if (child_index < 0 || (uint64_t)child_index >= index) {
      return invalid("a folder's child does not come before it");
    }
    if (*name == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA, "Core ML payload: bad file name '%s'", name);
    }
    const char* child_path =
        ppn_arena_printf(&tree->payload->arena, "%s%s%s", path, *path ? "/" : "", name);
    if (!child_path) return ppn_out_of_memory();
    PPN_RETURN_IF_ERROR(add_node(tree, (size_t)child_index, child_path, depth + 1));
  }
  return ppn_status_ok();
}

static ppn_status_t add_node(tree_t* tree, size_t index, const char* path, int depth) {
  const json_t* node = json_array_get(tree->nodes, index);
  if (!json_is_object(node)) return invalid("an entry of the directory is not an object");
  if (tree->visited[index]) return invalid("a file or folder is listed twice");
  if (depth > MAX_DEPTH) return invalid("folders are nested too deeply");
  tree->visited[index] = true;
  switch (json_integer_value(json_object_get(node, "kind"))) {
    case 0:
      return add_file(tree, node, path);
    case 1:
      return add_children(tree, index, node, path, depth);
    default:
      return invalid("an entry of the directory is neither file nor folder");
  }
}

static ppn_status_t read_tree(ppn_coreml_payload_t* payload, ppn_span_t bytes,
                              const json_t* directory) {
  tree_t tree = {.payload = payload, .bytes = bytes};
  tree.nodes = json_object_get(directory, "nodes");
  size_t count = json_array_size(tree.nodes);
  if (count == 0 || count > MAX_NODES) return invalid("its directory has no nodes, or too many");
  PPN_ARENA_NEW(&payload->arena, count, &tree.visited);
  PPN_ARENA_NEW(&payload->arena, count, &payload->files);
  return add_node(&tree, count - 1, "", 0);
}

static ppn_status_t parse_json(ppn_string_view_t text, const char* what, json_t** out) {
  json_error_t error;
  *out = json_loadb(text.data, text.size, 0, &error);
  if (*out) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "Core ML payload: %s, line %d: %s", what,
                         error.line, error.text);
}

// ---- metadata.json ----

static ppn_status_t read_names(ppn_arena_t* arena, const json_t* array, const char*** out_names,
                               uint32_t* out_count) {
  size_t count = json_array_size(array);
  PPN_ARENA_NEW(arena, count, out_names);
  for (size_t i = 0; i < count; ++i) {
    const char* name = json_string_value(json_array_get(array, i));
    if (!name) return invalid(METADATA_PATH ": a name is not a string");
    (*out_names)[i] = ppn_arena_strdup(arena, ppn_sv(name));
    if (!(*out_names)[i]) return ppn_out_of_memory();
  }
  *out_count = (uint32_t)count;
  return ppn_status_ok();
}

static ppn_status_t read_method(ppn_arena_t* arena, const json_t* source, method_names_t* out) {
  PPN_RETURN_IF_ERROR(
      read_names(arena, json_object_get(source, "inputNames"), &out->inputs, &out->input_count));
  PPN_RETURN_IF_ERROR(
      read_names(arena, json_object_get(source, "outputNames"), &out->outputs, &out->output_count));
  if (out->output_count == 0) return invalid(METADATA_PATH " lists no outputs");
  return ppn_status_ok();
}

static ppn_status_t read_metadata(ppn_coreml_payload_t* payload, const json_t* metadata) {
  ppn_arena_t* arena = &payload->arena;
  const char* identifier = json_string_value(json_object_get(metadata, "identifier"));
  if (!identifier || !*identifier) return invalid(METADATA_PATH " has no identifier");
  payload->identifier = ppn_arena_strdup(arena, ppn_sv(identifier));
  if (!payload->identifier) return ppn_out_of_memory();
  json_t* methods = json_object_get(metadata, "methods");
  if (!json_is_object(methods)) {
    PPN_ARENA_NEW(arena, 1, &payload->methods);
    payload->method_count = 1;
    return read_method(arena, metadata, &payload->methods[0]);
  }
  PPN_ARENA_NEW(arena, json_object_size(methods), &payload->methods);
  const char* name;
  json_t* method;
  json_object_foreach(methods, name, method) {
    method_names_t* names = &payload->methods[payload->method_count++];
    names->method = ppn_arena_strdup(arena, ppn_sv(name));
    if (!names->method) return ppn_out_of_memory();
    PPN_RETURN_IF_ERROR(read_method(arena, method, names));
  }
  if (payload->method_count == 0) return invalid(METADATA_PATH " lists no methods");
  return ppn_status_ok();
}

// ---- Opening ----

static const payload_file_t* find_file(const ppn_coreml_payload_t* payload, const char* path) {
  for (uint32_t i = 0; i < payload->file_count; ++i) {
    if (strcmp(payload->files[i].path, path) == 0) return &payload->files[i];
  }
  return NULL;
}

static ppn_status_t open_payload(ppn_coreml_payload_t* payload, ppn_span_t bytes) {
  ppn_string_view_t text;
  json_t* json;
  if (bytes.size >= 4 && memcmp(bytes.data, "CMJR", 4) == 0) {
    return ppn_status_make(PPN_STATUS_FAILED_PRECONDITION,
                           "this payload refers to named data; open those instead");
  }
  PPN_RETURN_IF_ERROR(find_directory(bytes, &payload->arena, &text));
  PPN_RETURN_IF_ERROR(parse_json(text, "directory", &json));
  ppn_status_t status = read_tree(payload, bytes, json);
  json_decref(json);
  PPN_RETURN_IF_ERROR(status);
  const payload_file_t* metadata = find_file(payload, METADATA_PATH);
  if (!metadata) return invalid("it has no " METADATA_PATH);
  text = ppn_sv_make((const char*)metadata->bytes.data, metadata->bytes.size);
  PPN_RETURN_IF_ERROR(parse_json(text, METADATA_PATH, &json));
  status = read_metadata(payload, json);
  json_decref(json);
  return status;
}

ppn_status_t ppn_coreml_payload_open(ppn_span_t bytes, ppn_coreml_payload_t** out_payload) {
  *out_payload = NULL;
  ppn_coreml_payload_t* payload = calloc(1, sizeof(*payload));
  if (!payload) return ppn_out_of_memory();
  ppn_status_t status = open_payload(payload, bytes);
  if (status) {
    ppn_coreml_payload_free(payload);
    return status;
  }
  *out_payload = payload;
  return ppn_status_ok();
}

void ppn_coreml_payload_free(ppn_coreml_payload_t* payload) {
  if (!payload) return;
  ppn_arena_release(&payload->arena);
  free(payload);
}

uint32_t ppn_coreml_payload_file_count(const ppn_coreml_payload_t* payload) {
  return payload->file_count;
}

const char* ppn_coreml_payload_file(const ppn_coreml_payload_t* payload, uint32_t index,
                                    ppn_span_t* out_bytes) {
  *out_bytes = payload->files[index].bytes;
  return payload->files[index].path;
}

const char* ppn_coreml_payload_identifier(const ppn_coreml_payload_t* payload) {
  return payload->identifier;
}

ppn_status_t ppn_coreml_payload_names(const ppn_coreml_payload_t* payload, const char* method,
                                      const char* const** out_inputs, uint32_t* out_input_count,
                                      const char* const** out_outputs, uint32_t* out_output_count) {
  for (uint32_t i = 0; i < payload->method_count; ++i) {
    const method_names_t* names = &payload->methods[i];
    if (names->method && (!method || strcmp(names->method, method) != 0)) continue;
    *out_inputs = names->inputs;
    *out_input_count = names->input_count;
    *out_outputs = names->outputs;
    *out_output_count = names->output_count;
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "the Core ML model has no method '%s'",
                         method ? method : "(none named)");
}

// ---- The model ----

// The files of the payload's model, below one of its folders.
typedef struct model_files {
  const ppn_coreml_payload_t* payload;
  const char* prefix;
} model_files_t;

static ppn_status_t find_in_model(void* context, const char* path, ppn_span_t* out_bytes) {
  const model_files_t* files = context;
  size_t prefix = strlen(files->prefix);
  for (uint32_t i = 0; i < files->payload->file_count; ++i) {
    const payload_file_t* file = &files->payload->files[i];
    if (strncmp(file->path, files->prefix, prefix) == 0 && strcmp(file->path + prefix, path) == 0) {
      *out_bytes = file->bytes;
      return ppn_status_ok();
    }
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "the payload has no file '%s%s'", files->prefix,
                         path);
}

ppn_status_t ppn_coreml_payload_model(const ppn_coreml_payload_t* payload,
                                      ppn_coreml_model_t** out_model) {
  // As on a device, a compiled model comes first.
  bool is_compiled = find_file(payload, COMPILED_PREFIX PPN_COMPILED_DATA) != NULL;
  model_files_t files = {payload, is_compiled ? COMPILED_PREFIX : PACKAGE_PREFIX};
  return ppn_coreml_model_read(find_in_model, &files, payload->identifier, out_model);
}
