// Values and arguments of a graph's JSON.
#include <math.h>

#include "graph/read_program.h"

ppn_status_t ppn_read_error(const ppn_reader_scope_t* scope, const char* problem,
                            const char* detail) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: %s: %s '%s'", scope->reader->name,
                         scope->where ? scope->where : "the graph", problem, detail);
}

ppn_status_t ppn_read_union(const ppn_reader_scope_t* scope, const json_t* json,
                            const char** out_tag, const json_t** out_payload) {
  void* member = json_is_object(json) ? json_object_iter((json_t*)(uintptr_t)json) : NULL;
  if (!member || json_object_size(json) != 1) {
    return ppn_read_error(scope, "expected an object with exactly one member, found",
                          json_is_object(json) ? "several or none" : "something else");
  }
  *out_tag = json_object_iter_key(member);
  *out_payload = json_object_iter_value(member);
  return ppn_status_ok();
}

static const char* text_of(const json_t* json, const char* key) {
  return json_string_value(key ? json_object_get(json, key) : json);
}

// ---- Sizes ----

static int64_t hint_of(const json_t* expression) {
  const json_t* hint = json_object_get(json_object_get(expression, "hint"), "as_int");
  return json_is_integer(hint) ? json_integer_value(hint) : -1;
}

ppn_status_t ppn_read_dim(ppn_program_reader_t* reader, const json_t* json, ppn_dim_t* out_dim) {
  const json_t* literal = json_object_get(json, "as_int");
  if (json_is_integer(literal)) {
    *out_dim = ppn_dim_static(json_integer_value(literal));
    return ppn_status_ok();
  }
  const json_t* expression = json_object_get(json, "as_expr");
  const char* text = text_of(expression, "expr_str");
  if (!text) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "%s: a size is neither an integer nor an expression", reader->name);
  }
  ppn_dim_t* known = ppn_string_map_get(&reader->expressions, ppn_sv(text));
  if (!known) {
    ppn_symbol_table_t* symbols = reader->program->symbols;
    PPN_ARENA_NEW(&reader->program->arena, 1, &known);
    PPN_RETURN_IF_ERROR_ANNOTATED(ppn_dim_parse(symbols, ppn_sv(text), hint_of(expression), known),
                                  "%s", reader->name);
    int64_t symbol = ppn_dim_as_symbol(symbols, *known);
    if (symbol >= 0) ppn_symbol_table_symbol(symbols, (uint32_t)symbol)->hint = known->value;
    PPN_RETURN_IF_ERROR(ppn_string_map_set(&reader->expressions, ppn_sv(text), known));
  }
  *out_dim = *known;
  return ppn_status_ok();
}

static ppn_status_t read_dims(ppn_program_reader_t* reader, const json_t* list, int rank,
                              ppn_dim_t* out) {
  for (int i = 0; i < rank; ++i) {
    PPN_RETURN_IF_ERROR(ppn_read_dim(reader, json_array_get(list, (size_t)i), &out[i]));
  }
  return ppn_status_ok();
}

// ---- Values ----

#define MAXIMUM_RANK 64

static ppn_status_t read_tensor(ppn_reader_scope_t* scope, const char* name, const json_t* json,
                                ppn_value_t** out_value) {
  ppn_dim_t sizes[MAXIMUM_RANK], strides[MAXIMUM_RANK];
  const json_t *size_list = json_object_get(json, "sizes"),
               *stride_list = json_object_get(json, "strides");
  size_t rank = json_array_size(size_list);
  ppn_tensor_meta_t meta = {
      .dtype = ppn_dtype_from_export(json_integer_value(json_object_get(json, "dtype"))),
      .rank = (int)rank,
      .sizes = sizes,
      .strides = strides};
  if (rank > MAXIMUM_RANK) return ppn_read_error(scope, "too many dimensions:", name);
  if (meta.dtype == PPN_DTYPE_INVALID) return ppn_read_error(scope, "unknown dtype of", name);
  const char* device = text_of(json_object_get(json, "device"), "type");
  if (device && strcmp(device, "meta") == 0) {
    return ppn_read_error(scope, "a tensor on the device 'meta' has no data:", name);
  }
  PPN_RETURN_IF_ERROR(read_dims(scope->reader, size_list, meta.rank, sizes));
  if (json_array_size(stride_list) != rank) return ppn_read_error(scope, "bad strides of", name);
  PPN_RETURN_IF_ERROR(read_dims(scope->reader, stride_list, meta.rank, strides));
  return ppn_graph_new_tensor(scope->graph, name, &meta, out_value);
}

