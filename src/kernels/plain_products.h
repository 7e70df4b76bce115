// Products in the element types that have no fast kernels: doubles, and integers in 64 bits, which
// wrap around. Matrices are contiguous and row-major.
#ifndef PPN_KERNELS_PLAIN_PRODUCTS_H_
#define PPN_KERNELS_PLAIN_PRODUCTS_H_

#include "kernels/convolution.h"

// c = alpha * a b + beta * c for [rows, depth] times [depth, columns]; c is not read when beta is
// 0.
void ppn_plain_product_double(int64_t rows, int64_t columns, int64_t depth, const double* a,
                              const double* b, double* c, double alpha, double beta);
void ppn_plain_product_int64(int64_t rows, int64_t columns, int64_t depth, const int64_t* a,
                             const int64_t* b, int64_t* c, int64_t alpha, int64_t beta);

// Convolutions with the sizes and windows of `convolution`, whose pointers and epilogue are not
// read. `bias` may be NULL.
void ppn_plain_convolution_double(const ppn_convolution_t* convolution, const double* x,
                                  const double* weight, const double* bias, double* y);
void ppn_plain_convolution_int64(const ppn_convolution_t* convolution, const int64_t* x,
                                 const int64_t* weight, const int64_t* bias, int64_t* y);
// Summed in doubles.
void ppn_plain_convolution_float(const ppn_convolution_t* convolution, const float* x,
                                 const float* weight, const float* bias, float* y);

#endif  // PPN_KERNELS_PLAIN_PRODUCTS_H_
