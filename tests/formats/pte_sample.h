// A small `.pte` with something of everything, for tests that read, damage and run it.
//
//   forward(x: float32[<=4, 3]):                    counts its runs in a mutable buffer
//     out  = clone(x); total = copy_(total, constant); rows = sym_size(x, 0); rows1 = rows + 1
//     if not rows == 2 skip: picked = out's tensor    (a move)
//     -> out, total, rows1
//   delegated(x): one delegate of a backend that does not exist, with named data beside it
#ifndef PPN_TESTS_FORMATS_PTE_SAMPLE_H_
#define PPN_TESTS_FORMATS_PTE_SAMPLE_H_

#include "base/buffer.h"
#include "formats/pte_writer.h"

enum {
  SAMPLE_X,
  SAMPLE_CONSTANT,
  SAMPLE_OUT,
  SAMPLE_TOTAL,
  SAMPLE_ROWS,
  SAMPLE_ROWS1,
  SAMPLE_ONE,
  SAMPLE_ZERO,
  SAMPLE_FALSE,
  SAMPLE_NONE,
  SAMPLE_IS_TWO,
  SAMPLE_TWO,
  SAMPLE_PICKED,
  SAMPLE_INTS,
  SAMPLE_TENSORS,
  SAMPLE_OPTIONALS,
  SAMPLE_NUMBERS,
  SAMPLE_TRUTHS,
  SAMPLE_TEXT,
  SAMPLE_VALUE_COUNT
};

// Everything the description points at; `program` is what a test changes before writing.
typedef struct pte_sample {
  float constant[3], initial[3];
  ppn_pte_value_t values[SAMPLE_VALUE_COUNT];
  ppn_pte_instruction_t instructions[6];
  ppn_pte_operator_t operators[5];
  ppn_pte_delegate_t delegate;
  ppn_pte_compile_spec_t spec;
  ppn_pte_plan_t plans[2];
  ppn_producer_t constants[1], payload, named;
  const ppn_producer_t* payloads[1];
  ppn_pte_named_data_t named_data;
  ppn_pte_program_t program;
} pte_sample_t;

static ppn_status_t pte_sample_write_bytes(void* self, ppn_sink_t sink) {
  return ppn_sink_write(sink, self, 12);
}

static inline ppn_pte_value_t pte_sample_tensor(uint32_t rank, const int32_t* sizes,
                                                uint64_t offset, bool dynamic) {
  static const uint8_t order[] = {0, 1, 2, 3};
  return (ppn_pte_value_t){
      .type = PPN_PTE_TENSOR,
      .u.tensor = {.dtype = PPN_DTYPE_FLOAT32,
                   .rank = rank,
                   .sizes = sizes,
                   .dim_order = order,
                   .memory_id = 1,
                   .memory_offset = offset,
                   .dynamism = dynamic ? PPN_PTE_DYNAMIC_BOUND : PPN_PTE_STATIC}};
}

static inline void pte_sample_fill_values(pte_sample_t* sample) {
  static const int32_t matrix[] = {4, 3}, row[] = {3};
  static const int64_t ints[] = {SAMPLE_ONE, SAMPLE_TWO};
  static const int32_t ids[] = {SAMPLE_X, SAMPLE_CONSTANT}, optional_ids[] = {-1, SAMPLE_X};
  static const double numbers[] = {0.5, -2};
  static const uint8_t truths[] = {1, 0};
  ppn_pte_value_t* v = sample->values;
  v[SAMPLE_X] = pte_sample_tensor(2, matrix, 0, true);
  v[SAMPLE_CONSTANT] = pte_sample_tensor(1, row, 0, false);
  v[SAMPLE_CONSTANT].u.tensor.memory_id = 0;
  v[SAMPLE_CONSTANT].u.tensor.data_index = 1;
  v[SAMPLE_OUT] = pte_sample_tensor(2, matrix, 48, true);
  v[SAMPLE_TOTAL] = pte_sample_tensor(1, row, 96, false);
  v[SAMPLE_PICKED] = pte_sample_tensor(2, matrix, 112, true);
  v[SAMPLE_ROWS] = v[SAMPLE_ROWS1] = v[SAMPLE_ZERO] = (ppn_pte_value_t){.type = PPN_PTE_INT};
  v[SAMPLE_ONE] = (ppn_pte_value_t){.type = PPN_PTE_INT, .u.integer = 1};
  v[SAMPLE_TWO] = (ppn_pte_value_t){.type = PPN_PTE_INT, .u.integer = 2};
  v[SAMPLE_FALSE] = v[SAMPLE_IS_TWO] = (ppn_pte_value_t){.type = PPN_PTE_BOOL};
  v[SAMPLE_NONE] = (ppn_pte_value_t){.type = PPN_PTE_NULL};
  v[SAMPLE_INTS] = (ppn_pte_value_t){.type = PPN_PTE_INT_LIST, .count = 2, .u.ints = ints};
  v[SAMPLE_TENSORS] = (ppn_pte_value_t){.type = PPN_PTE_TENSOR_LIST, .count = 2, .u.ids = ids};
  v[SAMPLE_OPTIONALS] =
      (ppn_pte_value_t){.type = PPN_PTE_OPTIONAL_TENSOR_LIST, .count = 2, .u.ids = optional_ids};
  v[SAMPLE_NUMBERS] =
      (ppn_pte_value_t){.type = PPN_PTE_DOUBLE_LIST, .count = 2, .u.doubles = numbers};
  v[SAMPLE_TRUTHS] = (ppn_pte_value_t){.type = PPN_PTE_BOOL_LIST, .count = 2, .u.booleans = truths};
  v[SAMPLE_TEXT] = (ppn_pte_value_t){.type = PPN_PTE_STRING, .u.string = "tanh"};
}

