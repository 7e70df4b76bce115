#include "partition/partition.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "partition/groups.h"

#define SKIPPED_REASON "the skip list names it"
#define UNTAGGED_REASON "the partitioner did not tag it"

// ---- Names ----

void ppn_edge_name(const ppn_node_t* node, ppn_buffer_t* out) {
  const char* target = node->target;
  const char* separator = strstr(target, "::");
  char text[256];
  size_t size = 0;
  bool has_overload = strchr(separator ? separator : target, '.') != NULL;
  for (const char* c = target; *c && size < sizeof(text); ++c) {
    if (c == separator) {
      text[size++] = '.';
      ++c;
    } else {
      text[size++] = (char)tolower((unsigned char)*c);
    }
  }
  ppn_buffer_append(out, text, size);
  if (!has_overload) ppn_buffer_append_text(out, ".default");
}

static bool equal_ignoring_case(const char* a, const char* b) {
  while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) ++a, ++b;
  return !*a && !*b;
}

bool ppn_partition_skips(const ppn_partition_options_t* options, const ppn_node_t* node) {
  if (options->skip_op_count == 0) return false;
  ppn_buffer_t name = {0};
  ppn_edge_name(node, &name);
  const char* text = ppn_buffer_text(&name);
  bool skips = false;
  for (uint32_t i = 0; i < options->skip_op_count && !skips; ++i) {
    const char* entry = options->skip_ops[i];
    skips = strcmp(entry, "*") == 0 || equal_ignoring_case(entry, text);
  }
  ppn_buffer_release(&name);
  return skips;
}

static bool has_operator(const ppn_graph_t* graph, const char* edge_name) {
  ppn_buffer_t name = {0};
  bool found = false;
  for (const ppn_node_t* node = graph->first; node && !found; node = node->next) {
    name.size = 0;
    ppn_edge_name(node, &name);
    found = equal_ignoring_case(edge_name, ppn_buffer_text(&name));
  }
  ppn_buffer_release(&name);
  return found;
}

// An operator that is skipped may have been decomposed into others, which are delegated.
static void warn_of_unmatched_names(const ppn_partition_options_t* options,
                                    const ppn_graph_t* graph) {
  for (uint32_t i = 0; i < options->skip_op_count; ++i) {
    const char* entry = options->skip_ops[i];
    if (strcmp(entry, "*") == 0 || has_operator(graph, entry)) continue;
    const char* dot = strchr(entry, '.');
    ppn_log(
        PPN_LOG_WARNING,
        dot && strchr(dot + 1, '.')
            ? "the skip list's '%s' matches no node of the edge program, so it changes nothing; "
              "an operator that is not kept is decomposed first: skip what it becomes, such as "
              "'aten.convolution.default' for 'aten.conv2d.default'"
            : "the skip list's '%s' names no operator; expected a name such as "
              "'aten.mm.default'",
        entry);
  }
}

bool ppn_node_is_symbolic(const ppn_node_t* node) {
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (node->outputs[i] && node->outputs[i]->kind == PPN_VALUE_TENSOR) return false;
  }
  return node->output_count > 0;
}

// ---- Support ----

typedef struct survey {
  ppn_exported_program_t* program;
  const ppn_partition_options_t* options;
  ppn_partition_result_t* result;
  bool* is_supported;      // by node id
  const char** reasons;    // by node id; NULL for supported nodes
  ppn_string_map_t texts;  // each reason once
} survey_t;

static ppn_status_t keep_reason(survey_t* survey, ppn_buffer_t* text, const char** out_reason) {
  ppn_string_view_t reason = {(const char*)text->data, text->size};
  PPN_RETURN_IF_ERROR(ppn_buffer_status(text));
  *out_reason = ppn_string_map_get(&survey->texts, reason);
  if (*out_reason) return ppn_status_ok();
  char* copy = ppn_arena_strdup(&survey->result->arena, reason);
  if (!copy) return ppn_out_of_memory();
  *out_reason = copy;
  return ppn_string_map_set(&survey->texts, ppn_sv(copy), copy);
}

static bool is_call(const ppn_node_t* node) {
  return strcmp(node->target, PPN_DELEGATE_CALL) == 0;
}

static ppn_status_t refuse_tag(const ppn_node_t* node, const char* tag, ppn_buffer_t* reason) {
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                         "the partitioner tagged '%s' with '%s', but the backend does not take it: "
                         "%s; %s",
                         node->name, tag, ppn_buffer_text(reason), ppn_node_describe(node));
}

