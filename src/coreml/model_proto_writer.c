#include "coreml/model_proto.h"
#include "formats/proto_message.h"
#include "model.pb-c.h"

#define NEW(arena, kind, out_pointer)       \
  do {                                      \
    PPN_ARENA_NEW((arena), 1, out_pointer); \
    kind##__init(*(out_pointer));           \
  } while (0)

static char* borrow(const char* text) {
  return (char*)(uintptr_t)(text ? text : "");
}

static ppn_status_t write_dtype(const ppn_coreml_feature_t* feature, ModelPb__ArrayDataType* out) {
  switch (feature->dtype) {
    case PPN_DTYPE_FLOAT16:
      *out = MODEL_PB__ARRAY_DATA_TYPE__ARRAY_FLOAT16;
      break;
    case PPN_DTYPE_FLOAT32:
      *out = MODEL_PB__ARRAY_DATA_TYPE__ARRAY_FLOAT32;
      break;
    case PPN_DTYPE_FLOAT64:
      *out = MODEL_PB__ARRAY_DATA_TYPE__ARRAY_DOUBLE;
      break;
    case PPN_DTYPE_INT8:
      *out = MODEL_PB__ARRAY_DATA_TYPE__ARRAY_INT8;
      break;
    case PPN_DTYPE_INT32:
      *out = MODEL_PB__ARRAY_DATA_TYPE__ARRAY_INT32;
      break;
    default:
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "feature '%s' has type %s; Core ML's interface allows float16, "
                             "float32, float64, int8 and int32",
                             feature->name, ppn_dtype_name(feature->dtype));
  }
  return ppn_status_ok();
}

static ppn_status_t write_shape(ppn_arena_t* arena, const int64_t* sizes, int rank,
                                size_t* out_count, int64_t** out_sizes) {
  if (rank <= 0) return ppn_status_ok();
  PPN_ARENA_NEW(arena, rank, out_sizes);
  memcpy(*out_sizes, sizes, (size_t)rank * sizeof(*sizes));
  *out_count = (size_t)rank;
  return ppn_status_ok();
}

static ppn_status_t write_enumerated(ppn_arena_t* arena, const ppn_coreml_feature_t* feature,
                                     ModelPb__ArrayFeatureType* array) {
  array->shape_flexibility_case = MODEL_PB__ARRAY_FEATURE_TYPE__SHAPE_FLEXIBILITY_ENUMERATED_SHAPES;
  NEW(arena, model_pb__enumerated_shapes, &array->enumerated_shapes);
  ModelPb__EnumeratedShapes* shapes = array->enumerated_shapes;
  PPN_ARENA_NEW(arena, feature->enumerated_count, &shapes->shapes);
  shapes->n_shapes = feature->enumerated_count;
  for (uint32_t i = 0; i < feature->enumerated_count; ++i) {
    NEW(arena, model_pb__shape, &shapes->shapes[i]);
    PPN_RETURN_IF_ERROR(write_shape(arena, feature->enumerated + (size_t)i * (size_t)feature->rank,
                                    feature->rank, &shapes->shapes[i]->n_shape,
                                    &shapes->shapes[i]->shape));
  }
  return ppn_status_ok();
}

static ppn_status_t write_ranges(ppn_arena_t* arena, const ppn_coreml_feature_t* feature,
                                 ModelPb__ArrayFeatureType* array) {
  array->shape_flexibility_case = MODEL_PB__ARRAY_FEATURE_TYPE__SHAPE_FLEXIBILITY_SHAPE_RANGE;
  NEW(arena, model_pb__shape_range, &array->shape_range);
  ModelPb__ShapeRange* ranges = array->shape_range;
  PPN_ARENA_NEW(arena, feature->rank, &ranges->size_ranges);
  ranges->n_size_ranges = (size_t)feature->rank;
  for (int i = 0; i < feature->rank; ++i) {
    NEW(arena, model_pb__size_range, &ranges->size_ranges[i]);
    ranges->size_ranges[i]->lower_bound = (uint64_t)feature->ranges[i].lower;
    ranges->size_ranges[i]->upper_bound = feature->ranges[i].upper;
  }
  return ppn_status_ok();
}

static void write_default(const ppn_coreml_feature_t* feature, ModelPb__ArrayFeatureType* out) {
  switch (feature->dtype) {
    case PPN_DTYPE_INT8:
    case PPN_DTYPE_INT32:
      out->default_optional_value_case =
          MODEL_PB__ARRAY_FEATURE_TYPE__DEFAULT_OPTIONAL_VALUE_INT_DEFAULT_VALUE;
      out->int_default_value = (int32_t)feature->default_value;
      break;
    case PPN_DTYPE_FLOAT64:
      out->default_optional_value_case =
          MODEL_PB__ARRAY_FEATURE_TYPE__DEFAULT_OPTIONAL_VALUE_DOUBLE_DEFAULT_VALUE;
      out->double_default_value = feature->default_value;
      break;
    default:
      out->default_optional_value_case =
          MODEL_PB__ARRAY_FEATURE_TYPE__DEFAULT_OPTIONAL_VALUE_FLOAT_DEFAULT_VALUE;
      out->float_default_value = (float)feature->default_value;
      break;
  }
}

