#include "partition/groups.h"

#include <stdlib.h>

// Nodes are visited from the last to the first. Groups so far are the vertices of a small graph;
// for each we keep the set of groups it reaches. An unsupported node has the set of groups it
// reaches too (as known when it was visited: the groups' own sets, which grow, are added when it is
// used).
//
// A node may join a group unless one of its users outside the group reaches the group: then the way
// from the node through that user back into the group would become a cycle.

typedef struct grouping {
  const ppn_graph_t* graph;
  const ppn_users_t* users;
  uint32_t* group_of;
  uint32_t group_count, capacity;  // groups, and room for them in the sets
  size_t words;                    // of a set
  uint64_t* reach;                 // by group: the groups it reaches
  uint64_t** reach_of_node;        // by node id: for unsupported nodes that reach any group
  uint32_t* recent;                // groups, the one extended last at the end
  uint64_t *blocked, *through;     // scratch sets
} grouping_t;

static bool has(const uint64_t* set, uint32_t group) {
  return set[group / 64] >> group % 64 & 1;
}

static void put(uint64_t* set, uint32_t group) {
  set[group / 64] |= (uint64_t)1 << group % 64;
}

// Adds `source` to `target`; says whether that added anything.
static bool unite(uint64_t* target, const uint64_t* source, size_t words) {
  uint64_t added = 0;
  for (size_t i = 0; i < words; ++i) {
    added |= source[i] & ~target[i];
    target[i] |= source[i];
  }
  return added != 0;
}

static uint64_t* reach_of(const grouping_t* grouping, uint32_t group) {
  return grouping->reach + (size_t)group * grouping->words;
}

// Adds to `set` everything that its members reach.
static void close_set(const grouping_t* grouping, uint64_t* set) {
  for (uint32_t group = 0; group < grouping->group_count; ++group) {
    // Sets of groups are closed themselves, so one round is enough.
    if (has(set, group)) unite(set, reach_of(grouping, group), grouping->words);
  }
}

typedef void (*user_visitor_t)(grouping_t* grouping, const ppn_node_t* user);

static void visit_users(grouping_t* grouping, const ppn_node_t* node, user_visitor_t visit) {
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i]) continue;
    uint32_t id = node->outputs[i]->id;
    for (uint32_t j = grouping->users->offsets[id]; j < grouping->users->offsets[id + 1]; ++j) {
      visit(grouping, grouping->users->nodes[j]);
    }
  }
}

// blocked: groups that a user reaches on a way that leaves its own group. through: groups that are
// reached at all, users' own groups included.
static void note_user(grouping_t* grouping, const ppn_node_t* user) {
  uint32_t group = grouping->group_of[user->id];
  if (group != PPN_NO_GROUP) {
    put(grouping->through, group);
    unite(grouping->blocked, reach_of(grouping, group), grouping->words);
  } else if (grouping->reach_of_node[user->id]) {
    unite(grouping->blocked, grouping->reach_of_node[user->id], grouping->words);
  }
}

static void note_users(grouping_t* grouping, const ppn_node_t* node) {
  memset(grouping->blocked, 0, grouping->words * sizeof(uint64_t));
  memset(grouping->through, 0, grouping->words * sizeof(uint64_t));
  visit_users(grouping, node, note_user);
  close_set(grouping, grouping->blocked);
  unite(grouping->through, grouping->blocked, grouping->words);
}

// Makes room for one more group in every set.
static ppn_status_t grow_sets(grouping_t* grouping) {
  if (grouping->group_count < grouping->capacity) return ppn_status_ok();
  size_t words = grouping->words * 2, old_words = grouping->words;
  uint32_t capacity = (uint32_t)(words * 64);
  uint64_t* reach = calloc(capacity, words * sizeof(uint64_t));
  uint32_t* recent = realloc(grouping->recent, capacity * sizeof(uint32_t));
  if (recent) grouping->recent = recent;
  if (!reach || !recent) {
    free(reach);
    return ppn_out_of_memory();
  }
  for (uint32_t i = 0; i < grouping->group_count; ++i) {
    memcpy(reach + i * words, grouping->reach + i * old_words, old_words * sizeof(uint64_t));
  }
  free(grouping->reach);
  grouping->reach = reach;
  uint64_t** slots[] = {&grouping->blocked, &grouping->through};
  for (size_t i = 0; i < PPN_COUNT_OF(slots) + grouping->graph->node_count; ++i) {
    uint64_t** slot =
        i < PPN_COUNT_OF(slots) ? slots[i] : &grouping->reach_of_node[i - PPN_COUNT_OF(slots)];
    if (!*slot) continue;
    uint64_t* set = realloc(*slot, words * sizeof(uint64_t));
    if (!set) return ppn_out_of_memory();
    memset(set + old_words, 0, (words - old_words) * sizeof(uint64_t));
    *slot = set;
  }
  grouping->words = words;
  grouping->capacity = capacity;
  return ppn_status_ok();
}

