// Makes programs functional: no operator writes to its arguments.
//
// A tensor value is its own storage, or a view of another value. For each storage we keep the value
// that holds its present content; a write makes a new one, through the chain of views when the
// written value is a view. Views that were taken before a write are taken again when they are used
// after it.
#include <stdlib.h>
#include <string.h>

#include "aten/op.h"

// By value id.
typedef struct alias {
  ppn_value_t* parent;   // the value this views; NULL: a storage of its own
  ppn_node_t* view;      // the node that took the view
  ppn_value_t* current;  // what to use instead of the value; NULL: itself
  uint32_t version;  // storages: number of writes; views: of the storage when `current` was made
} alias_t;

typedef struct pass {
  ppn_exported_program_t* program;
  ppn_graph_t* graph;
  alias_t* aliases;
  uint32_t count;  // values of the original program; later ones have no alias
} pass_t;

// ---- What nodes do ----

static bool is_written(const ppn_aten_parameter_t* parameter) {
  return parameter->alias_is_write;
}

static bool writes(const ppn_node_t* node) {
  if (!node->op || !(node->op->tags & (PPN_ATEN_TAG_INPLACE | PPN_ATEN_TAG_MUTATES))) return false;
  for (uint32_t i = 0; i < node->op->parameter_count; ++i) {
    if (is_written(&node->op->parameters[i])) return true;
  }
  return false;
}

static bool is_one_of(const char* target, const char* const* names, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(target, names[i]) == 0) return true;
  }
  return false;
}

// Checks of what exporting assumed. They return nothing.
static bool is_assertion(const ppn_node_t* node) {
  static const char* const names[] = {
      "aten::_assert_tensor_metadata",
      "aten::_assert_async.msg",
      "aten::_assert_async",
      "aten::_assert_scalar",
      "aten::sym_constrain_range_for_size",
      "aten::sym_constrain_range",
      "aten::_functional_assert_async.msg",
      "aten::_functional_assert_scalar",
  };
  return is_one_of(node->target, names, PPN_COUNT_OF(names));
}

static const ppn_value_t* operand(const ppn_node_t* node) {
  const ppn_argument_t* first = node->argument_count ? &node->arguments[0] : NULL;
  bool is_tensor =
      first && first->kind == PPN_ARGUMENT_VALUE && first->u.value->kind == PPN_VALUE_TENSOR;
  return is_tensor ? first->u.value : NULL;
}

static bool same_type(const ppn_value_t* a, const ppn_value_t* b) {
  if (a->tensor.dtype != b->tensor.dtype || a->tensor.rank != b->tensor.rank) return false;
  for (int i = 0; i < a->tensor.rank; ++i) {
    if (!ppn_dim_equal(a->tensor.sizes[i], b->tensor.sizes[i])) return false;
    if (a->tensor.strides && b->tensor.strides &&
        !ppn_dim_equal(a->tensor.strides[i], b->tensor.strides[i])) {
      return false;
    }
  }
  return true;
}

// Operators that give back their operand when nothing is to be done.
static bool gives_operand(const ppn_node_t* node) {
  static const char* const always[] = {"aten::detach", "aten::detach_", "aten::alias",
                                       "aten::lift_fresh", "aten::lift"};
  static const char* const if_same[] = {
      "aten::contiguous",         "aten::to.dtype", "aten::to.device",
      "aten::to.dtype_layout",    "aten::to.other", "aten::expand",
      "aten::expand_as",          "aten::reshape",  "aten::view",
      "aten::flatten.using_ints", "aten::type_as"};
  static const char* const dropouts[] = {"aten::dropout",       "aten::feature_dropout",
                                         "aten::alpha_dropout", "aten::feature_alpha_dropout",
                                         "aten::dropout_",      "aten::feature_dropout_",
                                         "aten::alpha_dropout_"};
  if (node->output_count != 1 || !node->outputs[0] || !operand(node)) return false;
  if (is_one_of(node->target, always, PPN_COUNT_OF(always))) return true;
  if (is_one_of(node->target, dropouts, PPN_COUNT_OF(dropouts))) {
    const ppn_argument_t* train = ppn_node_argument(node, "train");
    return train && train->kind == PPN_ARGUMENT_BOOL && !train->u.boolean;
  }
  if (!is_one_of(node->target, if_same, PPN_COUNT_OF(if_same))) return false;
  const ppn_argument_t* copy = ppn_node_argument(node, "copy");
  if (copy && copy->kind == PPN_ARGUMENT_BOOL && copy->u.boolean) return false;
  return same_type(node->outputs[0], operand(node));
}

