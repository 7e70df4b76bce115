// The matrix product, compared with the plain one over odd sizes, strides, dtypes and threads.
#include "kernels/gemm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "base/half.h"
#include "kernels/support.h"

static ppn_thread_pool_t* pool;

// Not idempotent and different for every element: each must be finished once, by its own place.
static void finish(void* context, float* values, int64_t batch, int64_t row, int64_t column,
                   int64_t count) {
  const float* factor = context;
  for (int64_t i = 0; i < count; ++i)
    values[i] = values[i] * *factor + (float)(batch + row % 3 + (column + i) % 5);
}

// Runs both and compares C, which has `c_size` floats.
static void check(const ppn_gemm_t* gemm, int64_t c_size, float tolerance) {
  float* expected = random_floats(c_size);
  float* actual = malloc((size_t)(c_size ? c_size : 1) * sizeof(float));
  memcpy(actual, expected, (size_t)c_size * sizeof(float));
  ppn_gemm_t reference = *gemm;
  reference.c = expected;
  ppn_gemm_reference(&reference);
  ppn_gemm_t fast = *gemm;
  fast.c = actual;
  void* scratch = aligned_bytes(ppn_gemm_scratch_size(&fast, ppn_thread_pool_size(pool)));
  ppn_gemm_run(&fast, scratch, pool);
  int64_t difference = first_difference(actual, expected, c_size, tolerance);
  if (difference >= 0) {
    fail_msg("rows %lld columns %lld depth %lld dtype %s, a strides %lld %lld, b strides %lld %lld",
             (long long)gemm->rows, (long long)gemm->columns, (long long)gemm->depth,
             ppn_dtype_name(gemm->b.dtype), (long long)gemm->a_row_stride,
             (long long)gemm->a_depth_stride, (long long)gemm->b.depth_stride,
             (long long)gemm->b.column_stride);
  }
  free(scratch);
  free(expected);
  free(actual);
}

static int64_t odd_size(void) {
  static const int64_t sizes[] = {1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 17, 31, 32, 33, 50, 97, 130};
  return sizes[random_int(0, (int64_t)(sizeof(sizes) / sizeof(sizes[0])) - 1)];
}

static void sizes_and_strides(void** state) {
  (void)state;
  for (int round = 0; round < 400; ++round) {
    ppn_gemm_t gemm = ppn_gemm_make(odd_size(), odd_size(), round % 16 == 0 ? 600 : odd_size());
    bool a_transposed = random_int(0, 1), b_transposed = random_int(0, 1);
    int64_t a_pad = random_int(0, 3), b_pad = random_int(0, 3), c_pad = random_int(0, 3);
    gemm.a_row_stride = a_transposed ? 1 : gemm.depth + a_pad;
    gemm.a_depth_stride = a_transposed ? gemm.rows + a_pad : 1;
    gemm.b.depth_stride = b_transposed ? 1 : gemm.columns + b_pad;
    gemm.b.column_stride = b_transposed ? gemm.depth + b_pad : 1;
    gemm.c_row_stride = gemm.columns + c_pad;
    float* a = random_floats((a_transposed ? gemm.depth : gemm.rows) *
                             ((a_transposed ? gemm.rows : gemm.depth) + a_pad));
    float* b = random_floats((b_transposed ? gemm.columns : gemm.depth) *
                             ((b_transposed ? gemm.depth : gemm.columns) + b_pad));
    float* row_bias = random_floats(gemm.rows);
    float* column_bias = random_floats(gemm.columns);
    gemm.a = a, gemm.b.data = b;
    if (random_int(0, 2) == 0) gemm.alpha = 0.5f;
    if (random_int(0, 2) == 0) gemm.beta = random_int(0, 1) ? 1 : -0.25f;
    if (random_int(0, 1)) gemm.epilogue.row_bias = row_bias;
    if (random_int(0, 1)) gemm.epilogue.column_bias = column_bias;
    gemm.epilogue.is_clamped = random_int(0, 1);
    gemm.epilogue.minimum = -1, gemm.epilogue.maximum = 2;
    float factor = 2;
    gemm.epilogue.context = &factor;
    if (random_int(0, 1)) gemm.epilogue.finish = finish;
    check(&gemm, gemm.rows * gemm.c_row_stride, 1e-6f * (float)(20 + gemm.depth));
    free(a);
    free(b);
    free(row_bias);
    free(column_bias);
  }
}