static inline void pte_sample_fill_instructions(pte_sample_t* sample) {
  static const ppn_pte_operator_t operators[] = {{"aten::clone", "out"},
                                                 {"aten::copy_", ""},
                                                 {"aten::sym_size", "int"},
                                                 {"executorch_prim::add", "Scalar"},
                                                 {"executorch_prim::eq", "Scalar"}};
  static const int32_t clone[] = {SAMPLE_X, SAMPLE_NONE, SAMPLE_OUT, SAMPLE_OUT},
                       copy[] = {SAMPLE_TOTAL, SAMPLE_CONSTANT, SAMPLE_FALSE, SAMPLE_TOTAL},
                       size[] = {SAMPLE_X, SAMPLE_ZERO, SAMPLE_ROWS},
                       add[] = {SAMPLE_ROWS, SAMPLE_ONE, SAMPLE_ROWS1};
  memcpy(sample->operators, operators, sizeof(operators));
  ppn_pte_instruction_t* i = sample->instructions;
  i[0] = (ppn_pte_instruction_t){PPN_PTE_KERNEL_CALL, 0, 0, clone, 4};
  i[1] = (ppn_pte_instruction_t){PPN_PTE_KERNEL_CALL, 1, 0, copy, 4};
  i[2] = (ppn_pte_instruction_t){PPN_PTE_KERNEL_CALL, 2, 0, size, 3};
  i[3] = (ppn_pte_instruction_t){PPN_PTE_KERNEL_CALL, 3, 0, add, 3};
  i[4] = (ppn_pte_instruction_t){PPN_PTE_JUMP_FALSE_CALL, SAMPLE_IS_TWO, 6, NULL, 0};
  i[5] = (ppn_pte_instruction_t){PPN_PTE_MOVE_CALL, SAMPLE_OUT, SAMPLE_PICKED, NULL, 0};
}

static inline void pte_sample_fill(pte_sample_t* sample) {
  static const int32_t inputs[] = {SAMPLE_X}, outputs[] = {SAMPLE_OUT, SAMPLE_TOTAL, SAMPLE_ROWS1};
  static const int32_t call[] = {SAMPLE_X, SAMPLE_OUT};
  static const int64_t arenas[] = {0, 160};
  static const ppn_pte_instruction_t delegate_call[] = {{PPN_PTE_DELEGATE_CALL, 0, 0, call, 2}};
  memset(sample, 0, sizeof(*sample));
  for (int i = 0; i < 3; ++i) sample->constant[i] = (float)i + 0.25f;
  pte_sample_fill_values(sample);
  pte_sample_fill_instructions(sample);
  sample->constants[0] =
      (ppn_producer_t){.size = 12, .write = pte_sample_write_bytes, .self = sample->constant};
  sample->payload =
      (ppn_producer_t){.size = 12, .write = pte_sample_write_bytes, .self = "the payload!"};
  sample->named =
      (ppn_producer_t){.size = 12, .write = pte_sample_write_bytes, .self = "named bytes."};
  sample->payloads[0] = &sample->payload;
  sample->named_data = (ppn_pte_named_data_t){"the key", &sample->named, 16};
  sample->spec = (ppn_pte_compile_spec_t){"units", ppn_span_make("all", 3)};
  sample->delegate = (ppn_pte_delegate_t){"NoBackend", 0, &sample->spec, 1};
  sample->plans[0] = (ppn_pte_plan_t){.name = "forward",
                                      .encoded_inputs = "in",
                                      .encoded_outputs = "out",
                                      .values = sample->values,
                                      .value_count = SAMPLE_VALUE_COUNT,
                                      .inputs = inputs,
                                      .input_count = 1,
                                      .outputs = outputs,
                                      .output_count = 3,
                                      .instructions = sample->instructions,
                                      .instruction_count = 6,
                                      .operators = sample->operators,
                                      .operator_count = 5,
                                      .arena_sizes = arenas,
                                      .arena_count = 2};
  sample->plans[1] = sample->plans[0];
  sample->plans[1].name = "delegated";
  sample->plans[1].instructions = delegate_call;
  sample->plans[1].instruction_count = 1;
  sample->plans[1].output_count = 1;
  sample->plans[1].operator_count = 0;
  sample->plans[1].delegates = &sample->delegate;
  sample->plans[1].delegate_count = 1;
  sample->program = (ppn_pte_program_t){.plans = sample->plans,
                                        .plan_count = 2,
                                        .constants = sample->constants,
                                        .constant_count = 1,
                                        .payloads = sample->payloads,
                                        .payload_count = 1,
                                        .named_data = &sample->named_data,
                                        .named_data_count = 1};
}

// The file, in memory of exactly its size (so that sanitizers see what is read behind it).
static inline uint8_t* pte_sample_write(const pte_sample_t* sample, size_t* out_size) {
  ppn_buffer_t buffer = {0};
  *out_size = 0;
  if (ppn_status_consume(ppn_pte_write(&sample->program, ppn_sink_to_buffer(&buffer)))) return NULL;
  uint8_t* bytes = malloc(buffer.size);
  if (bytes) memcpy(bytes, buffer.data, buffer.size);
  *out_size = buffer.size;
  ppn_buffer_release(&buffer);
  return bytes;
}

#endif  // PPN_TESTS_FORMATS_PTE_SAMPLE_H_
