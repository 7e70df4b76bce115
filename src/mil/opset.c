// Opsets by name.
#include "mil/mil.h"

static const char* const names[] = {"CoreML5", "CoreML6", "CoreML7", "CoreML8", "CoreML9"};

const char* ppn_mil_opset_name(ppn_mil_opset_t opset) {
  int index = (int)opset - (int)PPN_MIL_OPSET_IOS15;
  return index >= 0 && index < (int)PPN_COUNT_OF(names) ? names[index] : "unknown";
}

ppn_mil_opset_t ppn_mil_opset_from_name(ppn_string_view_t name) {
  for (size_t i = 0; i < PPN_COUNT_OF(names); i++) {
    if (ppn_sv_equals(name, names[i])) return (ppn_mil_opset_t)((int)PPN_MIL_OPSET_IOS15 + (int)i);
  }
  return (ppn_mil_opset_t)0;
}
