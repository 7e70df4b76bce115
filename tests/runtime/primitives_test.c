// Arithmetic on a program's own numbers: what Python computes, where ExecuTorch does too.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "runtime/operator.h"

static ppn_runtime_value_t integer(int64_t number) {
  return (ppn_runtime_value_t){.kind = PPN_RUNTIME_INT, .u.integer = number};
}
static ppn_runtime_value_t real(double number) {
  return (ppn_runtime_value_t){.kind = PPN_RUNTIME_DOUBLE, .u.number = number};
}
static ppn_runtime_value_t truth(bool value) {
  return (ppn_runtime_value_t){.kind = PPN_RUNTIME_BOOL, .u.boolean = value};
}

// Calls "executorch_prim::<name>.<overload>" with these values and one for the result.
static ppn_status_t call(const char* name, const char* overload, ppn_runtime_value_t* values,
                         uint32_t count, ppn_runtime_value_t* out) {
  ppn_runtime_value_t* arguments[8];
  char full[64];
  snprintf(full, sizeof(full), "executorch_prim::%s", name);
  const ppn_operator_row_t* row = ppn_operator_find(full, overload);
  assert_non_null(row);
  for (uint32_t i = 0; i < count; ++i) arguments[i] = &values[i];
  arguments[count] = out;
  *out = (ppn_runtime_value_t){.kind = PPN_RUNTIME_NONE};
  ppn_arena_t scratch = {0};
  ppn_operator_call_t operator_call = {
      .name = row->name, .arguments = arguments, .argument_count = count + 1, .scratch = &scratch};
  ppn_status_t status = row->run(&operator_call);
  ppn_arena_release(&scratch);
  return status;
}

static void expect2(const char* name, const char* overload, ppn_runtime_value_t a,
                    ppn_runtime_value_t b, ppn_runtime_value_t expected) {
  ppn_runtime_value_t values[] = {a, b}, out;
  assert_null(call(name, overload, values, 2, &out));
  assert_int_equal(out.kind, expected.kind);
  if (expected.kind == PPN_RUNTIME_DOUBLE) {
    assert_true(out.u.number == expected.u.number &&
                signbit(out.u.number) == signbit(expected.u.number));
  } else if (expected.kind == PPN_RUNTIME_BOOL) {
    assert_int_equal(out.u.boolean, expected.u.boolean);
  } else {
    assert_int_equal(out.u.integer, expected.u.integer);
  }
}

static void expect1(const char* name, ppn_runtime_value_t a, ppn_runtime_value_t expected) {
  ppn_runtime_value_t values[] = {a}, out;
  assert_null(call(name, "Scalar", values, 1, &out));
  assert_int_equal(out.kind, expected.kind);
  if (expected.kind == PPN_RUNTIME_DOUBLE) {
    assert_true(out.u.number == expected.u.number);
  } else {
    assert_int_equal(out.u.integer, expected.u.integer);
  }
}

static void adds_and_multiplies(void** state) {
  (void)state;
  expect2("add", "Scalar", integer(2), integer(3), integer(5));
  expect2("add", "Scalar", integer(2), real(0.5), real(2.5));
  expect2("sub", "Scalar", integer(2), integer(3), integer(-1));
  expect2("mul", "Scalar", real(2), integer(-3), real(-6));
  expect2("add", "Scalar", integer(INT64_MAX), integer(1), integer(INT64_MIN));  // wraps
}

static void divides_as_python_does(void** state) {
  (void)state;
  expect2("floordiv", "Scalar", integer(7), integer(2), integer(3));
  expect2("floordiv", "Scalar", integer(-7), integer(2), integer(-4));
  expect2("floordiv", "Scalar", integer(7), integer(-2), integer(-4));
  expect2("floordiv", "Scalar", integer(-6), integer(2), integer(-3));
  expect2("floordiv", "Scalar", real(-7.5), integer(2), real(-4));
  expect2("floordiv", "Scalar", real(7.5), real(0), real(INFINITY));
  expect2("floordiv", "Scalar", real(-0.0), real(3), real(-0.0));
  expect2("floordiv", "Scalar", integer(INT64_MIN), integer(-1), integer(INT64_MIN));
  expect2("truediv", "Scalar", integer(1), integer(4), real(0.25));
  // C's, not Python's: as the official runtime.
  expect2("floordiv", "int", integer(-7), integer(2), integer(-3));
  expect2("mod", "Scalar", integer(-7), integer(3), integer(-1));
  expect2("mod", "int", integer(INT64_MIN), integer(-1), integer(0));
  ppn_runtime_value_t values[] = {integer(1), integer(0)}, out;
  ppn_status_t status = call("floordiv", "Scalar", values, 2, &out);
  assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_ARGUMENT);
  ppn_status_free(status);
}

static void compares(void** state) {
  (void)state;
  expect2("eq", "Scalar", integer(2), real(2), truth(true));
  expect2("eq", "Scalar", truth(true), truth(false), truth(false));
  expect2("lt", "Scalar", integer(1), integer(2), truth(true));
  expect2("le", "Scalar", integer(2), integer(2), truth(true));
  expect2("gt", "Scalar", real(NAN), integer(2), truth(false));
  expect2("le", "Scalar", real(NAN), real(NAN), truth(false));
  expect2("ge", "Scalar", integer(3), integer(2), truth(true));
  expect2("sym_max", "Scalar", integer(3), integer(-2), integer(3));
  expect2("sym_min", "Scalar", integer(3), integer(-2), integer(-2));
}

