#include "kernels/map.h"

#include "kernels/rows.h"

enum {
  MAX_OPERANDS = PPN_MAP_MAX_INPUTS + 1,
  SHORT_ROW = 128,    // shorter rows are gathered until a chunk is full
  PIECE = 16 * 1024,  // elements that are worth a thread
};

// The iteration space: out's dimensions without those of size 1, outermost stride first, adjacent
// ones joined where all operands allow it. Operand 0 is the result.
typedef struct plan {
  const ppn_map_t* map;
  int rank, operand_count;
  int64_t sizes[PPN_MAX_RANK];
  int64_t strides[MAX_OPERANDS][PPN_MAX_RANK];
  bool is_flat[MAX_OPERANDS];  // consecutive in the whole space
} plan_t;

// Strides of `tensor` along the dimensions of `out`; 0 where it is broadcast.
static void broadcast_strides(const ppn_tensor_t* tensor, const ppn_tensor_t* out,
                              int64_t* out_strides) {
  int missing = out->rank - tensor->rank;
  for (int i = 0; i < out->rank; ++i) {
    bool repeats = i < missing || tensor->sizes[i - missing] == 1;
    out_strides[i] = repeats ? 0 : tensor->strides[i - missing];
  }
}

// Dimensions by descending stride of the result; equal ones keep their order.
static int order_dimensions(const ppn_tensor_t* out, int* order) {
  int count = 0;
  for (int i = 0; i < out->rank; ++i) {
    if (out->sizes[i] == 1) continue;
    int at = count++;
    for (; at > 0 && out->strides[order[at - 1]] < out->strides[i]; --at) order[at] = order[at - 1];
    order[at] = i;
  }
  return count;
}

static bool can_join(const plan_t* plan, int64_t strides[][PPN_MAX_RANK], int dimension,
                     int64_t size) {
  for (int i = 0; i < plan->operand_count; ++i) {
    if (plan->strides[i][plan->rank - 1] != strides[i][dimension] * size) return false;
  }
  return true;
}

static void make_plan(const ppn_map_t* map, plan_t* plan) {
  int64_t strides[MAX_OPERANDS][PPN_MAX_RANK];
  int order[PPN_MAX_RANK];
  plan->map = map;
  plan->rank = 0;
  plan->operand_count = map->input_count + 1;
  broadcast_strides(map->out, map->out, strides[0]);
  for (int i = 0; i < map->input_count; ++i) {
    broadcast_strides(map->inputs[i], map->out, strides[i + 1]);
  }
  int count = order_dimensions(map->out, order);
  for (int i = 0; i < count; ++i) {
    int dimension = order[i];
    int64_t size = map->out->sizes[dimension];
    if (plan->rank > 0 && can_join(plan, strides, dimension, size)) {
      --plan->rank;
      plan->sizes[plan->rank] *= size;
    } else {
      plan->sizes[plan->rank] = size;
    }
    for (int j = 0; j < plan->operand_count; ++j)
      plan->strides[j][plan->rank] = strides[j][dimension];
    ++plan->rank;
  }
  if (plan->rank == 0) {
    plan->rank = 1;
    plan->sizes[0] = 1;
    for (int j = 0; j < plan->operand_count; ++j) plan->strides[j][0] = 1;
  }
  for (int j = 0; j < plan->operand_count; ++j) {
    int64_t expected = 1;
    plan->is_flat[j] = true;
    for (int i = plan->rank - 1; i >= 0; --i) {
      plan->is_flat[j] = plan->is_flat[j] && plan->strides[j][i] == expected;
      expected *= plan->sizes[i];
    }
  }
}

// Calls `row_function` for the rows of operand `j` that hold elements [begin, begin + count).
typedef void (*row_function_t)(const ppn_tensor_t* tensor, int64_t offset, int64_t stride,
                               int64_t count, ppn_dtype_t type, void* row);

