// The `.pte` reader: what the writer wrote comes back; damage of every kind is an error with an
// offset, never a crash. (Official files are read in tests/python/test_runtime.py.)
#include "formats/pte_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "formats/pte_sample.h"

static void reads_what_was_written(void** state) {
  (void)state;
  pte_sample_t sample;
  size_t size;
  pte_sample_fill(&sample);
  uint8_t* bytes = pte_sample_write(&sample, &size);
  ppn_pte_file_t* file;
  assert_null(ppn_pte_open(ppn_span_make(bytes, size), &file));
  assert_int_equal(file->plan_count, 2);
  assert_null(ppn_pte_find_plan(file, "backward"));
  const ppn_pte_plan_t* plan = ppn_pte_find_plan(file, "forward");
  assert_non_null(plan);
  assert_string_equal(plan->encoded_inputs, "in");
  assert_string_equal(plan->encoded_outputs, "out");
  assert_int_equal(plan->value_count, SAMPLE_VALUE_COUNT);
  for (uint32_t i = 0; i < SAMPLE_VALUE_COUNT; ++i) {
    assert_int_equal(plan->values[i].type, sample.values[i].type);
  }
  const ppn_pte_tensor_t* x = &plan->values[SAMPLE_X].u.tensor;
  assert_int_equal(x->dtype, PPN_DTYPE_FLOAT32);
  assert_int_equal(x->rank, 2);
  assert_int_equal(x->sizes[0], 4);
  assert_int_equal(x->dim_order[1], 1);
  assert_int_equal(x->dynamism, PPN_PTE_DYNAMIC_BOUND);
  assert_int_equal(plan->values[SAMPLE_OUT].u.tensor.memory_offset, 48);
  assert_int_equal(plan->values[SAMPLE_TWO].u.integer, 2);
  assert_int_equal(plan->values[SAMPLE_INTS].u.ints[1], SAMPLE_TWO);
  assert_int_equal(plan->values[SAMPLE_OPTIONALS].u.ids[0], -1);
  assert_true(plan->values[SAMPLE_NUMBERS].u.doubles[1] == -2);
  assert_int_equal(plan->values[SAMPLE_TRUTHS].u.booleans[0], 1);
  assert_int_equal(plan->values[SAMPLE_TEXT].count, 4);
  assert_string_equal(plan->values[SAMPLE_TEXT].u.string, "tanh");
  assert_int_equal(plan->instruction_count, 6);
  assert_int_equal(plan->instructions[0].args[2], SAMPLE_OUT);
  assert_int_equal(plan->instructions[4].target, 6);
  assert_int_equal(plan->instructions[5].index, SAMPLE_OUT);
  assert_int_equal(plan->instructions[5].target, SAMPLE_PICKED);
  assert_string_equal(plan->operators[2].name, "aten::sym_size");
  assert_string_equal(plan->operators[1].overload, "");
  assert_int_equal(plan->arena_sizes[1], 160);
  assert_false(file->are_constants_inline);
  assert_memory_equal(file->constants[1].data, sample.constant, 12);
  const ppn_pte_plan_t* delegated = ppn_pte_find_plan(file, "delegated");
  assert_string_equal(delegated->delegates[0].id, "NoBackend");
  assert_string_equal(delegated->delegates[0].compile_specs[0].key, "units");
  ppn_span_t payload = file->payloads[delegated->delegates[0].payload], named;
  assert_int_equal(payload.size, 12);
  assert_memory_equal(payload.data, "the payload!", 12);
  assert_true(ppn_pte_find_named_data(file, ppn_sv("the key"), &named));
  assert_memory_equal(named.data, "named bytes.", 12);
  assert_false(ppn_pte_find_named_data(file, ppn_sv("the"), &named));
  ppn_pte_close(file);
  free(bytes);
}

// The error that opening gives; fails the test when there is none.
static ppn_status_t open_fails(ppn_span_t bytes) {
  ppn_pte_file_t* file;
  ppn_status_t status = ppn_pte_open(bytes, &file);
  assert_non_null(status);
  assert_null(file);
  return status;
}

static void expect_message(ppn_status_t status, ppn_status_code_t code, const char* part) {
  if (ppn_status_code(status) != code || !strstr(ppn_status_message(status), part)) {
    fail_msg("expected '%s', found %s: %s", part, ppn_status_code_name(ppn_status_code(status)),
             ppn_status_message(status));
  }
  ppn_status_free(status);
}

static void refuses_every_truncation(void** state) {
  (void)state;
  pte_sample_t sample;
  size_t size;
  pte_sample_fill(&sample);
  uint8_t* bytes = pte_sample_write(&sample, &size);
  for (size_t length = 0; length < size; ++length) {
    uint8_t* cut = malloc(length ? length : 1);
    memcpy(cut, bytes, length);
    ppn_status_t status = open_fails(ppn_span_make(cut, length));
    assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_DATA);
    ppn_status_free(status);
    free(cut);
  }
  expect_message(open_fails(ppn_span_make(bytes, size - 1)), PPN_STATUS_INVALID_DATA, "cut off");
  free(bytes);
}

static void survives_every_flipped_bit(void** state) {
  (void)state;
  pte_sample_t sample;
  size_t size, refused = 0;
  pte_sample_fill(&sample);
  uint8_t* bytes = pte_sample_write(&sample, &size);
  for (size_t bit = 0; bit < size * 8; ++bit) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    ppn_pte_file_t* file;
    ppn_status_t status = ppn_pte_open(ppn_span_make(bytes, size), &file);
    if (status) {
      ppn_status_code_t code = ppn_status_code(status);
      assert_true(code == PPN_STATUS_INVALID_DATA || code == PPN_STATUS_INCOMPATIBLE_VERSION);
      ++refused;
      ppn_status_free(status);
    }
    ppn_pte_close(file);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_true(refused > size);  // most of the description matters
  free(bytes);
}

