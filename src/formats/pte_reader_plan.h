// The parts of formats/pte_reader.c that read methods.
#ifndef PPN_FORMATS_PTE_READER_PLAN_H_
#define PPN_FORMATS_PTE_READER_PLAN_H_

#include "formats/flatbuffer_reader.h"
#include "formats/pte_reader.h"

typedef struct ppn_pte_plan_reader {
  ppn_pte_file_t* file;
  ppn_pte_plan_t* plan;
} ppn_pte_plan_reader_t;

// Vectors are aligned for their elements: the verifier saw to it.
static inline const int32_t* ppn_pte_as_i32(ppn_flatbuffer_vector_t vector) {
  return (const int32_t*)(const void*)vector.items;
}
static inline const int64_t* ppn_pte_as_i64(ppn_flatbuffer_vector_t vector) {
  return (const int64_t*)(const void*)vector.items;
}

// Reads and verifies one ExecutionPlan (whose FlatBuffer was verified) into `out_plan`; the file's
// segments, constants and payloads are known.
ppn_status_t ppn_pte_read_plan(ppn_pte_file_t* file, ppn_flatbuffer_table_t table,
                               ppn_pte_plan_t* out_plan) PPN_MUST_USE;

// Its values; the plan's arenas are known.
ppn_status_t ppn_pte_read_values(const ppn_pte_plan_reader_t* reader,
                                 ppn_flatbuffer_table_t table) PPN_MUST_USE;

// An INVALID_DATA error at `address` in the file.
ppn_status_t ppn_pte_invalid(const ppn_pte_file_t* file, const uint8_t* address, const char* format,
                             ...) PPN_MUST_USE PPN_PRINTF(3, 4);

#endif  // PPN_FORMATS_PTE_READER_PLAN_H_
