// Lowering one method: from an exported program to an edge program with delegate calls, and each of
// its partitions to a payload.
#include <string.h>

#include "api/lowering_session.h"
#include "coreml/enumerated_shapes.h"

typedef struct claim {
  ppn_partition_options_t partition;
  ppn_lower_options_t lower;
  const ppn_node_tag_t* tags;
  size_t tag_count;
} claim_t;

static bool is_supported(void* context, const ppn_node_t* node, ppn_buffer_t* reason) {
  const claim_t* claim = context;
  return ppn_lower_is_supported(node, &claim->lower, reason);
}

// Operators that are always decomposed: the official tools do so, and their decompositions lower
// better.
static bool is_never_kept(const ppn_node_t* node) {
  static const char* const names[] = {"aten::triu", "aten::tril",
                                      "aten::repeat_interleave.self_int",
                                      "aten::repeat_interleave.self_Tensor"};
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    if (strcmp(node->target, names[i]) == 0) return true;
  }
  return node->op && (node->op->tags & PPN_ATEN_TAG_VIEW);
}

// An operator that the backend lowers as it is stays as it is.
static bool keep(void* context, const ppn_node_t* node) {
  const claim_t* claim = context;
  return !is_never_kept(node) && !ppn_partition_skips(&claim->partition, node) &&
         ppn_lower_is_supported(node, &claim->lower, NULL);
}

static ppn_string_view_t enumerated_shapes(const ppn_coreml_partitioner_t* partitioner) {
  return ppn_coreml_enumerated_shapes_spec(partitioner->compile_specs,
                                           (uint32_t)partitioner->compile_spec_count);
}

static ppn_status_t check_partitioner(const ppn_coreml_partitioner_t* partitioner) {
  if (!partitioner->lower_full_graph) {
    if (!enumerated_shapes(partitioner).data) return ppn_status_ok();
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "enumerated shapes belong to the whole model; set lower_full_graph");
  }
  const char* option = partitioner->skip_op_count               ? "skip_ops_for_coreml_delegation"
                       : !partitioner->take_over_constant_data  ? "take_over_constant_data=False"
                       : !partitioner->take_over_mutable_buffer ? "take_over_mutable_buffer=False"
                                                                : NULL;
  if (!option) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                         "lower_full_graph and %s cannot be combined; drop one of them", option);
}

static ppn_lower_options_t lower_options(const ppn_coreml_compile_options_t* options) {
  ppn_lower_options_t lower = {.float16 = options->compute_precision == PPN_PRECISION_FLOAT16};
  // The specification version is the opset's number + 1.
  if (options->minimum_deployment_target) {
    lower.minimum_opset = (ppn_mil_opset_t)(options->minimum_deployment_target - 1);
  }
  return lower;
}

// Weights that only a later target can hold are not unpacked for the CPU instead.
static ppn_status_t check_compressed_weights(const ppn_exported_program_t* program,
                                             const claim_t* claim) {
  for (const ppn_node_t* node = program->graph->first; node; node = node->next) {
    if (ppn_partition_skips(&claim->partition, node)) continue;
    PPN_RETURN_IF_ERROR(ppn_lower_check_target(node, &claim->lower));
  }
  return ppn_status_ok();
}

static ppn_status_t check_target(const ppn_coreml_compile_options_t* options) {
  int target = options->minimum_deployment_target;
  if (target == 0 || (target >= 6 && target <= 10)) return ppn_status_ok();
  return ppn_status_make(
      target == 4 || target == 5 ? PPN_STATUS_UNSUPPORTED : PPN_STATUS_INVALID_ARGUMENT,
      "minimum deployment target %d: ML Programs need a specification version "
      "of 6 (iOS15) to 10 (iOS26)",
      target);
}

static const char* tag_of(void* context, const ppn_node_t* node) {
  const claim_t* claim = context;
  for (size_t i = 0; i < claim->tag_count; ++i) {
    if (strcmp(claim->tags[i].node, node->name) == 0) return claim->tags[i].tag;
  }
  return NULL;
}

