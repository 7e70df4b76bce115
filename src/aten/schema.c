#include "aten/schema.h"

#include <ctype.h>
#include <stdlib.h>

typedef struct parser {
  const char *at, *end;
  ppn_arena_t* arena;
  bool failed;
} parser_t;

static bool accept(parser_t* p, const char* text) {
  size_t size = strlen(text);
  if ((size_t)(p->end - p->at) < size || memcmp(p->at, text, size) != 0) return false;
  p->at += size;
  return true;
}

static char* copy(parser_t* p, const char* start, size_t size) {
  char* text = ppn_arena_strdup(p->arena, ppn_sv_make(start, size));
  if (!text) p->failed = true;
  return text;
}

static size_t word_size(const parser_t* p) {
  const char* c = p->at;
  while (c < p->end && (isalnum((unsigned char)*c) || *c == '_')) ++c;
  return (size_t)(c - p->at);
}

// ---- Types ----

static const struct {
  const char* name;
  ppn_aten_type_t type;
} base_types[] = {
    {"Tensor", PPN_ATEN_TENSOR},
    {"SymInt", PPN_ATEN_INT},
    {"int", PPN_ATEN_INT},
    {"float", PPN_ATEN_FLOAT},
    {"bool", PPN_ATEN_BOOL},
    {"Scalar", PPN_ATEN_SCALAR},
    {"str", PPN_ATEN_STRING},
    {"ScalarType", PPN_ATEN_DTYPE},
    {"Layout", PPN_ATEN_LAYOUT},
    {"Device", PPN_ATEN_DEVICE},
    {"MemoryFormat", PPN_ATEN_MEMORY_FORMAT},
};

static void parse_alias(parser_t* p, ppn_aten_parameter_t* out) {
  if (!accept(p, "(")) return;
  while (p->at < p->end && *p->at != ')') {
    if (*p->at == '!') out->alias_is_write = true;
    if (*p->at == '*') out->alias_to_any = true;
    if (isalpha((unsigned char)*p->at) && !out->alias_set) out->alias_set = *p->at;
    ++p->at;
  }
  if (!accept(p, ")")) p->failed = true;
}

static void parse_type(parser_t* p, ppn_aten_parameter_t* out) {
  size_t size = word_size(p);
  out->type = PPN_ATEN_OTHER;
  for (size_t i = 0; i < PPN_COUNT_OF(base_types); ++i) {
    if (strlen(base_types[i].name) == size && memcmp(base_types[i].name, p->at, size) == 0) {
      out->type = base_types[i].type;
    }
  }
  if (size == 0) p->failed = true;
  p->at += size;
  // Names of classes: "__torch__.torch.classes.foo".
  while (accept(p, ".")) p->at += word_size(p);
  parse_alias(p, out);
  for (;;) {
    if (accept(p, "?")) {
      out->is_optional = true;
    } else if (accept(p, "[")) {
      out->is_list = true;
      out->element_is_optional = out->is_optional;
      out->is_optional = false;
      while (p->at < p->end && isdigit((unsigned char)*p->at)) {
        out->list_size = out->list_size * 10 + (uint32_t)(*p->at++ - '0');
      }
      if (!accept(p, "]")) p->failed = true;
      parse_alias(p, out);
    } else {
      return;
    }
  }
}

// ---- Defaults ----

static double parse_number(parser_t* p, bool* out_is_integer) {
  char text[64];
  size_t size = 0;
  *out_is_integer = true;
  while (p->at < p->end && size + 1 < sizeof(text) &&
         (isalnum((unsigned char)*p->at) || strchr("+-.", *p->at))) {
    if (!isdigit((unsigned char)*p->at) && *p->at != '-') *out_is_integer = false;
    text[size++] = *p->at++;
  }
  text[size] = 0;
  char* end;
  double value = strtod(text, &end);
  if (size == 0 || *end) p->failed = true;
  return value;
}

