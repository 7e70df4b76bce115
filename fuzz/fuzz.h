// What the fuzz targets share. A target reads the input, and when the reader accepts it, touches
// everything the reader gave: what was verified once must be safe to use without checks.
#ifndef PPN_FUZZ_FUZZ_H_
#define PPN_FUZZ_FUZZ_H_

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"
#include "graph/exported_program.h"
#include "mil/mil.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Drops the status. Aborts when an error says nothing: every refusal has a message.
bool fuzz_is_error(ppn_status_t status);

// Stops the run with a message when the condition does not hold.
void fuzz_expect(bool condition, const char* what);

// Reads the bytes so that the sanitizers see each of them.
void fuzz_touch(ppn_span_t bytes);
// Every element of a strided view whose `storage_offset` counts from `storage`: its first and last.
void fuzz_touch_constant(const ppn_constant_t* constant);

// Binds and prints the program, and frees it.
void fuzz_use_exported_program(ppn_exported_program_t* program);
// Verifies and prints the program. Does not free it.
void fuzz_use_mil_program(ppn_mil_program_t* program);

#endif  // PPN_FUZZ_FUZZ_H_
