// The names a pickle of tensors may use, and what calling them makes.
#include "formats/pickle_machine.h"
#include "tensor/tensor.h"

static ppn_status_t wrong_arguments(const ppn_pickle_machine_t* machine, const char* function) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "damaged pickle at offset %zu: unexpected arguments of %s",
                         machine->opcode_at, function);
}

static const ppn_pickle_value_t* argument(const ppn_pickle_items_t* arguments, uint32_t index,
                                          ppn_pickle_kind_t kind) {
  if (index >= arguments->count) return NULL;
  const ppn_pickle_value_t* value = arguments->items[index];
  return value->kind == kind ? value : NULL;
}

// ---- Tensors ----

static bool is_sizes(const ppn_pickle_value_t* tuple) {
  if (!tuple || tuple->u.items.count > PPN_MAX_RANK) return false;
  for (uint32_t i = 0; i < tuple->u.items.count; ++i) {
    if (tuple->u.items.items[i]->kind != PPN_PICKLE_INT) return false;
  }
  return true;
}

static ppn_status_t copy_sizes(ppn_pickle_machine_t* machine, const ppn_pickle_value_t* tuple,
                               int64_t** out) {
  PPN_ARENA_NEW(machine->arena, tuple->u.items.count, out);
  for (uint32_t i = 0; i < tuple->u.items.count; ++i) {
    (*out)[i] = tuple->u.items.items[i]->u.integer;
  }
  return ppn_status_ok();
}

// Conjugate and negative views carry marks: their bytes are not their values.
static bool has_marks(const ppn_pickle_value_t* metadata) {
  for (uint32_t i = 1; metadata && i < metadata->u.items.count; i += 2) {
    const ppn_pickle_value_t* value = metadata->u.items.items[i];
    if (value->kind == PPN_PICKLE_BOOL && value->u.integer) return true;
  }
  return false;
}

// (storage, offset, sizes, strides, …)
static ppn_status_t make_tensor(ppn_pickle_machine_t* machine, const ppn_pickle_items_t* arguments,
                                ppn_dtype_t dtype, uint32_t metadata, ppn_pickle_value_t** out) {
  const ppn_pickle_value_t* storage = argument(arguments, 0, PPN_PICKLE_STORAGE);
  const ppn_pickle_value_t* offset = argument(arguments, 1, PPN_PICKLE_INT);
  const ppn_pickle_value_t* sizes = argument(arguments, 2, PPN_PICKLE_TUPLE);
  const ppn_pickle_value_t* strides = argument(arguments, 3, PPN_PICKLE_TUPLE);
  if (storage && dtype == PPN_DTYPE_INVALID) dtype = storage->u.storage.dtype;
  if (!storage || !offset || !is_sizes(sizes) || !is_sizes(strides) ||
      sizes->u.items.count != strides->u.items.count || dtype == PPN_DTYPE_INVALID) {
    return wrong_arguments(machine, "_rebuild_tensor");
  }
  if (has_marks(argument(arguments, metadata, PPN_PICKLE_DICT))) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "pickle, offset %zu: a conjugate or negative view of a tensor; resolve "
                           "it (tensor.resolve_conj(), resolve_neg()) before exporting",
                           machine->opcode_at);
  }
  PPN_RETURN_IF_ERROR(ppn_pickle_new(machine, PPN_PICKLE_TENSOR, out));
  ppn_pickled_tensor_t* tensor;
  PPN_ARENA_NEW(machine->arena, 1, &tensor);
  tensor->dtype = dtype;
  tensor->rank = (int)sizes->u.items.count;
  tensor->storage = storage->u.storage.bytes;
  tensor->storage_offset = offset->u.integer;
  PPN_RETURN_IF_ERROR(copy_sizes(machine, sizes, &tensor->sizes));
  PPN_RETURN_IF_ERROR(copy_sizes(machine, strides, &tensor->strides));
  (*out)->u.tensor = tensor;
  if (ppn_storage_holds(dtype, tensor->rank, tensor->sizes, tensor->strides, tensor->storage_offset,
                        tensor->storage.size)) {
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "damaged pickle at offset %zu: a tensor reaches beyond its storage of %zu "
                         "bytes",
                         machine->opcode_at, tensor->storage.size);
}