static void set_number(ppn_argument_t* out, const ppn_aten_parameter_t* parameter, double value,
                       bool is_integer) {
  switch (parameter->type) {
    case PPN_ATEN_DTYPE:
      out->kind = PPN_ARGUMENT_DTYPE;
      out->u.dtype = ppn_dtype_from_c10((int64_t)value);
      break;
    case PPN_ATEN_MEMORY_FORMAT:
      out->kind = PPN_ARGUMENT_MEMORY_FORMAT;
      out->u.integer = (int64_t)value;
      break;
    case PPN_ATEN_LAYOUT:
      out->kind = PPN_ARGUMENT_LAYOUT;
      out->u.integer = (int64_t)value;
      break;
    default:
      out->kind =
          is_integer && parameter->type != PPN_ATEN_FLOAT ? PPN_ARGUMENT_INT : PPN_ARGUMENT_FLOAT;
      // Integers up to 2^53 are exact; the one larger, the end of an open slice, is not.
      if (out->kind == PPN_ARGUMENT_FLOAT) out->u.number = value;
      if (out->kind == PPN_ARGUMENT_INT) {
        out->u.integer = value >= 9.2e18 ? INT64_MAX : (int64_t)value;
      }
  }
}

#define MAXIMUM_DEFAULT_LIST 16

static void parse_list(parser_t* p, const ppn_aten_parameter_t* parameter, ppn_argument_t* out) {
  double values[MAXIMUM_DEFAULT_LIST];
  uint32_t count = 0;
  bool is_integer = true;
  while (!p->failed && !accept(p, "]")) {
    if (p->at >= p->end || count == MAXIMUM_DEFAULT_LIST) {
      p->failed = true;
    } else if (accept(p, "True")) {
      values[count++] = 1;
    } else if (accept(p, "False")) {
      values[count++] = 0;
    } else {
      bool is_item_integer;
      values[count++] = parse_number(p, &is_item_integer);
      is_integer &= is_item_integer;
    }
    accept(p, ", ");
  }
  out->count = count;
  if (parameter->type == PPN_ATEN_BOOL) {
    out->kind = PPN_ARGUMENT_BOOLS;
    out->u.booleans = ppn_arena_alloc_array(p->arena, count, sizeof(bool));
    for (uint32_t i = 0; out->u.booleans && i < count; ++i) out->u.booleans[i] = values[i] != 0;
    if (!out->u.booleans) p->failed = true;
  } else if (parameter->type == PPN_ATEN_FLOAT || !is_integer) {
    out->kind = PPN_ARGUMENT_FLOATS;
    out->u.numbers = ppn_arena_memdup(p->arena, values, count * sizeof(double));
    if (!out->u.numbers) p->failed = true;
  } else {
    int64_t integers[MAXIMUM_DEFAULT_LIST];
    for (uint32_t i = 0; i < count; ++i) integers[i] = (int64_t)values[i];
    *out = ppn_argument_ints(p->arena, out->name, integers, count);
    if (out->kind != PPN_ARGUMENT_INTS) p->failed = true;
  }
}

static void parse_default(parser_t* p, ppn_aten_parameter_t* parameter) {
  ppn_argument_t* out = &parameter->default_value;
  parameter->has_default = true;
  out->name = parameter->name;
  if (accept(p, "None")) {
    out->kind = PPN_ARGUMENT_NONE;
  } else if (accept(p, "True")) {
    *out = ppn_argument_bool(parameter->name, true);
  } else if (accept(p, "False")) {
    *out = ppn_argument_bool(parameter->name, false);
  } else if (accept(p, "[")) {
    parse_list(p, parameter, out);
  } else if (accept(p, "\"")) {
    const char* start = p->at;
    while (p->at < p->end && *p->at != '"') ++p->at;
    out->kind = PPN_ARGUMENT_STRING;
    out->u.string = copy(p, start, (size_t)(p->at - start));
    if (!accept(p, "\"")) p->failed = true;
  } else {
    bool is_integer;
    double value = parse_number(p, &is_integer);
    set_number(out, parameter, value, is_integer);
    if (parameter->is_list && out->kind == PPN_ARGUMENT_INT) {
      // One number for a list of fixed length stands for each.
      int64_t integers[MAXIMUM_DEFAULT_LIST];
      uint32_t count = parameter->list_size ? parameter->list_size : 1;
      for (uint32_t i = 0; i < count && i < MAXIMUM_DEFAULT_LIST; ++i) integers[i] = (int64_t)value;
      *out = ppn_argument_ints(p->arena, parameter->name, integers, count);
    }
  }
}

// ---- Lines ----

#define MAXIMUM_PARAMETERS 64

static ppn_aten_parameter_t* keep(parser_t* p, const ppn_aten_parameter_t* items, uint32_t count) {
  ppn_aten_parameter_t* copied = ppn_arena_memdup(p->arena, items, count * sizeof(*items));
  if (!copied) p->failed = true;
  return copied;
}

