#include "kernels/suppression.h"

#include "base/checked.h"
#include "kernels/sort.h"

static float number_at(const ppn_tensor_t* matrix, int64_t row, int64_t column) {
  return ((const float*)matrix->data)[row * matrix->strides[0] + column * matrix->strides[1]];
}

// Scratch memory: best score, its class and the order of each box, then the sort's own.
typedef struct ranking {
  float* scores;
  int32_t *classes, *order;
  void* rest;
} ranking_t;

static size_t ranking_size(int64_t count) {
  return ppn_align((size_t)count * (sizeof(float) + 2 * sizeof(int32_t)), 64);
}

size_t ppn_kernel_suppress_scratch(int64_t box_count) {
  ppn_tensor_t scores = ppn_tensor_make(NULL, PPN_DTYPE_FLOAT32, 1, &box_count);
  return ranking_size(box_count) + ppn_kernel_sort_scratch(&scores, 0, box_count, NULL);
}

static ranking_t rank_boxes(const ppn_tensor_t* scores, void* scratch) {
  int64_t count = scores->sizes[0];
  ranking_t ranking = {.scores = scratch};
  ranking.classes = (int32_t*)(void*)(ranking.scores + count);
  ranking.order = ranking.classes + count;
  ranking.rest = (uint8_t*)scratch + ranking_size(count);
  for (int64_t i = 0; i < count; ++i) {
    int64_t best = 0;
    for (int64_t j = 1; j < scores->sizes[1]; ++j) {
      if (number_at(scores, i, j) > number_at(scores, i, best)) best = j;
    }
    ranking.classes[i] = (int32_t)best;
    ranking.scores[i] = scores->sizes[1] > 0 ? number_at(scores, i, best) : 0;
  }
  ppn_tensor_t keys = ppn_tensor_make(ranking.scores, PPN_DTYPE_FLOAT32, 1, &count),
               order = ppn_tensor_make(ranking.order, PPN_DTYPE_INT32, 1, &count);
  ppn_kernel_sort(&keys, 0, count, true, NULL, &order, ranking.rest, NULL);
  return ranking;
}

// The length that two intervals, given by centre and size, have in common.
static float shared_length(float a, float a_size, float b, float b_size) {
  float a_low = a - a_size / 2, a_high = a + a_size / 2, b_low = b - b_size / 2,
        b_high = b + b_size / 2;
  float low = a_low > b_low ? a_low : b_low, high = a_high < b_high ? a_high : b_high;
  return high > low ? high - low : 0;
}

static float intersection_over_union(const ppn_tensor_t* boxes, int64_t a, int64_t b) {
  float box[2][4];
  for (int i = 0; i < 4; ++i) {
    box[0][i] = number_at(boxes, a, i);
    box[1][i] = number_at(boxes, b, i);
  }
  float shared = shared_length(box[0][0], box[0][2], box[1][0], box[1][2]) *
                 shared_length(box[0][1], box[0][3], box[1][1], box[1][3]);
  float all = box[0][2] * box[0][3] + box[1][2] * box[1][3] - shared;
  return all > 0 ? shared / all : 0;
}

int64_t ppn_kernel_suppress(const ppn_tensor_t* boxes, const ppn_tensor_t* scores,
                            const ppn_suppression_t* suppression, void* scratch, int32_t* out) {
  ranking_t ranking = rank_boxes(scores, scratch);
  int64_t kept = 0;
  for (int64_t i = 0; i < boxes->sizes[0] && kept < suppression->limit; ++i) {
    int32_t box = ranking.order[i];
    if (!(ranking.scores[box] >= suppression->score)) continue;
    bool stays = true;
    for (int64_t j = 0; stays && j < kept; ++j) {
      if (suppression->per_class && ranking.classes[box] != ranking.classes[out[j]]) continue;
      stays = !(intersection_over_union(boxes, box, out[j]) > suppression->overlap);
    }
    if (stays) out[kept++] = box;
  }
  if (kept == 0 && boxes->sizes[0] > 0 && suppression->limit > 0) out[kept++] = ranking.order[0];
  return kept;
}
