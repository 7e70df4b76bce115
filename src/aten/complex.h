// Complex tensors as pairs of real ones. Private to the aten layer.
//
// Neither Core ML nor ExecuTorch's runtime computes with complex numbers. The pass replaces each
// operator on complex tensors by operators on their real and imaginary parts; Fourier transforms
// become products with constant matrices of cosines and sines. Programs that are real at their
// borders (rotary embeddings written with view_as_complex, spectra, Fourier mixing) are then real
// throughout.
#ifndef PPN_ATEN_COMPLEX_H_
#define PPN_ATEN_COMPLEX_H_

#include "aten/build.h"

typedef struct ppn_complex {
  ppn_value_t* real;
  ppn_value_t* imaginary;
} ppn_complex_t;

// A node in the middle of being replaced.
typedef struct ppn_complex_node {
  ppn_build_t build;
  ppn_node_t* node;
} ppn_complex_node_t;

// Replaces a node: sets the parts of its complex results (ppn_complex_set) and the replacements of
// its real ones. Leaves the node alone when this case cannot be split.
typedef void (*ppn_complex_split_t)(ppn_complex_node_t* split);
typedef struct ppn_complex_row {
  const char* name;  // of the operator
  ppn_complex_split_t split;
} ppn_complex_row_t;
typedef struct ppn_complex_family {
  const ppn_complex_row_t* rows;
  size_t count;
} ppn_complex_family_t;
extern const ppn_complex_family_t ppn_complex_arithmetic, ppn_complex_fourier;

// The type of a complex type's parts; any other type is itself.
ppn_dtype_t ppn_complex_part_type(ppn_dtype_t dtype);
// A result's type with real elements.
ppn_tensor_meta_t ppn_complex_part_meta(const ppn_value_t* value);
// The parts of a complex value; false when it could not be split.
bool ppn_complex_parts(ppn_complex_node_t* split, ppn_value_t* value, ppn_complex_t* out);
// Makes these the parts of a complex result.
void ppn_complex_set(ppn_complex_node_t* split, uint32_t result, ppn_complex_t parts);
// Replaces the node's first result, which is real.
void ppn_complex_replace(ppn_complex_node_t* split, ppn_value_t* value);

#endif  // PPN_ATEN_COMPLEX_H_
