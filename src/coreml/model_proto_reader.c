#include <inttypes.h>

#include "coreml/model_proto.h"
#include "formats/proto_message.h"
#include "model.pb-c.h"
#include "tensor/tensor.h"

#define OLDEST_PROGRAM_VERSION 6
#define NEWEST_PROGRAM_VERSION 10

// The message lies in the model's arena, so its text and arrays can be kept as they are.

static ppn_status_t invalid_feature(const char* name, const char* problem) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "feature '%s': %s", name, problem);
}

static ppn_dtype_t read_dtype(ModelPb__ArrayDataType type) {
  switch (type) {
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_FLOAT16:
      return PPN_DTYPE_FLOAT16;
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_FLOAT32:
      return PPN_DTYPE_FLOAT32;
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_DOUBLE:
      return PPN_DTYPE_FLOAT64;
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_INT8:
      return PPN_DTYPE_INT8;
    case MODEL_PB__ARRAY_DATA_TYPE__ARRAY_INT32:
      return PPN_DTYPE_INT32;
    default:
      return PPN_DTYPE_INVALID;
  }
}

static ppn_status_t check_shape(const char* name, size_t rank, const int64_t* sizes) {
  if (rank > PPN_MAX_RANK) return invalid_feature(name, "its rank is too large");
  for (size_t i = 0; i < rank; ++i) {
    if (sizes[i] < 0) return invalid_feature(name, "a size is negative");
  }
  return ppn_status_ok();
}

static ppn_status_t read_enumerated(ppn_arena_t* arena, const ModelPb__EnumeratedShapes* source,
                                    ppn_coreml_feature_t* out) {
  if (source->n_shapes == 0 || source->n_shapes > UINT32_MAX) {
    return invalid_feature(out->name, "its list of enumerated shapes is empty");
  }
  size_t rank = source->shapes[0]->n_shape;
  if (out->rank < 0) out->rank = (int)rank;
  PPN_ARENA_NEW(arena, source->n_shapes * (rank ? rank : 1), &out->enumerated);
  for (size_t i = 0; i < source->n_shapes; ++i) {
    const ModelPb__Shape* shape = source->shapes[i];
    if (shape->n_shape != (size_t)out->rank || rank == 0) {
      return invalid_feature(out->name, "its enumerated shapes differ in rank");
    }
    PPN_RETURN_IF_ERROR(check_shape(out->name, rank, shape->shape));
    memcpy(out->enumerated + i * rank, shape->shape, rank * sizeof(*shape->shape));
  }
  out->enumerated_count = (uint32_t)source->n_shapes;
  if (!out->shape) out->shape = out->enumerated;
  return ppn_status_ok();
}

static ppn_status_t read_ranges(ppn_arena_t* arena, const ModelPb__ShapeRange* source,
                                ppn_coreml_feature_t* out) {
  size_t rank = source->n_size_ranges;
  if (rank > PPN_MAX_RANK) return invalid_feature(out->name, "its rank is too large");
  if (out->rank >= 0 && rank != (size_t)out->rank) {
    return invalid_feature(out->name, "its size ranges and its default shape differ in rank");
  }
  PPN_ARENA_NEW(arena, rank, &out->ranges);
  bool has_default = out->rank >= 0;
  if (!has_default) PPN_ARENA_NEW(arena, rank, &out->shape);
  for (size_t i = 0; i < rank; ++i) {
    const ModelPb__SizeRange* range = source->size_ranges[i];
    if (range->lower_bound > INT64_MAX) return invalid_feature(out->name, "a range is too large");
    int64_t lower = (int64_t)range->lower_bound;
    int64_t upper = range->upper_bound < 0 ? -1 : range->upper_bound;
    if (upper >= 0 && lower > upper) return invalid_feature(out->name, "a range is empty");
    if (!has_default) out->shape[i] = lower;
    if (out->shape[i] < lower || (upper >= 0 && out->shape[i] > upper)) {
      return invalid_feature(out->name, "its default shape lies outside its ranges");
    }
    out->ranges[i] = (ppn_coreml_range_t){lower, upper};
  }
  out->rank = (int)rank;
  return ppn_status_ok();
}

