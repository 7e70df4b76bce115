#include "kernels/sort.h"

#include <string.h>

#include "tensor/element.h"
#include "tensor/view.h"

// An element by its place in the order: smaller keys come first, and of equal keys the smaller
// index. No two entries are equal, so every algorithm gives the stable order.
typedef struct entry {
  uint64_t key;
  int64_t index;
} entry_t;

enum { CHUNK = 256 };

static bool is_before(entry_t a, entry_t b) {
  return a.key < b.key || (a.key == b.key && a.index < b.index);
}

// ---- Keys ----

static uint64_t key_of_double(double value) {
  if (value != value) return UINT64_MAX;
  value += 0.0;  // -0 becomes 0
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

// Keys of elements [start, start + count) of a row.
static void load_keys(const ppn_tensor_t* row, int64_t start, int64_t count, bool descending,
                      uint64_t* out) {
  int64_t stride = row->strides[0];
  if (ppn_dtype_is_float(row->dtype)) {
    double values[CHUNK];
    ppn_elements_load_double(row->dtype, row->data, start * stride, stride, count, values);
    for (int64_t i = 0; i < count; ++i) out[i] = key_of_double(values[i]);
  } else {
    int64_t values[CHUNK];
    uint64_t flip = row->dtype == PPN_DTYPE_UINT64 ? 0 : (uint64_t)1 << 63;
    ppn_elements_load_int64(row->dtype, row->data, start * stride, stride, count, values);
    for (int64_t i = 0; i < count; ++i) out[i] = (uint64_t)values[i] ^ flip;
  }
  if (descending) {
    for (int64_t i = 0; i < count; ++i) out[i] = ~out[i];
  }
}

// ---- All of a row: merge sort ----

static void sort_short(entry_t* entries, int64_t count) {
  for (int64_t i = 1; i < count; ++i) {
    entry_t entry = entries[i];
    int64_t to = i;
    for (; to > 0 && is_before(entry, entries[to - 1]); --to) entries[to] = entries[to - 1];
    entries[to] = entry;
  }
}

static void merge(const entry_t* a, int64_t a_count, const entry_t* b, int64_t b_count,
                  entry_t* out) {
  while (a_count > 0 && b_count > 0) {
    if (is_before(*b, *a)) {
      *out++ = *b++;
      --b_count;
    } else {
      *out++ = *a++;
      --a_count;
    }
  }
  memcpy(out, a_count > 0 ? a : b, (size_t)(a_count + b_count) * sizeof(*out));
}

// Sorted entries are in the result, which is one of the two arrays.
static entry_t* sort_entries(entry_t* entries, entry_t* other, int64_t count) {
  enum { SHORT = 16 };
  for (int64_t i = 0; i < count; i += SHORT) {
    sort_short(entries + i, count - i < SHORT ? count - i : SHORT);
  }
  for (int64_t width = SHORT; width < count; width *= 2) {
    for (int64_t i = 0; i < count; i += 2 * width) {
      int64_t left = count - i < width ? count - i : width,
              right = count - i - left < width ? count - i - left : width;
      merge(entries + i, left, entries + i + left, right, other + i);
    }
    entry_t* swap = entries;
    entries = other;
    other = swap;
  }
  return entries;
}

// ---- A few of a row: a heap of the best so far, the last of them on top ----

static void sift_down(entry_t* heap, int64_t count, int64_t at) {
  entry_t entry = heap[at];
  for (int64_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && is_before(heap[child], heap[child + 1])) ++child;
    if (!is_before(entry, heap[child])) break;
    heap[at] = heap[child];
  }
  heap[at] = entry;
}

static void select_entries(const ppn_tensor_t* row, int64_t k, bool descending, entry_t* heap) {
  int64_t size = row->sizes[0];
  uint64_t keys[CHUNK];
  for (int64_t start = 0; start < size; start += CHUNK) {
    int64_t count = size - start < CHUNK ? size - start : CHUNK;
    load_keys(row, start, count, descending, keys);
    for (int64_t i = 0; i < count; ++i) {
      entry_t entry = {keys[i], start + i};
      if (entry.index < k) {
        heap[entry.index] = entry;
        if (entry.index == k - 1) {
          for (int64_t at = k / 2; at-- > 0;) sift_down(heap, k, at);
        }
      } else if (entry.key < heap[0].key) {
        heap[0] = entry;
        sift_down(heap, k, 0);
      }
    }
  }
  for (int64_t last = k - 1; last > 0; --last) {
    entry_t top = heap[0];
    heap[0] = heap[last];
    heap[last] = top;
    sift_down(heap, last, 0);
  }
}

// ---- Rows ----

typedef struct sort_job {
  const ppn_tensor_t *x, *values, *indices;
  int axis;
  int64_t k, rows, slots, slot_entries;
  bool descending;
  entry_t* scratch;
} sort_job_t;

static bool selects_few(int64_t size, int64_t k) {
  return k <= size / 4;
}

static int64_t row_count(const ppn_tensor_t* x, int axis) {
  int64_t rows = 1;
  for (int i = 0; i < x->rank; ++i) rows *= i == axis ? 1 : x->sizes[i];
  return rows;
}

