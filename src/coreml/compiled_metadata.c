// metadata.json of a compiled model: its interface and some statistics, for people and tools.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "coreml/compiled.h"
#include "formats/proto_message.h"
#include "mil/summary.h"
#include "model.pb-c.h"

// Between the sizes of a shape.
#define TIMES " \xc3\x97 "

typedef struct describer {
  const ppn_coreml_model_t* model;
  ppn_span_t program;
  const char* name;
  ppn_arena_t* arena;
} describer_t;

// ---- Types and shapes as text ----

static const char* array_dtype_name(ModelPb__ArrayDataType type) {
  switch (type) {
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_FLOAT16:
      return "Float16";
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_FLOAT32:
      return "Float32";
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_DOUBLE:
      return "Double";
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_INT8:
      return "Int8";
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_INT32:
      return "Int32";
    default:
      return "Unknown";
  }
}

static const char* dtype_name(ppn_dtype_t dtype) {
  static const struct {
    ppn_dtype_t dtype;
    const char* name;
  } names[] = {
      {PPN_DTYPE_FLOAT16, "Float16"}, {PPN_DTYPE_FLOAT32, "Float32"}, {PPN_DTYPE_INT4, "Int4"},
      {PPN_DTYPE_INT8, "Int8"},       {PPN_DTYPE_INT16, "Int16"},     {PPN_DTYPE_INT32, "Int32"},
      {PPN_DTYPE_INT64, "Int64"},     {PPN_DTYPE_UINT1, "UInt1"},     {PPN_DTYPE_UINT2, "UInt2"},
      {PPN_DTYPE_UINT3, "UInt3"},     {PPN_DTYPE_UINT4, "UInt4"},     {PPN_DTYPE_UINT6, "UInt6"},
      {PPN_DTYPE_UINT8, "UInt8"},     {PPN_DTYPE_UINT16, "UInt16"},   {PPN_DTYPE_UINT32, "UInt32"},
  };
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    if (names[i].dtype == dtype) return names[i].name;
  }
  return ppn_dtype_name(dtype);
}

// "Float16", or "Mixed (Float16, Int32)"; NULL for an empty set.
static const char* precision_text(ppn_arena_t* arena, uint64_t dtypes) {
  ppn_buffer_t text = {0};
  uint32_t count = 0;
  for (int dtype = 0; dtype < 64; ++dtype) {
    if (!(dtypes >> dtype & 1)) continue;
    ppn_buffer_printf(&text, "%s%s", count++ ? ", " : "", dtype_name((ppn_dtype_t)dtype));
  }
  const char* result = NULL;
  if (count > 0) {
    result = ppn_arena_printf(arena, count > 1 ? "Mixed (%s)" : "%s", ppn_buffer_text(&text));
  }
  ppn_buffer_release(&text);
  return result;
}

static void append_sizes(ppn_buffer_t* out, const int64_t* sizes, size_t count,
                         const char* separator) {
  for (size_t i = 0; i < count; ++i) {
    ppn_buffer_printf(out, "%s%" PRId64, i > 0 ? separator : "", sizes[i]);
  }
}

// Sets object[key] to the buffer's text and empties it.
static void set_text(json_t* object, const char* key, ppn_buffer_t* text) {
  json_object_set_new(object, key, json_string(ppn_buffer_text(text)));
  ppn_buffer_release(text);
  *text = (ppn_buffer_t){0};
}

static void set(json_t* object, const char* key, const char* text) {
  if (text) json_object_set_new(object, key, json_string(text));
}

// ---- Features ----

static void describe_ranges(json_t* object, const ModelPb__ShapeRange* source) {
  ppn_buffer_t list = {0}, text = {0};
  ppn_buffer_append_text(&list, "[");
  for (size_t i = 0; i < source->n_size_ranges; ++i) {
    const ModelPb__SizeRange* range = source->size_ranges[i];
    bool is_fixed = range->upper_bound >= 0 && range->lower_bound == (uint64_t)range->upper_bound;
    ppn_buffer_printf(&list, "%s[%" PRIu64 ", %" PRId64 "]", i > 0 ? ", " : "", range->lower_bound,
                      range->upper_bound);
    ppn_buffer_printf(&text, "%s%" PRIu64, i > 0 ? TIMES : "", range->lower_bound);
    if (!is_fixed) ppn_buffer_printf(&text, "...%" PRId64, range->upper_bound);
  }
  ppn_buffer_append_text(&list, "]");
  set_text(object, "shapeRange", &list);
  set_text(object, "shapeFlexibility", &text);
}

