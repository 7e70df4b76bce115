// Weights that several methods share: the delegates of the same index become functions of one
// model, which is stored among the program's named data, and their payloads refer to it.
//
//   method prefill   partition 0   partition 1           payloads: "CMJR" {key, functionName}
//   method decode    partition 0   partition 1
//                    └ model 0 ┘   └ model 1 ┘           named data: by key
//
// Methods without partitions take no part.
#include "api/lowering_session.h"

// Models with several functions exist since iOS18.
#define MULTIFUNCTION_TARGET 9

static bool takes_part(const ppn_lowered_method_t* method) {
  return method->partitions.partition_count > 0;
}

static const ppn_lowered_method_t* first_participant(const ppn_edge_program_t* program) {
  for (uint32_t i = 0; i < program->method_count; ++i) {
    if (takes_part(&program->methods[i])) return &program->methods[i];
  }
  return NULL;
}

static ppn_status_t check_partition_count(const ppn_lowered_method_t* first,
                                          const ppn_lowered_method_t* method) {
  uint32_t expected = first->partitions.partition_count;
  uint32_t found = method->partitions.partition_count;
  if (expected == found) return ppn_status_ok();
  return ppn_status_make(
      PPN_STATUS_INVALID_ARGUMENT,
      "method '%s' has %u partition%s, but '%s' has %u: POSITIONAL weight sharing makes one model "
      "of the methods' first partitions, one of the second, and so on, so that there must be "
      "equally many. Use MULTIMETHOD_WEIGHT_SHARING_STRATEGY.DISABLED (--weight-sharing disabled) "
      "to lower each method on its own",
      method->name, found, found == 1 ? "" : "s", first->name, expected);
}

ppn_status_t ppn_lowering_check_sharing(const ppn_edge_program_t* program, int* out_target) {
  const ppn_lowered_method_t* first = first_participant(program);
  *out_target = 0;
  // Later rounds lower each method on its own.
  for (uint32_t i = 0; i < program->method_count; ++i) {
    if (program->methods[i].round_start) return ppn_status_ok();
  }
  if (!first || first->partitioner.compile_options.weight_sharing == PPN_WEIGHT_SHARING_DISABLED) {
    return ppn_status_ok();
  }
  int target = MULTIFUNCTION_TARGET;
  uint32_t count = 0;
  for (uint32_t i = 0; i < program->method_count; ++i) {
    const ppn_lowered_method_t* method = &program->methods[i];
    if (!takes_part(method)) continue;
    PPN_RETURN_IF_ERROR(check_partition_count(first, method));
    int own = method->partitioner.compile_options.minimum_deployment_target;
    if (own > target) target = own;
    ++count;
  }
  if (count > 1) *out_target = target;
  return ppn_status_ok();
}

// The model of the delegates at `index`, one for each participant, and their payloads.
static ppn_status_t share(ppn_edge_program_t* program, uint32_t index) {
  ppn_shared_model_t* shared = &program->shared[index];
  ppn_coreml_model_t** models;
  const char** names;
  uint32_t count = 0;
  PPN_ARENA_NEW(&program->arena, program->method_count, &models);
  PPN_ARENA_NEW(&program->arena, program->method_count, &names);
  for (uint32_t i = 0; i < program->method_count; ++i) {
    if (!takes_part(&program->methods[i])) continue;
    models[count] = program->methods[i].delegates[index].model;
    names[count++] = program->methods[i].name;
  }
  const char* folder = ppn_arena_printf(&program->arena, "lowered_module_partition_%u", index);
  if (!folder) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_coreml_model_combine(models, names, count, &shared->model));
  PPN_RETURN_IF_ERROR(ppn_coreml_package_plan_create(shared->model, &shared->plan));
  // As the official tools, after the first method's wish.
  if (first_participant(program)->delegates[index].model_type == PPN_MODEL_TYPE_COMPILED_MODEL) {
    PPN_RETURN_IF_ERROR(ppn_coreml_package_plan_compile(shared->plan));
  }
  PPN_RETURN_IF_ERROR(ppn_coreml_payload_create(shared->plan, folder, &shared->payload));
  for (uint32_t i = 0; i < program->method_count; ++i) {
    ppn_lowered_method_t* method = &program->methods[i];
    if (!takes_part(method)) continue;
    ppn_delegate_t* delegate = &method->delegates[index];
    delegate->shared = shared;
    PPN_RETURN_IF_ERROR(
        ppn_coreml_payload_refer(&shared->payload, method->name, &delegate->payload));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_lowering_share(ppn_edge_program_t* program) {
  uint32_t count = first_participant(program)->partitions.partition_count;
  PPN_ARENA_NEW(&program->arena, count, &program->shared);
  PPN_ARENA_NEW(&program->arena, count, &program->named_data);
  program->shared_count = count;
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(share(program, i), "partition %u", i);
    program->named_data[i].content = &program->shared[i].payload;
    // Weights are used where they lie.
    program->named_data[i].alignment = 64;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_lowering_set_keys(ppn_edge_program_t* program) {
  for (uint32_t i = 0; i < program->shared_count; ++i) {
    PPN_RETURN_IF_ERROR(
        ppn_coreml_payload_key(&program->shared[i].payload, &program->named_data[i].key));
  }
  return ppn_status_ok();
}

void ppn_lowering_release_shared(ppn_edge_program_t* program) {
  for (uint32_t i = 0; i < program->shared_count; ++i) {
    ppn_shared_model_t* shared = &program->shared[i];
    ppn_producer_release(&shared->payload);
    if (shared->plan) ppn_coreml_package_plan_free(shared->plan);
    if (shared->model) ppn_coreml_model_free(shared->model);
  }
}
