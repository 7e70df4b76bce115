#include "executorch/constants.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "tensor/tensor.h"

// Elements that are not dense are gathered in pieces of about this size.
#define PIECE_SIZE ((size_t)1 << 20)

typedef struct ppn_pooled_constant {
  ppn_tensor_t view;
  bool is_dense;
  bool is_hashed;
  ppn_hash128_t hash;
} pooled_t;

bool ppn_dim_order_of_strides(int rank, const int64_t* sizes, const int64_t* strides,
                              uint8_t* out_order) {
  for (int i = 0; i < rank; ++i) {
    int place = i;
    while (place > 0 && strides[out_order[place - 1]] < strides[i]) {
      out_order[place] = out_order[place - 1];
      --place;
    }
    out_order[place] = (uint8_t)i;
  }
  int64_t expected = 1;
  bool is_dense = true;
  for (int i = rank; is_dense && i-- > 0;) {
    int dim = out_order[i];
    // The stride of a dimension of size 1 says nothing about where elements are.
    if (sizes[dim] != 1 && strides[dim] != expected) is_dense = false;
    expected *= sizes[dim];
  }
  for (int i = 0; i < rank && !is_dense; ++i) out_order[i] = (uint8_t)i;
  return is_dense;
}

bool ppn_dim_order_of_constant(const ppn_constant_t* constant, uint8_t* out_order) {
  static const uint8_t channels_last[] = {0, 2, 3, 1};
  int rank = constant->rank;
  bool is_dense = ppn_dim_order_of_strides(rank, constant->sizes, constant->strides, out_order);
  bool is_channels_last = rank == 4 && memcmp(out_order, channels_last, 4) == 0;
  for (int i = 0; i < rank && !is_channels_last; ++i) {
    is_dense &= out_order[i] == i;
    out_order[i] = (uint8_t)i;
  }
  return is_dense;
}

static ppn_status_t write_block(const ppn_tensor_t* block, void* memory, ppn_sink_t sink) {
  ppn_tensor_t target = ppn_tensor_make(memory, block->dtype, block->rank, block->sizes);
  ppn_tensor_copy(block, &target);
  return ppn_sink_write(sink, memory, ppn_tensor_size(&target));
}

// Gathers the view into contiguous blocks along its first dimension.
static ppn_status_t write_gathered(const ppn_tensor_t* view, ppn_sink_t sink) {
  size_t total = ppn_tensor_size(view), row = view->sizes[0] ? total / (size_t)view->sizes[0] : 0;
  int64_t rows = row && row < PIECE_SIZE ? (int64_t)(PIECE_SIZE / row) : 1;
  if (rows > view->sizes[0]) rows = view->sizes[0];
  void* memory = malloc(row * (size_t)rows + 1);
  if (!memory) return ppn_out_of_memory();
  ppn_status_t status = NULL;
  for (int64_t i = 0; !status && i < view->sizes[0]; i += rows) {
    ppn_tensor_t block = *view;
    block.data =
        (uint8_t*)view->data + (size_t)(i * view->strides[0]) * ppn_dtype_size(view->dtype);
    block.sizes[0] = view->sizes[0] - i < rows ? view->sizes[0] - i : rows;
    status = write_block(&block, memory, sink);
  }
  free(memory);
  return status;
}

static ppn_status_t write_constant(void* self, ppn_sink_t sink) {
  const pooled_t* constant = self;
  if (constant->is_dense) {
    return ppn_sink_write(sink, constant->view.data, ppn_tensor_size(&constant->view));
  }
  return write_gathered(&constant->view, sink);
}

static ppn_status_t hash_piece(void* self, const void* data, size_t size) {
  ppn_hasher_update(self, data, size);
  return ppn_status_ok();
}

static ppn_status_t hash_constant(pooled_t* constant) {
  if (constant->is_hashed) return ppn_status_ok();
  if (constant->is_dense) {
    constant->hash = ppn_hash128(constant->view.data, ppn_tensor_size(&constant->view));
  } else {
    ppn_hasher_t* hasher = ppn_hasher_create();
    if (!hasher) return ppn_out_of_memory();
    ppn_status_t status = write_constant(constant, (ppn_sink_t){hash_piece, hasher});
    if (!status) constant->hash = ppn_hasher_digest(hasher);
    ppn_hasher_free(hasher);
    PPN_RETURN_IF_ERROR(status);
  }
  constant->is_hashed = true;
  return ppn_status_ok();
}

