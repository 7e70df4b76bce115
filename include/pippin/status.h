// Status: how every fallible function of Pippin reports success or failure.
#ifndef PIPPIN_STATUS_H_
#define PIPPIN_STATUS_H_

#ifdef __cplusplus
extern "C" {
#endif

// Marks what the library exports; everything else is hidden.
#if defined(_WIN32)
#define PPN_API
#elif defined(__GNUC__)
#define PPN_API __attribute__((visibility("default")))
#else
#define PPN_API
#endif

// Stable error codes. Their numbers never change; new ones are appended.
typedef enum ppn_status_code {
  PPN_STATUS_OK = 0,
  PPN_STATUS_INVALID_ARGUMENT = 1,  // the caller passed something that cannot be right
  PPN_STATUS_NOT_FOUND = 2,         // a file, method, function, name or entry does not exist
  PPN_STATUS_INVALID_DATA = 3,      // a file is damaged, truncated, or breaks its format
  PPN_STATUS_UNSUPPORTED = 4,       // well-formed, but Pippin (or the chosen target) cannot do it
  PPN_STATUS_INCOMPATIBLE_VERSION = 5,  // a format version Pippin does not read
  PPN_STATUS_OUT_OF_RANGE = 6,          // a shape, index or size outside what is allowed
  PPN_STATUS_OUT_OF_MEMORY = 7,         // an allocation failed or a limit on memory was met
  PPN_STATUS_IO = 8,                    // the operating system refused to read or write
  PPN_STATUS_FAILED_PRECONDITION = 9,   // the object is not in a state that allows the call
  PPN_STATUS_MISMATCH = 10,             // a comparison found a difference (verify, run --expect)
  PPN_STATUS_INTERNAL = 11,             // a bug in Pippin
} ppn_status_code_t;

// NULL means success. Anything else is an error that the receiver owns and must either return to
// its caller or release with ppn_status_free. Not thread-safe by itself: one thread owns a status
// at a time.
typedef struct ppn_status* ppn_status_t;

#define ppn_status_ok() ((ppn_status_t)0)

// A new error, for callbacks that report one (pippin/lowering.h: ppn_write_function_t). The message
// is copied.
PPN_API ppn_status_t ppn_status_create(ppn_status_code_t code, const char* message);

// The code of `status`; PPN_STATUS_OK for NULL.
PPN_API ppn_status_code_t ppn_status_code(ppn_status_t status);

// The message: what was expected, what was found, where, what to do. Context added on the way up
// precedes it, separated by ": ". Lives as long as `status`. "OK" for NULL. Never NULL.
PPN_API const char* ppn_status_message(ppn_status_t status);

// The name of a code, such as "INVALID_DATA". Static storage.
PPN_API const char* ppn_status_code_name(ppn_status_code_t code);

// Releases `status`; NULL is fine.
PPN_API void ppn_status_free(ppn_status_t status);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_STATUS_H_
