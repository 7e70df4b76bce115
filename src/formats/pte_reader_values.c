// Values of a method of a `.pte`.
#include <inttypes.h>

#include "formats/pte_reader_plan.h"
#include "tensor/tensor.h"

#define MAX_SCALAR_TYPE 29  // the last of c10::ScalarType that files may hold

#define invalid(reader, address, ...) ppn_pte_invalid((reader)->file, address, __VA_ARGS__)

// ---- Tensors ----

static ppn_status_t check_shape(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table,
                                const ppn_pte_tensor_t* tensor, uint32_t order_count) {
  if (tensor->rank > PPN_MAX_RANK) {
    return invalid(reader, table, "the tensor has %u dimensions; at most %d are allowed",
                   tensor->rank, PPN_MAX_RANK);
  }
  if (order_count != tensor->rank) {
    return invalid(reader, table, "a dim order of %u entries for %u sizes", order_count,
                   tensor->rank);
  }
  uint32_t seen = 0;
  for (uint32_t i = 0; i < tensor->rank; ++i) {
    if (tensor->sizes[i] < 0) {
      return invalid(reader, table, "size %u is negative: %d", i, tensor->sizes[i]);
    }
    uint8_t dim = tensor->dim_order[i];
    if (dim >= tensor->rank || seen >> dim & 1) {
      return invalid(reader, table, "the dim order is no permutation: entry %u is %u", i, dim);
    }
    seen |= 1u << dim;
  }
  return NULL;
}

// Bytes of the tensor at its largest (0 for a dtype that is not Pippin's); false: more than an
// address can tell.
static bool tensor_bytes(const ppn_pte_tensor_t* tensor, size_t* out_size) {
  int64_t sizes[PPN_MAX_RANK], numel;
  for (uint32_t i = 0; i < tensor->rank; ++i) sizes[i] = tensor->sizes[i];
  return ppn_sizes_numel((int)tensor->rank, sizes, &numel) &&
         ppn_dtype_byte_count(tensor->dtype, numel, out_size);
}

static ppn_status_t check_place(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table,
                                const ppn_pte_tensor_t* tensor) {
  const ppn_pte_plan_t* plan = reader->plan;
  bool is_planned = tensor->memory_id != 0;
  size_t size;
  if (!tensor_bytes(tensor, &size)) {
    // Official exporters leave a dynamic input that is not planned without a useful bound.
    if (tensor->dynamism != PPN_PTE_STATIC && !is_planned && !tensor->data_index) return NULL;
    return invalid(reader, table, "the tensor's size overflows");
  }
  if (is_planned) {
    uint64_t arena =
        tensor->memory_id < plan->arena_count ? (uint64_t)plan->arena_sizes[tensor->memory_id] : 0;
    if (tensor->memory_id >= plan->arena_count) {
      return invalid(reader, table, "memory id %u; the method has %u arenas", tensor->memory_id,
                     plan->arena_count ? plan->arena_count - 1 : 0);
    }
    if (tensor->memory_offset > arena || size > arena - tensor->memory_offset) {
      return invalid(reader, table,
                     "%zu bytes at %" PRIu64 " run past the end of arena %u of %" PRIu64 " bytes",
                     size, tensor->memory_offset, tensor->memory_id, arena);
    }
  }
  if (tensor->is_external || !tensor->data_index) return NULL;
  const ppn_pte_file_t* file = reader->file;
  uint32_t count = is_planned ? file->mutable_data_count : file->constant_count;
  if (tensor->data_index >= count) {
    return invalid(reader, table, "%s %u of %u", is_planned ? "initial value" : "constant",
                   tensor->data_index, count);
  }
  ppn_span_t data = (is_planned ? file->mutable_data : file->constants)[tensor->data_index];
  if (size > data.size) {
    return invalid(reader, table, "%s %u has %zu bytes; its tensor needs %zu",
                   is_planned ? "initial value" : "constant", tensor->data_index, data.size, size);
  }
  return NULL;
}

static ppn_status_t read_tensor(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table,
                                ppn_pte_tensor_t* out) {
  uint8_t scalar_type = ppn_flatbuffer_u8(table, PPN_PTE_TENSOR_SCALAR_TYPE);
  uint8_t dynamism = ppn_flatbuffer_u8(table, PPN_PTE_TENSOR_SHAPE_DYNAMISM);
  if (scalar_type > MAX_SCALAR_TYPE) {
    return invalid(reader, table, "scalar type %u is unknown", scalar_type);
  }
  if (dynamism > PPN_PTE_DYNAMIC_UNBOUND) {
    return invalid(reader, table, "shape dynamism %u is unknown", dynamism);
  }
  if (ppn_flatbuffer_i32(table, PPN_PTE_TENSOR_STORAGE_OFFSET) != 0) {
    return invalid(reader, table, "the tensor's storage offset is not 0");
  }
  ppn_flatbuffer_vector_t sizes = ppn_flatbuffer_items(table, PPN_PTE_TENSOR_SIZES);
  ppn_flatbuffer_vector_t order = ppn_flatbuffer_items(table, PPN_PTE_TENSOR_DIM_ORDER);
  ppn_flatbuffer_table_t allocation =
      ppn_flatbuffer_subtable(table, PPN_PTE_TENSOR_ALLOCATION_INFO);
  ppn_flatbuffer_table_t extra = ppn_flatbuffer_subtable(table, PPN_PTE_TENSOR_EXTRA_INFO);
  out->dtype = ppn_dtype_from_c10(scalar_type);
  out->dynamism = (ppn_pte_dynamism_t)dynamism;
  out->rank = sizes.count;
  out->sizes = ppn_pte_as_i32(sizes);
  out->dim_order = order.items;
  out->data_index = ppn_flatbuffer_u32(table, PPN_PTE_TENSOR_DATA_BUFFER_INDEX);
  out->name = ppn_flatbuffer_text(extra, PPN_PTE_EXTRA_NAME).data;
  out->is_external = ppn_flatbuffer_u8(extra, PPN_PTE_EXTRA_LOCATION) != 0;
  if (allocation) {
    out->memory_id = ppn_flatbuffer_u32(allocation, PPN_PTE_ALLOCATION_MEMORY_ID);
    out->memory_offset = (uint64_t)ppn_flatbuffer_u32(allocation, PPN_PTE_ALLOCATION_OFFSET_HIGH)
                             << 32 |
                         ppn_flatbuffer_u32(allocation, PPN_PTE_ALLOCATION_OFFSET_LOW);
    if (out->memory_id == 0) return invalid(reader, allocation, "memory id 0 is reserved");
  }
  PPN_RETURN_IF_ERROR(check_shape(reader, table, out, order.count));
  return check_place(reader, table, out);
}

