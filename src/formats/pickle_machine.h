// The machine that reads a pickle. Private to pickle_*.c.
#ifndef PPN_FORMATS_PICKLE_MACHINE_H_
#define PPN_FORMATS_PICKLE_MACHINE_H_

#include "formats/pickle_tensors.h"

typedef enum ppn_pickle_kind {
  PPN_PICKLE_NONE,
  PPN_PICKLE_BOOL,
  PPN_PICKLE_INT,
  PPN_PICKLE_FLOAT,
  PPN_PICKLE_TEXT,
  PPN_PICKLE_TUPLE,
  PPN_PICKLE_LIST,
  PPN_PICKLE_DICT,  // keys and values in turn
  PPN_PICKLE_GLOBAL,
  PPN_PICKLE_STORAGE,
  PPN_PICKLE_TENSOR,
} ppn_pickle_kind_t;

typedef struct ppn_pickle_value ppn_pickle_value_t;

typedef struct ppn_pickle_items {
  ppn_pickle_value_t** items;
  uint32_t count, capacity;
} ppn_pickle_items_t;

struct ppn_pickle_value {
  ppn_pickle_kind_t kind;
  union {
    int64_t integer;  // BOOL too
    double number;
    ppn_string_view_t text;  // inside the pickle
    ppn_pickle_items_t items;
    const struct ppn_pickle_global* global;
    struct {
      ppn_span_t bytes;
      ppn_dtype_t dtype;  // INVALID: a storage of bytes
    } storage;
    ppn_pickled_tensor_t* tensor;
  } u;
};

typedef struct ppn_pickle_machine {
  ppn_span_t pickle;
  size_t at, opcode_at;
  ppn_arena_t* arena;
  ppn_pickle_find_storage_t find;
  void* context;
  ppn_pickle_items_t stack;  // NULL items are marks
  ppn_pickle_items_t memo;   // NULL where nothing was stored
  uint32_t memo_count;       // for MEMOIZE
  uint32_t value_count;
} ppn_pickle_machine_t;

// What a name in the pickle stands for.
typedef struct ppn_pickle_global {
  const char *module, *name;
  ppn_dtype_t dtype;  // storage classes and dtypes
  enum {
    PPN_PICKLE_IS_FUNCTION,
    PPN_PICKLE_IS_DTYPE,
    PPN_PICKLE_IS_STORAGE,
    PPN_PICKLE_IS_TENSOR_CLASS,
  } role;
  ppn_status_t (*call)(ppn_pickle_machine_t* machine, const ppn_pickle_items_t* arguments,
                       ppn_pickle_value_t** out);
} ppn_pickle_global_t;

// ---- pickle_machine.c ----

// Runs to the end; the value that is left.
ppn_status_t ppn_pickle_run(ppn_pickle_machine_t* machine, ppn_pickle_value_t** out) PPN_MUST_USE;
ppn_status_t ppn_pickle_new(ppn_pickle_machine_t* machine, ppn_pickle_kind_t kind,
                            ppn_pickle_value_t** out) PPN_MUST_USE;
ppn_status_t ppn_pickle_push_item(ppn_pickle_machine_t* machine, ppn_pickle_items_t* items,
                                  ppn_pickle_value_t* item) PPN_MUST_USE;
// INVALID_DATA at the opcode that is executed.
ppn_status_t ppn_pickle_error(const ppn_pickle_machine_t* machine,
                              const char* problem) PPN_MUST_USE;

// ---- pickle_globals.c ----

// Errors: UNSUPPORTED for names that are not on the list.
ppn_status_t ppn_pickle_find_global(ppn_pickle_machine_t* machine, ppn_string_view_t module,
                                    ppn_string_view_t name,
                                    const ppn_pickle_global_t** out) PPN_MUST_USE;
// A persistent id: the storage it names.
ppn_status_t ppn_pickle_load_storage(ppn_pickle_machine_t* machine, const ppn_pickle_value_t* id,
                                     ppn_pickle_value_t** out) PPN_MUST_USE;

#endif  // PPN_FORMATS_PICKLE_MACHINE_H_
