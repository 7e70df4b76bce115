// Programs as text and back.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "mil/op.h"
#include "mil/text.h"
#include "mil/text_lexer.h"

static ppn_status_t no_weights(void* context, ppn_string_view_t path, ppn_span_t* out_bytes) {
  (void)context, (void)out_bytes;
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "no file '%.*s'", PPN_SV(path));
}

static const ppn_mil_blob_source_t no_blobs = {no_weights, NULL};

static ppn_status_t read_text(const char* text, ppn_mil_program_t** out_program) {
  return ppn_mil_program_read_text(ppn_span_make(text, strlen(text)), no_blobs, out_program);
}

static void expect_ok(ppn_status_t status) {
  if (status) print_error("%s\n", ppn_status_message(status));
  assert_null(status);
}

// A program of one function whose operations are `body`, in dialect 1.3.
static const char* program_of(const char* body, const char* outputs) {
  static char text[8192];
  snprintf(text, sizeof(text),
           "program(1.3)\n"
           "[buildInfo = dict<string, string>({{\"a\", \"b\"}})]\n"
           "{\n"
           "    func main<ios18>(tensor<fp32, [2]> x) {\n"
           "%s"
           "        } -> (%s);\n"
           "}\n",
           body, outputs);
  return text;
}

// The message of the text, as text, in the dialect of a specification version.
static void check_round_trip(const char* text, int version) {
  ppn_buffer_t message = {0}, again = {0};
  ppn_mil_text_options_t options = {.specification_version = version};
  expect_ok(ppn_mil_text_to_proto(ppn_span_make(text, strlen(text)), &message));
  expect_ok(ppn_mil_text_from_proto(ppn_span_make(message.data, message.size), &options, &again));
  assert_string_equal(ppn_buffer_text(&again), text);
  ppn_buffer_release(&message);
  ppn_buffer_release(&again);
}

#define CONST(type, value) \
  "            " type " v = const()[name = string(\"v\"), val = " type "(" value ")];\n"

static void test_values_of_every_type(void** state) {
  (void)state;
  static const char* const lines[] = {
      CONST("bool", "true"),
      CONST("tensor<bool, [2]>", "[true, false]"),
      CONST("string", "\"a \\\"quoted\\\"\\\\ line\\nand\\ttab \\001 \xc3\xa9\""),
      CONST("tensor<string, [2]>", "[\"a\", \"\"]"),
      CONST("fp16", "0x1.998p-4"),
      CONST("tensor<fp16, [2, 2]>", "[[0x1p-24, -0x1.ffcp+15], [inf, -inf]]"),
      CONST("fp32", "nan"),
      CONST("tensor<fp32, [4]>", "[0x1p-149, -0x0p+0, 0x1.fffffep+127, 0x1.555556p-2]"),
      CONST("fp64", "0x1.5555555555555p-2"),
      CONST("bf16", "0x1.8p+1"),
      CONST("tensor<int4, [3]>", "[-8, 7, -1]"),
      CONST("int8", "-128"),
      CONST("tensor<int16, [1]>", "[-32768]"),
      CONST("int32", "-2147483648"),
      CONST("int64", "-9223372036854775808"),
      CONST("tensor<uint1, [9]>", "[1, 0, 1, 1, 0, 0, 0, 1, 1]"),
      CONST("tensor<uint2, [3]>", "[3, 0, 2]"),
      CONST("tensor<uint3, [3]>", "[7, 5, 0]"),
      CONST("tensor<uint4, [2]>", "[15, 1]"),
      CONST("tensor<uint6, [2]>", "[63, 31]"),
      CONST("uint8", "255"),
      CONST("uint16", "65535"),
      CONST("uint32", "4294967295"),
      CONST("uint64", "18446744073709551615"),
      CONST("fp8e4m3fn", "0x1.cp+8"),
      CONST("tensor<fp8e5m2, [1]>", "[0x1p-16]"),
      CONST("tensor<fp32, [0]>", "[]"),
      CONST("tensor<fp32, [2, 0]>", "[[], []]"),
      CONST("list<string, 2>", "[\"a\", \"b\"]"),
      CONST("tuple<int32, string>", "(1, \"b\")"),
      CONST("dict<string, tensor<int32, [?]>>", "{{\"a\", [1, 2]}, {\"b\", []}}"),
      CONST("tensor<fp32, [5]>", "BLOBFILE(path = string(\"@model_path/w\"), offset = uint64(64))"),
  };
  for (size_t i = 0; i < PPN_COUNT_OF(lines); ++i) check_round_trip(program_of(lines[i], "v"), 9);
}

