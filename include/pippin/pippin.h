// Pippin: PyTorch exported programs to Core ML, and Core ML on Linux. This header includes all
// others.
#ifndef PIPPIN_PIPPIN_H_
#define PIPPIN_PIPPIN_H_

#include "pippin/inspect.h"
#include "pippin/log.h"
#include "pippin/lowering.h"
#include "pippin/model.h"
#include "pippin/runtime.h"
#include "pippin/status.h"
#include "pippin/tensor.h"
#include "pippin/value.h"

#ifdef __cplusplus
extern "C" {
#endif

// "0.1.0". Static storage.
PPN_API const char* ppn_version(void);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_PIPPIN_H_