static void rounds(void** state) {
  (void)state;
  expect1("neg", integer(4), integer(-4));
  expect1("ceil", real(1.2), integer(2));
  expect1("trunc", real(-1.8), integer(-1));
  expect1("round", real(2.5), integer(2));
  expect1("round", real(3.5), integer(4));
  expect1("sym_float", integer(3), real(3));
  expect1("sym_int", real(-3.9), integer(-3));
  ppn_runtime_value_t values[] = {real(1e300)}, out;
  ppn_status_t status = call("ceil", "Scalar", values, 1, &out);
  assert_int_equal(ppn_status_code(status), PPN_STATUS_OUT_OF_RANGE);
  ppn_status_free(status);
  ppn_runtime_value_t choice[] = {truth(false), integer(1), real(2.5)};
  assert_null(call("sym_ite", "Scalar", choice, 3, &out));
  assert_int_equal(out.kind, PPN_RUNTIME_DOUBLE);
  assert_true(out.u.number == 2.5);
}

static ppn_runtime_tensor_t vector(float* data, int64_t size, bool dynamic) {
  return (ppn_runtime_tensor_t){.view = ppn_tensor_make(data, PPN_DTYPE_FLOAT32, 1, &size),
                                .bounds = {size},
                                .is_dynamic = dynamic,
                                .capacity = (size_t)size * 4};
}

static void views_share_memory(void** state) {
  (void)state;
  float data[6] = {0}, elsewhere[6] = {0};
  ppn_runtime_tensor_t self = vector(data, 6, false), view = {0};
  static const int64_t sizes[] = {3, 2};
  view.view = ppn_tensor_make(elsewhere, PPN_DTYPE_FLOAT32, 2, sizes);
  view.bounds[0] = 3, view.bounds[1] = 2, view.dim_order[1] = 1;
  ppn_runtime_value_t first = integer(3), second = integer(-1), *items[] = {&first, &second};
  ppn_runtime_value_t values[] = {{.kind = PPN_RUNTIME_TENSOR, .u.tensor = &self},
                                  {.kind = PPN_RUNTIME_INT_LIST, .count = 2, .u.items = items},
                                  {.kind = PPN_RUNTIME_TENSOR, .u.tensor = &view}};
  ppn_runtime_value_t* arguments[] = {&values[0], &values[1], &values[2]};
  const ppn_operator_row_t* row = ppn_operator_find("executorch_prim::et_view", "default");
  ppn_operator_call_t view_call = {.name = row->name, .arguments = arguments, .argument_count = 3};
  assert_null(row->run(&view_call));
  assert_ptr_equal(view.view.data, data);
  assert_int_equal(view.view.sizes[1], 2);
  assert_int_equal(view.capacity, 24);
  second.u.integer = 4;  // 12 elements
  ppn_status_t status = row->run(&view_call);
  assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_ARGUMENT);
  ppn_status_free(status);
}

static void loops_append_slices(void** state) {
  (void)state;
  float all_data[6] = {0}, slice_data[2] = {5, 6};
  ppn_runtime_tensor_t slice = vector(slice_data, 2, false), all = {0};
  static const int64_t sizes[] = {3, 2};
  all.view = ppn_tensor_make(all_data, PPN_DTYPE_FLOAT32, 2, sizes);
  all.bounds[0] = 3, all.bounds[1] = 2, all.dim_order[1] = 1;
  all.is_dynamic = true, all.capacity = sizeof(all_data);
  ppn_runtime_value_t values[] = {{.kind = PPN_RUNTIME_TENSOR, .u.tensor = &all},
                                  {.kind = PPN_RUNTIME_TENSOR, .u.tensor = &slice},
                                  integer(1)};
  ppn_runtime_value_t* arguments[] = {&values[0], &values[1], &values[2]};
  const ppn_operator_row_t* row = ppn_operator_find("executorch_prim::et_copy_index", "tensor");
  ppn_operator_call_t append = {.name = row->name, .arguments = arguments, .argument_count = 3};
  assert_null(row->run(&append));
  assert_int_equal(all.view.sizes[0], 2);
  assert_true(all_data[2] == 5 && all_data[3] == 6 && all_data[4] == 0);
  values[2].u.integer = 3;  // a fourth slice does not fit
  ppn_status_t status = row->run(&append);
  assert_int_equal(ppn_status_code(status), PPN_STATUS_OUT_OF_RANGE);
  ppn_status_free(status);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(adds_and_multiplies),
      cmocka_unit_test(divides_as_python_does),
      cmocka_unit_test(compares),
      cmocka_unit_test(rounds),
      cmocka_unit_test(views_share_memory),
      cmocka_unit_test(loops_append_slices),
  };
  return cmocka_run_group_tests_name("primitives", tests, NULL, NULL);
}