ppn_status_t ppn_read_value(ppn_reader_scope_t* scope, const char* name, ppn_value_t** out_value) {
  const json_t* json;
  if (ppn_string_map_find(&scope->values, ppn_sv(name))) {
    return ppn_read_error(scope, "defined twice:", name);
  }
  if ((json = json_object_get(scope->tensors, name))) {
    PPN_RETURN_IF_ERROR(read_tensor(scope, name, json, out_value));
  } else if ((json = json_object_get(scope->sym_ints, name))) {
    ppn_dim_t dim;
    PPN_RETURN_IF_ERROR(ppn_read_dim(scope->reader, json, &dim));
    PPN_RETURN_IF_ERROR(ppn_graph_new_sym_int(scope->graph, name, dim, out_value));
  } else {
    ppn_value_kind_t kind = PPN_VALUE_CUSTOM;
    if (json_object_get(scope->sym_floats, name)) kind = PPN_VALUE_SYM_FLOAT;
    if (json_object_get(scope->sym_bools, name)) kind = PPN_VALUE_SYM_BOOL;
    if (kind == PPN_VALUE_CUSTOM && !json_object_get(scope->custom_objects, name)) {
      return ppn_read_error(scope, "nothing is known of the value", name);
    }
    PPN_RETURN_IF_ERROR(ppn_graph_new_value(scope->graph, name, kind, out_value));
  }
  return ppn_string_map_set(&scope->values, ppn_sv((*out_value)->name), *out_value);
}

static ppn_status_t find_value(const ppn_reader_scope_t* scope, const char* name,
                               ppn_value_t** out_value) {
  if (!name) return ppn_read_error(scope, "a value has no", "name");
  *out_value = ppn_string_map_get(&scope->values, ppn_sv(name));
  return *out_value ? ppn_status_ok() : ppn_read_error(scope, "use before definition of", name);
}

// ---- Arguments ----

typedef ppn_status_t (*argument_reader_t)(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                          ppn_argument_t* out);

static ppn_status_t read_none(ppn_reader_scope_t* scope, const json_t* json, int depth,
                              ppn_argument_t* out) {
  (void)scope, (void)json, (void)depth;
  out->kind = PPN_ARGUMENT_NONE;
  return ppn_status_ok();
}

static ppn_status_t read_named(ppn_reader_scope_t* scope, const json_t* json, int depth,
                               ppn_argument_t* out) {
  (void)depth;
  out->kind = PPN_ARGUMENT_VALUE;
  return find_value(scope, text_of(json, "name"), &out->u.value);
}

static ppn_status_t read_int(ppn_reader_scope_t* scope, const json_t* json, int depth,
                             ppn_argument_t* out) {
  (void)depth;
  if (!json_is_integer(json)) return ppn_read_error(scope, "expected", "an integer");
  out->kind = PPN_ARGUMENT_INT;
  out->u.integer = json_integer_value(json);
  return ppn_status_ok();
}

// Finite numbers are numbers, others are text.
static bool float_of(const json_t* json, double* out) {
  const char* text = json_string_value(json);
  *out = json_number_value(json);
  if (!text) return json_is_number(json);
  *out = strcmp(text, "Infinity") == 0    ? INFINITY
         : strcmp(text, "-Infinity") == 0 ? -INFINITY
                                          : NAN;
  return !isnan(*out) || strcmp(text, "NaN") == 0;
}