static void describe_enumerated(json_t* object, const ModelPb__EnumeratedShapes* source) {
  ppn_buffer_t list = {0}, text = {0};
  ppn_buffer_append_text(&list, "[");
  for (size_t i = 0; i < source->n_shapes; ++i) {
    const ModelPb__Shape* shape = source->shapes[i];
    ppn_buffer_append_text(&list, i > 0 ? ", [" : "[");
    append_sizes(&list, shape->shape, shape->n_shape, ", ");
    ppn_buffer_append_text(&list, "]");
    if (i > 0) ppn_buffer_append_text(&text, " | ");
    append_sizes(&text, shape->shape, shape->n_shape, TIMES);
  }
  ppn_buffer_append_text(&list, "]");
  set_text(object, "enumeratedShapes", &list);
  set_text(object, "shapeFlexibility", &text);
}

static void describe_array(json_t* object, const char* kind,
                           const ModelPb__ArrayFeatureType* source) {
  const char* dtype = array_dtype_name(source->data_type);
  ppn_buffer_t text = {0};
  ppn_buffer_printf(&text, "%s (%s%s", kind, dtype, source->n_shape > 0 ? " " : "");
  append_sizes(&text, source->shape, source->n_shape, TIMES);
  ppn_buffer_append_text(&text, ")");
  set_text(object, "formattedType", &text);
  ppn_buffer_append_text(&text, "[");
  append_sizes(&text, source->shape, source->n_shape, ", ");
  ppn_buffer_append_text(&text, "]");
  set_text(object, "shape", &text);
  set(object, "type", kind);
  set(object, "dataType", dtype);
  bool is_flexible = true;
  switch (source->shape_flexibility_case) {
    case MODEL_PB__ARRAY_FEATURE_TYPE__SHAPE_FLEXIBILITY_ENUMERATED_SHAPES:
      describe_enumerated(object, source->enumerated_shapes);
      break;
    case MODEL_PB__ARRAY_FEATURE_TYPE__SHAPE_FLEXIBILITY_SHAPE_RANGE:
      describe_ranges(object, source->shape_range);
      break;
    default:
      is_flexible = false;
  }
  set(object, "hasShapeFlexibility", is_flexible ? "1" : "0");
}

static void describe_image(json_t* object, const ModelPb__ImageFeatureType* source) {
  bool is_color = source->color_space == 20 || source->color_space == 30;
  bool is_flexible =
      source->size_flexibility_case != MODEL_PB__IMAGE_FEATURE_TYPE__SIZE_FLEXIBILITY__NOT_SET;
  const char* space = source->color_space == 20   ? "RGB"
                      : source->color_space == 30 ? "BGR"
                      : source->color_space == 40 ? "Grayscale16Half"
                                                  : "Grayscale";
  ppn_buffer_t text = {0};
  ppn_buffer_printf(&text, "Image (%s %" PRId64 TIMES "%" PRId64 ")",
                    is_color ? "Color" : "Grayscale", source->width, source->height);
  set_text(object, "formattedType", &text);
  ppn_buffer_printf(&text, "%" PRId64, source->width);
  set_text(object, "width", &text);
  ppn_buffer_printf(&text, "%" PRId64, source->height);
  set_text(object, "height", &text);
  set(object, "type", "Image");
  set(object, "colorspace", space);
  set(object, "isColor", is_color ? "1" : "0");
  set(object, "hasSizeFlexibility", is_flexible ? "1" : "0");
}

static void describe_type(json_t* object, const ModelPb__FeatureType* type) {
  switch (type->type_case) {
    case MODEL_PB__FEATURE_TYPE__TYPE_MULTI_ARRAY_TYPE:
      describe_array(object, "MultiArray", type->multi_array_type);
      break;
    case MODEL_PB__FEATURE_TYPE__TYPE_STATE_TYPE:
      if (type->state_type->type_case == MODEL_PB__STATE_FEATURE_TYPE__TYPE_ARRAY_TYPE) {
        describe_array(object, "State", type->state_type->array_type);
      }
      break;
    case MODEL_PB__FEATURE_TYPE__TYPE_IMAGE_TYPE:
      describe_image(object, type->image_type);
      break;
    case MODEL_PB__FEATURE_TYPE__TYPE_STRING_TYPE:
      set(object, "type", "String");
      set(object, "formattedType", "String");
      break;
    case MODEL_PB__FEATURE_TYPE__TYPE_INT64_TYPE:
      set(object, "type", "Int64");
      set(object, "formattedType", "Int64");
      break;
    case MODEL_PB__FEATURE_TYPE__TYPE_DICTIONARY_TYPE: {
      bool is_text = type->dictionary_type->key_type_case ==
                     MODEL_PB__DICTIONARY_FEATURE_TYPE__KEY_TYPE_STRING_KEY_TYPE;
      set(object, "type", "Dictionary");
      set(object, "keyType", is_text ? "String" : "Int64");
      set(object, "formattedType",
          is_text ? "Dictionary (String \xe2\x86\x92 Double)"
                  : "Dictionary (Int64 \xe2\x86\x92 Double)");
      break;
    }
    default:
      break;
  }
}