static bool takes_view(const ppn_node_t* node) {
  // These share storage where strides allow it. Copies then differ from views only when somebody
  // writes afterwards; torch decides by the strides, of which the contiguous case is the common
  // one.
  static const char* const maybe[] = {
      "aten::reshape",     "aten::flatten.using_ints", "aten::chunk",
      "aten::expand_as",   "aten::unflatten.int",      "aten::view_as",
      "aten::movedim.int", "aten::swapaxes",           "aten::narrow"};
  if (!node->op || !operand(node) || writes(node)) return false;
  if (node->op->tags & PPN_ATEN_TAG_VIEW) return true;
  return is_one_of(node->target, maybe, PPN_COUNT_OF(maybe));
}

// ---- Present values ----

static alias_t* alias_of(const pass_t* pass, const ppn_value_t* value) {
  return value->id < pass->count ? &pass->aliases[value->id] : NULL;
}

static ppn_value_t* storage_of(const pass_t* pass, ppn_value_t* value) {
  for (alias_t* alias = alias_of(pass, value); alias && alias->parent;
       alias = alias_of(pass, value)) {
    value = alias->parent;
  }
  return value;
}

static uint32_t version_of(const pass_t* pass, ppn_value_t* value) {
  const alias_t* alias = alias_of(pass, storage_of(pass, value));
  return alias ? alias->version : 0;
}

static ppn_status_t copy_view(pass_t* pass, const ppn_node_t* view, ppn_value_t* operand_now,
                              ppn_node_t* before, ppn_node_t** out_node) {
  ppn_value_t** outputs;
  PPN_ARENA_NEW(pass->graph->arena, view->output_count, &outputs);
  for (uint32_t i = 0; i < view->output_count; ++i) {
    if (!view->outputs[i]) continue;
    PPN_RETURN_IF_ERROR(ppn_graph_new_tensor(pass->graph, view->outputs[i]->name,
                                             &view->outputs[i]->tensor, &outputs[i]));
    outputs[i]->id = UINT32_MAX;  // no alias
  }
  PPN_RETURN_IF_ERROR(ppn_graph_new_node(pass->graph, before, view->target, view->name,
                                         view->arguments, view->argument_count, outputs,
                                         view->output_count, view, out_node));
  (*out_node)->op = view->op;
  (*out_node)->returns_list = view->returns_list;
  (*out_node)->arguments[0].u.value = operand_now;
  return ppn_status_ok();
}

// The value that holds what `value` holds now, before `before`.
static ppn_status_t present(pass_t* pass, ppn_value_t* value, ppn_node_t* before,
                            ppn_value_t** out_value) {
  alias_t* alias = alias_of(pass, value);
  *out_value = alias && alias->current ? alias->current : value;
  if (!alias || !alias->parent || alias->version == version_of(pass, value)) {
    return ppn_status_ok();
  }
  ppn_value_t* parent;
  ppn_node_t* again;
  PPN_RETURN_IF_ERROR(present(pass, alias->parent, before, &parent));
  *out_value = parent;
  if (alias->view) {
    PPN_RETURN_IF_ERROR(copy_view(pass, alias->view, parent, before, &again));
    *out_value = again->outputs[value->output_index];
  }
  alias->version = version_of(pass, value);
  alias->current = *out_value;
  return ppn_status_ok();
}

// ---- Writing through views ----

static ppn_status_t cannot_write(const ppn_node_t* node, const ppn_node_t* view) {
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "%s writes through the view that %s takes, which Pippin cannot undo; "
                         "write with index_put or torch.where instead",
                         ppn_node_describe(node), ppn_node_describe(view));
}

