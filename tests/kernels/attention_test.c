// Attention, compared with its definition over sizes, masks and batches.
#include "kernels/attention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "kernels/support.h"

static ppn_thread_pool_t* pool;

static void check(ppn_attention_t attention) {
  int64_t heads = 3, groups = 1;  // K and V are shared by all heads of a batch item
  attention.batch_rank = 2;
  attention.batch_sizes[0] = 2, attention.batch_sizes[1] = heads;
  attention.q_row_stride = attention.head_size + 1;
  attention.k_row_stride = attention.head_size;
  attention.v_row_stride = attention.value_size + 2;
  attention.out_row_stride = attention.value_size;
  int64_t q_size = attention.queries * attention.q_row_stride,
          k_size = attention.keys * attention.k_row_stride,
          v_size = attention.keys * attention.v_row_stride,
          out_size = attention.queries * attention.out_row_stride;
  attention.q_batch_strides[1] = q_size, attention.q_batch_strides[0] = heads * q_size;
  attention.k_batch_strides[0] = groups * k_size, attention.v_batch_strides[0] = groups * v_size;
  attention.out_batch_strides[1] = out_size, attention.out_batch_strides[0] = heads * out_size;
  float *q = random_floats(2 * heads * q_size), *k = random_floats(2 * k_size),
        *v = random_floats(2 * v_size), *expected = random_floats(2 * heads * out_size),
        *actual = random_floats(2 * heads * out_size);
  attention.q = q, attention.k = k, attention.v = v;
  attention.scale = 2;
  attention.out = expected;
  assert_true(ppn_attention_reference(&attention));
  attention.out = actual;
  void* scratch = aligned_bytes(ppn_attention_scratch_size(&attention, ppn_thread_pool_size(pool)));
  ppn_attention_run(&attention, scratch, pool);
  if (first_difference(actual, expected, 2 * heads * out_size, 1e-5f) >= 0) {
    fail_msg("queries %lld keys %lld sizes %lld %lld mask %s%s", (long long)attention.queries,
             (long long)attention.keys, (long long)attention.head_size,
             (long long)attention.value_size,
             attention.mask ? ppn_dtype_name(attention.mask_dtype) : "none",
             attention.is_causal ? " causal" : "");
  }
  free(scratch);
  free(q);
  free(k);
  free(v);
  free(expected);
  free(actual);
}

static void any_size(void** state) {
  (void)state;
  static const int64_t sizes[] = {1, 2, 5, 17, 42, 84, 85, 197, 530, 1100};
  for (int round = 0; round < 120; ++round) {
    ppn_attention_t attention = {.queries = sizes[random_int(0, 7)],
                                 .keys = sizes[random_int(0, 9)]};
    attention.head_size = random_int(1, 40), attention.value_size = random_int(1, 40);
    attention.is_causal = random_int(0, 1);
    check(attention);
  }
}

static void masks(void** state) {
  (void)state;
  for (int round = 0; round < 80; ++round) {
    ppn_attention_t attention = {.queries = random_int(1, 60), .keys = random_int(1, 700)};
    attention.head_size = 16, attention.value_size = 24;
    attention.is_causal = random_int(0, 3) == 0;
    int64_t count = attention.queries * attention.keys;
    float* bias = random_floats(count);
    uint8_t* allowed = malloc((size_t)count);
    // Whole blocks of keys and whole rows are hidden, too.
    for (int64_t i = 0; i < count; ++i) {
      int64_t row = i / attention.keys, column = i % attention.keys;
      allowed[i] = row % 5 != 3 && (round % 2 || column >= 600) && random_int(0, 2) > 0;
      if (random_int(0, 9) == 0) bias[i] = -INFINITY;
    }
    bool is_bool = random_int(0, 1);
    attention.mask = is_bool ? (const void*)allowed : bias;
    attention.mask_dtype = is_bool ? PPN_DTYPE_BOOL : PPN_DTYPE_FLOAT32;
    attention.mask_column_stride = 1;
    attention.mask_row_stride = random_int(0, 1) ? attention.keys : 0;
    check(attention);
    free(bias);
    free(allowed);
  }
}

static void large_scores_do_not_overflow(void** state) {
  (void)state;
  float q[6 * 1], k[2] = {1000, 999}, v[2] = {1, 2}, out[6];
  for (int i = 0; i < 6; ++i) q[i] = 1;
  ppn_attention_t attention = {.queries = 6,
                               .keys = 2,
                               .head_size = 1,
                               .value_size = 1,
                               .scale = 1,
                               .q = q,
                               .k = k,
                               .v = v,
                               .out = out,
                               .q_row_stride = 1,
                               .k_row_stride = 1,
                               .v_row_stride = 1,
                               .out_row_stride = 1};
  void* scratch = aligned_bytes(ppn_attention_scratch_size(&attention, 1));
  ppn_attention_run(&attention, scratch, NULL);
  float expected = 1 + 1 / (1 + expf(1));
  for (int i = 0; i < 6; ++i) assert_true(fabsf(out[i] - expected) < 1e-6f);
  free(scratch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_size),
      cmocka_unit_test(masks),
      cmocka_unit_test(large_scores_do_not_overflow),
  };
  ppn_status_free(ppn_thread_pool_create(3, &pool));
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  ppn_thread_pool_free(pool);
  return failures;
}