// (storage, offset, sizes, strides, requires_grad, hooks[, metadata])
static ppn_status_t rebuild_tensor_v2(ppn_pickle_machine_t* machine,
                                      const ppn_pickle_items_t* arguments,
                                      ppn_pickle_value_t** out) {
  return make_tensor(machine, arguments, PPN_DTYPE_INVALID, 6, out);
}

// (storage, offset, sizes, strides, requires_grad, hooks, dtype[, metadata])
static ppn_status_t rebuild_tensor_v3(ppn_pickle_machine_t* machine,
                                      const ppn_pickle_items_t* arguments,
                                      ppn_pickle_value_t** out) {
  const ppn_pickle_value_t* dtype = argument(arguments, 6, PPN_PICKLE_GLOBAL);
  if (!dtype || dtype->u.global->role != PPN_PICKLE_IS_DTYPE) {
    return wrong_arguments(machine, "_rebuild_tensor_v3");
  }
  return make_tensor(machine, arguments, dtype->u.global->dtype, 7, out);
}

// (tensor, requires_grad, hooks[, state])
static ppn_status_t rebuild_parameter(ppn_pickle_machine_t* machine,
                                      const ppn_pickle_items_t* arguments,
                                      ppn_pickle_value_t** out) {
  const ppn_pickle_value_t* data = argument(arguments, 0, PPN_PICKLE_TENSOR);
  if (!data) return wrong_arguments(machine, "_rebuild_parameter");
  ppn_pickled_tensor_t* tensor =
      ppn_arena_memdup(machine->arena, data->u.tensor, sizeof(*data->u.tensor));
  if (!tensor) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_pickle_new(machine, PPN_PICKLE_TENSOR, out));
  tensor->is_parameter = true;
  (*out)->u.tensor = tensor;
  return ppn_status_ok();
}

// (function, class, arguments, state): a tensor with Python attributes, which nothing here needs.
static ppn_status_t rebuild_from_type(ppn_pickle_machine_t* machine,
                                      const ppn_pickle_items_t* arguments,
                                      ppn_pickle_value_t** out) {
  const ppn_pickle_value_t* function = argument(arguments, 0, PPN_PICKLE_GLOBAL);
  const ppn_pickle_value_t* class = argument(arguments, 1, PPN_PICKLE_GLOBAL);
  const ppn_pickle_value_t* inner = argument(arguments, 2, PPN_PICKLE_TUPLE);
  if (!function || !class || !inner || class->u.global->role != PPN_PICKLE_IS_TENSOR_CLASS ||
      !function->u.global->call || function->u.global->call == rebuild_from_type) {
    return wrong_arguments(machine, "_rebuild_from_type_v2");
  }
  return function->u.global->call(machine, &inner->u.items, out);
}

// Its class comes next in the pickle and is refused by name; this is for files without one.
static ppn_status_t rebuild_subclass(ppn_pickle_machine_t* machine,
                                     const ppn_pickle_items_t* arguments,
                                     ppn_pickle_value_t** out) {
  (void)arguments, (void)out;
  return ppn_status_make(PPN_STATUS_UNSUPPORTED, "pickle, offset %zu: a tensor subclass",
                         machine->opcode_at);
}

// ---- Values around them ----

// () or ([(key, value), …],)
static ppn_status_t make_ordered_dict(ppn_pickle_machine_t* machine,
                                      const ppn_pickle_items_t* arguments,
                                      ppn_pickle_value_t** out) {
  PPN_RETURN_IF_ERROR(ppn_pickle_new(machine, PPN_PICKLE_DICT, out));
  if (arguments->count == 0) return ppn_status_ok();
  const ppn_pickle_value_t* pairs = argument(arguments, 0, PPN_PICKLE_LIST);
  for (uint32_t i = 0; pairs && i < pairs->u.items.count; ++i) {
    const ppn_pickle_value_t* pair = pairs->u.items.items[i];
    bool is_pair = (pair->kind == PPN_PICKLE_TUPLE || pair->kind == PPN_PICKLE_LIST) &&
                   pair->u.items.count == 2;
    if (!is_pair) return wrong_arguments(machine, "OrderedDict");
    for (uint32_t j = 0; j < 2; ++j) {
      PPN_RETURN_IF_ERROR(ppn_pickle_push_item(machine, &(*out)->u.items, pair->u.items.items[j]));
    }
  }
  return pairs ? ppn_status_ok() : wrong_arguments(machine, "OrderedDict");
}

