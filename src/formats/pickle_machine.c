// Pickle opcodes, as far as torch.save uses them (protocols 2 to 5). A row per opcode.
#include "formats/pickle_machine.h"

#define MAXIMUM_PROTOCOL 5
// A state dictionary takes about 20 values for each tensor.
#define MAXIMUM_VALUES 4000000
#define MAXIMUM_MEMO 4000000

ppn_status_t ppn_pickle_error(const ppn_pickle_machine_t* machine, const char* problem) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "damaged pickle at offset %zu: %s",
                         machine->opcode_at, problem);
}

// ---- Values ----

ppn_status_t ppn_pickle_new(ppn_pickle_machine_t* machine, ppn_pickle_kind_t kind,
                            ppn_pickle_value_t** out) {
  if (++machine->value_count > MAXIMUM_VALUES) return ppn_pickle_error(machine, "too many values");
  PPN_ARENA_NEW(machine->arena, 1, out);
  (*out)->kind = kind;
  return ppn_status_ok();
}

ppn_status_t ppn_pickle_push_item(ppn_pickle_machine_t* machine, ppn_pickle_items_t* items,
                                  ppn_pickle_value_t* item) {
  if (items->count == items->capacity) {
    ppn_pickle_value_t** grown;
    uint32_t capacity = items->capacity ? items->capacity * 2 : 8;
    if (capacity > 2 * MAXIMUM_VALUES) return ppn_pickle_error(machine, "too many values");
    PPN_ARENA_NEW(machine->arena, capacity, &grown);
    if (items->count) memcpy(grown, items->items, items->count * sizeof(*grown));
    items->items = grown;
    items->capacity = capacity;
  }
  items->items[items->count++] = item;
  return ppn_status_ok();
}

static ppn_status_t push(ppn_pickle_machine_t* machine, ppn_pickle_value_t* value) {
  return ppn_pickle_push_item(machine, &machine->stack, value);
}

static ppn_status_t push_new(ppn_pickle_machine_t* machine, ppn_pickle_kind_t kind,
                             ppn_pickle_value_t** out) {
  PPN_RETURN_IF_ERROR(ppn_pickle_new(machine, kind, out));
  return push(machine, *out);
}

static ppn_status_t push_int(ppn_pickle_machine_t* machine, ppn_pickle_kind_t kind, int64_t value) {
  ppn_pickle_value_t* item;
  PPN_RETURN_IF_ERROR(push_new(machine, kind, &item));
  item->u.integer = value;
  return ppn_status_ok();
}

static ppn_status_t pop(ppn_pickle_machine_t* machine, ppn_pickle_value_t** out) {
  ppn_pickle_items_t* stack = &machine->stack;
  *out = stack->count ? stack->items[stack->count - 1] : NULL;
  if (!*out) return ppn_pickle_error(machine, "the stack is empty");
  --stack->count;
  return ppn_status_ok();
}

static ppn_status_t top_of_kind(ppn_pickle_machine_t* machine, ppn_pickle_kind_t kind,
                                ppn_pickle_value_t** out) {
  const ppn_pickle_items_t* stack = &machine->stack;
  *out = stack->count ? stack->items[stack->count - 1] : NULL;
  if (*out && (*out)->kind == kind) return ppn_status_ok();
  return ppn_pickle_error(machine, "there is something else on the stack than the opcode needs");
}

// The items above the last mark, which goes with them. They stay valid until the next push.
static ppn_status_t pop_to_mark(ppn_pickle_machine_t* machine, ppn_pickle_value_t*** out_items,
                                uint32_t* out_count) {
  ppn_pickle_items_t* stack = &machine->stack;
  uint32_t start = stack->count;
  *out_items = NULL;
  *out_count = 0;
  while (start > 0 && stack->items[start - 1]) --start;
  if (start == 0) return ppn_pickle_error(machine, "there is no mark on the stack");
  *out_items = stack->items + start;
  *out_count = stack->count - start;
  stack->count = start - 1;
  return ppn_status_ok();
}

// ---- Bytes ----

static ppn_status_t take(ppn_pickle_machine_t* machine, size_t size, const uint8_t** out) {
  *out = NULL;
  if (size > machine->pickle.size - machine->at) {
    return ppn_pickle_error(machine, "it ends in the middle of an opcode");
  }
  *out = machine->pickle.data + machine->at;
  machine->at += size;
  return ppn_status_ok();
}

