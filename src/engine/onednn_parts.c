#include "engine/onednn_parts.h"

#ifdef PPN_WITH_ONEDNN

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "engine/node.h"

enum { MAX_PARTS = 64 };

typedef struct part {
  ppn_onednn_t* onednn;
  ppn_onednn_blocks_t *x_blocks, *y_blocks;
  size_t x_offset, other_offset, y_offset, scratch_offset;  // in bytes
  ppn_status_t status;                                      // of the last run
} part_t;

struct ppn_onednn_parts {
  ppn_onednn_t* frame;  // NULL: one part that does everything
  part_t parts[MAX_PARTS];
  int count;
  size_t scratch_size;
  // Of the run in progress.
  ppn_onednn_operands_t operands;
  void* x;
};

void ppn_onednn_parts_free(ppn_onednn_parts_t* parts) {
  if (!parts) return;
  for (int i = 0; i < parts->count; ++i) {
    ppn_onednn_free(parts->parts[i].onednn);
    ppn_onednn_blocks_free(parts->parts[i].x_blocks);
    ppn_onednn_blocks_free(parts->parts[i].y_blocks);
  }
  ppn_onednn_free(parts->frame);
  free(parts);
}

static ppn_status_t conclude(ppn_status_t status, ppn_onednn_parts_t* parts,
                             ppn_onednn_parts_t** out_parts) {
  *out_parts = status ? NULL : parts;
  if (status) {
    ppn_onednn_parts_free(parts);
    return status;
  }
  size_t size = parts->frame ? ppn_onednn_scratch_size(parts->frame) : 0;
  for (int i = 0; i < parts->count; ++i) {
    size = ppn_align(size, PPN_ENGINE_ALIGNMENT);
    parts->parts[i].scratch_offset = size;
    size += ppn_onednn_scratch_size(parts->parts[i].onednn);
  }
  parts->scratch_size = size;
  return status;
}

// One part that is everything.
typedef ppn_status_t (*create_t)(void* context, const ppn_onednn_request_t* request,
                                 ppn_onednn_t** out_onednn);

static ppn_status_t make_whole(const ppn_onednn_request_t* request, create_t create, void* context,
                               ppn_onednn_parts_t** out_parts) {
  ppn_onednn_parts_t* parts = calloc(1, sizeof(*parts));
  if (!parts) return ppn_out_of_memory();
  parts->count = 1;
  return conclude(create(context, request, &parts->parts[0].onednn), parts, out_parts);
}

// Divided work that oneDNN cannot do is done whole.
static ppn_status_t parts_or_whole(ppn_status_t status, ppn_onednn_parts_t* parts,
                                   const ppn_onednn_request_t* request, create_t create,
                                   void* context, ppn_onednn_parts_t** out_parts) {
  if (ppn_status_code(status) != PPN_STATUS_UNSUPPORTED) return conclude(status, parts, out_parts);
  ppn_status_free(status);
  ppn_onednn_parts_free(parts);
  return make_whole(request, create, context, out_parts);
}

// How much of `size` each of the threads takes, in multiples of `unit`.
static int64_t share_of(int64_t size, int64_t unit, int threads) {
  int64_t units = (size + unit - 1) / unit;
  int count = threads < MAX_PARTS ? threads : MAX_PARTS;
  return (units + count - 1) / count * unit;
}

// Elements [begin, begin + size) of a dimension, with the data's address when it has one.
static ppn_tensor_t slice(const ppn_tensor_t* tensor, int axis, int64_t begin, int64_t size) {
  ppn_tensor_t part = *tensor;
  part.sizes[axis] = size;
  if (part.data) {
    part.data =
        (char*)part.data + (size_t)(begin * tensor->strides[axis]) * ppn_dtype_size(tensor->dtype);
  }
  return part;
}

static int64_t area_of(const ppn_tensor_t* tensor) {
  int64_t area = 1;
  for (int i = 2; i < tensor->rank; ++i) area *= tensor->sizes[i];
  return area;
}

// ---- Channels: convolutions and pooling ----

typedef struct spatial {
  const ppn_onednn_request_t* request;
  const ppn_engine_windows_t* windows;
  int64_t groups;
  bool is_pooling;
  ppn_onednn_pooling_t kind;
} spatial_t;

static ppn_status_t create_spatial(void* context, const ppn_onednn_request_t* request,
                                   ppn_onednn_t** out_onednn) {
  const spatial_t* spatial = context;
  if (spatial->is_pooling) {
    return ppn_onednn_pooling_create(request, spatial->kind, spatial->windows, out_onednn);
  }
  return ppn_onednn_convolution_create(request, spatial->groups, spatial->windows, out_onednn);
}

