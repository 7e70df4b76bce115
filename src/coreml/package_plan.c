// Lays a package out before a byte of it is written: which constants are equal, where each one goes
// in the weight file, and what the program says about it.
#include <stdlib.h>

#include "coreml/compiled.h"
#include "coreml/model_proto.h"
#include "coreml/package_layout.h"
#include "formats/weight_blob.h"
#include "mil/proto.h"

#define MAX_FILES 3

// One stored constant of the weight file.
typedef struct blob {
  const ppn_mil_constant_t* constant;
  uint64_t offset;
  uint64_t key;   // from dtype, sizes, recipe and some elements; equal constants have equal keys
  bool has_hash;  // `hash` of all elements is known
  ppn_hash128_t hash;
} blob_t;

struct ppn_coreml_package_plan {
  ppn_arena_t arena;
  const ppn_coreml_model_t* source;
  blob_t* blobs;
  uint32_t blob_count;
  ppn_weight_blob_layout_t layout;
  ppn_buffer_t manifest, model;
  ppn_package_file_t files[MAX_FILES];
  uint32_t file_count;
  ppn_coreml_compiled_t* compiled;  // NULL: the package only
};

// ---- Equal constants ----

#define SAMPLES 16

// A cheap fingerprint: what the constant is, and elements spread over it. Constants that differ
// nearly always differ here, so that few have to be read twice.
static uint64_t fingerprint(const ppn_mil_constant_t* constant) {
  struct {
    int64_t dtype, rank, numel, flags;
    int64_t sizes[PPN_MAX_RANK];
    double samples[SAMPLES];
  } key;
  memset(&key, 0, sizeof(key));
  key.dtype = constant->dtype;
  key.rank = constant->view.rank;
  key.numel = ppn_mil_constant_numel(constant);
  for (int i = 0; i < constant->view.rank; ++i) key.sizes[i] = constant->view.sizes[i];
  for (int i = 0; i < SAMPLES; ++i) {
    int64_t index = (int64_t)((double)(key.numel - 1) * i / (SAMPLES - 1));
    double element = ppn_mil_constant_element(constant, index);
    key.samples[i] = element == 0 ? 0 : element;  // one zero
  }
  return ppn_hash64(&key, sizeof(key));
}

static bool same_source(const ppn_mil_constant_t* a, const ppn_mil_constant_t* b) {
  return a->view.data == b->view.data && a->view.dtype == b->view.dtype && a->scale == b->scale &&
         a->clamp_to_half == b->clamp_to_half && a->keep_half_subnormal == b->keep_half_subnormal &&
         memcmp(a->view.strides, b->view.strides,
                (size_t)a->view.rank * sizeof(a->view.strides[0])) == 0;
}

static bool same_type(const ppn_mil_constant_t* a, const ppn_mil_constant_t* b) {
  return a->dtype == b->dtype && a->view.rank == b->view.rank &&
         memcmp(a->view.sizes, b->view.sizes, (size_t)a->view.rank * sizeof(a->view.sizes[0])) == 0;
}

static ppn_status_t hash_write(void* self, const void* data, size_t size) {
  ppn_hasher_update(self, data, size);
  return ppn_status_ok();
}

// The hash of the finished elements: equal for equal content, whatever the recipe.
static ppn_status_t hash_blob(blob_t* blob) {
  if (blob->has_hash) return ppn_status_ok();
  ppn_hasher_t* hasher = ppn_hasher_create();
  if (!hasher) return ppn_out_of_memory();
  ppn_sink_t sink = {hash_write, hasher};
  ppn_status_t status = ppn_mil_constant_write(blob->constant, sink);
  blob->hash = ppn_hasher_digest(hasher);
  blob->has_hash = status == NULL;
  ppn_hasher_free(hasher);
  return status;
}

typedef struct blob_table {
  uint32_t* slots;  // index + 1 into the plan's blobs
  size_t slot_count;
} blob_table_t;