static void test_old_dialect_spells_scalars_as_tensors(void** state) {
  (void)state;
  check_round_trip(
      "program(1.0)\n"
      "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"a\", \"b\"}})]\n"
      "{\n"
      "    func main<ios15>(tensor<fp32, [?, 3]> x) {\n"
      "            tensor<bool, []> no = const()[name = tensor<string, []>(\"no\"), val = "
      "tensor<bool, []>(false)];\n"
      "            tensor<fp16, [4]> w = constexpr_affine_dequantize()[axis = tensor<int32, "
      "[]>(0), "
      "quantized_data = tensor<uint8, [4]>(BLOBFILE(path = tensor<string, []>(\"@model_path/w\"), "
      "offset = tensor<uint64, []>(64))), scale = tensor<fp16, []>(0x1p-1)];\n"
      "        } -> (w);\n"
      "}\n",
      7);
}

#define BLOCKS                                                                             \
  "            bool p = const()[name = string(\"p\"), val = bool(true)];\n"                \
  "            fp32 limit = const()[name = string(\"limit\"), val = fp32(0x1.4p+3)];\n"    \
  "            tensor<fp32, [2]> y = cond(pred = p)[name = string(\"y\")] () {\n"          \
  "                    tensor<fp32, [2]> a = relu(x = x)[name = string(\"a\")];\n"         \
  "                } -> (a), () {\n"                                                       \
  "                    tensor<fp32, [2]> b = sin(x = x)[name = string(\"b\")];\n"          \
  "                } -> (b);\n"                                                            \
  "            fp32 start = const()[name = string(\"start\"), val = fp32(0x0p+0)];\n"      \
  "            fp32 one = const()[name = string(\"one\"), val = fp32(0x1p+0)];\n"          \
  "            fp32 z0, tensor<fp32, [2]> z1 = while_loop(loop_vars = (start, y))[name = " \
  "string(\"z\")] (fp32 i, tensor<fp32, [2]> c) {\n"                                       \
  "                    bool d = less(x = i, y = limit)[name = string(\"d\")];\n"           \
  "                } -> (d), (fp32 j, tensor<fp32, [2]> e) {\n"                            \
  "                    fp32 k = add(x = j, y = one)[name = string(\"k\")];\n"              \
  "                    tensor<fp32, [2]> f = add(x = e, y = one)[name = string(\"f\")];\n" \
  "                } -> (k, f);\n"

static void test_nested_blocks_are_read(void** state) {
  (void)state;
  ppn_mil_program_t* program;
  const char* text = program_of(BLOCKS, "z1");
  check_round_trip(text, 9);
  expect_ok(read_text(text, &program));
  expect_ok(ppn_mil_program_verify(program));
  const ppn_mil_operation_t* cond = program->functions[0]->block->first;
  assert_string_equal(cond->op->type, "cond");
  assert_int_equal(cond->block_count, 2);
  assert_string_equal(cond->blocks[1]->first->op->type, "sin");
  assert_int_equal(cond->next->blocks[1]->input_count, 2);
  // The program says the same again, but for its names of values that are not used.
  ppn_buffer_t again = {0};
  ppn_mil_text_options_t options = {.specification_version = 9};
  expect_ok(ppn_mil_program_write_text(program, NULL, &options, &again));
  ppn_mil_program_t* copy;
  expect_ok(read_text(ppn_buffer_text(&again), &copy));
  ppn_buffer_t first = {0}, second = {0};
  ppn_mil_program_print(program, -1, &first);
  ppn_mil_program_print(copy, -1, &second);
  assert_string_equal(ppn_buffer_text(&first), ppn_buffer_text(&second));
  ppn_buffer_release(&again);
  ppn_buffer_release(&first);
  ppn_buffer_release(&second);
  ppn_mil_program_free(copy);
  ppn_mil_program_free(program);
}

static void test_states_and_functions(void** state) {
  (void)state;
  const char* text =
      "program(1.3)\n"
      "{\n"
      "    func main<ios18>(state<tensor<fp16, [2]>> acc, tensor<fp16, [2]> x) {\n"
      "            tensor<fp16, [2]> old = read_state(input = acc)[name = string(\"old\")];\n"
      "            tensor<fp16, [2]> sum = add(x = old, y = x)[name = string(\"sum\")];\n"
      "            write_state(data = sum, input = acc)[name = string(\"write\")];\n"
      "        } -> (sum);\n"
      "    func other<ios26>(tensor<fp32, [1, ?]> x) [FlexibleShapeInformation = "
      "tuple<tuple<string, dict<string, tensor<int32, [?]>>>, tuple<string, dict<string, "
      "list<tensor<int32, [2]>, ?>>>>(((\"DefaultShapes\", {{\"x\", [1, 4]}}), (\"RangeDims\", "
      "{{\"x\", [[1, 1], [1, 9]]}})))] {\n"
      "            tensor<fp32, [1, ?]> y = relu(x = x)[name = string(\"y\")];\n"
      "        } -> (y);\n"
      "}\n";
  check_round_trip(text, 9);
  ppn_mil_program_t* program;
  expect_ok(read_text(text, &program));
  assert_int_equal(program->function_count, 2);
  assert_int_equal(program->functions[1]->opset, PPN_MIL_OPSET_IOS26);
  assert_int_equal(program->functions[0]->inputs[0]->type.kind, PPN_MIL_STATE);
  ppn_mil_program_free(program);
}