// Little-endian, `size` up to 8 bytes.
static ppn_status_t take_number(ppn_pickle_machine_t* machine, size_t size, uint64_t* out) {
  const uint8_t* bytes;
  *out = 0;
  PPN_RETURN_IF_ERROR(take(machine, size, &bytes));
  for (size_t i = 0; i < size; ++i) *out |= (uint64_t)bytes[i] << 8 * i;
  return ppn_status_ok();
}

static ppn_status_t take_line(ppn_pickle_machine_t* machine, ppn_string_view_t* out) {
  const uint8_t* start = machine->pickle.data + machine->at;
  const uint8_t* end = memchr(start, '\n', machine->pickle.size - machine->at);
  if (!end) return ppn_pickle_error(machine, "it ends in the middle of a name");
  *out = ppn_sv_make((const char*)start, (size_t)(end - start));
  machine->at += out->size + 1;
  return ppn_status_ok();
}

// ---- Opcodes: `size` is the row's first operand ----

static ppn_status_t op_protocol(ppn_pickle_machine_t* machine, int size) {
  uint64_t version;
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)size, &version));
  return version <= MAXIMUM_PROTOCOL ? NULL : ppn_pickle_error(machine, "unknown protocol version");
}

static ppn_status_t op_skip(ppn_pickle_machine_t* machine, int size) {
  const uint8_t* bytes;
  return take(machine, (size_t)size, &bytes);
}

static ppn_status_t op_mark(ppn_pickle_machine_t* machine, int size) {
  (void)size;
  if (machine->stack.count > MAXIMUM_VALUES) return ppn_pickle_error(machine, "too many marks");
  return push(machine, NULL);
}

static ppn_status_t op_constant(ppn_pickle_machine_t* machine, int kind_and_value) {
  return push_int(machine, (ppn_pickle_kind_t)(kind_and_value >> 1), kind_and_value & 1);
}

static ppn_status_t op_unsigned(ppn_pickle_machine_t* machine, int size) {
  uint64_t value;
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)size, &value));
  return push_int(machine, PPN_PICKLE_INT, (int64_t)value);
}

static int64_t sign_extend(uint64_t value, size_t size) {
  if (size == 0) return 0;
  unsigned shift = (unsigned)(64 - 8 * size);
  return (int64_t)(value << shift) >> shift;
}

static ppn_status_t op_signed(ppn_pickle_machine_t* machine, int size) {
  uint64_t value;
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)size, &value));
  return push_int(machine, PPN_PICKLE_INT, sign_extend(value, (size_t)size));
}

static ppn_status_t op_long(ppn_pickle_machine_t* machine, int size) {
  uint64_t length, value;
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)size, &length));
  if (length > 8) return ppn_pickle_error(machine, "an integer of more than 64 bits");
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)length, &value));
  return push_int(machine, PPN_PICKLE_INT, sign_extend(value, (size_t)length));
}

static ppn_status_t op_float(ppn_pickle_machine_t* machine, int size) {
  const uint8_t* bytes;
  ppn_pickle_value_t* value;
  uint64_t bits = 0;
  PPN_RETURN_IF_ERROR(take(machine, (size_t)size, &bytes));
  PPN_RETURN_IF_ERROR(push_new(machine, PPN_PICKLE_FLOAT, &value));
  for (int i = 0; i < size; ++i) bits = bits << 8 | bytes[i];
  memcpy(&value->u.number, &bits, sizeof(bits));
  return ppn_status_ok();
}

static ppn_status_t op_text(ppn_pickle_machine_t* machine, int size) {
  uint64_t length;
  const uint8_t* bytes;
  ppn_pickle_value_t* value;
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)size, &length));
  PPN_RETURN_IF_ERROR(take(machine, length > SIZE_MAX ? SIZE_MAX : (size_t)length, &bytes));
  PPN_RETURN_IF_ERROR(push_new(machine, PPN_PICKLE_TEXT, &value));
  value->u.text = ppn_sv_make((const char*)bytes, (size_t)length);
  return ppn_status_ok();
}

static ppn_status_t op_empty(ppn_pickle_machine_t* machine, int kind) {
  ppn_pickle_value_t* value;
  return push_new(machine, (ppn_pickle_kind_t)kind, &value);
}

static ppn_status_t push_tuple(ppn_pickle_machine_t* machine, ppn_pickle_value_t* const* items,
                               uint32_t count) {
  ppn_pickle_value_t* tuple;
  PPN_RETURN_IF_ERROR(ppn_pickle_new(machine, PPN_PICKLE_TUPLE, &tuple));
  tuple->u.items.items =
      ppn_arena_memdup(machine->arena, items, count * sizeof(ppn_pickle_value_t*));
  if (!tuple->u.items.items) return ppn_out_of_memory();
  tuple->u.items.count = tuple->u.items.capacity = count;
  return push(machine, tuple);
}