static void large_enough_for_blocks_and_threads(void** state) {
  (void)state;
  ppn_gemm_t gemm = ppn_gemm_make(173, 1100, 530);
  float* a = random_floats(gemm.rows * gemm.depth);
  float* b = random_floats(gemm.columns * gemm.depth);
  gemm.a = a, gemm.b.data = b;
  check(&gemm, gemm.rows * gemm.columns, 1e-4f);
  // One group of columns after another: more of B than is packed at a time.
  gemm = ppn_gemm_make(9, 600, 6000);
  free(a);
  free(b);
  a = random_floats(gemm.rows * gemm.depth), b = random_floats(gemm.columns * gemm.depth);
  gemm.a = a, gemm.b.data = b;
  check(&gemm, gemm.rows * gemm.columns, 1e-4f);
  free(a);
  free(b);
}

static void no_depth_scales_what_is_there(void** state) {
  (void)state;
  for (int64_t rows = 1; rows < 20; rows += 18) {
    ppn_gemm_t gemm = ppn_gemm_make(rows, 5, 0);
    float a = 0, b = 0;
    gemm.a = &a, gemm.b.data = &b, gemm.beta = 3;
    check(&gemm, rows * 5, 0);
    gemm.beta = 0;
    check(&gemm, rows * 5, 0);
  }
}

static void nan_is_not_clamped_away(void** state) {
  (void)state;
  float a[2] = {NAN, 1}, b[2] = {1, 1}, c[2];
  ppn_gemm_t gemm = ppn_gemm_make(2, 1, 1);
  gemm.a = a, gemm.b.data = b, gemm.c = c;
  gemm.epilogue.is_clamped = true, gemm.epilogue.maximum = 6;
  void* scratch = aligned_bytes(ppn_gemm_scratch_size(&gemm, 1));
  ppn_gemm_run(&gemm, scratch, NULL);
  assert_true(isnan(c[0]));
  assert_true(c[1] == 1);
  free(scratch);
}

static void batches_broadcast(void** state) {
  (void)state;
  for (int64_t rows = 1; rows <= 20; rows += 19) {
    // A is [3, 1, rows, 37], B is [2, 37, 18], C is [3, 2, rows, 18].
    ppn_gemm_t gemm = ppn_gemm_make(rows, 18, 37);
    float* a = random_floats(3 * rows * 37);
    float* b = random_floats((int64_t)2 * 37 * 18);
    gemm.a = a, gemm.b.data = b;
    gemm.batch_rank = 2, gemm.batch_sizes[0] = 3, gemm.batch_sizes[1] = 2;
    gemm.a_batch_strides[0] = rows * 37;
    gemm.b_batch_strides[1] = (int64_t)37 * 18;
    gemm.c_batch_strides[0] = 2 * rows * 18, gemm.c_batch_strides[1] = rows * 18;
    check(&gemm, 6 * rows * 18, 1e-5f);
    free(a);
    free(b);
  }
}