// What people write: comments, decimal numbers, flat lists, free line breaks, no names.
static void test_hand_written_text(void** state) {
  (void)state;
  const char* text =
      "program(1.0) { // no attributes\n"
      "  func main<ios17>(tensor<fp32, [2, 2]> x) {\n"
      "    tensor<fp32, [2, 2]> w = const()[val = tensor<fp32, [2, 2]>([1, -2.5, 1e-3, 0x1P+1])];\n"
      "    tensor<fp32, [2, 2]> y =\n      add(x = x, y = w)\n  ;} -> (y); }";
  ppn_mil_program_t* program;
  expect_ok(read_text(text, &program));
  const ppn_mil_value_t* w = ppn_mil_operation_input(program->functions[0]->block->first, "y");
  static const float expected[] = {1, -2.5f, 1e-3f, 2};
  for (int i = 0; i < 4; ++i) {
    assert_true(ppn_mil_constant_element(w->constant, i) == (double)expected[i]);
  }
  ppn_mil_program_free(program);
}

static void test_floats_are_read_exactly(void** state) {
  (void)state;
  static const struct {
    const char* text;
    double value;
  } cases[] = {
      {"0x1.8p+1", 3},
      {"-0x1p-149", -0x1p-149},
      {"0X.8P+1", 1},
      {"0x1.fffffffffffffp+1023", 0x1.fffffffffffffp+1023},
      {"0x0.0000000000001p-1022", 0x0.0000000000001p-1022},
      {"0x123456789abcdef01p+0", 0x123456789abcdef01p+0},
      {"0.1", 0.1},
      {"-1e-5", -1e-5},
      {"65504", 65504},
      {"0e999", 0},
      {"1e999999999999", (double)INFINITY},
      {"inf", (double)INFINITY},
      {"-inf", -(double)INFINITY},
  };
  static const char* const wrong[] = {"",         "-",   "0x",    "0x1", "0x1p",
                                      "0x1p+",    "1e",  "1.2.3", "p+1", "0x1.8p+1x",
                                      "infinity", "--1", "1,5"};
  double value;
  for (size_t i = 0; i < PPN_COUNT_OF(cases); ++i) {
    assert_true(ppn_mil_text_parse_float(ppn_sv(cases[i].text), &value));
    assert_true(value == cases[i].value);
  }
  for (size_t i = 0; i < PPN_COUNT_OF(wrong); ++i) {
    assert_false(ppn_mil_text_parse_float(ppn_sv(wrong[i]), &value));
  }
}

static void test_every_half_is_written_exactly(void** state) {
  (void)state;
  uint16_t halves[1024];
  for (uint32_t start = 0; start < 0x10000; start += 1024) {
    for (uint32_t i = 0; i < 1024; ++i) {
      halves[i] = (uint16_t)(start + i);
      if ((halves[i] & 0x7fff) > 0x7c00) halves[i] = 0x7e00;  // one NaN
    }
    ppn_mil_program_t *program, *copy;
    ppn_mil_function_t* function;
    expect_ok(ppn_mil_program_create(NULL, &program));
    expect_ok(ppn_mil_function_create(program, "main", PPN_MIL_OPSET_IOS18, &function));
    ppn_mil_builder_t builder = {.function = function, .block = function->block};
    ppn_mil_value_t *constant, *y;
    int64_t sizes[] = {1024};
    expect_ok(
        ppn_mil_constant_tensor(&builder, "c", PPN_DTYPE_FLOAT16, 1, sizes, halves, &constant));
    ppn_mil_input_t inputs[] = {PPN_MIL_IN("x", constant)};
    expect_ok(ppn_mil_emit(&builder, "identity", inputs, 1, NULL, 0, &y, 1));
    expect_ok(ppn_mil_block_set_outputs(function->block, &y, 1));
    expect_ok(ppn_mil_function_assign_names(function));
    ppn_buffer_t text = {0};
    ppn_mil_text_options_t options = {.specification_version = 9};
    expect_ok(ppn_mil_program_write_text(program, NULL, &options, &text));
    expect_ok(read_text(ppn_buffer_text(&text), &copy));
    const ppn_mil_value_t* read = ppn_mil_operation_input(copy->functions[0]->block->first, "x");
    assert_memory_equal(read->constant->view.data, halves, sizeof(halves));
    ppn_buffer_release(&text);
    ppn_mil_program_free(copy);
    ppn_mil_program_free(program);
  }
}