// Finds a stored constant that equals `blob`, or adds it with a place in the file.
static ppn_status_t store_blob(ppn_coreml_package_plan_t* plan, blob_table_t* table, blob_t* blob) {
  size_t slot = blob->key & (table->slot_count - 1);
  for (; table->slots[slot] != 0; slot = (slot + 1) & (table->slot_count - 1)) {
    blob_t* other = &plan->blobs[table->slots[slot] - 1];
    if (other->key != blob->key || !same_type(other->constant, blob->constant)) continue;
    bool equal = same_source(other->constant, blob->constant);
    if (!equal) {
      PPN_RETURN_IF_ERROR(hash_blob(other));
      PPN_RETURN_IF_ERROR(hash_blob(blob));
      equal = ppn_hash128_equal(other->hash, blob->hash);
    }
    if (equal) {
      blob->offset = other->offset;
      return ppn_status_ok();
    }
  }
  PPN_RETURN_IF_ERROR(ppn_weight_blob_layout_add(
      &plan->layout, ppn_mil_constant_size(blob->constant), &blob->offset));
  plan->blobs[plan->blob_count++] = *blob;
  table->slots[slot] = plan->blob_count;
  return ppn_status_ok();
}

// Gives every constant of the weight file its place.
static ppn_status_t lay_out(ppn_coreml_package_plan_t* plan, ppn_coreml_model_t* model) {
  ppn_mil_value_t** values;
  uint32_t count;
  PPN_RETURN_IF_ERROR(
      ppn_mil_program_list_constants(model->program, &plan->arena, &values, &count));
  blob_table_t table = {.slot_count = 16};
  while (table.slot_count < 2 * (size_t)count) table.slot_count *= 2;
  PPN_ARENA_NEW(&plan->arena, table.slot_count, &table.slots);
  PPN_ARENA_NEW(&plan->arena, count, &plan->blobs);
  ppn_mil_opset_t opset = (ppn_mil_opset_t)(model->specification_version - 1);
  for (uint32_t i = 0; i < count; ++i) {
    // The place is part of the constant once a layout is known; constants live in the program's
    // arena and are otherwise not changed.
    ppn_mil_constant_t* constant = (ppn_mil_constant_t*)(uintptr_t)values[i]->constant;
    if (constant->dtype == PPN_DTYPE_STRING || values[i]->type.kind == PPN_MIL_LIST) continue;
    if (!ppn_mil_constant_in_blob(constant, opset)) continue;
    blob_t blob = {.constant = constant, .key = fingerprint(constant)};
    PPN_RETURN_IF_ERROR_ANNOTATED(store_blob(plan, &table, &blob), "constant '%s'",
                                  values[i]->name);
    constant->blob_offset = blob.offset;
  }
  return ppn_status_ok();
}

// ---- The files ----

static ppn_status_t write_buffer(void* self, ppn_sink_t sink) {
  const ppn_buffer_t* buffer = self;
  return ppn_sink_write(sink, buffer->data, buffer->size);
}

static ppn_status_t write_weights(void* self, ppn_sink_t sink) {
  const ppn_coreml_package_plan_t* plan = self;
  uint8_t record[64];
  ppn_weight_blob_make_header(plan->layout.count, record);
  PPN_RETURN_IF_ERROR(ppn_sink_write(sink, record, sizeof(record)));
  uint64_t position = sizeof(record);
  for (uint32_t i = 0; i < plan->blob_count; ++i) {
    const blob_t* blob = &plan->blobs[i];
    PPN_RETURN_IF_ERROR(ppn_sink_write_zeros(sink, blob->offset - position));
    ppn_weight_blob_make_record(blob->offset, blob->constant->dtype,
                                ppn_mil_constant_numel(blob->constant), record);
    PPN_RETURN_IF_ERROR(ppn_sink_write(sink, record, sizeof(record)));
    PPN_RETURN_IF_ERROR(ppn_mil_constant_write(blob->constant, sink));
    position = blob->offset + sizeof(record) + ppn_mil_constant_size(blob->constant);
  }
  return ppn_status_ok();
}

static void append_item(ppn_buffer_t* out, const char* identifier, const char* description,
                        const char* name, const char* path) {
  ppn_buffer_printf(out,
                    "        \"%s\": {\n"
                    "            \"author\": \"" PPN_PACKAGE_AUTHOR
                    "\",\n"
                    "            \"description\": \"%s\",\n"
                    "            \"name\": \"%s\",\n"
                    "            \"path\": \"%s\"\n"
                    "        }",
                    identifier, description, name, path);
}