// The sizes of `like` as an argument; sizes that are not fixed are read from it.
static ppn_status_t sizes_argument(ppn_aten_emitter_t* emitter, ppn_value_t* like,
                                   ppn_argument_t* out) {
  ppn_int_item_t items[64];
  for (int i = 0; i < like->tensor.rank; ++i) {
    items[i] = (ppn_int_item_t){like->tensor.sizes[i].value, NULL};
    if (ppn_dim_is_static(like->tensor.sizes[i])) continue;
    ppn_node_t* node;
    ppn_argument_t arguments[] = {ppn_argument_value("self", like), ppn_argument_int("dim", i)};
    PPN_RETURN_IF_ERROR(
        ppn_graph_new_sym_int(emitter->graph, "sym_size", like->tensor.sizes[i], &items[i].value));
    PPN_RETURN_IF_ERROR(ppn_graph_new_node(emitter->graph, emitter->before, "aten::sym_size.int",
                                           NULL, arguments, 2, &items[i].value, 1, emitter->origin,
                                           &node));
    PPN_RETURN_IF_ERROR(ppn_aten_bind(node));
  }
  *out = ppn_argument_int_items(emitter->graph->arena, "size", items, (uint32_t)like->tensor.rank);
  return ppn_status_ok();
}

static int64_t literal(const ppn_node_t* node, const char* name, int64_t fallback) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  int64_t value;
  return argument && ppn_argument_as_int(argument, &value) ? value : fallback;
}

static ppn_argument_t named(const ppn_node_t* node, const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  return argument ? *argument : ppn_argument_none(name);
}

static int inverse_permutation(const ppn_node_t* view, int rank, int64_t* out) {
  int64_t dims[64] = {0};
  uint32_t count = 0;
  for (int i = 0; i < rank; ++i) dims[i] = i;
  if (strcmp(view->target, "aten::permute") == 0) {
    const ppn_argument_t* argument = ppn_node_argument(view, "dims");
    if (!argument || !ppn_argument_as_ints(argument, dims, 64, &count)) return -1;
  } else if (rank == 2 && strcmp(view->target, "aten::t") == 0) {
    dims[0] = 1;
    dims[1] = 0;
  } else {
    bool is_swap = ppn_node_argument(view, "axis0") != NULL;
    int64_t a = literal(view, is_swap ? "axis0" : "dim0", 0),
            b = literal(view, is_swap ? "axis1" : "dim1", 0);
    a += a < 0 ? rank : 0;
    b += b < 0 ? rank : 0;
    if (a < 0 || b < 0 || a >= rank || b >= rank) return -1;
    dims[a] = b;
    dims[b] = a;
  }
  for (int i = 0; i < rank; ++i) {
    int64_t dim = dims[i] < 0 ? dims[i] + rank : dims[i];
    if (dim < 0 || dim >= rank) return -1;
    out[dim] = i;
  }
  return rank;
}

// Where the element `index` of a split lies.
static ppn_status_t write_piece(ppn_aten_emitter_t* emitter, const ppn_node_t* view, uint32_t index,
                                ppn_value_t* parent, ppn_value_t* content, ppn_value_t** out) {
  int64_t dim = literal(view, "dim", 0), start = 0;
  if (dim < 0) dim += parent->tensor.rank;
  for (uint32_t i = 0; i <= index; ++i) {
    const ppn_dim_t size = view->outputs[i]->tensor.sizes[dim];
    if (!ppn_dim_is_static(size)) return cannot_write(emitter->origin, view);
    if (i < index) start += size.value;
  }
  int64_t end = start + view->outputs[index]->tensor.sizes[dim].value;
  ppn_argument_t arguments[] = {ppn_argument_value("self", parent),
                                ppn_argument_value("src", content), ppn_argument_int("dim", dim),
                                ppn_argument_int("start", start), ppn_argument_int("end", end)};
  return ppn_aten_emit_typed(emitter, "aten::slice_scatter", arguments, 5, &parent->tensor, out, 1);
}

