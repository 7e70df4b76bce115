#include "kernels/row_functions.h"

#include "base/cpu.h"

const ppn_row_functions_t* ppn_row_functions(void) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return &ppn_row_functions_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return &ppn_row_functions_avx2;
#endif
  return &ppn_row_functions_generic;
}