// (sequence,)
static ppn_status_t make_size(ppn_pickle_machine_t* machine, const ppn_pickle_items_t* arguments,
                              ppn_pickle_value_t** out) {
  const ppn_pickle_value_t* sequence = argument(arguments, 0, PPN_PICKLE_TUPLE);
  if (!sequence) sequence = argument(arguments, 0, PPN_PICKLE_LIST);
  if (!sequence) return wrong_arguments(machine, "Size");
  PPN_RETURN_IF_ERROR(ppn_pickle_new(machine, PPN_PICKLE_TUPLE, out));
  (*out)->u.items = sequence->u.items;
  return ppn_status_ok();
}

// Devices and layouts: of no interest.
static ppn_status_t make_none(ppn_pickle_machine_t* machine, const ppn_pickle_items_t* arguments,
                              ppn_pickle_value_t** out) {
  (void)arguments;
  return ppn_pickle_new(machine, PPN_PICKLE_NONE, out);
}

// ---- The list ----

#define STORAGE(name, type) \
  { "torch", name "Storage", PPN_DTYPE_##type, PPN_PICKLE_IS_STORAGE, NULL }
#define DTYPE(name, type) \
  { "torch", name, PPN_DTYPE_##type, PPN_PICKLE_IS_DTYPE, NULL }
#define FUNCTION(module, name, call) \
  { module, name, PPN_DTYPE_INVALID, PPN_PICKLE_IS_FUNCTION, call }

static const ppn_pickle_global_t globals[] = {
    FUNCTION("collections", "OrderedDict", make_ordered_dict),
    FUNCTION("torch._utils", "_rebuild_tensor_v2", rebuild_tensor_v2),
    FUNCTION("torch._utils", "_rebuild_tensor_v3", rebuild_tensor_v3),
    FUNCTION("torch._utils", "_rebuild_parameter", rebuild_parameter),
    FUNCTION("torch._utils", "_rebuild_parameter_with_state", rebuild_parameter),
    FUNCTION("torch._utils", "_rebuild_wrapper_subclass", rebuild_subclass),
    FUNCTION("torch._tensor", "_rebuild_from_type_v2", rebuild_from_type),
    FUNCTION("torch", "Size", make_size),
    FUNCTION("torch", "device", make_none),
    FUNCTION("torch.serialization", "_get_layout", make_none),
    {"torch", "Tensor", PPN_DTYPE_INVALID, PPN_PICKLE_IS_TENSOR_CLASS, NULL},
    {"torch.nn.parameter", "Parameter", PPN_DTYPE_INVALID, PPN_PICKLE_IS_TENSOR_CLASS, NULL},
    {"torch.nn.parameter", "Buffer", PPN_DTYPE_INVALID, PPN_PICKLE_IS_TENSOR_CLASS, NULL},
    {"torch.storage", "UntypedStorage", PPN_DTYPE_INVALID, PPN_PICKLE_IS_STORAGE, NULL},
    STORAGE("Float", FLOAT32),
    STORAGE("Double", FLOAT64),
    STORAGE("Half", FLOAT16),
    STORAGE("BFloat16", BFLOAT16),
    STORAGE("Long", INT64),
    STORAGE("Int", INT32),
    STORAGE("Short", INT16),
    STORAGE("Char", INT8),
    STORAGE("Byte", UINT8),
    STORAGE("Bool", BOOL),
    STORAGE("ComplexFloat", COMPLEX64),
    STORAGE("ComplexDouble", COMPLEX128),
    DTYPE("bool", BOOL),
    DTYPE("uint8", UINT8),
    DTYPE("int8", INT8),
    DTYPE("uint16", UINT16),
    DTYPE("int16", INT16),
    DTYPE("uint32", UINT32),
    DTYPE("int32", INT32),
    DTYPE("uint64", UINT64),
    DTYPE("int64", INT64),
    DTYPE("float16", FLOAT16),
    DTYPE("bfloat16", BFLOAT16),
    DTYPE("float32", FLOAT32),
    DTYPE("float64", FLOAT64),
    DTYPE("complex32", COMPLEX32),
    DTYPE("complex64", COMPLEX64),
    DTYPE("complex128", COMPLEX128),
    DTYPE("float8_e4m3fn", FLOAT8_E4M3FN),
    DTYPE("float8_e5m2", FLOAT8_E5M2),
    DTYPE("float8_e4m3fnuz", FLOAT8_E4M3FNUZ),
    DTYPE("float8_e5m2fnuz", FLOAT8_E5M2FNUZ),
    DTYPE("float8_e8m0fnu", FLOAT8_E8M0FNU),
};

// The name as it may be printed: short, and of plain characters.
static void printable(ppn_string_view_t text, char out[81]) {
  size_t size = text.size < 80 ? text.size : 80;
  for (size_t i = 0; i < size; ++i) {
    out[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
  }
  out[size] = '\0';
}

ppn_status_t ppn_pickle_find_global(ppn_pickle_machine_t* machine, ppn_string_view_t module,
                                    ppn_string_view_t name, const ppn_pickle_global_t** out) {
  for (size_t i = 0; i < PPN_COUNT_OF(globals); ++i) {
    if (ppn_sv_equals(module, globals[i].module) && ppn_sv_equals(name, globals[i].name)) {
      *out = &globals[i];
      return ppn_status_ok();
    }
  }
  char module_text[81], name_text[81];
  printable(module, module_text);
  printable(name, name_text);
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "pickle, offset %zu: it holds the Python object '%s.%s'; only plain "
                         "tensors are read from pickles. Export again after "
                         "ep.run_decompositions({}), which unwraps tensor subclasses",
                         machine->opcode_at, module_text, name_text);
}

// ---- Storages ----

// ('storage', class, key, location, numel)
ppn_status_t ppn_pickle_load_storage(ppn_pickle_machine_t* machine, const ppn_pickle_value_t* id,
                                     ppn_pickle_value_t** out) {
  const ppn_pickle_items_t* parts = &id->u.items;
  if (id->kind != PPN_PICKLE_TUPLE || parts->count != 5) {
    return wrong_arguments(machine, "a persistent id");
  }
  const ppn_pickle_value_t *mark = argument(parts, 0, PPN_PICKLE_TEXT),
                           *class = argument(parts, 1, PPN_PICKLE_GLOBAL),
                           *key = argument(parts, 2, PPN_PICKLE_TEXT),
                           *numel = argument(parts, 4, PPN_PICKLE_INT);
  if (!mark || !ppn_sv_equals(mark->u.text, "storage") || !class || !key || !numel ||
      class->u.global->role != PPN_PICKLE_IS_STORAGE) {
    return wrong_arguments(machine, "a persistent id");
  }
  PPN_RETURN_IF_ERROR(ppn_pickle_new(machine, PPN_PICKLE_STORAGE, out));
  (*out)->u.storage.dtype = class->u.global->dtype;
  ppn_span_t* bytes = &(*out)->u.storage.bytes;
  PPN_RETURN_IF_ERROR_ANNOTATED(machine->find(machine->context, key->u.text, bytes),
                                "pickle, offset %zu", machine->opcode_at);
  size_t element = class->u.global->dtype ? ppn_dtype_size(class->u.global->dtype) : 1;
  if (numel->u.integer >= 0 && (uint64_t)numel->u.integer == bytes->size / element &&
      bytes->size % element == 0) {
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "pickle, offset %zu: storage '%.*s' has %zu bytes, expected %lld elements "
                         "of %zu",
                         machine->opcode_at, PPN_SV(key->u.text), bytes->size,
                         (long long)numel->u.integer, element);
}