// The parent's content after `content` was written through the view.
static ppn_status_t undo_view(ppn_aten_emitter_t* emitter, const ppn_node_t* view, uint32_t index,
                              ppn_value_t* parent, ppn_value_t* content, ppn_value_t** out) {
  static const char* const reshapes[] = {
      "aten::view",    "aten::reshape",      "aten::flatten.using_ints", "aten::unsqueeze",
      "aten::squeeze", "aten::squeeze.dim",  "aten::squeeze.dims",       "aten::_unsafe_view",
      "aten::view_as", "aten::unflatten.int"};
  static const char* const permutations[] = {"aten::permute", "aten::transpose.int", "aten::t",
                                             "aten::swapaxes"};
  static const char* const splits[] = {"aten::split.Tensor", "aten::split_with_sizes",
                                       "aten::chunk"};
  const char* target = view->target;
  ppn_argument_t self = ppn_argument_value("self", parent),
                 src = ppn_argument_value("src", content);
  if (is_one_of(target, reshapes, PPN_COUNT_OF(reshapes))) {
    ppn_argument_t arguments[] = {ppn_argument_value("self", content), {0}};
    PPN_RETURN_IF_ERROR(sizes_argument(emitter, parent, &arguments[1]));
    return ppn_aten_emit_typed(emitter, "aten::view", arguments, 2, &parent->tensor, out, 1);
  }
  if (is_one_of(target, permutations, PPN_COUNT_OF(permutations))) {
    int64_t dims[64];
    int rank = inverse_permutation(view, parent->tensor.rank, dims);
    if (rank < 0) return cannot_write(emitter->origin, view);
    ppn_argument_t arguments[] = {
        ppn_argument_value("self", content),
        ppn_argument_ints(emitter->graph->arena, "dims", dims, (uint32_t)rank)};
    return ppn_aten_emit_typed(emitter, "aten::permute", arguments, 2, &parent->tensor, out, 1);
  }
  if (strcmp(target, "aten::slice.Tensor") == 0) {
    ppn_argument_t arguments[] = {self,
                                  src,
                                  named(view, "dim"),
                                  named(view, "start"),
                                  named(view, "end"),
                                  named(view, "step")};
    return ppn_aten_emit_typed(emitter, "aten::slice_scatter", arguments, 6, &parent->tensor, out,
                               1);
  }
  if (strcmp(target, "aten::select.int") == 0) {
    ppn_argument_t arguments[] = {self, src, named(view, "dim"), named(view, "index")};
    return ppn_aten_emit_typed(emitter, "aten::select_scatter", arguments, 4, &parent->tensor, out,
                               1);
  }
  if (strcmp(target, "aten::unbind.int") == 0) {
    ppn_argument_t arguments[] = {self, src, named(view, "dim"), ppn_argument_int("index", index)};
    return ppn_aten_emit_typed(emitter, "aten::select_scatter", arguments, 4, &parent->tensor, out,
                               1);
  }
  if (is_one_of(target, splits, PPN_COUNT_OF(splits))) {
    return write_piece(emitter, view, index, parent, content, out);
  }
  if (strcmp(target, "aten::diagonal") == 0) {
    ppn_argument_t arguments[] = {self, src, named(view, "offset"), named(view, "dim1"),
                                  named(view, "dim2")};
    return ppn_aten_emit_typed(emitter, "aten::diagonal_scatter", arguments, 5, &parent->tensor,
                               out, 1);
  }
  return cannot_write(emitter->origin, view);
}

// `value` holds `content` from now on.
static ppn_status_t write(pass_t* pass, ppn_aten_emitter_t* emitter, ppn_value_t* value,
                          ppn_value_t* content) {
  alias_t* alias = alias_of(pass, value);
  ppn_value_t* storage = storage_of(pass, value);
  alias_t* root = alias_of(pass, storage);
  if (!alias || !root) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "%s writes to a value made by functionalisation",
                           ppn_node_describe(emitter->origin));
  }
  // What the views on the way hold now, before the version changes.
  uint32_t version = root->version + 1;
  for (; alias->parent; alias = alias_of(pass, value)) {
    ppn_value_t *parent, *parent_content = content;
    if (alias->view) {
      PPN_RETURN_IF_ERROR(present(pass, alias->parent, emitter->before, &parent));
      PPN_RETURN_IF_ERROR(
          undo_view(emitter, alias->view, value->output_index, parent, content, &parent_content));
    }
    alias->current = content;
    alias->version = version;
    content = parent_content;
    value = alias->parent;
  }
  root->current = content;
  root->version = version;
  return ppn_status_ok();
}

// ---- In-place operators ----

