// The operator table: schema lines, parsed when an operator is first asked for.
#include <pthread.h>
#include <stdlib.h>

#include "aten/rows.h"
#include "aten/schema.h"

extern const char ppn_aten_schemas_text[];
extern const size_t ppn_aten_schemas_text_size;

// Guards everything below. Operators live as long as the process.
static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;
static ppn_string_view_t* schema_lines;  // sorted bytewise
static size_t schema_line_count;
static ppn_arena_t table_arena;
static ppn_string_map_t table_ops;  // name to ppn_aten_op_t*

// ---- Lines ----

static bool index_lines(void) {
  if (schema_lines) return true;
  const char *text = ppn_aten_schemas_text, *end = text + ppn_aten_schemas_text_size;
  size_t count = 0;
  for (const char* c = text; c < end; ++c) count += *c == '\n';
  ppn_string_view_t* lines = malloc((count + 1) * sizeof(*lines));
  if (!lines) return false;
  while (text < end) {
    const char* newline = memchr(text, '\n', (size_t)(end - text));
    size_t size = (size_t)((newline ? newline : end) - text);
    if (size && *text != '#') lines[schema_line_count++] = ppn_sv_make(text, size);
    text += size + 1;
  }
  schema_lines = lines;
  return true;
}

// Orders "name(" against the line, as the lines are sorted.
static int compare_line(ppn_string_view_t name, ppn_string_view_t line) {
  size_t common = name.size < line.size ? name.size : line.size;
  int order = memcmp(name.data, line.data, common);
  if (order) return order;
  if (name.size >= line.size) return 1;
  return '(' - line.data[name.size];
}

static size_t find_line(ppn_string_view_t name) {
  size_t low = 0, high = schema_line_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (compare_line(name, schema_lines[middle]) > 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// ---- Operators ----

static const ppn_aten_op_t* parse_line(ppn_string_view_t line) {
  const char* parenthesis = memchr(line.data, '(', line.size);
  ppn_string_view_t name =
      ppn_sv_make(line.data, parenthesis ? (size_t)(parenthesis - line.data) : line.size);
  const ppn_aten_op_t* known = ppn_string_map_get(&table_ops, name);
  if (known) return known;
  ppn_aten_op_t* op = ppn_aten_schema_parse(line, &table_arena);
  if (!op) return NULL;
  op->row = ppn_aten_row_find(op->name);
  if (ppn_status_consume(ppn_string_map_set(&table_ops, ppn_sv(op->name), op))) return NULL;
  return op;
}

static const ppn_aten_op_t* find_locked(ppn_string_view_t name) {
  const ppn_aten_op_t* known = ppn_string_map_get(&table_ops, name);
  if (known || !index_lines()) return known;
  size_t line = find_line(name);
  if (line == schema_line_count || compare_line(name, schema_lines[line]) != 0) return NULL;
  return parse_line(schema_lines[line]);
}

const ppn_aten_op_t* ppn_aten_op_find(ppn_string_view_t name) {
  pthread_mutex_lock(&table_mutex);
  const ppn_aten_op_t* op = find_locked(name);
  pthread_mutex_unlock(&table_mutex);
  return op;
}

void ppn_aten_op_visit_all(ppn_aten_op_visitor_t visit, void* context) {
  pthread_mutex_lock(&table_mutex);
  for (size_t i = 0; index_lines() && i < schema_line_count; ++i) {
    const ppn_aten_op_t* op = parse_line(schema_lines[i]);
    if (op) visit(context, op);
  }
  pthread_mutex_unlock(&table_mutex);
}

int ppn_aten_parameter_index(const ppn_aten_op_t* op, const char* name) {
  for (uint32_t i = 0; i < op->parameter_count; ++i) {
    if (strcmp(op->parameters[i].name, name) == 0) return (int)i;
  }
  return -1;
}

// ---- Out-variants ----

static bool is_tensor_option(const char* name) {
  static const char* const names[] = {"dtype", "layout", "device", "pin_memory"};
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

static bool same_default(const ppn_aten_parameter_t* a, const ppn_aten_parameter_t* b) {
  if (a->has_default != b->has_default) return false;
  if (!a->has_default) return true;
  const ppn_argument_t *x = &a->default_value, *y = &b->default_value;
  if (x->kind != y->kind || x->count != y->count) return false;
  switch (x->kind) {
    case PPN_ARGUMENT_INT:
    case PPN_ARGUMENT_MEMORY_FORMAT:
    case PPN_ARGUMENT_LAYOUT:
      return x->u.integer == y->u.integer;
    case PPN_ARGUMENT_FLOAT:
      return x->u.number == y->u.number;
    case PPN_ARGUMENT_BOOL:
      return x->u.boolean == y->u.boolean;
    case PPN_ARGUMENT_STRING:
      return strcmp(x->u.string, y->u.string) == 0;
    case PPN_ARGUMENT_INTS:
      for (uint32_t i = 0; i < x->count; ++i) {
        if (x->u.ints[i].literal != y->u.ints[i].literal) return false;
      }
      return true;
    default:
      return true;
  }
}

static bool same_parameter(const ppn_aten_parameter_t* a, const ppn_aten_parameter_t* b) {
  return strcmp(a->name, b->name) == 0 && a->type == b->type && a->is_list == b->is_list &&
         a->is_optional == b->is_optional && a->list_size == b->list_size && same_default(a, b);
}

// Equal but for the out arguments, and the options of factories, which the out tensors state.
static bool is_out_variant_of(const ppn_aten_op_t* out, const ppn_aten_op_t* op) {
  uint32_t i = 0, j = 0;
  if (!(out->tags & PPN_ATEN_TAG_OUT)) return false;
  while (i < op->parameter_count || j < out->parameter_count) {
    if (j < out->parameter_count && out->parameters[j].alias_is_write) {
      ++j;
    } else if (i < op->parameter_count && j < out->parameter_count &&
               same_parameter(&op->parameters[i], &out->parameters[j])) {
      ++i, ++j;
    } else if (i < op->parameter_count && is_tensor_option(op->parameters[i].name)) {
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

const ppn_aten_op_t* ppn_aten_out_variant(const ppn_aten_op_t* op) {
  const ppn_aten_op_t* found = NULL;
  size_t size = strlen(op->base_name);
  pthread_mutex_lock(&table_mutex);
  for (size_t i = index_lines() ? find_line(ppn_sv(op->base_name)) : schema_line_count;
       i < schema_line_count && !found; ++i) {
    ppn_string_view_t line = schema_lines[i];
    if (line.size <= size || memcmp(line.data, op->base_name, size) != 0) break;
    if (line.data[size] != '.' && line.data[size] != '(') break;
    const ppn_aten_op_t* candidate = parse_line(line);
    if (candidate && is_out_variant_of(candidate, op)) found = candidate;
  }
  pthread_mutex_unlock(&table_mutex);
  return found;
}

bool ppn_aten_has_side_effects(const ppn_node_t* node) {
  if (!node->op) {
    // Python's arithmetic on sizes has none; of what is unknown, nobody can say.
    return strncmp(node->target, "_operator::", 11) != 0 &&
           strncmp(node->target, "torch::", 7) != 0 && strncmp(node->target, "math::", 6) != 0;
  }
  if (node->op->tags & (PPN_ATEN_TAG_INPLACE | PPN_ATEN_TAG_MUTATES | PPN_ATEN_TAG_OUT))
    return true;
  return node->op->return_count == 0;
}
