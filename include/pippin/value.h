// Values at the border of programs: what goes in or out of a method.
#ifndef PIPPIN_VALUE_H_
#define PIPPIN_VALUE_H_

#include "pippin/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ppn_evalue_kind {
  PPN_EVALUE_NONE = 0,
  PPN_EVALUE_TENSOR,
  PPN_EVALUE_STRING,
  PPN_EVALUE_DOUBLE,
  PPN_EVALUE_INT,
  PPN_EVALUE_BOOL,
} ppn_evalue_kind_t;

typedef struct ppn_evalue {
  ppn_evalue_kind_t kind;
  union {
    ppn_tensor_t tensor;
    double number;
    int64_t integer;
    bool boolean;
    struct {
      const char* data;  // not ended with a 0 byte
      size_t size;
    } string;
  } u;
} ppn_evalue_t;

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_VALUE_H_
