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
#else
#define PPN_PRINTF(format_index, first_argument)
#define PPN_MUST_USE
#define PPN_LIKELY(x) (x)
#define PPN_UNLIKELY(x) (x)
#define PPN_RESTRICT
#define PPN_MAY_BE_UNUSED
#endif

#define PPN_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif  // PPN_BASE_PORTABILITY_H_