static void expect_error(const char* text, const char* expected) {
  ppn_mil_program_t* program = NULL;
  ppn_status_t status = read_text(text, &program);
  assert_non_null(status);
  if (!strstr(ppn_status_message(status), expected)) {
    fail_msg("expected '%s' in: %s", expected, ppn_status_message(status));
  }
  ppn_status_free(status);
  assert_null(program);
}

static void test_errors_tell_place_and_advice(void** state) {
  (void)state;
  expect_error("", "line 1, column 1: expected 'program(1.0)' or 'program(1.3)'");
  expect_error("program(2.0)", "version '2.0', supported are 1.0 to 1.3");
  expect_error("program(1.3)\n{ func main<ios14>() {} -> (); }",
               "line 2, column 13: expected an opset (ios15, ios16, ios17, ios18 or ios26), found "
               "'ios14'");
  expect_error("program(1.3)\n{ func main<ios18>(tensor<fp17, [1]> x) {} -> (x); }",
               "line 2, column 27: expected a type (bool, string, fp16");
  expect_error(program_of("            tensor<fp32, [2]> y = relu(x = x)\n", "y"),
               "line 6, column 9: expected ';' behind an operation, found '}'");
  expect_error(program_of("            tensor<fp32, [2]> y = relu(x = z);\n", "y"),
               "line 5, column 13: operation 'y' (relu): parameter 'x': the value 'z' is not "
               "defined before its use");
  expect_error(program_of("            tensor<fp32, [3]> y = relu(x = x);\n", "y"),
               "the declared result type tensor<fp32, [3]> differs from tensor<fp32, [2]>");
  expect_error(program_of("            tensor<fp32, [2]> y = reluctant(x = x);\n", "y"),
               "line 5, column 13: operation 'y' (reluctant): opset CoreML8 has no operation of "
               "this type");
  expect_error(program_of(CONST("tensor<fp32, [2]>", "[0x1p+0]"), "v"),
               "the list that ends here has 1 entries; its type says 2");
  expect_error(program_of(CONST("int8", "128"), "v"), "expected an integer that int8 has");
  expect_error(program_of(CONST("string", "\"\\q\""), "v"), "an escape that C does not have");
  expect_error(program_of(CONST("string", "\"open"), "v"),
               "the string that begins here has no end");
  expect_error("program(1.3)\n{\n  #", "line 3, column 3: a character that MIL text does not have");
  expect_error("program(1.3) { func main<ios18>(", "found the end of the text: it may be cut off");
  expect_error(program_of(CONST("tensor<fp32, [50]>",
                                "BLOBFILE(path = string(\"@model_path/w\"), offset = uint64(64))"),
                          "v"),
               "line 5, column 13: const 'v': no file '@model_path/w'");
}

static void test_nesting_is_bounded(void** state) {
  (void)state;
  static char text[100000];
  static const char* const openings[] = {"list<", "tuple<", "state<", "dict<"};
  for (size_t i = 0; i < PPN_COUNT_OF(openings); ++i) {
    size_t size = (size_t)snprintf(text, sizeof(text), "program(1.3) { func main<ios18>(");
    for (int k = 0; k < 10000; ++k) {
      size += (size_t)snprintf(text + size, sizeof(text) - size, "%s", openings[i]);
    }
    expect_error(text, "nested more than 32 deep");
  }
  size_t size = (size_t)snprintf(text, sizeof(text), "program(1.3) { func main<ios18>() {");
  for (int k = 0; k < 5000; ++k) {
    size += (size_t)snprintf(text + size, sizeof(text) - size, "cond() () {");
  }
  expect_error(text, "nested more than 32 deep");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values_of_every_type),
      cmocka_unit_test(test_old_dialect_spells_scalars_as_tensors),
      cmocka_unit_test(test_nested_blocks_are_read),
      cmocka_unit_test(test_states_and_functions),
      cmocka_unit_test(test_hand_written_text),
      cmocka_unit_test(test_floats_are_read_exactly),
      cmocka_unit_test(test_every_half_is_written_exactly),
      cmocka_unit_test(test_errors_tell_place_and_advice),
      cmocka_unit_test(test_nesting_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
