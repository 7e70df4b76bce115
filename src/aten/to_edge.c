// The edge dialect: views become copies, so that every operator has an out-variant.
#include <string.h>

#include "aten/op.h"

static const struct {
  const char *name, *copy;
} view_copies[] = {
    {"aten::view", "aten::view_copy"},
    {"aten::_unsafe_view", "aten::view_copy"},
    {"aten::permute", "aten::permute_copy"},
    {"aten::transpose.int", "aten::transpose_copy.int"},
    {"aten::t", "aten::t_copy"},
    {"aten::unsqueeze", "aten::unsqueeze_copy"},
    {"aten::squeeze", "aten::squeeze_copy"},
    {"aten::squeeze.dim", "aten::squeeze_copy.dim"},
    {"aten::squeeze.dims", "aten::squeeze_copy.dims"},
    {"aten::expand", "aten::expand_copy"},
    {"aten::slice.Tensor", "aten::slice_copy.Tensor"},
    {"aten::select.int", "aten::select_copy.int"},
    {"aten::split.Tensor", "aten::split_copy.Tensor"},
    {"aten::split_with_sizes", "aten::split_with_sizes_copy"},
    {"aten::unbind.int", "aten::unbind_copy.int"},
    {"aten::diagonal", "aten::diagonal_copy"},
    {"aten::as_strided", "aten::as_strided_copy"},
    {"aten::unfold", "aten::unfold_copy"},
    {"aten::alias", "aten::alias_copy"},
    {"aten::detach", "aten::detach_copy"},
    {"aten::view_as_real", "aten::view_as_real_copy"},
    {"aten::view_as_complex", "aten::view_as_complex_copy"},
    {"aten::view.dtype", "aten::view_copy.dtype"},
};

static ppn_status_t copy_instead_of_view(ppn_node_t* node) {
  for (size_t i = 0; i < PPN_COUNT_OF(view_copies); ++i) {
    if (strcmp(node->target, view_copies[i].name) != 0) continue;
    node->target = view_copies[i].copy;
    PPN_RETURN_IF_ERROR(ppn_aten_bind(node));
    // A copy is laid out anew.
    for (uint32_t j = 0; j < node->output_count; ++j) {
      if (node->outputs[j]) node->outputs[j]->tensor.strides = NULL;
    }
    break;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_aten_to_edge(ppn_exported_program_t* program) {
  for (ppn_node_t* node = program->graph->first; node; node = node->next) {
    PPN_RETURN_IF_ERROR(copy_instead_of_view(node));
  }
  program->dialect = PPN_DIALECT_EDGE;
  return ppn_status_ok();
}