static int64_t slot_count(const ppn_tensor_t* x, int axis, const ppn_thread_pool_t* pool) {
  int64_t rows = row_count(x, axis), threads = pool ? ppn_thread_pool_size(pool) : 1;
  return rows < threads ? rows : threads;
}

static int64_t entries_of_slot(int64_t size, int64_t k) {
  return selects_few(size, k) ? k : 2 * size;
}

size_t ppn_kernel_sort_scratch(const ppn_tensor_t* x, int axis, int64_t k,
                               const ppn_thread_pool_t* pool) {
  int64_t size = x->rank == 0 ? 1 : x->sizes[axis];
  int64_t slots = x->rank == 0 ? 1 : slot_count(x, axis, pool);
  return (size_t)(slots * entries_of_slot(size, k)) * sizeof(entry_t);
}

// Row number `row` along the axis, as a vector.
static ppn_tensor_t row_of(const ppn_tensor_t* tensor, int axis, int64_t row) {
  int64_t at = 0;
  for (int i = tensor->rank - 1; i >= 0; --i) {
    if (i == axis) continue;
    at += row % tensor->sizes[i] * tensor->strides[i];
    row /= tensor->sizes[i];
  }
  ppn_tensor_t vector =
      ppn_tensor_make((uint8_t*)tensor->data + at * (int64_t)ppn_dtype_size(tensor->dtype),
                      tensor->dtype, 1, &tensor->sizes[axis]);
  vector.strides[0] = tensor->strides[axis];
  return vector;
}

static const entry_t* sort_row(const sort_job_t* job, const ppn_tensor_t* row, entry_t* entries) {
  int64_t size = row->sizes[0];
  if (selects_few(size, job->k)) {
    select_entries(row, job->k, job->descending, entries);
    return entries;
  }
  for (int64_t start = 0; start < size; start += CHUNK) {
    uint64_t keys[CHUNK];
    int64_t count = size - start < CHUNK ? size - start : CHUNK;
    load_keys(row, start, count, job->descending, keys);
    for (int64_t i = 0; i < count; ++i) entries[start + i] = (entry_t){keys[i], start + i};
  }
  return sort_entries(entries, entries + size, size);
}

static void store_row(const sort_job_t* job, const ppn_tensor_t* x, int64_t row,
                      const entry_t* entries) {
  if (job->values) {
    ppn_tensor_t values = row_of(job->values, job->axis, row);
    int64_t size = (int64_t)ppn_dtype_size(x->dtype);
    for (int64_t i = 0; i < job->k; ++i) {
      memcpy((uint8_t*)values.data + i * values.strides[0] * size,
             (const uint8_t*)x->data + entries[i].index * x->strides[0] * size, (size_t)size);
    }
  }
  if (!job->indices) return;
  ppn_tensor_t indices = row_of(job->indices, job->axis, row);
  for (int64_t start = 0; start < job->k; start += CHUNK) {
    int64_t numbers[CHUNK], count = job->k - start < CHUNK ? job->k - start : CHUNK;
    for (int64_t i = 0; i < count; ++i) numbers[i] = entries[start + i].index;
    ppn_elements_store_int64(indices.dtype, indices.data, start * indices.strides[0],
                             indices.strides[0], count, numbers);
  }
}

// Each slot has its own scratch memory and its share of the rows.
static void sort_slots(void* context, size_t begin, size_t end) {
  const sort_job_t* job = context;
  for (int64_t slot = (int64_t)begin; slot < (int64_t)end; ++slot) {
    int64_t first = slot * job->rows / job->slots, last = (slot + 1) * job->rows / job->slots;
    for (int64_t row = first; row < last; ++row) {
      ppn_tensor_t x = row_of(job->x, job->axis, row);
      store_row(job, &x, row, sort_row(job, &x, job->scratch + slot * job->slot_entries));
    }
  }
}

void ppn_kernel_sort(const ppn_tensor_t* x, int axis, int64_t k, bool descending,
                     const ppn_tensor_t* values, const ppn_tensor_t* indices, void* scratch,
                     ppn_thread_pool_t* pool) {
  ppn_tensor_t vectors[3];  // rank 0 is a row of one
  if (x->rank == 0) {
    vectors[0] = ppn_view_repeat(x, 0, 1);
    if (values) vectors[1] = ppn_view_repeat(values, 0, 1);
    if (indices) vectors[2] = ppn_view_repeat(indices, 0, 1);
    x = &vectors[0];
    values = values ? &vectors[1] : NULL;
    indices = indices ? &vectors[2] : NULL;
    axis = 0;
  }
  int64_t rows = row_count(x, axis), size = x->sizes[axis];
  if (rows == 0 || size == 0 || k == 0) return;
  sort_job_t job = {x,
                    values,
                    indices,
                    axis,
                    k,
                    rows,
                    slot_count(x, axis, pool),
                    entries_of_slot(size, k),
                    descending,
                    scratch};
  ppn_thread_pool_parallel_for(pool, (size_t)job.slots, 1, sort_slots, &job);
}
