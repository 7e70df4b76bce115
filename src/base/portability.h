// The one place for compiler extensions and platform differences.
#ifndef PPN_BASE_PORTABILITY_H_
#define PPN_BASE_PORTABILITY_H_

#if defined(__GNUC__) || defined(__clang__)
#define PPN_PRINTF(format_index, first_argument) \
  __attribute__((format(printf, format_index, first_argument)))
#define PPN_MUST_USE __attribute__((warn_unused_result))
#define PPN_LIKELY(x) __builtin_expect(!!(x), 1)
#define PPN_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PPN_RESTRICT restrict
#define PPN_MAY_BE_UNUSED __attribute__((unused))
#ifdef PPN_SANITIZED  // checks in every copy of a kernel would take minutes to compile
#define PPN_ALWAYS_INLINE inline
#else
#define PPN_ALWAYS_INLINE inline __attribute__((always_inline))
#endif
// Before a loop whose iterations do not depend on each other, whatever its pointers are.
#if defined(__clang__)
#define PPN_LOOP_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define PPN_LOOP_INDEPENDENT _Pragma("GCC ivdep")
#endif
#define PPN_PREFETCH(address) __builtin_prefetch(address)
#else
#define PPN_PRINTF(format_index, first_argument)
#define PPN_MUST_USE
#define PPN_LIKELY(x) (x)
#define PPN_UNLIKELY(x) (x)
#define PPN_RESTRICT
#define PPN_MAY_BE_UNUSED
#define PPN_LOOP_INDEPENDENT
#define PPN_ALWAYS_INLINE inline
#define PPN_PREFETCH(address) ((void)(address))
#endif

// Before a loop of a few iterations, known to the compiler, that must be unrolled whole.
#if defined(PPN_SANITIZED)
#define PPN_UNROLL
#elif defined(__clang__)
#define PPN_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define PPN_UNROLL _Pragma("GCC unroll 32")
#else
#define PPN_UNROLL
#endif

#define PPN_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif  // PPN_BASE_PORTABILITY_H_