// Channels of x are divided like those of y where each result comes from its own channel.
static bool is_by_channel(const spatial_t* spatial) {
  return spatial->is_pooling || (spatial->groups == spatial->request->x->sizes[1] &&
                                 spatial->groups == spatial->request->y->sizes[1]);
}

// The channels to divide by, or 0.
static int64_t channel_unit(const spatial_t* spatial, const ppn_onednn_t* frame) {
  const ppn_onednn_request_t* request = spatial->request;
  int64_t unit = ppn_onednn_channel_block(ppn_onednn_layout(frame), request->y);
  bool by_channel = is_by_channel(spatial);
  if (by_channel && ppn_onednn_channel_block(ppn_onednn_x_layout(frame), request->x) != unit) {
    return 0;
  }
  return request->x->sizes[0] == 1 && (by_channel || spatial->groups == 1) ? unit : 0;
}

static ppn_status_t add_channels(ppn_onednn_parts_t* parts, const spatial_t* spatial, int64_t begin,
                                 int64_t size) {
  const ppn_onednn_request_t* whole = spatial->request;
  bool by_channel = is_by_channel(spatial);
  part_t* part = &parts->parts[parts->count++];
  ppn_onednn_request_t request = *whole;
  ppn_tensor_t x = by_channel ? slice(whole->x, 1, begin, size) : *whole->x;
  ppn_tensor_t y = slice(whole->y, 1, begin, size), weight = {0}, bias = {0};
  const ppn_engine_layout_t* x_layout = ppn_onednn_x_layout(parts->frame);
  int64_t block = ppn_onednn_channel_block(ppn_onednn_layout(parts->frame), whole->y);
  PPN_RETURN_IF_ERROR(ppn_onednn_blocks_create(block, &y, &part->y_blocks));
  if (by_channel) {
    PPN_RETURN_IF_ERROR(ppn_onednn_blocks_create(block, &x, &part->x_blocks));
    x_layout = ppn_onednn_blocks_layout(part->x_blocks);
    part->x_offset = (size_t)(begin * area_of(whole->x)) * sizeof(float);
  }
  part->y_offset = (size_t)(begin * area_of(whole->y)) * sizeof(float);
  if (whole->weight) {
    weight = slice(whole->weight, 0, begin, size);
    request.weight = &weight;
  }
  if (whole->bias && ppn_tensor_numel(whole->bias) > 1) {
    bias = slice(whole->bias, 0, begin, size);
    request.bias = &bias;
  }
  request.role = PPN_ONEDNN_PART;
  request.x = &x;
  request.x_layout = x_layout;
  request.y = &y;
  request.y_layout = ppn_onednn_blocks_layout(part->y_blocks);
  spatial_t local = *spatial;
  if (by_channel && !spatial->is_pooling) local.groups = size;
  return create_spatial(&local, &request, &part->onednn);
}

static ppn_status_t divide_channels(const spatial_t* spatial, int threads,
                                    ppn_onednn_parts_t* parts) {
  ppn_onednn_request_t request = *spatial->request;
  request.role = PPN_ONEDNN_FRAME;
  PPN_RETURN_IF_ERROR(create_spatial((void*)(uintptr_t)spatial, &request, &parts->frame));
  int64_t unit = channel_unit(spatial, parts->frame), channels = request.y->sizes[1];
  if (unit == 0 || channels <= unit) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "too few channels to divide");
  }
  int64_t share = share_of(channels, unit, threads);
  for (int64_t begin = 0; begin < channels; begin += share) {
    int64_t size = channels - begin < share ? channels - begin : share;
    PPN_RETURN_IF_ERROR(add_channels(parts, spatial, begin, size));
  }
  return ppn_status_ok();
}

static ppn_status_t make_spatial(spatial_t* spatial, int threads, ppn_onednn_parts_t** out_parts) {
  if (threads == 1) return make_whole(spatial->request, create_spatial, spatial, out_parts);
  ppn_onednn_parts_t* parts = calloc(1, sizeof(*parts));
  if (!parts) return ppn_out_of_memory();
  ppn_status_t status = divide_channels(spatial, threads, parts);
  return parts_or_whole(status, parts, spatial->request, create_spatial, spatial, out_parts);
}

ppn_status_t ppn_onednn_parts_convolution(const ppn_onednn_request_t* request, int64_t groups,
                                          const ppn_engine_windows_t* windows, int threads,
                                          ppn_onednn_parts_t** out_parts) {
  spatial_t spatial = {.request = request, .windows = windows, .groups = groups};
  return make_spatial(&spatial, threads, out_parts);
}