static bool same_view(const ppn_tensor_t* a, const ppn_tensor_t* b) {
  if (a->data != b->data || a->dtype != b->dtype || a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; ++i) {
    if (a->sizes[i] != b->sizes[i] || a->strides[i] != b->strides[i]) return false;
  }
  return true;
}

static ppn_status_t make_entry(const ppn_constant_t* constant, pooled_t* out_entry) {
  int64_t numel;
  size_t size;
  *out_entry = (pooled_t){0};
  if (constant->rank > PPN_MAX_RANK || ppn_dtype_to_c10(constant->dtype) < 0 ||
      !ppn_sizes_numel(constant->rank, constant->sizes, &numel) ||
      !ppn_dtype_byte_count(constant->dtype, numel, &size)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "constant '%s': %s of rank %d cannot be stored in a .pte",
                           constant->name, ppn_dtype_name(constant->dtype), constant->rank);
  }
  ppn_tensor_t* view = &out_entry->view;
  size_t offset = (size_t)constant->storage_offset * ppn_dtype_size(constant->dtype);
  // Views are only read from.
  view->data = (void*)(uintptr_t)(constant->storage.data ? constant->storage.data + offset : NULL);
  view->dtype = constant->dtype;
  view->rank = constant->rank;
  for (int i = 0; i < constant->rank; ++i) {
    view->sizes[i] = constant->sizes[i];
    view->strides[i] = constant->strides[i];
  }
  uint8_t order[PPN_MAX_RANK];
  out_entry->is_dense = numel <= 1 || ppn_dim_order_of_constant(constant, order);
  return ppn_status_ok();
}

static ppn_status_t grow(ppn_constant_pool_t* pool) {
  if (pool->count < pool->capacity) return ppn_status_ok();
  uint32_t capacity = pool->capacity ? pool->capacity * 2 : 64;
  void* producers = realloc(pool->producers, capacity * sizeof(*pool->producers));
  if (producers) pool->producers = producers;
  void* entries = producers ? realloc(pool->entries, capacity * sizeof(*pool->entries)) : NULL;
  if (!entries) return ppn_out_of_memory();
  pool->entries = entries;
  pool->capacity = capacity;
  // Producers point into the array that has just moved.
  for (uint32_t i = 0; i < pool->count; ++i) pool->producers[i].self = &pool->entries[i];
  return ppn_status_ok();
}

ppn_status_t ppn_constant_pool_add(ppn_constant_pool_t* pool, const ppn_constant_t* constant,
                                   uint32_t* out_index) {
  pooled_t entry;
  PPN_RETURN_IF_ERROR(make_entry(constant, &entry));
  size_t size = ppn_tensor_size(&entry.view);
  for (uint32_t i = 0; i < pool->count; ++i) {
    pooled_t* other = &pool->entries[i];
    if (pool->producers[i].size != size) continue;
    bool equal = same_view(&entry.view, &other->view);
    if (!equal) {
      PPN_RETURN_IF_ERROR(hash_constant(&entry));
      PPN_RETURN_IF_ERROR(hash_constant(other));
      equal = ppn_hash128_equal(entry.hash, other->hash);
    }
    if (equal) {
      *out_index = i + 1;
      return ppn_status_ok();
    }
  }
  PPN_RETURN_IF_ERROR(grow(pool));
  pool->entries[pool->count] = entry;
  pool->producers[pool->count] =
      (ppn_producer_t){.size = size, .write = write_constant, .self = &pool->entries[pool->count]};
  *out_index = ++pool->count;
  return ppn_status_ok();
}

void ppn_constant_pool_release(ppn_constant_pool_t* pool) {
  free(pool->producers);
  free(pool->entries);
  *pool = (ppn_constant_pool_t){0};
}