static void tells_other_files_and_versions(void** state) {
  (void)state;
  pte_sample_t sample;
  size_t size;
  pte_sample_fill(&sample);
  uint8_t* bytes = pte_sample_write(&sample, &size);
  memcpy(bytes + 4, "ET13", 4);
  expect_message(open_fails(ppn_span_make(bytes, size)), PPN_STATUS_INCOMPATIBLE_VERSION, "'ET13'");
  memcpy(bytes + 4, "FT01", 4);
  expect_message(open_fails(ppn_span_make(bytes, size)), PPN_STATUS_INVALID_DATA, "'FT01'");
  memcpy(bytes + 4, "ET12", 4);
  bytes[12] = 23;  // the header's length
  expect_message(open_fails(ppn_span_make(bytes, size)), PPN_STATUS_INVALID_DATA, "offset 12");
  free(bytes);
}

// Writes the changed sample and expects an error that contains `part`.
static void expect_refused(const pte_sample_t* sample, const char* part) {
  size_t size;
  uint8_t* bytes = pte_sample_write(sample, &size);
  assert_non_null(bytes);
  ppn_status_t status = open_fails(ppn_span_make(bytes, size));
  assert_non_null(strstr(ppn_status_message(status), "offset "));
  expect_message(status, PPN_STATUS_INVALID_DATA, part);
  free(bytes);
}

static void refuses_values_out_of_range(void** state) {
  (void)state;
  pte_sample_t sample;
  static const int32_t far[] = {SAMPLE_VALUE_COUNT}, text[] = {SAMPLE_TEXT}, negative[] = {-3, 3};
  static const int64_t far_ints[] = {-1};
  static const uint8_t order[] = {1, 1};

  pte_sample_fill(&sample);
  sample.values[SAMPLE_INTS].u.ints = far_ints;
  sample.values[SAMPLE_INTS].count = 1;
  expect_refused(&sample, "list item 0 is value -1");

  pte_sample_fill(&sample);
  sample.values[SAMPLE_TENSORS].u.ids = text;
  sample.values[SAMPLE_TENSORS].count = 1;
  expect_refused(&sample, "no tensor");

  pte_sample_fill(&sample);
  sample.values[SAMPLE_X].u.tensor.sizes = negative;
  expect_refused(&sample, "size 0 is negative");

  pte_sample_fill(&sample);
  sample.values[SAMPLE_X].u.tensor.dim_order = order;
  expect_refused(&sample, "no permutation");

  pte_sample_fill(&sample);
  sample.values[SAMPLE_X].u.tensor.memory_id = 2;
  expect_refused(&sample, "memory id 2");

  pte_sample_fill(&sample);
  sample.values[SAMPLE_X].u.tensor.memory_offset = 113;
  expect_refused(&sample, "run past the end of arena 1");

  pte_sample_fill(&sample);
  sample.values[SAMPLE_X].u.tensor.memory_offset = UINT64_MAX - 3;
  expect_refused(&sample, "run past the end of arena 1");

  pte_sample_fill(&sample);
  sample.values[SAMPLE_CONSTANT].u.tensor.data_index = 2;
  expect_refused(&sample, "constant 2 of 2");

  pte_sample_fill(&sample);
  static const int32_t four[] = {4};
  sample.values[SAMPLE_CONSTANT].u.tensor.sizes = four;
  expect_refused(&sample, "constant 1 has 12 bytes; its tensor needs 16");

  pte_sample_fill(&sample);
  sample.plans[0].inputs = far;
  expect_refused(&sample, "input 0 is value 19 of 19");
}

static void refuses_instructions_out_of_range(void** state) {
  (void)state;
  pte_sample_t sample;
  static const int32_t far[] = {0, SAMPLE_VALUE_COUNT};

  pte_sample_fill(&sample);
  sample.instructions[0].index = 5;
  expect_refused(&sample, "operator 5 of 5");

  pte_sample_fill(&sample);
  sample.instructions[0].args = far;
  sample.instructions[0].arg_count = 2;
  expect_refused(&sample, "argument 1 is value 19 of 19");

  pte_sample_fill(&sample);
  sample.instructions[4].target = 7;  // 6, the end, is fine
  expect_refused(&sample, "jump to instruction 7");

  pte_sample_fill(&sample);
  sample.instructions[4].target = UINT32_MAX;
  expect_refused(&sample, "jump to instruction -1");

  pte_sample_fill(&sample);
  sample.instructions[5].index = 1000;
  expect_refused(&sample, "moved from value 1000");

  pte_sample_fill(&sample);
  sample.plans[1].delegate_count = 0;
  expect_refused(&sample, "delegate 0 of 0");
}

static void wants_aligned_bytes(void** state) {
  (void)state;
  pte_sample_t sample;
  size_t size;
  pte_sample_fill(&sample);
  uint8_t* bytes = pte_sample_write(&sample, &size);
  uint8_t* shifted = malloc(size + 4);
  memcpy(shifted + 4, bytes, size);
  expect_message(open_fails(ppn_span_make(shifted + 4, size)), PPN_STATUS_INVALID_DATA,
                 "multiple of 16");
  free(shifted);
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_was_written),
      cmocka_unit_test(refuses_every_truncation),
      cmocka_unit_test(survives_every_flipped_bit),
      cmocka_unit_test(tells_other_files_and_versions),
      cmocka_unit_test(refuses_values_out_of_range),
      cmocka_unit_test(refuses_instructions_out_of_range),
      cmocka_unit_test(wants_aligned_bytes),
  };
  return cmocka_run_group_tests_name("pte reader", tests, NULL, NULL);
}