static ppn_status_t read_float(ppn_reader_scope_t* scope, const json_t* json, int depth,
                               ppn_argument_t* out) {
  (void)depth;
  out->kind = PPN_ARGUMENT_FLOAT;
  return float_of(json, &out->u.number) ? NULL : ppn_read_error(scope, "expected", "a number");
}

static ppn_status_t read_bool(ppn_reader_scope_t* scope, const json_t* json, int depth,
                              ppn_argument_t* out) {
  (void)depth;
  if (!json_is_boolean(json)) return ppn_read_error(scope, "expected", "true or false");
  out->kind = PPN_ARGUMENT_BOOL;
  out->u.boolean = json_is_true(json);
  return ppn_status_ok();
}

static ppn_status_t read_text(ppn_reader_scope_t* scope, const json_t* json, int depth,
                              ppn_argument_t* out) {
  (void)depth;
  if (!json_is_string(json)) return ppn_read_error(scope, "expected", "a text");
  out->kind = PPN_ARGUMENT_STRING;
  out->u.string = ppn_arena_strdup(scope->graph->arena, ppn_sv(json_string_value(json)));
  return out->u.string ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t read_operator(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                  ppn_argument_t* out) {
  (void)depth;
  if (!json_is_string(json)) return ppn_read_error(scope, "expected", "an operator");
  out->kind = PPN_ARGUMENT_OPERATOR;
  return ppn_read_target(scope->reader, json_string_value(json), &out->u.string);
}

static ppn_status_t read_scalar_type(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                     ppn_argument_t* out) {
  (void)depth;
  out->kind = PPN_ARGUMENT_DTYPE;
  out->u.dtype = ppn_dtype_from_export(json_integer_value(json));
  return out->u.dtype != PPN_DTYPE_INVALID ? NULL : ppn_read_error(scope, "unknown", "dtype");
}

static ppn_status_t read_memory_format(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                       ppn_argument_t* out) {
  (void)depth;
  static const int c10_numbers[] = {-1, 0, 2, 3, 1};
  json_int_t number = json_integer_value(json);
  if (number < 1 || number > 4) return ppn_read_error(scope, "unknown", "memory format");
  out->kind = PPN_ARGUMENT_MEMORY_FORMAT;
  out->u.integer = c10_numbers[number];
  return ppn_status_ok();
}

static ppn_status_t read_layout(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                ppn_argument_t* out) {
  (void)depth;
  if (json_integer_value(json) != 7) return ppn_read_error(scope, "unsupported layout:", "sparse");
  out->kind = PPN_ARGUMENT_LAYOUT;
  out->u.integer = 0;
  return ppn_status_ok();
}

static ppn_status_t read_device(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                ppn_argument_t* out) {
  (void)depth;
  const char* type = text_of(json, "type");
  out->kind = PPN_ARGUMENT_DEVICE;
  out->u.string = ppn_arena_strdup(scope->graph->arena, ppn_sv(type ? type : "cpu"));
  return out->u.string ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t read_complex(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                 ppn_argument_t* out) {
  (void)depth;
  out->kind = PPN_ARGUMENT_COMPLEX;
  return float_of(json_object_get(json, "real"), &out->u.complex.real) &&
                 float_of(json_object_get(json, "imag"), &out->u.complex.imaginary)
             ? NULL
             : ppn_read_error(scope, "expected", "a complex number");
}

static ppn_status_t read_symbolic(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                  ppn_argument_t* out) {
  const char* tag = "";
  const json_t* payload = NULL;
  PPN_RETURN_IF_ERROR(ppn_read_union(scope, json, &tag, &payload));
  if (strcmp(tag, "as_name") == 0) {
    out->kind = PPN_ARGUMENT_VALUE;
    return find_value(scope, json_string_value(payload), &out->u.value);
  }
  if (strcmp(tag, "as_int") == 0) return read_int(scope, payload, depth, out);
  if (strcmp(tag, "as_float") == 0) return read_float(scope, payload, depth, out);
  return read_bool(scope, payload, depth, out);
}

static ppn_status_t read_optional(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                  ppn_argument_t* out) {
  const json_t* tensor = json_object_get(json, "as_tensor");
  return tensor ? read_named(scope, tensor, depth, out) : read_none(scope, json, depth, out);
}

// ---- Lists ----

static ppn_status_t read_values(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                ppn_argument_t* out) {
  (void)depth;
  out->kind = PPN_ARGUMENT_VALUES;
  out->count = (uint32_t)json_array_size(json);
  PPN_ARENA_NEW(scope->graph->arena, out->count, &out->u.values);
  for (uint32_t i = 0; i < out->count; ++i) {
    const json_t* item = json_array_get(json, i);
    if (json_object_get(item, "as_none")) continue;
    const json_t* tensor = json_object_get(item, "as_tensor");
    PPN_RETURN_IF_ERROR(
        find_value(scope, text_of(tensor ? tensor : item, "name"), &out->u.values[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t read_ints(ppn_reader_scope_t* scope, const json_t* json, int depth,
                              ppn_argument_t* out) {
  out->kind = PPN_ARGUMENT_INTS;
  out->count = (uint32_t)json_array_size(json);
  PPN_ARENA_NEW(scope->graph->arena, out->count, &out->u.ints);
  for (uint32_t i = 0; i < out->count; ++i) {
    const json_t* item = json_array_get(json, i);
    ppn_argument_t read = {.kind = PPN_ARGUMENT_INT};
    if (json_is_integer(item)) {
      out->u.ints[i].literal = json_integer_value(item);
      continue;
    }
    PPN_RETURN_IF_ERROR(read_symbolic(scope, item, depth, &read));
    if (read.kind == PPN_ARGUMENT_VALUE) out->u.ints[i].value = read.u.value;
    if (read.kind == PPN_ARGUMENT_INT) out->u.ints[i].literal = read.u.integer;
  }
  return ppn_status_ok();
}

static ppn_status_t read_floats(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                ppn_argument_t* out) {
  (void)depth;
  out->kind = PPN_ARGUMENT_FLOATS;
  out->count = (uint32_t)json_array_size(json);
  PPN_ARENA_NEW(scope->graph->arena, out->count, &out->u.numbers);
  for (uint32_t i = 0; i < out->count; ++i) {
    if (!float_of(json_array_get(json, i), &out->u.numbers[i])) {
      return ppn_read_error(scope, "expected", "numbers");
    }
  }
  return ppn_status_ok();
}

static ppn_status_t read_bools(ppn_reader_scope_t* scope, const json_t* json, int depth,
                               ppn_argument_t* out) {
  (void)depth;
  out->kind = PPN_ARGUMENT_BOOLS;
  out->count = (uint32_t)json_array_size(json);
  PPN_ARENA_NEW(scope->graph->arena, out->count, &out->u.booleans);
  for (uint32_t i = 0; i < out->count; ++i) {
    out->u.booleans[i] = json_is_true(json_array_get(json, i));
  }
  return ppn_status_ok();
}

// Numbers or truth values of which some are symbolic: all are values, or all are literals.
static ppn_status_t read_symbolic_list(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                       ppn_argument_t* out) {
  ppn_argument_t item = {.kind = PPN_ARGUMENT_VALUE};
  uint32_t count = (uint32_t)json_array_size(json), value_count = 0;
  bool are_bools = false;
  ppn_value_t** values;
  double* numbers;
  PPN_ARENA_NEW(scope->graph->arena, count, &values);
  PPN_ARENA_NEW(scope->graph->arena, count, &numbers);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(read_symbolic(scope, json_array_get(json, i), depth, &item));
    are_bools |= item.kind == PPN_ARGUMENT_BOOL;
    value_count += item.kind == PPN_ARGUMENT_VALUE;
    if (item.kind == PPN_ARGUMENT_VALUE) values[i] = item.u.value;
    if (item.kind == PPN_ARGUMENT_FLOAT) numbers[i] = item.u.number;
    if (item.kind == PPN_ARGUMENT_INT) numbers[i] = (double)item.u.integer;
  }
  out->count = count;
  out->kind = value_count ? PPN_ARGUMENT_VALUES : PPN_ARGUMENT_FLOATS;
  if (value_count) {
    out->u.values = values;
  } else {
    out->u.numbers = numbers;
  }
  if ((value_count == 0 || value_count == count) && !are_bools) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "%s: %s has a list that mixes literals and symbolic values",
                         scope->reader->name, scope->where ? scope->where : "the graph");
}

static ppn_status_t read_texts(ppn_reader_scope_t* scope, const json_t* json, int depth,
                               ppn_argument_t* out) {
  uint32_t count = (uint32_t)json_array_size(json);
  const char** texts;
  PPN_ARENA_NEW(scope->graph->arena, count, &texts);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(read_text(scope, json_array_get(json, i), depth, out));
    texts[i] = out->u.string;
  }
  out->kind = PPN_ARGUMENT_STRINGS;
  out->count = count;
  out->u.strings = texts;
  return ppn_status_ok();
}

static ppn_status_t read_subgraph(ppn_reader_scope_t* scope, const json_t* json, int depth,
                                  ppn_argument_t* out) {
  const char* name = text_of(json, "name");
  if (!name) return ppn_read_error(scope, "a subgraph has no", "name");
  if (depth >= PPN_READER_MAXIMUM_DEPTH) return ppn_read_error(scope, "nested too deeply:", name);
  out->kind = PPN_ARGUMENT_GRAPH;
  PPN_RETURN_IF_ERROR(ppn_graph_create_subgraph(scope->graph, name, &out->u.graph));
  return ppn_read_graph(scope->reader, json_object_get(json, "graph"), out->u.graph, depth + 1);
}

static const struct {
  const char* tag;
  argument_reader_t read;
} argument_readers[] = {
    {"as_tensor", read_named},
    {"as_int", read_int},
    {"as_ints", read_ints},
    {"as_bool", read_bool},
    {"as_float", read_float},
    {"as_none", read_none},
    {"as_tensors", read_values},
    {"as_sym_int", read_symbolic},
    {"as_sym_ints", read_ints},
    {"as_optional_tensors", read_values},
    {"as_scalar_type", read_scalar_type},
    {"as_device", read_device},
    {"as_memory_format", read_memory_format},
    {"as_layout", read_layout},
    {"as_string", read_text},
    {"as_floats", read_floats},
    {"as_bools", read_bools},
    {"as_strings", read_texts},
    {"as_optional_tensor", read_optional},
    {"as_sym_floats", read_symbolic_list},
    {"as_sym_bools", read_symbolic_list},
    {"as_sym_float", read_symbolic},
    {"as_sym_bool", read_symbolic},
    {"as_complex", read_complex},
    {"as_graph", read_subgraph},
    {"as_operator", read_operator},
    {"as_custom_obj", read_named},
};

ppn_status_t ppn_read_argument(ppn_reader_scope_t* scope, const json_t* json, int depth,
                               ppn_argument_t* out_argument) {
  const char* tag = "";
  const json_t* payload = NULL;
  PPN_RETURN_IF_ERROR(ppn_read_union(scope, json, &tag, &payload));
  for (size_t i = 0; i < PPN_COUNT_OF(argument_readers); ++i) {
    if (strcmp(tag, argument_readers[i].tag) == 0) {
      return argument_readers[i].read(scope, payload, depth, out_argument);
    }
  }
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "%s: %s has an argument of the kind '%s', which no supported "
                         "operator takes",
                         scope->reader->name, scope->where ? scope->where : "the graph", tag);
}