// The official tools state it as a float whatever the data type is.
static double read_default(const ModelPb__ArrayFeatureType* source) {
  switch (source->default_optional_value_case) {
    case MODEL_PB__ARRAY_FEATURE_TYPE__DEFAULT_OPTIONAL_VALUE_INT_DEFAULT_VALUE:
      return source->int_default_value;
    case MODEL_PB__ARRAY_FEATURE_TYPE__DEFAULT_OPTIONAL_VALUE_FLOAT_DEFAULT_VALUE:
      return source->float_default_value;
    case MODEL_PB__ARRAY_FEATURE_TYPE__DEFAULT_OPTIONAL_VALUE_DOUBLE_DEFAULT_VALUE:
      return source->double_default_value;
    default:
      return 0;
  }
}

static ppn_status_t read_array(ppn_arena_t* arena, const ModelPb__ArrayFeatureType* source,
                               ppn_coreml_feature_t* out) {
  out->dtype = read_dtype(source->data_type);
  if (out->dtype == PPN_DTYPE_INVALID) {
    return invalid_feature(out->name, "its array data type is unknown");
  }
  PPN_RETURN_IF_ERROR(check_shape(out->name, source->n_shape, source->shape));
  if (source->n_shape > 0) {
    out->rank = (int)source->n_shape;
    out->shape = source->shape;
  }
  out->default_value = read_default(source);
  switch (source->shape_flexibility_case) {
    case MODEL_PB__ARRAY_FEATURE_TYPE__SHAPE_FLEXIBILITY_ENUMERATED_SHAPES:
      return read_enumerated(arena, source->enumerated_shapes, out);
    case MODEL_PB__ARRAY_FEATURE_TYPE__SHAPE_FLEXIBILITY_SHAPE_RANGE:
      return read_ranges(arena, source->shape_range, out);
    default:
      return ppn_status_ok();
  }
}

// Sizes of images are enumerated or ranged like those of arrays: as shapes [height, width].
static ppn_status_t read_image_sizes(ppn_arena_t* arena,
                                     const ModelPb__EnumeratedImageSizes* source,
                                     ppn_coreml_feature_t* out) {
  if (source->n_sizes == 0 || source->n_sizes > UINT32_MAX) {
    return invalid_feature(out->name, "its list of enumerated sizes is empty");
  }
  PPN_ARENA_NEW(arena, 2 * source->n_sizes, &out->enumerated);
  for (size_t i = 0; i < source->n_sizes; ++i) {
    const ModelPb__ImageSize* size = source->sizes[i];
    if (size->height > INT64_MAX || size->width > INT64_MAX) {
      return invalid_feature(out->name, "an enumerated size is too large");
    }
    out->enumerated[2 * i] = (int64_t)size->height;
    out->enumerated[2 * i + 1] = (int64_t)size->width;
  }
  out->enumerated_count = (uint32_t)source->n_sizes;
  return ppn_status_ok();
}

static ppn_status_t read_image_range(const ModelPb__SizeRange* source, ppn_coreml_range_t* out,
                                     const char* name) {
  *out = (ppn_coreml_range_t){1, -1};
  if (!source) return ppn_status_ok();
  if (source->lower_bound > INT64_MAX ||
      (source->upper_bound >= 0 && (int64_t)source->lower_bound > source->upper_bound)) {
    return invalid_feature(name, "a range of its sizes is empty");
  }
  out->lower = (int64_t)source->lower_bound;
  out->upper = source->upper_bound < 0 ? -1 : source->upper_bound;
  return ppn_status_ok();
}