ppn_status_t ppn_onednn_parts_pooling(const ppn_onednn_request_t* request,
                                      ppn_onednn_pooling_t kind,
                                      const ppn_engine_windows_t* windows, int threads,
                                      ppn_onednn_parts_t** out_parts) {
  spatial_t spatial = {.request = request, .windows = windows, .is_pooling = true, .kind = kind};
  return make_spatial(&spatial, threads, out_parts);
}

// ---- Rows and columns: linear ----

static ppn_status_t create_linear(void* context, const ppn_onednn_request_t* request,
                                  ppn_onednn_t** out_onednn) {
  (void)context;
  return ppn_onednn_linear_create(request, out_onednn);
}

static ppn_tensor_t as_matrix(const ppn_tensor_t* tensor) {
  int64_t columns = tensor->sizes[tensor->rank - 1];
  const int64_t sizes[] = {columns ? ppn_tensor_numel(tensor) / columns : 0, columns};
  return ppn_tensor_make(NULL, PPN_DTYPE_FLOAT32, 2, sizes);
}

// Fewer rows than this per thread are not worth reading the weight once per thread.
enum { ROWS_WORTH_DIVIDING = 16, ROW_UNIT = 4, COLUMN_UNIT = 16 };

static ppn_status_t add_rows(ppn_onednn_parts_t* parts, const ppn_onednn_request_t* whole,
                             int64_t begin, int64_t size) {
  part_t* part = &parts->parts[parts->count++];
  ppn_onednn_request_t request = *whole;
  ppn_tensor_t x = slice(whole->x, 0, begin, size), y = slice(whole->y, 0, begin, size);
  part->x_offset = (size_t)(begin * x.strides[0]) * sizeof(float);
  part->y_offset = (size_t)(begin * y.strides[0]) * sizeof(float);
  request.role = PPN_ONEDNN_PART;
  request.x = &x;
  request.y = &y;
  return ppn_onednn_linear_create(&request, &part->onednn);
}

static ppn_status_t add_columns(ppn_onednn_parts_t* parts, const ppn_onednn_request_t* whole,
                                int64_t begin, int64_t size) {
  part_t* part = &parts->parts[parts->count++];
  ppn_onednn_request_t request = *whole;
  ppn_tensor_t y = slice(whole->y, 1, begin, size), weight = slice(whole->weight, 0, begin, size),
               bias;
  part->y_offset = (size_t)begin * sizeof(float);
  request.role = PPN_ONEDNN_PART;
  request.y = &y;
  request.weight = &weight;
  if (whole->bias && ppn_tensor_numel(whole->bias) > 1) {
    bias = slice(whole->bias, whole->bias->rank - 1, begin, size);
    request.bias = &bias;
  }
  return ppn_onednn_linear_create(&request, &part->onednn);
}

