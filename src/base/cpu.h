// CPU features, found at run time.
#ifndef PPN_BASE_CPU_H_
#define PPN_BASE_CPU_H_

#include <stdbool.h>

#if defined(__x86_64__) || defined(_M_X64)
#define PPN_CPU_X86_64 1
#endif

typedef enum ppn_cpu_feature {
  PPN_CPU_AVX2,    // AVX2, FMA and F16C together
  PPN_CPU_AVX512,  // F, BW, VL, DQ together
  PPN_CPU_AVX512_BF16,
  PPN_CPU_AVX512_FP16,
  PPN_CPU_NEON_FP16,
  PPN_CPU_FEATURE_COUNT,
} ppn_cpu_feature_t;

// Thread-safe. The environment variable PIPPIN_CPU=generic|avx2|avx512 lowers what is reported (for
// tests).
bool ppn_cpu_has(ppn_cpu_feature_t feature);
const char* ppn_cpu_feature_name(ppn_cpu_feature_t feature);
// Processors this process may run on, at least 1.
int ppn_cpu_count(void);

#endif  // PPN_BASE_CPU_H_
