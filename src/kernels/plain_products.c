#include "kernels/plain_products.h"

#include "kernels/convolution_internal.h"

#define ELEMENT double
#define SUM double
#define NAME(name) name##_double
#include "kernels/plain_products_template.h"
#undef ELEMENT
#undef SUM
#undef NAME

// Sums of unsigned numbers wrap around without being undefined.
#define ELEMENT int64_t
#define SUM uint64_t
#define NAME(name) name##_int64
#include "kernels/plain_products_template.h"
#undef ELEMENT
#undef SUM
#undef NAME

#define ELEMENT float
#define SUM double
#define NAME(name) name##_float
#define CONVOLUTION_ONLY
#include "kernels/plain_products_template.h"