// The group that was extended last among those the node may join; a new one if there is none.
static ppn_status_t choose_group(grouping_t* grouping, uint32_t* out_group) {
  for (uint32_t i = grouping->group_count; i-- > 0;) {
    uint32_t group = grouping->recent[i];
    if (has(grouping->blocked, group)) continue;
    memmove(&grouping->recent[i], &grouping->recent[i + 1],
            (grouping->group_count - i - 1) * sizeof(uint32_t));
    grouping->recent[grouping->group_count - 1] = group;
    *out_group = group;
    return ppn_status_ok();
  }
  PPN_RETURN_IF_ERROR(grow_sets(grouping));
  *out_group = grouping->group_count++;
  grouping->recent[*out_group] = *out_group;
  return ppn_status_ok();
}

static ppn_status_t visit_supported(grouping_t* grouping, const ppn_node_t* node) {
  uint32_t group;
  PPN_RETURN_IF_ERROR(choose_group(grouping, &group));
  grouping->group_of[node->id] = group;
  // What the node reaches, its group now reaches, and everything that reaches the group.
  grouping->through[group / 64] &= ~((uint64_t)1 << group % 64);
  if (!unite(reach_of(grouping, group), grouping->through, grouping->words)) {
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < grouping->group_count; ++i) {
    if (i != group && has(reach_of(grouping, i), group)) {
      unite(reach_of(grouping, i), reach_of(grouping, group), grouping->words);
    }
  }
  return ppn_status_ok();
}

static ppn_status_t visit_unsupported(grouping_t* grouping, const ppn_node_t* node) {
  uint64_t any = 0;
  for (size_t i = 0; i < grouping->words; ++i) any |= grouping->through[i];
  if (!any) return ppn_status_ok();
  size_t size = grouping->words * sizeof(uint64_t);
  uint64_t* set = malloc(size);
  if (!set) return ppn_out_of_memory();
  memcpy(set, grouping->through, size);
  grouping->reach_of_node[node->id] = set;
  return ppn_status_ok();
}

static ppn_status_t find(grouping_t* grouping, const bool* is_supported) {
  uint32_t node_count = grouping->graph->node_count;
  grouping->words = 1;
  grouping->capacity = 64;
  grouping->group_of = malloc((node_count + (size_t)1) * sizeof(uint32_t));
  grouping->reach_of_node = calloc(node_count + (size_t)1, sizeof(uint64_t*));
  grouping->reach = calloc(grouping->capacity, sizeof(uint64_t));
  grouping->recent = calloc(grouping->capacity, sizeof(uint32_t));
  grouping->blocked = calloc(1, sizeof(uint64_t));
  grouping->through = calloc(1, sizeof(uint64_t));
  if (!grouping->group_of || !grouping->reach_of_node || !grouping->reach || !grouping->recent ||
      !grouping->blocked || !grouping->through) {
    return ppn_out_of_memory();
  }
  for (uint32_t i = 0; i < node_count; ++i) grouping->group_of[i] = PPN_NO_GROUP;
  for (const ppn_node_t* node = grouping->graph->last; node; node = node->previous) {
    note_users(grouping, node);
    PPN_RETURN_IF_ERROR(is_supported[node->id] ? visit_supported(grouping, node)
                                               : visit_unsupported(grouping, node));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_groups_find(const ppn_graph_t* graph, const ppn_users_t* users,
                             const bool* is_supported, ppn_groups_t* out_groups) {
  grouping_t grouping = {.graph = graph, .users = users};
  ppn_status_t status = find(&grouping, is_supported);
  for (uint32_t i = 0; grouping.reach_of_node && i < graph->node_count; ++i) {
    free(grouping.reach_of_node[i]);
  }
  free(grouping.reach_of_node);
  free(grouping.reach);
  free(grouping.recent);
  free(grouping.blocked);
  free(grouping.through);
  *out_groups = (ppn_groups_t){grouping.group_of, grouping.group_count};
  if (status) ppn_groups_release(out_groups);
  return status;
}

// ---- Groups that are given ----

static ppn_status_t assign_tags(const ppn_graph_t* graph, const ppn_partition_options_t* options,
                                ppn_string_map_t* groups, uint32_t* group_of, uint32_t* count) {
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    const char* tag = options->tag_of(options->context, node);
    if (!tag) continue;
    uint32_t* known = ppn_string_map_get(groups, ppn_sv(tag));
    group_of[node->id] = known ? *known : (*count)++;
    if (known) continue;
    PPN_RETURN_IF_ERROR(ppn_string_map_set(groups, ppn_sv(tag), &group_of[node->id]));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_groups_from_tags(const ppn_graph_t* graph, const ppn_partition_options_t* options,
                                  ppn_groups_t* out_groups) {
  *out_groups = (ppn_groups_t){malloc((graph->node_count + (size_t)1) * sizeof(uint32_t)), 0};
  if (!out_groups->group_of) return ppn_out_of_memory();
  for (uint32_t i = 0; i < graph->node_count; ++i) out_groups->group_of[i] = PPN_NO_GROUP;
  ppn_string_map_t groups = {0};  // tag -> number of its group
  ppn_status_t status =
      assign_tags(graph, options, &groups, out_groups->group_of, &out_groups->count);
  ppn_string_map_release(&groups);
  if (status) ppn_groups_release(out_groups);
  return status;
}

void ppn_groups_release(ppn_groups_t* groups) {
  free(groups->group_of);
  *groups = (ppn_groups_t){0};
}
