// The op matrix: what the tables say of every operator.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aten/op.h"
#include "engine/kernel.h"
#include "engine/specialise.h"
#include "lower/lower.h"
#include "mil/op.h"
#include "pippin/inspect.h"
#include "runtime/operator.h"

// "aten::relu" as Python prints it: "aten.relu.default".
static json_t* python_name(const char* name) {
  char text[256];
  const char *colons = strstr(name, "::"), *base = colons ? colons + 2 : name;
  snprintf(text, sizeof(text), "%.*s.%s%s", colons ? (int)(colons - name) : 0, name, base,
           strchr(base, '.') ? "" : ".default");
  return json_string(text);
}

static json_t* target_name(ppn_mil_opset_t opset) {
  char text[16];
  snprintf(text, sizeof(text), "iOS%d",
           ppn_mil_opset_ios_version(opset ? opset : PPN_MIL_OPSET_IOS15));
  return json_string(text);
}

// How an operator runs when it is not delegated. Views run as copies.
static const char* cpu_support(const ppn_aten_op_t* op) {
  const char* copy = ppn_aten_view_copy(op->name);
  const ppn_aten_op_t* emitted = copy ? ppn_aten_op_find(ppn_sv(copy)) : op;
  const ppn_aten_op_t* out = emitted ? ppn_aten_out_variant(emitted) : NULL;
  if (out && ppn_operator_find(out->base_name, out->overload)) return "kernel";
  return op->row && op->row->decompose ? "decomposed" : NULL;
}

// ---- PyTorch's operators ----

typedef struct op_list {
  const ppn_aten_op_t** ops;
  size_t count, capacity;
} op_list_t;

static void collect(void* context, const ppn_aten_op_t* op) {
  op_list_t* list = context;
  if (op->tags & (PPN_ATEN_TAG_OUT | PPN_ATEN_TAG_INPLACE | PPN_ATEN_TAG_MUTATES)) return;
  if (list->count < list->capacity) list->ops[list->count] = op;
  ++list->count;
}

static json_t* describe_operator(const ppn_aten_op_t* op) {
  const ppn_lower_row_t* row = ppn_lower_row_find(op->name);
  const char* cpu = cpu_support(op);
  if (!row && !cpu) return NULL;
  return json_pack("{s:o, s:o, s:b, s:s?}", "name", python_name(op->name), "core_ml",
                   row ? target_name(row->since) : json_null(), "has_conditions",
                   row && row->supported, "cpu", cpu);
}

static ppn_status_t describe_operators(json_t* operators) {
  op_list_t list = {0};
  ppn_aten_op_visit_all(collect, &list);
  list.ops = calloc(list.count ? list.count : 1, sizeof(*list.ops));
  if (!list.ops) return ppn_out_of_memory();
  list.capacity = list.count;
  list.count = 0;
  ppn_aten_op_visit_all(collect, &list);
  for (size_t i = 0; i < list.count; ++i) {
    json_t* description = describe_operator(list.ops[i]);
    if (description) json_array_append_new(operators, description);
  }
  free((void*)list.ops);
  return ppn_status_ok();
}

// ---- Core ML's operations ----

static void describe_operation(void* context, const ppn_mil_op_t* op) {
  bool runs = ppn_engine_kernel_find(op->type) || ppn_engine_is_structural(op->type);
  json_array_append_new(context, json_pack("{s:s, s:o, s:b}", "name", op->type, "core_ml",
                                           target_name(op->since), "engine", runs));
}

ppn_status_t ppn_describe_operators(char** out_json) {
  *out_json = NULL;
  json_t *operators = json_array(), *operations = json_array();
  ppn_status_t status = describe_operators(operators);
  ppn_mil_op_visit_all(describe_operation, operations);
  json_t* all = json_pack("{s:o, s:o}", "operators", operators, "operations", operations);
  if (!status && all) *out_json = json_dumps(all, JSON_INDENT(2));
  json_decref(all);
  return status || *out_json ? status : ppn_out_of_memory();
}