static ppn_status_t make_claim(const ppn_exported_program_t* program,
                               const ppn_coreml_partitioner_t* partitioner, claim_t* claim) {
  PPN_RETURN_IF_ERROR(check_partitioner(partitioner));
  PPN_RETURN_IF_ERROR(check_target(&partitioner->compile_options));
  *claim = (claim_t){.lower = lower_options(&partitioner->compile_options),
                     .tags = partitioner->node_tags,
                     .tag_count = partitioner->node_tag_count};
  claim->partition = (ppn_partition_options_t){
      .is_supported = is_supported,
      .context = claim,
      .skip_ops = partitioner->skip_ops_for_coreml_delegation,
      .skip_op_count = (uint32_t)partitioner->skip_op_count,
      .lower_full_graph = partitioner->lower_full_graph,
      .take_over_mutable_buffer = partitioner->take_over_mutable_buffer,
      .take_over_constant_data = partitioner->take_over_constant_data,
      .tag_of = partitioner->node_tag_count ? tag_of : NULL,
  };
  if (partitioner->take_over_constant_data) claim->lower.program = program;
  return ppn_status_ok();
}

ppn_status_t ppn_lowering_transform(ppn_exported_program_t* program,
                                    const ppn_coreml_partitioner_t* partitioner,
                                    bool decompose_all) {
  claim_t claim = {0};
  if (partitioner) PPN_RETURN_IF_ERROR(make_claim(program, partitioner, &claim));
  if (program->dialect == PPN_DIALECT_TRAINING) {
    PPN_RETURN_IF_ERROR(ppn_aten_functionalise(program));
  }
  PPN_RETURN_IF_ERROR(ppn_aten_split_complex(program));
  if (partitioner) PPN_RETURN_IF_ERROR(check_compressed_weights(program, &claim));
  PPN_RETURN_IF_ERROR(
      ppn_aten_decompose(program, partitioner && !decompose_all ? keep : NULL, &claim));
  PPN_RETURN_IF_ERROR(ppn_aten_to_edge(program));
  PPN_RETURN_IF_ERROR(ppn_graph_eliminate_dead_code(program->graph, ppn_aten_has_side_effects));
  return ppn_aten_name_edge_values(program);
}

ppn_status_t ppn_lowering_partition(ppn_exported_program_t* program,
                                    const ppn_coreml_partitioner_t* partitioner,
                                    uint32_t first_index, ppn_partition_result_t* out_partitions) {
  claim_t claim;
  PPN_RETURN_IF_ERROR(make_claim(program, partitioner, &claim));
  claim.partition.first_index = first_index;
  return ppn_partition_program(program, &claim.partition, out_partitions);
}

ppn_status_t ppn_lowering_delegate(const ppn_partition_t* partition,
                                   const ppn_coreml_partitioner_t* partitioner, int minimum_target,
                                   ppn_delegate_t* out_delegate) {
  ppn_coreml_compile_options_t options = partitioner->compile_options;
  if (options.minimum_deployment_target < minimum_target) {
    options.minimum_deployment_target = minimum_target;
  }
  ppn_string_view_t shapes = enumerated_shapes(partitioner);
  out_delegate->model_type = options.model_type;
  ppn_lower_options_t lower = lower_options(&options);
  PPN_RETURN_IF_ERROR(ppn_lower_program(partition->submodule, &lower, &out_delegate->program));
  PPN_RETURN_IF_ERROR(ppn_coreml_model_from_program(out_delegate->program, &out_delegate->model));
  if (!shapes.data) return ppn_status_ok();
  return ppn_coreml_model_enumerate_shapes(out_delegate->model, shapes,
                                           options.minimum_deployment_target);
}

ppn_status_t ppn_lowering_delegate_finish(ppn_delegate_t* delegate) {
  PPN_RETURN_IF_ERROR(ppn_coreml_package_plan_create(delegate->model, &delegate->plan));
  if (delegate->model_type == PPN_MODEL_TYPE_COMPILED_MODEL) {
    PPN_RETURN_IF_ERROR(ppn_coreml_package_plan_compile(delegate->plan));
  }
  return ppn_coreml_payload_create(delegate->plan, "lowered_module", &delegate->payload);
}

void ppn_delegate_release(ppn_delegate_t* delegate) {
  ppn_producer_release(&delegate->payload);
  if (delegate->plan) ppn_coreml_package_plan_free(delegate->plan);
  if (delegate->model) ppn_coreml_model_free(delegate->model);
  if (delegate->program) ppn_mil_program_free(delegate->program);
  *delegate = (ppn_delegate_t){0};
}
