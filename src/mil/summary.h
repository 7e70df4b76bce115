// Statistics of a serialised program, for the description of compiled models.
#ifndef PPN_MIL_SUMMARY_H_
#define PPN_MIL_SUMMARY_H_

#include "mil/mil.h"

typedef struct ppn_mil_operation_count {
  const char* type;  // "conv"
  uint32_t count;
} ppn_mil_operation_count_t;

// In the arena that it was made with. Sets of data types have bit `1 << dtype`.
typedef struct ppn_mil_summary {
  ppn_mil_operation_count_t* operations;  // const ops apart, in order of appearance
  uint32_t operation_count;
  uint64_t result_dtypes;   // of numbers that operations give
  uint64_t storage_dtypes;  // of constants in weight files
} ppn_mil_summary_t;

// Of one function of the Program message, nested blocks included. Errors: INVALID_DATA, NOT_FOUND.
ppn_status_t ppn_mil_proto_summarise(ppn_span_t program, const char* function, ppn_arena_t* arena,
                                     ppn_mil_summary_t* out_summary) PPN_MUST_USE;

#endif  // PPN_MIL_SUMMARY_H_
