#include "base/cpu.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/portability.h"

static bool features[PPN_CPU_FEATURE_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void detect(void) {
  const char* limit = getenv("PIPPIN_CPU");
  int level = limit && !strcmp(limit, "generic") ? 0 : limit && !strcmp(limit, "avx2") ? 1 : 2;
#ifdef PPN_CPU_X86_64
  __builtin_cpu_init();
  features[PPN_CPU_AVX2] =
      level >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  features[PPN_CPU_AVX512] =
      level >= 2 && features[PPN_CPU_AVX2] && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq");
#elif defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
  features[PPN_CPU_NEON_FP16] = level >= 1;
#else
  (void)level;
#endif
}

bool ppn_cpu_has(ppn_cpu_feature_t feature) {
  pthread_once(&once, detect);
  return (unsigned)feature < PPN_CPU_FEATURE_COUNT && features[feature];
}

const char* ppn_cpu_feature_name(ppn_cpu_feature_t feature) {
  static const char* const names[] = {"avx2", "avx512", "avx512_bf16", "avx512_fp16", "neon_fp16"};
  return (unsigned)feature < PPN_COUNT_OF(names) ? names[feature] : "unknown";
}

int ppn_cpu_count(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : (int)count;
}