// "aten::add_.Tensor" gives "aten::add.Tensor".
static const ppn_aten_op_t* functional_twin(const ppn_aten_op_t* op) {
  char name[256];
  size_t size = strlen(op->base_name);
  if (size < 2 || size + strlen(op->overload) + 2 > sizeof(name)) return NULL;
  memcpy(name, op->base_name, size + 1);
  if (name[size - 1] == '_') {
    name[size - 1] = 0;
    // "__iand__" and the like.
    char* i = strstr(name, "::__i");
    if (i) memmove(i + 4, i + 5, strlen(i + 5) + 1);
    if (i) strcat(name, "_");
  }
  if (*op->overload) {
    strcat(name, ".");
    strcat(name, op->overload);
  }
  return ppn_aten_op_find(ppn_sv(name));
}

// copy_(self, source): the source in self's shape and type.
static ppn_status_t copy_content(ppn_aten_emitter_t* emitter, const ppn_value_t* self,
                                 ppn_value_t* source, ppn_value_t** out) {
  ppn_tensor_meta_t meta = source->tensor;
  *out = source;
  if (source->tensor.dtype != self->tensor.dtype) {
    meta.dtype = self->tensor.dtype;
    ppn_argument_t arguments[] = {ppn_argument_value("self", source),
                                  ppn_argument_dtype("dtype", meta.dtype)};
    PPN_RETURN_IF_ERROR(
        ppn_aten_emit_typed(emitter, "aten::_to_copy", arguments, 2, &meta, out, 1));
  }
  bool is_same = source->tensor.rank == self->tensor.rank;
  for (int i = 0; is_same && i < self->tensor.rank; ++i) {
    is_same = ppn_dim_equal(source->tensor.sizes[i], self->tensor.sizes[i]);
  }
  if (is_same) return ppn_status_ok();
  ppn_argument_t arguments[] = {ppn_argument_value("self", *out), {0}};
  PPN_RETURN_IF_ERROR(sizes_argument(emitter, (ppn_value_t*)(uintptr_t)self, &arguments[1]));
  return ppn_aten_emit_typed(emitter, "aten::expand", arguments, 2, &self->tensor, out, 1);
}

static ppn_status_t fill_content(ppn_aten_emitter_t* emitter, ppn_value_t* self,
                                 const ppn_argument_t* fill, ppn_value_t** out) {
  ppn_argument_t arguments[] = {ppn_argument_value("self", self),
                                fill ? *fill : ppn_argument_int("fill_value", 0)};
  arguments[1].name = "fill_value";
  return ppn_aten_emit_typed(emitter, "aten::full_like", arguments, 2, &self->tensor, out, 1);
}

static ppn_status_t new_content(ppn_aten_emitter_t* emitter, const ppn_node_t* node,
                                ppn_value_t** out) {
  const ppn_value_t* self = operand(node);
  if (!self || !is_written(&node->op->parameters[0])) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "%s writes to an argument, and Pippin does not know its functional form",
                           ppn_node_describe(node));
  }
  const ppn_argument_t* source = ppn_node_argument(node, "src");
  if (strcmp(node->target, "aten::copy_") == 0 && source && source->kind == PPN_ARGUMENT_VALUE) {
    return copy_content(emitter, self, source->u.value, out);
  }
  if (strcmp(node->target, "aten::zero_") == 0) {
    return fill_content(emitter, node->arguments[0].u.value, NULL, out);
  }
  if (strcmp(node->target, "aten::fill_.Scalar") == 0) {
    return fill_content(emitter, node->arguments[0].u.value, ppn_node_argument(node, "value"), out);
  }
  const ppn_aten_op_t* twin = functional_twin(node->op);
  if (!twin || twin->return_count != 1) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "%s works in place and has no functional form; use its form without '_'",
                           ppn_node_describe(node));
  }
  PPN_RETURN_IF_ERROR(ppn_aten_emit_typed(emitter, twin->name, node->arguments,
                                          node->argument_count, &self->tensor, out, 1));
  return ppn_status_ok();
}

// ---- The pass ----

typedef struct use {
  pass_t* pass;
  ppn_node_t* before;
  ppn_status_t status;
} use_t;

static void use_present(void* context, ppn_value_t** slot) {
  use_t* use = context;
  if ((*slot)->kind != PPN_VALUE_TENSOR || use->status) return;
  use->status = present(use->pass, *slot, use->before, slot);
}

// `name` is the same tensor as `value`, whatever is written to either.
static void rename_value(pass_t* pass, const ppn_value_t* name, ppn_value_t* value) {
  const alias_t* alias = alias_of(pass, value);
  *alias_of(pass, name) = (alias_t){.parent = value,
                                    .current = alias && alias->current ? alias->current : value,
                                    .version = version_of(pass, value)};
}