static json_t* describe_features(ModelPb__FeatureDescription* const* features, size_t count) {
  json_t* list = json_array();
  for (size_t i = 0; i < count; ++i) {
    const ModelPb__FeatureDescription* feature = features[i];
    json_t* object = json_object();
    set(object, "name", feature->name);
    set(object, "shortDescription", feature->short_description);
    set(object, "isOptional", feature->type && feature->type->is_optional ? "1" : "0");
    if (feature->type) describe_type(object, feature->type);
    json_array_append_new(list, object);
  }
  return list;
}

// ---- Functions ----

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "Ios16.reduceMean" of "reduce_mean". Core ML counts by its own versions of operations, which are
// not published; here it is the opset of the function.
static void append_operation_name(ppn_buffer_t* out, ppn_mil_opset_t opset, const char* type) {
  int release = opset == PPN_MIL_OPSET_IOS26 ? 26 : (int)opset + 10;
  ppn_buffer_printf(out, "Ios%d.", release);
  for (const char* c = type; *c; ++c) {
    bool is_joint = *c == '_' && c > type && is_letter(c[1]);
    if (!is_joint) {
      ppn_buffer_append(out, c, 1);
      continue;
    }
    char next = c[1];
    if (next >= 'a' && next <= 'z') next = (char)(next - 'a' + 'A');
    ppn_buffer_append(out, &next, 1);
    ++c;
  }
}

static ppn_status_t describe_function(const describer_t* describer, const char* name,
                                      json_t* object, uint64_t* storage_dtypes) {
  ppn_mil_summary_t summary;
  const ppn_mil_function_t* function =
      ppn_mil_program_function(describer->model->program, ppn_sv(name));
  PPN_RETURN_IF_ERROR(
      ppn_mil_proto_summarise(describer->program, name, describer->arena, &summary));
  json_t* histogram = json_object();
  for (uint32_t i = 0; i < summary.operation_count; ++i) {
    ppn_buffer_t key = {0};
    append_operation_name(&key, function ? function->opset : PPN_MIL_OPSET_IOS15,
                          summary.operations[i].type);
    json_object_set_new(histogram, ppn_buffer_text(&key),
                        json_integer(summary.operations[i].count));
    ppn_buffer_release(&key);
  }
  json_object_set_new(object, "mlProgramOperationTypeHistogram", histogram);
  set(object, "computePrecision", precision_text(describer->arena, summary.result_dtypes));
  *storage_dtypes |= summary.storage_dtypes;
  return ppn_status_ok();
}

static ppn_status_t describe_functions(const describer_t* describer,
                                       const ModelPb__ModelDescription* source, json_t* object,
                                       uint64_t* storage_dtypes) {
  json_t* list = json_array();
  json_object_set_new(object, "functions", list);
  set(object, "defaultFunctionName", source->default_function_name);
  for (size_t i = 0; i < source->n_functions; ++i) {
    const ModelPb__FunctionDescription* function = source->functions[i];
    json_t *entry = json_object(), *inputs = describe_features(function->input, function->n_input),
           *outputs = describe_features(function->output, function->n_output),
           *states = describe_features(function->state, function->n_state);
    json_array_append_new(list, entry);
    set(entry, "name", function->name);
    json_object_set_new(entry, "inputSchema", inputs);
    json_object_set_new(entry, "outputSchema", outputs);
    json_object_set_new(entry, "stateSchema", states);
    PPN_RETURN_IF_ERROR(describe_function(describer, function->name, entry, storage_dtypes));
    if (strcmp(function->name, source->default_function_name) != 0) continue;
    // The model shows its default function.
    static const char* const shown[] = {"inputSchema", "outputSchema", "stateSchema",
                                        "mlProgramOperationTypeHistogram", "computePrecision"};
    for (size_t k = 0; k < PPN_COUNT_OF(shown); ++k) {
      json_object_set(object, shown[k], json_object_get(entry, shown[k]));
    }
  }
  return ppn_status_ok();
}

// ---- The model ----