static void visit_rows(const plan_t* plan, int j, int64_t begin, int64_t count,
                       const ppn_tensor_t* tensor, ppn_dtype_t type, void* row,
                       row_function_t row_function) {
  int last = plan->rank - 1;
  int64_t index[PPN_MAX_RANK], offset = 0, rest = begin;
  for (int i = last; i >= 0; --i) {
    index[i] = rest % plan->sizes[i];
    rest /= plan->sizes[i];
    offset += index[i] * plan->strides[j][i];
  }
  int64_t step = (int64_t)ppn_dtype_size(type);
  while (true) {
    int64_t part = plan->sizes[last] - index[last];
    if (part > count) part = count;
    row_function(tensor, offset, plan->strides[j][last], part, type, row);
    count -= part;
    if (count == 0) return;
    row = (uint8_t*)row + part * step;
    offset -= index[last] * plan->strides[j][last];
    index[last] = 0;
    for (int i = last - 1; i >= 0; --i) {
      offset += plan->strides[j][i];
      if (++index[i] < plan->sizes[i]) break;
      offset -= plan->strides[j][i] * plan->sizes[i];
      index[i] = 0;
    }
  }
}

static void load_row(const ppn_tensor_t* tensor, int64_t offset, int64_t stride, int64_t count,
                     ppn_dtype_t type, void* row) {
  ppn_row_load(tensor->dtype, ppn_row_at(tensor->dtype, tensor->data, offset), stride, count, type,
               row);
}

static void store_row(const ppn_tensor_t* tensor, int64_t offset, int64_t stride, int64_t count,
                      ppn_dtype_t type, void* row) {
  ppn_row_store(tensor->dtype, ppn_row_at_mutable(tensor->dtype, tensor->data, offset), stride,
                count, type, row);
}

// Where operand j's elements [begin, begin + count) lie when they are in place: dense, of the type
// that the function wants. NULL when they have to be gathered.
static void* in_place(const plan_t* plan, int j, const ppn_tensor_t* tensor, ppn_dtype_t type,
                      int64_t begin, int64_t count) {
  if (tensor->dtype != type) return NULL;
  if (plan->is_flat[j]) return ppn_row_at_mutable(type, tensor->data, begin);
  int last = plan->rank - 1;
  if (plan->strides[j][last] != 1 || begin % plan->sizes[last] + count > plan->sizes[last]) {
    return NULL;
  }
  int64_t offset = 0;
  for (int i = last; i >= 0; --i) {
    offset += begin % plan->sizes[i] * plan->strides[j][i];
    begin /= plan->sizes[i];
  }
  return ppn_row_at_mutable(type, tensor->data, offset);
}

static void run_chunk(const plan_t* plan, int64_t begin, int64_t count) {
  const ppn_map_t* map = plan->map;
  ppn_row_buffer_t buffers[MAX_OPERANDS];
  const void* inputs[PPN_MAP_MAX_INPUTS];
  for (int i = 0; i < map->input_count; ++i) {
    inputs[i] = in_place(plan, i + 1, map->inputs[i], map->input_types[i], begin, count);
    if (inputs[i]) continue;
    inputs[i] = &buffers[i + 1];
    visit_rows(plan, i + 1, begin, count, map->inputs[i], map->input_types[i], &buffers[i + 1],
               load_row);
  }
  void* out = in_place(plan, 0, map->out, map->out_type, begin, count);
  if (out) {
    map->function(inputs, out, count, map->parameters);
  } else {
    map->function(inputs, &buffers[0], count, map->parameters);
    visit_rows(plan, 0, begin, count, map->out, map->out_type, &buffers[0], store_row);
  }
}

static void run_piece(void* context, size_t begin, size_t end) {
  const plan_t* plan = context;
  int64_t inner = plan->sizes[plan->rank - 1];
  for (int64_t at = (int64_t)begin; at < (int64_t)end;) {
    int64_t count = (int64_t)end - at;
    if (count > PPN_ROW_CHUNK) count = PPN_ROW_CHUNK;
    // Long rows are not crossed, so that a row which is dense is used where it lies.
    if (inner >= SHORT_ROW && plan->rank > 1 && at % inner + count > inner) {
      count = inner - at % inner;
    }
    run_chunk(plan, at, count);
    at += count;
  }
}

void ppn_map_run(const ppn_map_t* map, ppn_thread_pool_t* pool) {
  int64_t count = ppn_tensor_numel(map->out);
  if (count == 0) return;
  plan_t plan;
  make_plan(map, &plan);
  ppn_thread_pool_parallel_for(pool, (size_t)count, PIECE, run_piece, &plan);
}