static ppn_status_t visit_write(pass_t* pass, ppn_node_t* node, ppn_value_t* written) {
  ppn_aten_emitter_t emitter = {pass->program, pass->graph, node, node};
  ppn_value_t* content;
  PPN_RETURN_IF_ERROR(new_content(&emitter, node, &content));
  PPN_RETURN_IF_ERROR(write(pass, &emitter, written, content));
  // The results are the written argument itself.
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (node->outputs[i]) rename_value(pass, node->outputs[i], written);
  }
  ppn_graph_remove_node(pass->graph, node);
  return ppn_status_ok();
}

static ppn_status_t visit_node(pass_t* pass, ppn_node_t* node) {
  const ppn_value_t* original = operand(node);
  ppn_value_t* first = (ppn_value_t*)(uintptr_t)original;
  if (is_assertion(node)) {
    ppn_graph_remove_node(pass->graph, node);
    return ppn_status_ok();
  }
  bool is_identity = gives_operand(node), is_write = writes(node) && !is_identity,
       is_view = takes_view(node);
  use_t use = {pass, node, NULL};
  ppn_node_visit_values(node, use_present, &use);
  PPN_RETURN_IF_ERROR(use.status);
  if (is_write) return visit_write(pass, node, first);
  if (is_identity) {
    rename_value(pass, node->outputs[0], first);
    ppn_graph_remove_node(pass->graph, node);
    return ppn_status_ok();
  }
  if (!is_view) return ppn_status_ok();
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i]) continue;
    *alias_of(pass, node->outputs[i]) =
        (alias_t){.parent = first, .view = node, .version = version_of(pass, first)};
  }
  return ppn_status_ok();
}

static ppn_status_t add_mutations(pass_t* pass) {
  ppn_exported_program_t* program = pass->program;
  ppn_graph_t* graph = pass->graph;
  uint32_t count = 0, capacity = graph->input_count + graph->output_count;
  ppn_argument_t* outputs;
  ppn_output_spec_t* specs;
  PPN_ARENA_NEW(graph->arena, capacity, &outputs);
  PPN_ARENA_NEW(graph->arena, capacity, &specs);
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    ppn_value_t* input = graph->inputs[i];
    if (!input || input->kind != PPN_VALUE_TENSOR || pass->aliases[input->id].version == 0)
      continue;
    const ppn_input_spec_t* spec = &program->inputs[i];
    bool is_user = spec->kind == PPN_INPUT_USER;
    outputs[count] = ppn_argument_value("", pass->aliases[input->id].current);
    specs[count++] =
        (ppn_output_spec_t){is_user                             ? PPN_OUTPUT_USER_INPUT_MUTATION
                            : spec->kind == PPN_INPUT_PARAMETER ? PPN_OUTPUT_PARAMETER_MUTATION
                                                                : PPN_OUTPUT_BUFFER_MUTATION,
                            is_user ? spec->name : spec->target};
  }
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    outputs[count] = graph->outputs[i];
    specs[count++] = program->outputs[i];
  }
  graph->outputs = outputs;
  program->outputs = specs;
  graph->output_count = program->output_count = count;
  return ppn_status_ok();
}

static ppn_status_t run(pass_t* pass) {
  for (ppn_node_t *node = pass->graph->first, *next; node; node = next) {
    next = node->next;
    PPN_RETURN_IF_ERROR(visit_node(pass, node));
  }
  use_t use = {pass, NULL, NULL};
  for (uint32_t i = 0; i < pass->graph->output_count && !use.status; ++i) {
    ppn_argument_visit_values(&pass->graph->outputs[i], use_present, &use);
  }
  PPN_RETURN_IF_ERROR(use.status);
  return add_mutations(pass);
}

ppn_status_t ppn_aten_functionalise(ppn_exported_program_t* program) {
  pass_t pass = {.program = program, .graph = program->graph};
  pass.count = ppn_graph_number(program->graph);
  pass.aliases = calloc(pass.count + (size_t)1, sizeof(alias_t));
  if (!pass.aliases) return ppn_out_of_memory();
  ppn_status_t status = run(&pass);
  free(pass.aliases);
  if (!status) program->dialect = PPN_DIALECT_ATEN;
  return status;
}