static ppn_status_t ask_predicate(survey_t* survey) {
  const ppn_partition_options_t* options = survey->options;
  ppn_buffer_t text = {0};
  ppn_status_t status = NULL;
  for (ppn_node_t* node = survey->program->graph->first; node && !status; node = node->next) {
    text.size = 0;
    if (is_call(node)) continue;
    const char* tag = options->tag_of ? options->tag_of(options->context, node) : NULL;
    if (options->tag_of && !tag) {
      ppn_buffer_append_text(&text, UNTAGGED_REASON);
    } else if (ppn_partition_skips(options, node)) {
      ppn_buffer_append_text(&text, SKIPPED_REASON);
    } else if (options->is_supported(options->context, node, &text)) {
      survey->is_supported[node->id] = true;
      continue;
    }
    status =
        tag ? refuse_tag(node, tag, &text) : keep_reason(survey, &text, &survey->reasons[node->id]);
  }
  ppn_buffer_release(&text);
  return status;
}

static ppn_status_t refuse_unsupported(survey_t* survey) {
  ppn_buffer_t list = {0};
  uint32_t count = 0;
  for (const ppn_node_t* node = survey->program->graph->first; node; node = node->next) {
    if (!survey->reasons[node->id]) continue;
    ppn_buffer_printf(&list, "%s%s: %s", count++ ? "; " : "", ppn_node_describe(node),
                      survey->reasons[node->id]);
  }
  ppn_status_t status = NULL;
  if (count) {
    status = ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "lower_full_graph was asked for, but %u node%s cannot be lowered: %s",
                             count, count == 1 ? "" : "s", ppn_buffer_text(&list));
  }
  ppn_buffer_release(&list);
  return status;
}

// ---- Groups ----

// Nodes that compute sizes alone are no work for a backend, and sizes cannot cross its border: a
// group of them is dissolved; a size that a group makes for others is computed outside as well.
static void dissolve_symbolic_groups(const ppn_graph_t* graph, ppn_groups_t* groups) {
  bool* computes = calloc(groups->count + (size_t)1, sizeof(bool));
  if (!computes) return;
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    uint32_t group = groups->group_of[node->id];
    if (group != PPN_NO_GROUP && !ppn_node_is_symbolic(node)) computes[group] = true;
  }
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    uint32_t group = groups->group_of[node->id];
    if (group != PPN_NO_GROUP && !computes[group]) groups->group_of[node->id] = PPN_NO_GROUP;
  }
  free(computes);
}

// ---- Report ----

static ppn_status_t report_undelegated(survey_t* survey) {
  ppn_partition_result_t* result = survey->result;
  const ppn_graph_t* graph = survey->program->graph;
  PPN_ARENA_NEW(&result->arena, graph->node_count, &result->undelegated);
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    if (is_call(node) || survey->is_supported[node->id]) continue;
    result->undelegated[result->undelegated_count++] =
        (ppn_undelegated_t){node, survey->reasons[node->id]};
  }
  return ppn_status_ok();
}

// Nodes of one operator that stay on the CPU for one reason.
typedef struct leftover {
  const ppn_node_t* first;
  const char* reason;
  uint32_t count;
} leftover_t;

static ppn_status_t count_leftovers(const survey_t* survey, ppn_string_map_t* leftovers) {
  ppn_partition_result_t* result = survey->result;
  for (uint32_t i = 0; i < result->undelegated_count; ++i) {
    const ppn_undelegated_t* undelegated = &result->undelegated[i];
    if (!undelegated->reason) continue;
    char* key =
        ppn_arena_printf(&result->arena, "%s: %s", undelegated->node->target, undelegated->reason);
    if (!key) return ppn_out_of_memory();
    leftover_t* leftover = ppn_string_map_get(leftovers, ppn_sv(key));
    if (!leftover) {
      PPN_ARENA_NEW(&result->arena, 1, &leftover);
      leftover->first = undelegated->node;
      leftover->reason = undelegated->reason;
      PPN_RETURN_IF_ERROR(ppn_string_map_set(leftovers, ppn_sv(key), leftover));
    }
    ++leftover->count;
  }
  return ppn_status_ok();
}

// One line for each operator and reason, with the first place it comes from. Who skips everything
// does not want to read what everything is.
static ppn_status_t log_leftovers(const survey_t* survey) {
  const ppn_partition_options_t* options = survey->options;
  bool skips_all = false;
  for (uint32_t i = 0; i < options->skip_op_count; ++i) {
    skips_all |= strcmp(options->skip_ops[i], "*") == 0;
  }
  ppn_string_map_t leftovers = {0};
  ppn_status_t status = count_leftovers(survey, &leftovers);
  for (size_t i = 0; !status && i < leftovers.count; ++i) {
    const leftover_t* leftover = leftovers.entries[i].value;
    ppn_buffer_t name = {0};
    ppn_edge_name(leftover->first, &name);
    ppn_log(skips_all ? PPN_LOG_INFO : PPN_LOG_WARNING, "%s stays on the CPU (%u node%s): %s; %s%s",
            ppn_buffer_text(&name), leftover->count, leftover->count == 1 ? "" : "s",
            leftover->reason,
            leftover->count == 1 ? "" : "first: ", ppn_node_describe(leftover->first));
    ppn_buffer_release(&name);
  }
  ppn_string_map_release(&leftovers);
  return status;
}