// Identifiers come from the model's bytes, so that writing twice gives the same package.
static void make_manifest(ppn_coreml_package_plan_t* plan) {
  char model_id[37], weights_id[37];
  ppn_hash128_t hash = ppn_hash128(plan->model.data, plan->model.size);
  ppn_uuid_from_hash(hash, model_id);
  hash.low = ~hash.low;
  ppn_uuid_from_hash(hash, weights_id);
  ppn_buffer_t* out = &plan->manifest;
  ppn_buffer_append_text(out,
                         "{\n    \"fileFormatVersion\": \"1.0.0\",\n    \"itemInfoEntries\": {\n");
  append_item(out, model_id, "CoreML Model Specification", PPN_PACKAGE_MODEL_NAME,
              PPN_PACKAGE_MODEL);
  if (plan->blob_count > 0) {
    ppn_buffer_append_text(out, ",\n");
    append_item(out, weights_id, "CoreML Model Weights", PPN_PACKAGE_WEIGHTS_NAME,
                PPN_PACKAGE_WEIGHTS);
  }
  ppn_buffer_printf(out, "\n    },\n    \"rootModelIdentifier\": \"%s\"\n}\n", model_id);
}

static void add_file(ppn_coreml_package_plan_t* plan, const char* path, uint64_t size,
                     ppn_status_t (*write)(void*, ppn_sink_t), void* self) {
  ppn_package_file_t* file = &plan->files[plan->file_count++];
  file->path = path;
  file->content = (ppn_producer_t){.size = size, .write = write, .self = self};
}

static ppn_status_t build(ppn_coreml_package_plan_t* plan, ppn_coreml_model_t* model) {
  plan->source = model;
  PPN_RETURN_IF_ERROR(lay_out(plan, model));
  ppn_buffer_t program = {0};
  ppn_status_t status =
      ppn_mil_program_write_proto(model->program, PPN_PACKAGE_BLOB_PATH, &program);
  if (!status) {
    status = ppn_coreml_model_write_proto(model, ppn_span_make(program.data, program.size),
                                          &plan->model);
  }
  ppn_buffer_release(&program);
  PPN_RETURN_IF_ERROR(status);
  make_manifest(plan);
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&plan->manifest));
  add_file(plan, PPN_PACKAGE_MANIFEST, plan->manifest.size, write_buffer, &plan->manifest);
  add_file(plan, PPN_PACKAGE_DATA PPN_PACKAGE_MODEL, plan->model.size, write_buffer, &plan->model);
  if (plan->blob_count > 0) {
    add_file(plan, PPN_PACKAGE_DATA PPN_PACKAGE_WEIGHT_FILE,
             ppn_weight_blob_layout_size(&plan->layout), write_weights, plan);
  }
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_package_plan_create(ppn_coreml_model_t* model,
                                            ppn_coreml_package_plan_t** out_plan) {
  *out_plan = NULL;
  ppn_coreml_package_plan_t* plan = calloc(1, sizeof(*plan));
  if (!plan) return ppn_out_of_memory();
  ppn_status_t status = build(plan, model);
  if (status) {
    ppn_coreml_package_plan_free(plan);
    return status;
  }
  *out_plan = plan;
  return ppn_status_ok();
}

void ppn_coreml_package_plan_free(ppn_coreml_package_plan_t* plan) {
  if (!plan) return;
  ppn_coreml_compiled_free(plan->compiled);
  ppn_buffer_release(&plan->manifest);
  ppn_buffer_release(&plan->model);
  ppn_arena_release(&plan->arena);
  free(plan);
}

ppn_status_t ppn_coreml_package_plan_compile(ppn_coreml_package_plan_t* plan) {
  if (plan->compiled) return ppn_status_ok();
  ppn_package_file_t weights = {
      PPN_PACKAGE_WEIGHTS_NAME "/weight.bin",
      {.size = ppn_weight_blob_layout_size(&plan->layout), .write = write_weights, .self = plan}};
  return ppn_coreml_compiled_create(plan->source, ppn_span_make(plan->model.data, plan->model.size),
                                    &weights, plan->blob_count > 0 ? 1 : 0, "model",
                                    &plan->compiled);
}

const ppn_package_file_t* ppn_coreml_package_plan_compiled_files(
    const ppn_coreml_package_plan_t* plan, uint32_t* out_count) {
  *out_count = 0;
  return plan->compiled ? ppn_coreml_compiled_files(plan->compiled, out_count) : NULL;
}

const ppn_package_file_t* ppn_coreml_package_plan_files(const ppn_coreml_package_plan_t* plan,
                                                        uint32_t* out_count) {
  *out_count = plan->file_count;
  return plan->files;
}

const ppn_coreml_model_t* ppn_coreml_package_plan_model(const ppn_coreml_package_plan_t* plan) {
  return plan->source;
}