static ppn_status_t op_tuple_of(ppn_pickle_machine_t* machine, int count) {
  ppn_pickle_value_t* items[3];
  for (int i = count; i-- > 0;) PPN_RETURN_IF_ERROR(pop(machine, &items[i]));
  return push_tuple(machine, items, (uint32_t)count);
}

static ppn_status_t op_tuple(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_pickle_value_t** items;
  uint32_t count;
  PPN_RETURN_IF_ERROR(pop_to_mark(machine, &items, &count));
  return push_tuple(machine, items, count);
}

static ppn_status_t extend(ppn_pickle_machine_t* machine, ppn_pickle_kind_t kind,
                           ppn_pickle_value_t* const* items, uint32_t count) {
  ppn_pickle_value_t* target;
  PPN_RETURN_IF_ERROR(top_of_kind(machine, kind, &target));
  if (kind == PPN_PICKLE_DICT && count % 2) return ppn_pickle_error(machine, "a key has no value");
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_pickle_push_item(machine, &target->u.items, items[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t op_append(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_pickle_value_t* item;
  PPN_RETURN_IF_ERROR(pop(machine, &item));
  return extend(machine, PPN_PICKLE_LIST, &item, 1);
}

static ppn_status_t op_set_item(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_pickle_value_t* pair[2];
  PPN_RETURN_IF_ERROR(pop(machine, &pair[1]));
  PPN_RETURN_IF_ERROR(pop(machine, &pair[0]));
  return extend(machine, PPN_PICKLE_DICT, pair, 2);
}

static ppn_status_t op_extend(ppn_pickle_machine_t* machine, int kind) {
  ppn_pickle_value_t** items;
  uint32_t count;
  PPN_RETURN_IF_ERROR(pop_to_mark(machine, &items, &count));
  return extend(machine, (ppn_pickle_kind_t)kind, items, count);
}

static ppn_status_t store(ppn_pickle_machine_t* machine, uint64_t index) {
  ppn_pickle_items_t *memo = &machine->memo, *stack = &machine->stack;
  if (stack->count == 0) return ppn_pickle_error(machine, "the stack is empty");
  // Indices are given in order: a large one would only ask for memory.
  if (index >= MAXIMUM_MEMO || index > machine->pickle.size) {
    return ppn_pickle_error(machine, "a memo index that is too large");
  }
  while (memo->count <= index) PPN_RETURN_IF_ERROR(ppn_pickle_push_item(machine, memo, NULL));
  machine->memo_count += !memo->items[index];
  memo->items[index] = stack->items[stack->count - 1];
  return ppn_status_ok();
}

static ppn_status_t op_put(ppn_pickle_machine_t* machine, int size) {
  uint64_t index;
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)size, &index));
  return store(machine, index);
}

static ppn_status_t op_memoize(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  return store(machine, machine->memo_count);
}

static ppn_status_t op_get(ppn_pickle_machine_t* machine, int size) {
  uint64_t index;
  PPN_RETURN_IF_ERROR(take_number(machine, (size_t)size, &index));
  if (index >= machine->memo.count || !machine->memo.items[index]) {
    return ppn_pickle_error(machine, "it refers to a value that was not stored");
  }
  if (machine->stack.count > MAXIMUM_VALUES) return ppn_pickle_error(machine, "too many values");
  return push(machine, machine->memo.items[index]);
}

static ppn_status_t push_global(ppn_pickle_machine_t* machine, ppn_string_view_t module,
                                ppn_string_view_t name) {
  ppn_pickle_value_t* value;
  const ppn_pickle_global_t* global;
  PPN_RETURN_IF_ERROR(ppn_pickle_find_global(machine, module, name, &global));
  PPN_RETURN_IF_ERROR(push_new(machine, PPN_PICKLE_GLOBAL, &value));
  value->u.global = global;
  return ppn_status_ok();
}

static ppn_status_t op_global(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_string_view_t module, name;
  PPN_RETURN_IF_ERROR(take_line(machine, &module));
  PPN_RETURN_IF_ERROR(take_line(machine, &name));
  return push_global(machine, module, name);
}

static ppn_status_t op_stack_global(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_pickle_value_t *module, *name;
  PPN_RETURN_IF_ERROR(top_of_kind(machine, PPN_PICKLE_TEXT, &name));
  --machine->stack.count;
  PPN_RETURN_IF_ERROR(top_of_kind(machine, PPN_PICKLE_TEXT, &module));
  --machine->stack.count;
  return push_global(machine, module->u.text, name->u.text);
}

