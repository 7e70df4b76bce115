// The engine's kernels by family, one file each. Listed in engine/kernels.c.
#ifndef PPN_ENGINE_FAMILIES_H_
#define PPN_ENGINE_FAMILIES_H_

#include "engine/kernel.h"

extern const ppn_engine_family_t ppn_engine_elementwise;     // kernels_elementwise.c
extern const ppn_engine_family_t ppn_engine_reductions;      // kernels_reductions.c
extern const ppn_engine_family_t ppn_engine_normalisation;   // kernels_normalisation.c
extern const ppn_engine_family_t ppn_engine_shapes;          // kernels_shapes.c
extern const ppn_engine_family_t ppn_engine_slicing;         // kernels_slicing.c
extern const ppn_engine_family_t ppn_engine_indexing;        // kernels_indexing.c
extern const ppn_engine_family_t ppn_engine_creation;        // kernels_creation.c
extern const ppn_engine_family_t ppn_engine_sorting;         // kernels_sorting.c
extern const ppn_engine_family_t ppn_engine_images;          // kernels_images.c
extern const ppn_engine_family_t ppn_engine_pixels;          // kernels_pixels.c
extern const ppn_engine_family_t ppn_engine_recurrent;       // kernels_recurrent.c
extern const ppn_engine_family_t ppn_engine_compression;     // kernels_compression.c
extern const ppn_engine_family_t ppn_engine_random;          // kernels_random.c
extern const ppn_engine_family_t ppn_engine_products;        // kernels_products.c
extern const ppn_engine_family_t ppn_engine_plain_products;  // kernels_plain_products.c
extern const ppn_engine_family_t ppn_engine_convolution;     // kernels_convolution.c
extern const ppn_engine_family_t ppn_engine_pooling;         // kernels_pooling.c
extern const ppn_engine_family_t ppn_engine_attention;       // kernels_attention.c
extern const ppn_engine_family_t ppn_engine_conv;            // kernels_conv.c
extern const ppn_engine_family_t ppn_engine_onednn;          // kernels_onednn.c
extern const ppn_engine_family_t ppn_engine_winograd;        // kernels_winograd.c
extern const ppn_engine_family_t ppn_engine_linear;          // kernels_linear.c
extern const ppn_engine_family_t ppn_engine_states;          // kernels_states.c

#endif  // PPN_ENGINE_FAMILIES_H_