static void parse_parameters(parser_t* p, ppn_aten_op_t* op) {
  ppn_aten_parameter_t items[MAXIMUM_PARAMETERS];
  uint32_t count = 0;
  bool keyword_only = false;
  while (!p->failed && !accept(p, ")")) {
    if (accept(p, "*")) {
      keyword_only = true;
    } else if (count == MAXIMUM_PARAMETERS) {
      p->failed = true;
    } else {
      ppn_aten_parameter_t* item = &items[count++];
      *item = (ppn_aten_parameter_t){.keyword_only = keyword_only};
      parse_type(p, item);
      if (!accept(p, " ")) p->failed = true;
      size_t size = word_size(p);
      item->name = copy(p, p->at, size);
      p->at += size;
      if (accept(p, "=")) parse_default(p, item);
    }
    accept(p, ", ");
    if (p->at >= p->end) p->failed = true;
  }
  op->parameters = keep(p, items, count);
  op->parameter_count = count;
}

static void parse_returns(parser_t* p, ppn_aten_op_t* op) {
  ppn_aten_parameter_t items[MAXIMUM_PARAMETERS];
  uint32_t count = 0;
  bool is_tuple = accept(p, "(");
  if (!is_tuple || !accept(p, ")")) {
    do {
      if (count == MAXIMUM_PARAMETERS) {
        p->failed = true;
        return;
      }
      ppn_aten_parameter_t* item = &items[count++];
      *item = (ppn_aten_parameter_t){.name = ""};
      parse_type(p, item);
      // A name follows after one space; two spaces begin the tags.
      if (p->end - p->at > 1 && p->at[0] == ' ' && p->at[1] != ' ') {
        ++p->at;
        size_t size = word_size(p);
        item->name = copy(p, p->at, size);
        p->at += size;
      }
    } while (!p->failed && is_tuple && accept(p, ", "));
    if (is_tuple && !accept(p, ")")) p->failed = true;
  }
  op->returns = keep(p, items, count);
  op->return_count = count;
}

static const struct {
  const char* name;
  ppn_aten_tag_t tag;
} tag_names[] = {
    {"out", PPN_ATEN_TAG_OUT},
    {"inplace", PPN_ATEN_TAG_INPLACE},
    {"mutates", PPN_ATEN_TAG_MUTATES},
    {"view", PPN_ATEN_TAG_VIEW},
    {"composite", PPN_ATEN_TAG_COMPOSITE},
    {"decomposed", PPN_ATEN_TAG_DECOMPOSED},
    {"core", PPN_ATEN_TAG_CORE},
    {"pointwise", PPN_ATEN_TAG_POINTWISE},
    {"nondeterministic_seeded", PPN_ATEN_TAG_NONDETERMINISTIC},
    {"data_dependent_output", PPN_ATEN_TAG_DATA_DEPENDENT},
};

static void parse_tags(parser_t* p, ppn_aten_op_t* op) {
  if (!accept(p, "  #")) return;
  while (accept(p, " ")) {
    size_t size = word_size(p);
    for (size_t i = 0; i < PPN_COUNT_OF(tag_names); ++i) {
      if (strlen(tag_names[i].name) == size && memcmp(tag_names[i].name, p->at, size) == 0) {
        op->tags |= tag_names[i].tag;
      }
    }
    p->at += size;
  }
}

ppn_aten_op_t* ppn_aten_schema_parse(ppn_string_view_t line, ppn_arena_t* arena) {
  parser_t p = {line.data, line.data + line.size, arena, false};
  ppn_aten_op_t* op = ppn_arena_alloc(arena, sizeof(*op));
  const char* parenthesis = memchr(line.data, '(', line.size);
  if (!op || !parenthesis) return NULL;
  size_t name_size = (size_t)(parenthesis - line.data);
  const char* dot = memchr(line.data, '.', name_size);
  op->name = copy(&p, line.data, name_size);
  op->base_name = copy(&p, line.data, dot ? (size_t)(dot - line.data) : name_size);
  op->overload = dot ? copy(&p, dot + 1, (size_t)(parenthesis - dot - 1)) : "";
  p.at = parenthesis + 1;
  parse_parameters(&p, op);
  if (!accept(&p, " -> ")) p.failed = true;
  if (!p.failed) parse_returns(&p, op);
  if (!p.failed) parse_tags(&p, op);
  return p.failed ? NULL : op;
}