static ppn_status_t write_array(ppn_arena_t* arena, const ppn_coreml_feature_t* feature,
                                ModelPb__ArrayFeatureType** out) {
  NEW(arena, model_pb__array_feature_type, out);
  PPN_RETURN_IF_ERROR(write_dtype(feature, &(*out)->data_type));
  PPN_RETURN_IF_ERROR(
      write_shape(arena, feature->shape, feature->rank, &(*out)->n_shape, &(*out)->shape));
  if (feature->is_optional) write_default(feature, *out);
  if (feature->enumerated) return write_enumerated(arena, feature, *out);
  if (feature->ranges) return write_ranges(arena, feature, *out);
  return ppn_status_ok();
}

static ppn_status_t write_image_range(ppn_arena_t* arena, ppn_coreml_range_t range,
                                      ModelPb__SizeRange** out) {
  NEW(arena, model_pb__size_range, out);
  (*out)->lower_bound = (uint64_t)range.lower;
  (*out)->upper_bound = range.upper;
  return ppn_status_ok();
}

static ppn_status_t write_image(ppn_arena_t* arena, const ppn_coreml_feature_t* feature,
                                ModelPb__ImageFeatureType** out_image) {
  NEW(arena, model_pb__image_feature_type, out_image);
  ModelPb__ImageFeatureType* out = *out_image;
  out->height = feature->shape[0];
  out->width = feature->shape[1];
  out->color_space = feature->image_color_space;
  if (feature->enumerated) {
    out->size_flexibility_case = MODEL_PB__IMAGE_FEATURE_TYPE__SIZE_FLEXIBILITY_ENUMERATED_SIZES;
    NEW(arena, model_pb__enumerated_image_sizes, &out->enumerated_sizes);
    PPN_ARENA_NEW(arena, feature->enumerated_count, &out->enumerated_sizes->sizes);
    out->enumerated_sizes->n_sizes = feature->enumerated_count;
    for (uint32_t i = 0; i < feature->enumerated_count; ++i) {
      NEW(arena, model_pb__image_size, &out->enumerated_sizes->sizes[i]);
      out->enumerated_sizes->sizes[i]->height = (uint64_t)feature->enumerated[2 * (size_t)i];
      out->enumerated_sizes->sizes[i]->width = (uint64_t)feature->enumerated[2 * (size_t)i + 1];
    }
  } else if (feature->ranges) {
    out->size_flexibility_case = MODEL_PB__IMAGE_FEATURE_TYPE__SIZE_FLEXIBILITY_IMAGE_SIZE_RANGE;
    NEW(arena, model_pb__image_size_range, &out->image_size_range);
    PPN_RETURN_IF_ERROR(
        write_image_range(arena, feature->ranges[0], &out->image_size_range->height_range));
    PPN_RETURN_IF_ERROR(
        write_image_range(arena, feature->ranges[1], &out->image_size_range->width_range));
  }
  return ppn_status_ok();
}

