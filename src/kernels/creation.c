#include "kernels/creation.h"

#include <string.h>

#include "kernels/indices.h"

enum { CHUNK = 256 };

void ppn_kernel_range(double start, double step, const ppn_tensor_t* out) {
  int64_t count = ppn_tensor_numel(out);
  for (int64_t i = 0; i < count; i += CHUNK) {
    double values[CHUNK];
    int64_t part = count - i < CHUNK ? count - i : CHUNK;
    for (int64_t j = 0; j < part; ++j) values[j] = start + (double)(i + j) * step;
    ppn_elements_store_double(out->dtype, out->data, i, 1, part, values);
  }
}

void ppn_kernel_range_integers(int64_t start, int64_t step, const ppn_tensor_t* out) {
  int64_t count = ppn_tensor_numel(out);
  for (int64_t i = 0; i < count; i += CHUNK) {
    int64_t values[CHUNK], part = count - i < CHUNK ? count - i : CHUNK;
    for (int64_t j = 0; j < part; ++j) {
      values[j] = (int64_t)((uint64_t)start + (uint64_t)(i + j) * (uint64_t)step);
    }
    ppn_elements_store_int64(out->dtype, out->data, i, 1, part, values);
  }
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

void ppn_kernel_band(const ppn_tensor_t* x, int64_t low, int64_t high, const ppn_tensor_t* out) {
  int64_t rows = x->sizes[x->rank - 2], columns = x->sizes[x->rank - 1];
  int64_t numel = ppn_tensor_numel(x), size = (int64_t)ppn_dtype_size(x->dtype);
  if (numel == 0) return;
  // Nothing beyond the corners is to be kept; this also keeps the sums from overflowing.
  low = clamp(low, -rows, columns);
  high = clamp(high, -rows, columns);
  for (int64_t row = 0; row < numel / columns; ++row) {
    int64_t begin = clamp(row % rows + low, 0, columns),
            end = clamp(row % rows + high + 1, begin, columns);
    const uint8_t* from = (const uint8_t*)x->data + row * columns * size;
    uint8_t* to = (uint8_t*)out->data + row * columns * size;
    memset(to, 0, (size_t)(begin * size));
    memmove(to + begin * size, from + begin * size, (size_t)((end - begin) * size));
    memset(to + end * size, 0, (size_t)((columns - end) * size));
  }
}

// ---- What is not zero ----

// Visits the elements of a view in row-major order, a chunk of the last axis at a time.
typedef struct walk {
  const ppn_tensor_t* x;
  int64_t position[PPN_MAX_RANK];  // of the first element of the chunk
  int64_t offset;
} walk_t;

// Flags of the next elements; 0 at the end.
static int64_t next_flags(walk_t* walk, bool* out_flags) {
  const ppn_tensor_t* x = walk->x;
  int last = x->rank - 1;
  int64_t length = x->rank == 0 ? 1 : x->sizes[last], stride = x->rank == 0 ? 1 : x->strides[last];
  int64_t count = length - (x->rank == 0 ? walk->position[0] : walk->position[last]);
  if (count > CHUNK) count = CHUNK;
  if (ppn_dtype_is_float(x->dtype)) {
    double values[CHUNK];
    ppn_elements_load_double(x->dtype, x->data, walk->offset, stride, count, values);
    for (int64_t i = 0; i < count; ++i) out_flags[i] = values[i] != 0;
  } else {
    int64_t values[CHUNK];
    ppn_elements_load_int64(x->dtype, x->data, walk->offset, stride, count, values);
    for (int64_t i = 0; i < count; ++i) out_flags[i] = values[i] != 0;
  }
  return count;
}

// False after the last element.
static bool advance(walk_t* walk, int64_t count) {
  const ppn_tensor_t* x = walk->x;
  for (int i = x->rank - 1; i >= 0; --i, count = 1) {
    walk->position[i] += count;
    walk->offset += count * x->strides[i];
    if (walk->position[i] < x->sizes[i]) return true;
    walk->offset -= walk->position[i] * x->strides[i];
    walk->position[i] = 0;
  }
  return false;
}

int64_t ppn_kernel_count_nonzero(const ppn_tensor_t* x) {
  int64_t total = 0, count = 0;
  if (ppn_tensor_numel(x) == 0) return 0;
  walk_t walk = {.x = x};
  do {
    bool flags[CHUNK];
    count = next_flags(&walk, flags);
    for (int64_t i = 0; i < count; ++i) total += flags[i];
  } while (advance(&walk, count));
  return total;
}

void ppn_kernel_nonzero(const ppn_tensor_t* x, const ppn_tensor_t* out) {
  int64_t found = 0, count = 0;
  int rank = x->rank;
  if (rank == 0 || ppn_tensor_numel(x) == 0) return;
  walk_t walk = {.x = x};
  do {
    bool flags[CHUNK];
    count = next_flags(&walk, flags);
    for (int64_t i = 0; i < count; ++i) {
      if (!flags[i]) continue;
      int64_t coordinates[PPN_MAX_RANK];
      memcpy(coordinates, walk.position, sizeof(coordinates));
      coordinates[rank - 1] += i;
      ppn_elements_store_int64(out->dtype, out->data, found++ * rank, 1, rank, coordinates);
    }
  } while (advance(&walk, count));
}

void ppn_kernel_one_hot(const ppn_tensor_t* indices, int axis, const void* on,
                        const ppn_tensor_t* out) {
  int64_t inner = 1, size = out->sizes[axis], count = ppn_tensor_numel(indices);
  int64_t element = (int64_t)ppn_dtype_size(out->dtype);
  for (int i = axis; i < indices->rank; ++i) inner *= indices->sizes[i];
  for (int64_t done = 0, part = 0; done < count; done += part) {
    int64_t chunk[PPN_INDEX_CHUNK];
    part = ppn_indices_load(indices, done, count, chunk);
    for (int64_t i = 0; i < part; ++i) {
      if (chunk[i] < 0 || chunk[i] >= size) continue;
      int64_t row = (done + i) / inner, column = (done + i) % inner;
      ppn_copy_bytes((uint8_t*)out->data + ((row * size + chunk[i]) * inner + column) * element, on,
                     element);
    }
  }
}
