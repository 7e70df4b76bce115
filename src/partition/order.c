// Puts each group's nodes next to each other: a topological sort of the graph with its groups
// contracted, which keeps the present order where it can.
#include <stdlib.h>

#include "partition/groups.h"

// A unit is a group (0 … count - 1) or a node outside groups (count + node id).
typedef struct sorter {
  const ppn_groups_t* groups;
  const ppn_users_t* users;
  ppn_node_t** nodes;  // by id
  uint32_t node_count;
  uint32_t *first, *next;  // members of groups in order: group to node id + 1, node id to same
  uint32_t* key;           // by unit: its place; a group's is that of its last node
  uint32_t* waiting;       // by unit: uses of results of other units that are not placed yet
  uint32_t* heap;          // units ready to be placed, smallest key first
  uint32_t heap_size;
} sorter_t;

static uint32_t unit_of(const sorter_t* sorter, const ppn_node_t* node) {
  uint32_t group = sorter->groups->group_of[node->id];
  return group != PPN_NO_GROUP ? group : sorter->groups->count + node->id;
}

static void heap_push(sorter_t* sorter, uint32_t unit) {
  uint32_t place = sorter->heap_size++;
  while (place > 0 && sorter->key[sorter->heap[(place - 1) / 2]] > sorter->key[unit]) {
    sorter->heap[place] = sorter->heap[(place - 1) / 2];
    place = (place - 1) / 2;
  }
  sorter->heap[place] = unit;
}

static uint32_t heap_pop(sorter_t* sorter) {
  uint32_t top = sorter->heap[0], moved = sorter->heap[--sorter->heap_size], place = 0;
  for (;;) {
    uint32_t child = 2 * place + 1;
    if (child >= sorter->heap_size) break;
    if (child + 1 < sorter->heap_size &&
        sorter->key[sorter->heap[child + 1]] < sorter->key[sorter->heap[child]]) {
      ++child;
    }
    if (sorter->key[sorter->heap[child]] >= sorter->key[moved]) break;
    sorter->heap[place] = sorter->heap[child];
    place = child;
  }
  if (sorter->heap_size) sorter->heap[place] = moved;
  return top;
}

// Calls for each use of a result of `node` by a node of another unit: +1 or -1 to what waits.
static void count_uses(sorter_t* sorter, const ppn_node_t* node, bool is_placed) {
  uint32_t unit = unit_of(sorter, node);
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i]) continue;
    uint32_t id = node->outputs[i]->id;
    for (uint32_t j = sorter->users->offsets[id]; j < sorter->users->offsets[id + 1]; ++j) {
      uint32_t user = unit_of(sorter, sorter->users->nodes[j]);
      if (user == unit) continue;
      if (!is_placed) {
        ++sorter->waiting[user];
      } else if (--sorter->waiting[user] == 0) {
        heap_push(sorter, user);
      }
    }
  }
}

static void collect_units(sorter_t* sorter, ppn_graph_t* graph) {
  uint32_t position = 0;
  for (ppn_node_t* node = graph->last; node; node = node->previous) {
    uint32_t group = sorter->groups->group_of[node->id];
    sorter->nodes[node->id] = node;
    if (group == PPN_NO_GROUP) continue;
    sorter->next[node->id] = sorter->first[group];
    sorter->first[group] = node->id + 1;
  }
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    sorter->key[unit_of(sorter, node)] = ++position;
    count_uses(sorter, node, false);
  }
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    uint32_t unit = unit_of(sorter, node);
    bool is_first = unit >= sorter->groups->count || sorter->first[unit] == node->id + 1;
    if (is_first && sorter->waiting[unit] == 0) heap_push(sorter, unit);
  }
}

static ppn_status_t place_units(sorter_t* sorter, ppn_graph_t* graph, uint32_t* new_groups) {
  uint32_t placed = 0, groups = 0;
  while (sorter->heap_size) {
    uint32_t unit = heap_pop(sorter);
    bool is_group = unit < sorter->groups->count;
    if (is_group) new_groups[unit] = groups++;
    uint32_t id = is_group ? sorter->first[unit] : unit - sorter->groups->count + 1;
    for (; id; id = is_group ? sorter->next[id - 1] : 0) {
      ppn_graph_move_node(graph, sorter->nodes[id - 1], NULL);
      count_uses(sorter, sorter->nodes[id - 1], true);
      ++placed;
    }
  }
  if (placed == sorter->node_count) return ppn_status_ok();
  return ppn_status_make(
      PPN_STATUS_INVALID_ARGUMENT,
      "the partitions of graph '%s' depend on each other: what goes into one must "
      "not come from it by way of nodes outside",
      graph->name);
}

ppn_status_t ppn_groups_make_adjacent(ppn_graph_t* graph, const ppn_users_t* users,
                                      ppn_groups_t* groups) {
  size_t nodes = graph->node_count, units = nodes + groups->count;
  sorter_t sorter = {.groups = groups, .users = users, .node_count = graph->node_count};
  uint32_t* new_groups = calloc(groups->count + (size_t)1, sizeof(uint32_t));
  sorter.nodes = calloc(nodes + 1, sizeof(ppn_node_t*));
  sorter.first = calloc(groups->count + (size_t)1, sizeof(uint32_t));
  sorter.next = calloc(nodes + 1, sizeof(uint32_t));
  sorter.key = calloc(units + 1, sizeof(uint32_t));
  sorter.waiting = calloc(units + 1, sizeof(uint32_t));
  sorter.heap = calloc(units + 1, sizeof(uint32_t));
  ppn_status_t status = NULL;
  if (!new_groups || !sorter.nodes || !sorter.first || !sorter.next || !sorter.key ||
      !sorter.waiting || !sorter.heap) {
    status = ppn_out_of_memory();
  } else {
    collect_units(&sorter, graph);
    status = place_units(&sorter, graph, new_groups);
    for (uint32_t i = 0; !status && i < nodes; ++i) {
      if (groups->group_of[i] != PPN_NO_GROUP) {
        groups->group_of[i] = new_groups[groups->group_of[i]];
      }
    }
  }
  free(new_groups);
  free((void*)sorter.nodes);
  free(sorter.first);
  free(sorter.next);
  free(sorter.key);
  free(sorter.waiting);
  free(sorter.heap);
  return status;
}
