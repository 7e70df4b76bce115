// Random numbers: the same on every machine for the same seed, whatever the number of threads.
//
// A sequence is a counter that is mixed to 64 bits (SplitMix64), so that element i of a tensor
// needs nothing but the counter's start. Not for secrets.
#ifndef PPN_KERNELS_RANDOM_H_
#define PPN_KERNELS_RANDOM_H_

#include "tensor/tensor.h"

typedef struct ppn_random {
  uint64_t counter;
} ppn_random_t;

// Seed -1: from time and address, another sequence on every call.
void ppn_random_start(ppn_random_t* random, int64_t seed);
// Uniform in [0, 1), with 53 random bits.
double ppn_random_next(ppn_random_t* random);

// Results are contiguous, of FLOAT32 or FLOAT64. Each element takes one number of the sequence,
// normal ones two.
void ppn_kernel_random_uniform(ppn_random_t* random, double low, double high,
                               const ppn_tensor_t* out);
void ppn_kernel_random_normal(ppn_random_t* random, double mean, double deviation,
                              const ppn_tensor_t* out);
// 1 with this probability, else 0.
void ppn_kernel_random_bernoulli(ppn_random_t* random, double probability, const ppn_tensor_t* out);
// For each row of x (its last dimension) out's last dimension many positions, drawn with
// replacement by the weights that x gives: themselves, or their logarithms (`are_logits`). x is
// contiguous.
void ppn_kernel_random_categorical(ppn_random_t* random, bool are_logits, const ppn_tensor_t* x,
                                   const ppn_tensor_t* out);

#endif  // PPN_KERNELS_RANDOM_H_