static ppn_status_t write_feature(ppn_arena_t* arena, const ppn_coreml_feature_t* feature,
                                  ModelPb__FeatureDescription** out) {
  NEW(arena, model_pb__feature_description, out);
  (*out)->name = borrow(feature->name);
  NEW(arena, model_pb__feature_type, &(*out)->type);
  ModelPb__FeatureType* type = (*out)->type;
  type->is_optional = feature->is_optional;
  switch (feature->kind) {
    case PPN_COREML_MULTI_ARRAY:
      type->type_case = MODEL_PB__FEATURE_TYPE__TYPE_MULTI_ARRAY_TYPE;
      return write_array(arena, feature, &type->multi_array_type);
    case PPN_COREML_STATE:
      type->type_case = MODEL_PB__FEATURE_TYPE__TYPE_STATE_TYPE;
      NEW(arena, model_pb__state_feature_type, &type->state_type);
      type->state_type->type_case = MODEL_PB__STATE_FEATURE_TYPE__TYPE_ARRAY_TYPE;
      return write_array(arena, feature, &type->state_type->array_type);
    case PPN_COREML_STRING:
      type->type_case = MODEL_PB__FEATURE_TYPE__TYPE_STRING_TYPE;
      NEW(arena, model_pb__empty, &type->string_type);
      return ppn_status_ok();
    case PPN_COREML_INT64:
      type->type_case = MODEL_PB__FEATURE_TYPE__TYPE_INT64_TYPE;
      NEW(arena, model_pb__empty, &type->int64_type);
      return ppn_status_ok();
    case PPN_COREML_DICTIONARY:
      type->type_case = MODEL_PB__FEATURE_TYPE__TYPE_DICTIONARY_TYPE;
      NEW(arena, model_pb__dictionary_feature_type, &type->dictionary_type);
      if (feature->dtype == PPN_DTYPE_STRING) {
        type->dictionary_type->key_type_case =
            MODEL_PB__DICTIONARY_FEATURE_TYPE__KEY_TYPE_STRING_KEY_TYPE;
        NEW(arena, model_pb__empty, &type->dictionary_type->string_key_type);
      } else {
        type->dictionary_type->key_type_case =
            MODEL_PB__DICTIONARY_FEATURE_TYPE__KEY_TYPE_INT64_KEY_TYPE;
        NEW(arena, model_pb__empty, &type->dictionary_type->int64_key_type);
      }
      return ppn_status_ok();
    case PPN_COREML_IMAGE:
      type->type_case = MODEL_PB__FEATURE_TYPE__TYPE_IMAGE_TYPE;
      return write_image(arena, feature, &type->image_type);
  }
  return ppn_status_ok();
}

static ppn_status_t write_features(ppn_arena_t* arena, const ppn_coreml_feature_t* features,
                                   uint32_t count, size_t* out_count,
                                   ModelPb__FeatureDescription*** out) {
  PPN_ARENA_NEW(arena, count, out);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(write_feature(arena, &features[i], &(*out)[i]));
  }
  *out_count = count;
  return ppn_status_ok();
}

static ppn_status_t write_single(ppn_arena_t* arena, const ppn_coreml_interface_t* interface,
                                 ModelPb__ModelDescription* out) {
  out->predicted_feature_name = borrow(interface->predicted_feature_name);
  out->predicted_probabilities_name = borrow(interface->predicted_probabilities_name);
  PPN_RETURN_IF_ERROR(
      write_features(arena, interface->inputs, interface->input_count, &out->n_input, &out->input));
  PPN_RETURN_IF_ERROR(write_features(arena, interface->outputs, interface->output_count,
                                     &out->n_output, &out->output));
  return write_features(arena, interface->states, interface->state_count, &out->n_state,
                        &out->state);
}

static ppn_status_t write_function(ppn_arena_t* arena, const ppn_coreml_interface_t* interface,
                                   ModelPb__FunctionDescription** out_function) {
  NEW(arena, model_pb__function_description, out_function);
  ModelPb__FunctionDescription* out = *out_function;
  out->name = borrow(interface->function_name);
  out->predicted_feature_name = borrow(interface->predicted_feature_name);
  out->predicted_probabilities_name = borrow(interface->predicted_probabilities_name);
  PPN_RETURN_IF_ERROR(
      write_features(arena, interface->inputs, interface->input_count, &out->n_input, &out->input));
  PPN_RETURN_IF_ERROR(write_features(arena, interface->outputs, interface->output_count,
                                     &out->n_output, &out->output));
  return write_features(arena, interface->states, interface->state_count, &out->n_state,
                        &out->state);
}

static ppn_status_t write_model(ppn_arena_t* arena, const ppn_coreml_model_t* model,
                                ppn_span_t program, ppn_buffer_t* out) {
  ModelPb__Model message;
  model_pb__model__init(&message);
  message.specification_version = model->specification_version;
  NEW(arena, model_pb__model_description, &message.description);
  ModelPb__ModelDescription* description = message.description;
  if (model->is_multifunction) {
    PPN_ARENA_NEW(arena, model->interface_count, &description->functions);
    for (uint32_t i = 0; i < model->interface_count; ++i) {
      PPN_RETURN_IF_ERROR(write_function(arena, &model->interfaces[i], &description->functions[i]));
    }
    description->n_functions = model->interface_count;
    description->default_function_name = borrow(model->default_function);
  } else {
    PPN_RETURN_IF_ERROR(write_single(arena, &model->interfaces[0], description));
  }
  message.type_case = MODEL_PB__MODEL__TYPE_ML_PROGRAM;
  message.ml_program.data = (uint8_t*)(uintptr_t)program.data;
  message.ml_program.len = program.size;
  return ppn_proto_pack(&message.base, out);
}

ppn_status_t ppn_coreml_model_write_proto(const ppn_coreml_model_t* model, ppn_span_t program,
                                          ppn_buffer_t* out) {
  ppn_arena_t arena = {0};
  ppn_status_t status = write_model(&arena, model, program, out);
  ppn_arena_release(&arena);
  return status;
}