// Fills B of any dtype with random elements.
static void* random_elements(ppn_dtype_t dtype, int64_t count) {
  size_t size = (size_t)(ppn_dtype_bits(dtype) * (uint64_t)count + 7) / 8;
  uint8_t* bytes = malloc(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = (uint8_t)random_bits();
  for (int64_t i = 0; i < count; ++i) {
    if (dtype == PPN_DTYPE_FLOAT32) ((float*)(void*)bytes)[i] = random_float();
    if (dtype == PPN_DTYPE_FLOAT16)
      ((uint16_t*)(void*)bytes)[i] = ppn_float_to_half(random_float());
    if (dtype == PPN_DTYPE_BFLOAT16)
      ((uint16_t*)(void*)bytes)[i] = ppn_float_to_bfloat16(random_float());
  }
  return bytes;
}

static void compressed_operands(void** state) {
  (void)state;
  static const ppn_dtype_t dtypes[] = {PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT16, PPN_DTYPE_BFLOAT16,
                                       PPN_DTYPE_INT8,    PPN_DTYPE_UINT8,   PPN_DTYPE_INT4,
                                       PPN_DTYPE_UINT4};
  static const int64_t blocks[] = {0, 16, 32};
  for (int round = 0; round < 300; ++round) {
    // Now and then deeper than what is read at a time.
    int64_t depth = round % 10 == 0 ? 1024 + odd_size() * 2 : odd_size() * 2;
    ppn_gemm_t gemm = ppn_gemm_make(random_int(1, 40), odd_size(), depth);
    gemm.b.dtype = dtypes[round % 7];
    bool by_columns = random_int(0, 1);
    if (by_columns) gemm.b.depth_stride = 1, gemm.b.column_stride = gemm.depth;
    float* a = random_floats(gemm.rows * gemm.depth);
    void* b = random_elements(gemm.b.dtype, gemm.columns * gemm.depth);
    gemm.a = a, gemm.b.data = b;
    gemm.b.block = blocks[random_int(0, 2)];
    int64_t scale_count = gemm.b.block ? (gemm.depth + gemm.b.block - 1) / gemm.b.block : 1;
    gemm.b.scale_column_stride = scale_count;
    float* scales = random_floats(gemm.columns * scale_count);
    float* offsets = random_floats(gemm.columns * scale_count);
    if (random_int(0, 2)) gemm.b.scales = scales;
    if (random_int(0, 1)) gemm.b.offsets = offsets;
    check(&gemm, gemm.rows * gemm.columns, 1e-3f);
    free(a);
    free(b);
    free(scales);
    free(offsets);
  }
}

static void packed_operands(void** state) {
  (void)state;
  for (int round = 0; round < 200; ++round) {
    ppn_gemm_t gemm = ppn_gemm_make(odd_size(), odd_size(), round % 8 == 0 ? 300 : odd_size());
    ppn_dtype_t storage = random_int(0, 1) ? PPN_DTYPE_FLOAT16 : PPN_DTYPE_FLOAT32;
    gemm.b.dtype = random_int(0, 1) ? PPN_DTYPE_FLOAT16 : PPN_DTYPE_INT8;
    if (random_int(0, 1)) gemm.b.depth_stride = 1, gemm.b.column_stride = gemm.depth;
    float* a = random_floats(gemm.rows * gemm.depth);
    void* b = random_elements(gemm.b.dtype, gemm.columns * gemm.depth);
    float scale = 0.25f;  // exact in half precision
    gemm.a = a, gemm.b.data = b;
    if (random_int(0, 1)) gemm.b.scales = &scale;
    float* expected = random_floats(gemm.rows * gemm.columns);
    float* actual = random_floats(gemm.rows * gemm.columns);
    gemm.c = expected;
    ppn_gemm_reference(&gemm);
    void* packed = aligned_bytes(ppn_gemm_packed_size(gemm.columns, gemm.depth, storage));
    ppn_gemm_pack(&gemm.b, gemm.columns, gemm.depth, storage, packed);
    gemm.packed_b = packed, gemm.packed_dtype = storage, gemm.c = actual;
    gemm.b.data = NULL;
    void* scratch = aligned_bytes(ppn_gemm_scratch_size(&gemm, ppn_thread_pool_size(pool)));
    ppn_gemm_run(&gemm, scratch, pool);
    assert_int_equal(first_difference(actual, expected, gemm.rows * gemm.columns, 1e-3f), -1);
    free(scratch);
    free(packed);
    free(a);
    free(b);
    free(expected);
    free(actual);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes_and_strides),
      cmocka_unit_test(large_enough_for_blocks_and_threads),
      cmocka_unit_test(no_depth_scales_what_is_there),
      cmocka_unit_test(nan_is_not_clamped_away),
      cmocka_unit_test(batches_broadcast),
      cmocka_unit_test(compressed_operands),
      cmocka_unit_test(packed_operands),
  };
  ppn_status_free(ppn_thread_pool_create(3, &pool));
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  ppn_thread_pool_free(pool);
  return failures;
}