static ppn_status_t divide_linear(const ppn_onednn_request_t* whole, int threads,
                                  ppn_onednn_parts_t* parts) {
  ppn_onednn_request_t request = *whole;
  request.role = PPN_ONEDNN_FRAME;
  PPN_RETURN_IF_ERROR(ppn_onednn_linear_create(&request, &parts->frame));
  ppn_tensor_t x = as_matrix(whole->x), y = as_matrix(whole->y);
  request.x = &x;
  request.y = &y;
  bool by_rows = y.sizes[0] >= (int64_t)threads * ROWS_WORTH_DIVIDING;
  int64_t size = y.sizes[by_rows ? 0 : 1];
  int64_t share = share_of(size, by_rows ? ROW_UNIT : COLUMN_UNIT, threads);
  for (int64_t begin = 0; begin < size; begin += share) {
    int64_t part = size - begin < share ? size - begin : share;
    PPN_RETURN_IF_ERROR(by_rows ? add_rows(parts, &request, begin, part)
                                : add_columns(parts, &request, begin, part));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_onednn_parts_linear(const ppn_onednn_request_t* request, int threads,
                                     ppn_onednn_parts_t** out_parts) {
  if (threads == 1) return make_whole(request, create_linear, NULL, out_parts);
  ppn_onednn_parts_t* parts = calloc(1, sizeof(*parts));
  if (!parts) return ppn_out_of_memory();
  ppn_status_t status = divide_linear(request, threads, parts);
  return parts_or_whole(status, parts, request, create_linear, NULL, out_parts);
}

// ---- Batch and rows: matmul ----

static ppn_status_t create_matmul(void* context, const ppn_onednn_request_t* request,
                                  ppn_onednn_t** out_onednn) {
  return ppn_onednn_matmul_create(request, context, out_onednn);
}

// An operand's part along a dimension of the batch, which it may broadcast.
static ppn_tensor_t batch_slice(const ppn_tensor_t* tensor, int axis, int64_t begin, int64_t size,
                                size_t* out_offset) {
  *out_offset = 0;
  if (tensor->sizes[axis] == 1) return *tensor;
  *out_offset = (size_t)(begin * tensor->strides[axis]) * sizeof(float);
  return slice(tensor, axis, begin, size);
}

static ppn_status_t divide_matmul(const ppn_onednn_request_t* whole, const ppn_tensor_t* other,
                                  int threads, ppn_onednn_parts_t* parts) {
  // The outermost dimension with something to divide.
  int axis = 0;
  while (axis < whole->y->rank - 2 && whole->y->sizes[axis] == 1) ++axis;
  bool by_rows = axis == whole->y->rank - 2;
  int64_t size = whole->y->sizes[axis], share = share_of(size, 1, threads);
  ppn_onednn_request_t request = *whole;
  request.role = PPN_ONEDNN_PART;
  for (int64_t begin = 0; begin < size; begin += share) {
    part_t* part = &parts->parts[parts->count++];
    int64_t length = size - begin < share ? size - begin : share;
    ppn_tensor_t x = batch_slice(whole->x, axis, begin, length, &part->x_offset);
    ppn_tensor_t y = slice(whole->y, axis, begin, length), right = *other;
    if (!by_rows) right = batch_slice(other, axis, begin, length, &part->other_offset);
    part->y_offset = (size_t)(begin * y.strides[axis]) * sizeof(float);
    request.x = &x;
    request.y = &y;
    PPN_RETURN_IF_ERROR(ppn_onednn_matmul_create(&request, &right, &part->onednn));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_onednn_parts_matmul(const ppn_onednn_request_t* request, const ppn_tensor_t* other,
                                     int threads, ppn_onednn_parts_t** out_parts) {
  void* context = (void*)(uintptr_t)other;
  // What is added would have to be brought first: that is the whole's business.
  bool adds = false;
  for (uint32_t i = 0; i < request->fused_count; ++i) {
    adds = adds || request->fused[i].kind == PPN_ENGINE_FUSED_ADD;
  }
  if (threads == 1 || adds) return make_whole(request, create_matmul, context, out_parts);
  ppn_onednn_parts_t* parts = calloc(1, sizeof(*parts));
  if (!parts) return ppn_out_of_memory();
  ppn_status_t status = divide_matmul(request, other, threads, parts);
  return parts_or_whole(status, parts, request, create_matmul, context, out_parts);
}

// ---- Reordering ----

static ppn_status_t create_reorder(void* context, const ppn_onednn_request_t* request,
                                   ppn_onednn_t** out_onednn) {
  (void)context;
  return ppn_onednn_reorder_create(request, out_onednn);
}

ppn_status_t ppn_onednn_parts_reorder(const ppn_onednn_request_t* request,
                                      ppn_onednn_parts_t** out_parts) {
  return make_whole(request, create_reorder, NULL, out_parts);
}

// ---- Use ----

const ppn_engine_layout_t* ppn_onednn_parts_layout(const ppn_onednn_parts_t* parts) {
  return ppn_onednn_layout(parts->frame ? parts->frame : parts->parts[0].onednn);
}

size_t ppn_onednn_parts_scratch_size(const ppn_onednn_parts_t* parts) {
  return parts->scratch_size;
}

static void run_parts(void* context, size_t begin, size_t end) {
  ppn_onednn_parts_t* parts = context;
  for (size_t i = begin; i < end; ++i) {
    part_t* part = &parts->parts[i];
    ppn_onednn_operands_t operands = parts->operands;
    operands.x = (char*)parts->x + part->x_offset;
    if (operands.other) operands.other = (char*)operands.other + part->other_offset;
    operands.y = (char*)operands.y + part->y_offset;
    operands.scratch = (char*)operands.scratch + part->scratch_offset;
    part->status = ppn_onednn_run(part->onednn, &operands);
  }
}

ppn_status_t ppn_onednn_parts_run(ppn_onednn_parts_t* parts, const ppn_onednn_operands_t* operands,
                                  ppn_thread_pool_t* pool) {
  parts->operands = *operands;
  parts->x = operands->x;
  if (parts->frame) PPN_RETURN_IF_ERROR(ppn_onednn_bring(parts->frame, operands, &parts->x));
  ppn_thread_pool_parallel_for(pool, (size_t)parts->count, 1, run_parts, parts);
  ppn_status_t status = ppn_status_ok();
  for (int i = 0; i < parts->count; ++i) {
    if (status) {
      ppn_status_free(parts->parts[i].status);
    } else {
      status = parts->parts[i].status;
    }
  }
  return status;
}

#endif  // PPN_WITH_ONEDNN
