// The user's own line of a node, from the stack trace PyTorch recorded (pt2.md 2.12).
#include "graph/graph.h"

// Whether `part` is in the path, at its start or behind a slash.
static bool has_part(ppn_string_view_t path, const char* part) {
  size_t size = strlen(part);
  for (size_t i = 0; i + size <= path.size; ++i) {
    if (i > 0 && path.data[i - 1] != '/' && path.data[i - 1] != '\\') continue;
    size_t j = 0;
    // Windows paths have the other slash.
    while (j < size &&
           (path.data[i + j] == part[j] || (part[j] == '/' && path.data[i + j] == '\\')))
      ++j;
    if (j == size) return true;
  }
  return false;
}

// PyTorch's own files, and code that it generates.
static bool is_torch_file(ppn_string_view_t path) {
  static const char* const parts[] = {"torch/nn/modules/", "torch/nn/functional.py",
                                      "torch/_dynamo/",    "torch/_export/",
                                      "torch/export/",     "torch/fx/",
                                      "torch/_functorch/", "torch/_higher_order_ops/",
                                      "torch/_tensor.py",  "<eval_with_key>"};
  for (size_t i = 0; i < PPN_COUNT_OF(parts); ++i) {
    if (has_part(path, parts[i])) return true;
  }
  return false;
}

static ppn_string_view_t next_line(const char** cursor) {
  const char *start = *cursor, *end = strchr(start, '\n');
  ppn_string_view_t line = ppn_sv_make(start, end ? (size_t)(end - start) : strlen(start));
  *cursor = end ? end + 1 : start + line.size;
  return line;
}

static ppn_string_view_t trim(ppn_string_view_t text) {
  while (text.size && (*text.data == ' ' || *text.data == '\t')) {
    ++text.data;
    --text.size;
  }
  while (text.size && strchr(" \t\r", text.data[text.size - 1])) --text.size;
  return text;
}

// `File "<path>", line <n>, in <function>`
static bool parse_frame(ppn_string_view_t line, ppn_source_line_t* out_frame) {
  static const char head[] = "File \"", middle[] = "\", line ", tail[] = ", in ";
  line = trim(line);
  if (!ppn_sv_starts_with(line, head)) return false;
  const char *start = line.data + strlen(head), *end = line.data + line.size;
  const char* quote = start;
  while (quote < end && !ppn_sv_starts_with(ppn_sv_make(quote, (size_t)(end - quote)), middle)) {
    ++quote;
  }
  if (quote == end) return false;
  memset(out_frame, 0, sizeof(*out_frame));
  out_frame->file = ppn_sv_make(start, (size_t)(quote - start));
  const char* digit = quote + strlen(middle);
  while (digit < end && *digit >= '0' && *digit <= '9' && out_frame->line < 100000000) {
    out_frame->line = out_frame->line * 10 + (*digit++ - '0');
  }
  if (ppn_sv_starts_with(ppn_sv_make(digit, (size_t)(end - digit)), tail)) {
    digit += strlen(tail);
    out_frame->function = ppn_sv_make(digit, (size_t)(end - digit));
  }
  return true;
}

ppn_source_line_t ppn_node_source_line(const ppn_node_t* node) {
  ppn_source_line_t last = {0}, last_own = {0};
  const char* cursor = node->location.stack_trace;
  while (cursor && *cursor) {
    ppn_source_line_t frame;
    if (!parse_frame(next_line(&cursor), &frame)) continue;
    const char* after = cursor;
    ppn_source_line_t following;
    ppn_string_view_t text = next_line(&after);
    if (!parse_frame(text, &following)) frame.text = trim(text);
    last = frame;
    if (!is_torch_file(frame.file)) last_own = frame;
  }
  return last_own.file.size ? last_own : last;
}

const char* ppn_node_describe(const ppn_node_t* node) {
  ppn_source_line_t line = ppn_node_source_line(node);
  ppn_arena_t* arena = node->graph->arena;
  const char* text;
  if (line.file.size == 0) {
    text = ppn_arena_printf(arena, "%s (%s)", node->name, node->target);
  } else {
    text = ppn_arena_printf(arena, "%s (%s) at %.*s:%d%s%.*s%s%.*s", node->name, node->target,
                            PPN_SV(line.file), line.line, line.function.size ? " in " : "",
                            PPN_SV(line.function), line.text.size ? ": " : "", PPN_SV(line.text));
  }
  return text ? text : node->name;
}