static ppn_status_t read_image(ppn_arena_t* arena, const ModelPb__ImageFeatureType* source,
                               ppn_coreml_feature_t* out) {
  PPN_ARENA_NEW(arena, 2, &out->shape);
  out->kind = PPN_COREML_IMAGE;
  out->rank = 2;
  out->shape[0] = source->height;
  out->shape[1] = source->width;
  out->image_color_space = source->color_space;
  PPN_RETURN_IF_ERROR(check_shape(out->name, 2, out->shape));
  switch (source->size_flexibility_case) {
    case MODEL_PB__IMAGE_FEATURE_TYPE__SIZE_FLEXIBILITY_ENUMERATED_SIZES:
      return read_image_sizes(arena, source->enumerated_sizes, out);
    case MODEL_PB__IMAGE_FEATURE_TYPE__SIZE_FLEXIBILITY_IMAGE_SIZE_RANGE:
      PPN_ARENA_NEW(arena, 2, &out->ranges);
      PPN_RETURN_IF_ERROR(
          read_image_range(source->image_size_range->height_range, &out->ranges[0], out->name));
      return read_image_range(source->image_size_range->width_range, &out->ranges[1], out->name);
    default:
      return ppn_status_ok();
  }
}

static ppn_status_t read_feature(ppn_arena_t* arena, const ModelPb__FeatureDescription* source,
                                 ppn_coreml_feature_t* out) {
  out->name = source->name;
  out->rank = -1;
  if (!*out->name) return invalid_feature("", "a feature has no name");
  if (!source->type) return invalid_feature(out->name, "it has no type");
  const ModelPb__FeatureType* type = source->type;
  out->is_optional = type->is_optional;
  switch (type->type_case) {
    case MODEL_PB__FEATURE_TYPE__TYPE_MULTI_ARRAY_TYPE:
      out->kind = PPN_COREML_MULTI_ARRAY;
      return read_array(arena, type->multi_array_type, out);
    case MODEL_PB__FEATURE_TYPE__TYPE_STATE_TYPE:
      out->kind = PPN_COREML_STATE;
      if (type->state_type->type_case != MODEL_PB__STATE_FEATURE_TYPE__TYPE_ARRAY_TYPE) {
        return invalid_feature(out->name, "a state must wrap an array");
      }
      PPN_RETURN_IF_ERROR(read_array(arena, type->state_type->array_type, out));
      if (out->rank < 0 || out->ranges || out->enumerated) {
        return invalid_feature(out->name, "a state must have a fixed shape");
      }
      return ppn_status_ok();
    case MODEL_PB__FEATURE_TYPE__TYPE_IMAGE_TYPE:
      return read_image(arena, type->image_type, out);
    case MODEL_PB__FEATURE_TYPE__TYPE_STRING_TYPE:
      out->kind = PPN_COREML_STRING;
      out->dtype = PPN_DTYPE_STRING;
      return ppn_status_ok();
    case MODEL_PB__FEATURE_TYPE__TYPE_INT64_TYPE:
      out->kind = PPN_COREML_INT64;
      out->dtype = PPN_DTYPE_INT64;
      return ppn_status_ok();
    case MODEL_PB__FEATURE_TYPE__TYPE_DICTIONARY_TYPE:
      out->kind = PPN_COREML_DICTIONARY;
      out->dtype = type->dictionary_type->key_type_case ==
                           MODEL_PB__DICTIONARY_FEATURE_TYPE__KEY_TYPE_STRING_KEY_TYPE
                       ? PPN_DTYPE_STRING
                       : PPN_DTYPE_INT64;
      return ppn_status_ok();
    default:
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "feature '%s' has a type that ML Programs do not use", out->name);
  }
}

static ppn_status_t read_features(ppn_arena_t* arena, ModelPb__FeatureDescription* const* source,
                                  size_t count, ppn_coreml_feature_t** out, uint32_t* out_count) {
  PPN_ARENA_NEW(arena, count, out);
  for (size_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(read_feature(arena, source[i], &(*out)[i]));
  }
  *out_count = (uint32_t)count;
  return ppn_status_ok();
}

static const char* text_or_null(const char* text) {
  return *text ? text : NULL;
}