// ---- Values ----

static ppn_status_t read_list(ppn_flatbuffer_table_t table, ppn_pte_value_t* out) {
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(table, 0);
  out->count = items.count;
  switch (out->type) {
    case PPN_PTE_INT_LIST:
      out->u.ints = ppn_pte_as_i64(items);
      break;
    case PPN_PTE_DOUBLE_LIST:
      out->u.doubles = (const double*)(const void*)items.items;
      break;
    case PPN_PTE_BOOL_LIST:
      out->u.booleans = items.items;
      break;
    default:
      out->u.ids = ppn_pte_as_i32(items);
  }
  return NULL;
}

static ppn_status_t read_value(const ppn_pte_plan_reader_t* reader, ppn_flatbuffer_table_t table,
                               ppn_pte_value_t* out) {
  ppn_flatbuffer_table_t content = ppn_flatbuffer_subtable(table, PPN_PTE_EVALUE_VALUE);
  ppn_string_view_t text;
  out->type = (ppn_pte_value_type_t)ppn_flatbuffer_u8(table, PPN_PTE_EVALUE_TYPE);
  if (out->type == PPN_PTE_NULL) return NULL;
  if (!content || out->type == PPN_PTE_NONE) return invalid(reader, table, "the value is missing");
  switch (out->type) {
    case PPN_PTE_INT:
      out->u.integer = ppn_flatbuffer_i64(content, 0);
      return NULL;
    case PPN_PTE_BOOL:
      out->u.boolean = ppn_flatbuffer_u8(content, 0) != 0;
      return NULL;
    case PPN_PTE_DOUBLE:
      out->u.number = ppn_flatbuffer_f64(content, 0);
      return NULL;
    case PPN_PTE_STRING:
      text = ppn_flatbuffer_text(content, 0);
      out->u.string = text.data;
      out->count = (uint32_t)text.size;
      return NULL;
    case PPN_PTE_TENSOR:
      return read_tensor(reader, content, &out->u.tensor);
    case PPN_PTE_INT_LIST:
    case PPN_PTE_DOUBLE_LIST:
    case PPN_PTE_BOOL_LIST:
    case PPN_PTE_TENSOR_LIST:
    case PPN_PTE_OPTIONAL_TENSOR_LIST:
      return read_list(content, out);
    case PPN_PTE_NULL:
    case PPN_PTE_NONE:
      break;
  }
  return invalid(reader, table, "a value of unknown type %d", (int)out->type);
}

// Items of lists may come after the list: they are checked when all values are known.
static ppn_status_t check_list(const ppn_pte_plan_reader_t* reader, const ppn_pte_value_t* value) {
  const ppn_pte_plan_t* plan = reader->plan;
  bool is_tensors =
      value->type == PPN_PTE_TENSOR_LIST || value->type == PPN_PTE_OPTIONAL_TENSOR_LIST;
  if (!is_tensors && value->type != PPN_PTE_INT_LIST) return NULL;
  for (uint32_t i = 0; i < value->count; ++i) {
    int64_t id = is_tensors ? value->u.ids[i] : value->u.ints[i];
    const uint8_t* address =
        is_tensors ? (const uint8_t*)&value->u.ids[i] : (const uint8_t*)&value->u.ints[i];
    if (id == -1 && value->type == PPN_PTE_OPTIONAL_TENSOR_LIST) continue;
    if (id < 0 || id >= plan->value_count) {
      return invalid(reader, address, "list item %u is value %" PRId64 " of %u", i, id,
                     plan->value_count);
    }
    if (is_tensors && plan->values[id].type != PPN_PTE_TENSOR) {
      return invalid(reader, address, "item %u of a tensor list is value %" PRId64 ", no tensor", i,
                     id);
    }
  }
  return NULL;
}

ppn_status_t ppn_pte_read_values(const ppn_pte_plan_reader_t* reader,
                                 ppn_flatbuffer_table_t table) {
  ppn_pte_plan_t* plan = reader->plan;
  ppn_flatbuffer_vector_t items = ppn_flatbuffer_items(table, PPN_PTE_PLAN_VALUES);
  ppn_pte_value_t* values;
  PPN_ARENA_NEW(&reader->file->arena, items.count, &values);
  for (uint32_t i = 0; i < items.count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(read_value(reader, ppn_flatbuffer_item(items, i), &values[i]),
                                  "value %u", i);
  }
  plan->values = values;
  plan->value_count = items.count;
  for (uint32_t i = 0; i < items.count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(check_list(reader, &values[i]), "value %u", i);
  }
  return NULL;
}