// ---- Partitioning ----

static ppn_status_t find_groups(const survey_t* survey, const ppn_users_t* users,
                                ppn_groups_t* out_groups) {
  const ppn_graph_t* graph = survey->program->graph;
  if (survey->options->tag_of) return ppn_groups_from_tags(graph, survey->options, out_groups);
  return ppn_groups_find(graph, users, survey->is_supported, out_groups);
}

static ppn_status_t partition(survey_t* survey, ppn_users_t* users) {
  ppn_graph_t* graph = survey->program->graph;
  PPN_RETURN_IF_ERROR(ask_predicate(survey));
  if (survey->options->lower_full_graph) PPN_RETURN_IF_ERROR(refuse_unsupported(survey));
  PPN_RETURN_IF_ERROR(report_undelegated(survey));
  ppn_groups_t groups;
  PPN_RETURN_IF_ERROR(find_groups(survey, users, &groups));
  dissolve_symbolic_groups(graph, &groups);
  ppn_status_t status = ppn_groups_make_adjacent(graph, users, &groups);
  if (!status) {
    status = ppn_groups_cut(survey->program, survey->options, &groups, survey->result);
  }
  ppn_groups_release(&groups);
  if (!status) status = log_leftovers(survey);
  return status;
}

ppn_status_t ppn_partition_program(ppn_exported_program_t* program,
                                   const ppn_partition_options_t* options,
                                   ppn_partition_result_t* out_result) {
  *out_result = (ppn_partition_result_t){0};
  survey_t survey = {.program = program, .options = options, .result = out_result};
  warn_of_unmatched_names(options, program->graph);
  ppn_users_t users;
  PPN_RETURN_IF_ERROR(ppn_users_build(program->graph, &users));
  size_t nodes = program->graph->node_count + (size_t)1;
  survey.is_supported = calloc(nodes, sizeof(bool));
  survey.reasons = calloc(nodes, sizeof(char*));
  ppn_status_t status = ppn_out_of_memory();
  if (survey.is_supported && survey.reasons) {
    ppn_status_consume(status);
    status = partition(&survey, &users);
  }
  ppn_users_release(&users);
  ppn_string_map_release(&survey.texts);
  free(survey.is_supported);
  free((void*)survey.reasons);
  if (status) ppn_partition_result_release(out_result);
  return status;
}

ppn_status_t ppn_partition_result_append(ppn_partition_result_t* result,
                                         ppn_partition_result_t* more) {
  ppn_arena_t* arena = &result->arena;
  uint32_t old = result->partition_count, added = more->partition_count;
  ppn_partition_t* partitions;
  PPN_ARENA_NEW(arena, old + added, &partitions);
  PPN_ARENA_NEW(arena, more->undelegated_count, &result->undelegated);
  result->undelegated_count = 0;
  for (uint32_t i = 0; i < old + added; ++i) {
    partitions[i] = i < old ? result->partitions[i] : more->partitions[i - old];
    partitions[i].tag = ppn_arena_strdup(arena, ppn_sv(partitions[i].tag));
    if (!partitions[i].tag) return ppn_out_of_memory();
  }
  for (uint32_t i = 0; i < more->undelegated_count; ++i) {
    ppn_undelegated_t undelegated = more->undelegated[i];
    if (undelegated.reason) {
      undelegated.reason = ppn_arena_strdup(arena, ppn_sv(undelegated.reason));
      if (!undelegated.reason) return ppn_out_of_memory();
    }
    result->undelegated[result->undelegated_count++] = undelegated;
  }
  result->partitions = partitions;
  result->partition_count = old + added;
  result->delegated_node_count += more->delegated_node_count;
  ppn_arena_release(&more->arena);
  *more = (ppn_partition_result_t){0};
  return ppn_status_ok();
}

void ppn_partition_result_release(ppn_partition_result_t* result) {
  for (uint32_t i = 0; i < result->partition_count; ++i) {
    ppn_exported_program_t* submodule = result->partitions[i].submodule;
    if (!submodule) continue;
    // Symbols and constants are the parent's.
    ppn_graph_dispose(submodule->graph);
    ppn_string_map_release(&submodule->constants);
    ppn_arena_release(&submodule->arena);
    free(submodule);
  }
  ppn_arena_release(&result->arena);
  *result = (ppn_partition_result_t){0};
}
