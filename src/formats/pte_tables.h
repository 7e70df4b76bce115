// The tables of program.fbs, described for the verifier of formats/flatbuffer_reader.h.
#ifndef PPN_FORMATS_PTE_TABLES_H_
#define PPN_FORMATS_PTE_TABLES_H_

#include "formats/flatbuffer_reader.h"

extern const ppn_flatbuffer_type_t ppn_pte_program_type;

#endif  // PPN_FORMATS_PTE_TABLES_H_