static json_t* availability(int version) {
  static const struct {
    int version;
    const char *mac, *phone, *watch, *vision;
  } rows[] = {{6, "12.0", "15.0", "8.0", "1.0"},
              {7, "13.0", "16.0", "9.0", "1.0"},
              {8, "14.0", "17.0", "10.0", "1.0"},
              {9, "15.0", "18.0", "11.0", "2.0"},
              {10, "26.0", "26.0", "26.0", "26.0"}};
  for (size_t i = 0; i < PPN_COUNT_OF(rows); ++i) {
    if (rows[i].version != version) continue;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "macOS", rows[i].mac, "tvOS", rows[i].phone,
                     "visionOS", rows[i].vision, "watchOS", rows[i].watch, "iOS", rows[i].phone,
                     "macCatalyst", rows[i].phone);
  }
  return json_object();
}

static void describe_authorship(json_t* object, const ModelPb__Metadata* source) {
  json_t* user = json_object();
  json_object_set_new(object, "userDefinedMetadata", user);
  if (!source) return;
  for (size_t i = 0; i < source->n_user_defined; ++i) {
    set(user, source->user_defined[i]->key, source->user_defined[i]->value);
  }
  if (*source->short_description) set(object, "shortDescription", source->short_description);
  if (*source->version_string) set(object, "version", source->version_string);
  if (*source->author) set(object, "author", source->author);
  if (*source->license) set(object, "license", source->license);
}

// A class may be called so: letters, digits and underscores.
static void set_class_name(json_t* object, const char* name) {
  ppn_buffer_t text = {0};
  if (*name >= '0' && *name <= '9') ppn_buffer_append_text(&text, "_");
  for (const char* c = name; *c; ++c) {
    bool fine = is_letter(*c) || (*c >= '0' && *c <= '9') || *c == '_';
    ppn_buffer_append(&text, fine ? c : "_", 1);
  }
  set_text(object, "generatedClassName", &text);
}

static ppn_status_t describe_model(const describer_t* describer,
                                   const ModelPb__ModelDescription* source, json_t* object) {
  uint64_t storage_dtypes = 0;
  set(object, "metadataOutputVersion", "3.0");
  json_object_set_new(object, "specificationVersion",
                      json_integer(describer->model->specification_version));
  json_object_set_new(object, "modelType", json_pack("{s:s}", "name", "MLModelType_mlProgram"));
  if (source->n_functions > 0) {
    PPN_RETURN_IF_ERROR(describe_functions(describer, source, object, &storage_dtypes));
  } else {
    json_object_set_new(object, "inputSchema", describe_features(source->input, source->n_input));
    json_object_set_new(object, "outputSchema",
                        describe_features(source->output, source->n_output));
    json_object_set_new(object, "stateSchema", describe_features(source->state, source->n_state));
    PPN_RETURN_IF_ERROR(describe_function(describer, "main", object, &storage_dtypes));
  }
  set(object, "storagePrecision", precision_text(describer->arena, storage_dtypes));
  json_object_set_new(object, "availability",
                      availability(describer->model->specification_version));
  describe_authorship(object, source->metadata);
  set(object, "isUpdatable", "0");
  json_object_set_new(object, "modelParameters", json_array());
  set_class_name(object, describer->name);
  set(object, "method", "predict");
  return ppn_status_ok();
}

static int append_json(const char* data, size_t size, void* out) {
  ppn_buffer_append(out, data, size);
  return 0;
}

static ppn_status_t write_metadata(const describer_t* describer, ppn_span_t description,
                                   ppn_buffer_t* out) {
  ProtobufCMessage* message = NULL;
  PPN_RETURN_IF_ERROR(ppn_proto_unpack(&model_pb__model_description__descriptor, description,
                                       "model description", describer->arena, &message));
  json_t *list = json_array(), *object = json_object();
  json_array_append_new(list, object);
  ppn_status_t status =
      describe_model(describer, (const ModelPb__ModelDescription*)message, object);
  if (!status && json_dump_callback(list, append_json, out, JSON_INDENT(2)) != 0) {
    status = ppn_out_of_memory();
  }
  json_decref(list);
  ppn_buffer_append_text(out, "\n");
  return status ? status : ppn_buffer_status(out);
}

ppn_status_t ppn_coreml_compiled_write_metadata(const ppn_coreml_model_t* model,
                                                ppn_span_t description, ppn_span_t program,
                                                const char* name, ppn_buffer_t* out) {
  ppn_arena_t arena = {0};
  describer_t describer = {model, program, name, &arena};
  ppn_status_t status = write_metadata(&describer, description, out);
  ppn_arena_release(&arena);
  return status;
}
