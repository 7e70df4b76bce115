// Writes the MIL op table as JSON, for the comparison with the official tools' definitions
// (tests/python/test_mil_op_table.py).
#include <stdio.h>

#include "mil/op_rows.h"

static const ppn_mil_family_t* const families[] = {
#define FAMILY(name) &ppn_mil_family_##name,
    PPN_MIL_FAMILIES(FAMILY)
#undef FAMILY
};

// For an "x" of four dimensions.
static void print_default(const ppn_mil_parameter_t* parameter) {
  switch (parameter->default_kind) {
    case PPN_MIL_DEFAULT_NONE:
      printf("null");
      break;
    case PPN_MIL_DEFAULT_BOOL:
      printf("%s", parameter->default_number != 0 ? "true" : "false");
      break;
    case PPN_MIL_DEFAULT_STRING:
    case PPN_MIL_DEFAULT_INDICES_STRING:
      printf("\"%s\"", parameter->default_text);
      break;
    case PPN_MIL_DEFAULT_SPATIAL:
      printf("[%g,%g]", parameter->default_number, parameter->default_number);
      break;
    case PPN_MIL_DEFAULT_SPATIAL_PAIRS:
      printf("[%g,%g,%g,%g]", parameter->default_number, parameter->default_number,
             parameter->default_number, parameter->default_number);
      break;
    case PPN_MIL_DEFAULT_ALL_AXES:
      printf("[0,1,2,3]");
      break;
    case PPN_MIL_DEFAULT_VECTOR:
      printf("[%g]", parameter->default_number);
      break;
    default:
      printf("%.9g", parameter->default_number);
  }
}

static void print_parameter(const ppn_mil_parameter_t* parameter) {
  const char* separator = "";
  printf("{\"name\":\"%s\",\"optional\":%s,\"const\":%s,\"tuple\":%s,\"letter\":\"%.*s\",",
         parameter->name, parameter->flags & PPN_MIL_OPTIONAL ? "true" : "false",
         parameter->flags & PPN_MIL_CONST ? "true" : "false",
         parameter->flags & PPN_MIL_TUPLE ? "true" : "false", parameter->type_letter ? 1 : 0,
         &parameter->type_letter);
  printf("\"any\":%s,\"dtypes\":[", parameter->dtypes == (uint32_t)ANY ? "true" : "false");
  for (int i = 1; i < PPN_DTYPE_COUNT; i++) {
    if (!(parameter->dtypes >> i & 1)) continue;
    printf("%s\"%s\"", separator, i == PPN_DTYPE_STRING ? "string" : ppn_dtype_name(i));
    separator = ",";
  }
  printf("],\"default\":");
  print_default(parameter);
  printf("}");
}

int main(void) {
  const char* separator = "[\n";
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    for (uint32_t j = 0; j < families[i]->count; j++) {
      const ppn_mil_op_t* op = &families[i]->ops[j];
      printf("%s{\"type\":\"%s\",\"since\":%d,\"outputs\":%d,\"attributes\":%s,\"parameters\":[",
             separator, op->type, (int)op->since, op->count_outputs ? -1 : (int)op->output_count,
             op->parameters_are_attributes ? "true" : "false");
      for (uint32_t k = 0; k < op->parameter_count; k++) {
        if (k) printf(",");
        print_parameter(&op->parameters[k]);
      }
      printf("]}");
      separator = ",\n";
    }
  }
  printf("\n]\n");
  return 0;
}