static ppn_status_t read_single(ppn_arena_t* arena, const ModelPb__ModelDescription* source,
                                ppn_coreml_interface_t* out) {
  out->function_name = "main";
  out->predicted_feature_name = text_or_null(source->predicted_feature_name);
  out->predicted_probabilities_name = text_or_null(source->predicted_probabilities_name);
  PPN_RETURN_IF_ERROR(
      read_features(arena, source->input, source->n_input, &out->inputs, &out->input_count));
  PPN_RETURN_IF_ERROR(
      read_features(arena, source->output, source->n_output, &out->outputs, &out->output_count));
  return read_features(arena, source->state, source->n_state, &out->states, &out->state_count);
}

static ppn_status_t read_function(ppn_arena_t* arena, const ModelPb__FunctionDescription* source,
                                  ppn_coreml_interface_t* out) {
  out->function_name = source->name;
  out->predicted_feature_name = text_or_null(source->predicted_feature_name);
  out->predicted_probabilities_name = text_or_null(source->predicted_probabilities_name);
  PPN_RETURN_IF_ERROR(
      read_features(arena, source->input, source->n_input, &out->inputs, &out->input_count));
  PPN_RETURN_IF_ERROR(
      read_features(arena, source->output, source->n_output, &out->outputs, &out->output_count));
  return read_features(arena, source->state, source->n_state, &out->states, &out->state_count);
}

static ppn_status_t read_description(const ModelPb__ModelDescription* source,
                                     ppn_coreml_model_t* model) {
  ppn_arena_t* arena = &model->arena;
  if (source->n_functions == 0) {
    PPN_ARENA_NEW(arena, 1, &model->interfaces);
    model->interface_count = 1;
    model->default_function = "main";
    return read_single(arena, source, &model->interfaces[0]);
  }
  if (source->n_input || source->n_output || source->n_state) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the description of a multifunction model has inputs, outputs or states "
                           "outside its functions");
  }
  PPN_ARENA_NEW(arena, source->n_functions, &model->interfaces);
  model->is_multifunction = true;
  model->default_function = source->default_function_name;
  bool found = false;
  for (size_t i = 0; i < source->n_functions; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(read_function(arena, source->functions[i], &model->interfaces[i]),
                                  "function '%s'", source->functions[i]->name);
    found = found || strcmp(source->functions[i]->name, model->default_function) == 0;
    ++model->interface_count;
  }
  if (!found) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the default function '%s' is not among the model's functions",
                           model->default_function);
  }
  return ppn_status_ok();
}

static ppn_status_t set_version(ppn_coreml_model_t* model, int version) {
  model->specification_version = version;
  if (version >= OLDEST_PROGRAM_VERSION && version <= NEWEST_PROGRAM_VERSION) {
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                         "the model has specification version %d, supported are %d to %d", version,
                         OLDEST_PROGRAM_VERSION, NEWEST_PROGRAM_VERSION);
}

ppn_status_t ppn_coreml_model_read_proto(ppn_span_t bytes, ppn_coreml_model_t* model,
                                         ppn_span_t* out_program) {
  ProtobufCMessage* message;
  PPN_RETURN_IF_ERROR(
      ppn_proto_unpack(&model_pb__model__descriptor, bytes, "model", &model->arena, &message));
  const ModelPb__Model* source = (const ModelPb__Model*)message;
  PPN_RETURN_IF_ERROR(ppn_coreml_check_model_kind((int)source->type_case));
  PPN_RETURN_IF_ERROR(set_version(model, source->specification_version));
  if (!source->description) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the model has no description");
  }
  *out_program = ppn_span_make(source->ml_program.data, source->ml_program.len);
  return read_description(source->description, model);
}

ppn_status_t ppn_coreml_model_read_description(int specification_version, ppn_span_t bytes,
                                               ppn_coreml_model_t* model) {
  ProtobufCMessage* message;
  PPN_RETURN_IF_ERROR(set_version(model, specification_version));
  PPN_RETURN_IF_ERROR(ppn_proto_unpack(&model_pb__model_description__descriptor, bytes,
                                       "model description", &model->arena, &message));
  return read_description((const ModelPb__ModelDescription*)message, model);
}