static ppn_status_t op_persistent_id(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_pickle_value_t *id, *storage;
  PPN_RETURN_IF_ERROR(pop(machine, &id));
  PPN_RETURN_IF_ERROR(ppn_pickle_load_storage(machine, id, &storage));
  return push(machine, storage);
}

static ppn_status_t op_reduce(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_pickle_value_t *arguments, *function, *result = NULL;
  PPN_RETURN_IF_ERROR(top_of_kind(machine, PPN_PICKLE_TUPLE, &arguments));
  --machine->stack.count;
  PPN_RETURN_IF_ERROR(top_of_kind(machine, PPN_PICKLE_GLOBAL, &function));
  --machine->stack.count;
  if (!function->u.global->call) return ppn_pickle_error(machine, "a class is called");
  PPN_RETURN_IF_ERROR(function->u.global->call(machine, &arguments->u.items, &result));
  return push(machine, result);
}

// State of a dictionary (the `_metadata` of a state dictionary): not needed.
static ppn_status_t op_build(ppn_pickle_machine_t* machine, int unused) {
  (void)unused;
  ppn_pickle_value_t *state, *target;
  PPN_RETURN_IF_ERROR(pop(machine, &state));
  return top_of_kind(machine, PPN_PICKLE_DICT, &target);
}

#define CONSTANT(kind, value) ((int)(kind) << 1 | (value))
#define OPCODE_STOP 0x2e

static const struct {
  ppn_status_t (*execute)(ppn_pickle_machine_t* machine, int operand);
  int operand;
} opcodes[256] = {
    [0x80] = {op_protocol, 1},
    [0x95] = {op_skip, 8},  // FRAME
    [0x28] = {op_mark, 0},
    [0x4e] = {op_constant, CONSTANT(PPN_PICKLE_NONE, 0)},
    [0x88] = {op_constant, CONSTANT(PPN_PICKLE_BOOL, 1)},
    [0x89] = {op_constant, CONSTANT(PPN_PICKLE_BOOL, 0)},
    [0x4b] = {op_unsigned, 1},
    [0x4d] = {op_unsigned, 2},
    [0x4a] = {op_signed, 4},
    [0x8a] = {op_long, 1},
    [0x47] = {op_float, 8},
    [0x8c] = {op_text, 1},
    [0x58] = {op_text, 4},
    [0x8d] = {op_text, 8},
    [0x7d] = {op_empty, PPN_PICKLE_DICT},
    [0x5d] = {op_empty, PPN_PICKLE_LIST},
    [0x29] = {op_empty, PPN_PICKLE_TUPLE},
    [0x85] = {op_tuple_of, 1},
    [0x86] = {op_tuple_of, 2},
    [0x87] = {op_tuple_of, 3},
    [0x74] = {op_tuple, 0},
    [0x61] = {op_append, 0},
    [0x65] = {op_extend, PPN_PICKLE_LIST},
    [0x73] = {op_set_item, 0},
    [0x75] = {op_extend, PPN_PICKLE_DICT},
    [0x71] = {op_put, 1},
    [0x72] = {op_put, 4},
    [0x94] = {op_memoize, 0},
    [0x68] = {op_get, 1},
    [0x6a] = {op_get, 4},
    [0x63] = {op_global, 0},
    [0x93] = {op_stack_global, 0},
    [0x51] = {op_persistent_id, 0},
    [0x52] = {op_reduce, 0},
    [0x62] = {op_build, 0},
};

ppn_status_t ppn_pickle_run(ppn_pickle_machine_t* machine, ppn_pickle_value_t** out) {
  for (;;) {
    const uint8_t* opcode;
    machine->opcode_at = machine->at;
    if (machine->at == machine->pickle.size) {
      return ppn_pickle_error(machine, "it has no end; the file may be truncated");
    }
    PPN_RETURN_IF_ERROR(take(machine, 1, &opcode));
    if (*opcode == OPCODE_STOP) break;
    if (!opcodes[*opcode].execute) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "pickle opcode 0x%02x at offset %zu is not one that torch.save uses",
                             *opcode, machine->opcode_at);
    }
    PPN_RETURN_IF_ERROR(opcodes[*opcode].execute(machine, opcodes[*opcode].operand));
  }
  PPN_RETURN_IF_ERROR(pop(machine, out));
  return machine->stack.count == 0 ? NULL : ppn_pickle_error(machine, "several values are left");
}
