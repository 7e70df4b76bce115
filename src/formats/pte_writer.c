#include "formats/pte_writer.h"

#include <stdlib.h>

#include "base/checked.h"
#include "formats/flatbuffer_builder.h"

#define DEFAULT_SEGMENT_ALIGNMENT 128
#define DEFAULT_CONSTANT_ALIGNMENT 16
#define HEADER_SIZE 32
#define PREFIX_SIZE 8  // root offset and identifier

typedef ppn_flatbuffer_ref_t ref_t;

typedef struct segment {
  uint64_t offset, size;
} segment_t;

typedef struct writer {
  const ppn_pte_program_t* program;
  ppn_flatbuffer_builder_t builder;
  uint64_t segment_alignment, constant_alignment;
  uint64_t *constant_offsets, *initial_offsets;  // entry 0 is reserved
  segment_t* segments;
  uint32_t segment_count;
  uint64_t segment_end;
  // Scratch for vectors of references.
  ref_t* refs;
  size_t ref_capacity;
} writer_t;

static ref_t* reserve_refs(writer_t* writer, size_t count) {
  if (count > writer->ref_capacity) {
    free(writer->refs);
    writer->refs = malloc(count * sizeof(ref_t));
    writer->ref_capacity = writer->refs ? count : 0;
    if (!writer->refs) writer->builder.failed = true;
  }
  return writer->refs;
}

// ---- Layout ----

static void add_segment(writer_t* writer, uint64_t size, uint64_t alignment) {
  if (alignment < writer->segment_alignment) alignment = writer->segment_alignment;
  segment_t* segment = &writer->segments[writer->segment_count++];
  // An empty segment takes no place, not even padding: whatever follows it may start where it does.
  segment->offset = ppn_align(writer->segment_end, alignment);
  segment->size = size;
  if (size) writer->segment_end = segment->offset + size;
}

// Where the parts of a segment are: part i at `out_offsets[i + 1]`. The segment's size.
static uint64_t lay_out_parts(const ppn_producer_t* parts, uint32_t count, uint64_t alignment,
                              uint64_t* out_offsets) {
  uint64_t end = 0;
  out_offsets[0] = 0;
  for (uint32_t i = 0; i < count; ++i) {
    out_offsets[i + 1] = ppn_align(end, alignment);
    end = out_offsets[i + 1] + parts[i].size;
  }
  return end;
}

static ppn_status_t lay_out(writer_t* writer) {
  const ppn_pte_program_t* program = writer->program;
  size_t segments = 2 + (size_t)program->payload_count + program->named_data_count;
  writer->segments = malloc(segments * sizeof(segment_t));
  writer->constant_offsets = malloc((1 + (size_t)program->constant_count) * sizeof(uint64_t));
  writer->initial_offsets = malloc((1 + (size_t)program->initial_value_count) * sizeof(uint64_t));
  if (!writer->segments || !writer->constant_offsets || !writer->initial_offsets) {
    return ppn_out_of_memory();
  }
  add_segment(writer,
              lay_out_parts(program->constants, program->constant_count, writer->constant_alignment,
                            writer->constant_offsets),
              1);
  for (uint32_t i = 0; i < program->payload_count; ++i) {
    add_segment(writer, program->payloads[i]->size, 1);
  }
  for (uint32_t i = 0; i < program->named_data_count; ++i) {
    add_segment(writer, program->named_data[i].content->size, program->named_data[i].alignment);
  }
  if (program->initial_value_count == 0) return ppn_status_ok();
  // These are copied, so that they need no alignment.
  add_segment(writer,
              lay_out_parts(program->initial_values, program->initial_value_count, 1,
                            writer->initial_offsets),
              1);
  return ppn_status_ok();
}

// ---- Values ----

static ref_t write_tensor(ppn_flatbuffer_builder_t* b, const ppn_pte_tensor_t* tensor) {
  uint8_t contiguous[256];
  const uint8_t* order = tensor->dim_order;
  if (!order) {
    for (uint32_t i = 0; i < tensor->rank && i < sizeof(contiguous); ++i)
      contiguous[i] = (uint8_t)i;
    order = contiguous;
  }
  ref_t sizes = ppn_flatbuffer_vector(b, tensor->sizes, tensor->rank, 4, 0);
  ref_t dim_order = ppn_flatbuffer_vector(b, order, tensor->rank, 1, 0);
  ref_t allocation = 0;
  if (tensor->memory_id) {
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_u32(b, PPN_PTE_ALLOCATION_MEMORY_ID, tensor->memory_id);
    ppn_flatbuffer_add_u32(b, PPN_PTE_ALLOCATION_OFFSET_LOW, (uint32_t)tensor->memory_offset);
    ppn_flatbuffer_add_u32(b, PPN_PTE_ALLOCATION_OFFSET_HIGH,
                           (uint32_t)(tensor->memory_offset >> 32));
    allocation = ppn_flatbuffer_table_end(b);
  }
  ppn_flatbuffer_table_start(b);
  ppn_flatbuffer_add_ref(b, PPN_PTE_TENSOR_SIZES, sizes);
  ppn_flatbuffer_add_ref(b, PPN_PTE_TENSOR_DIM_ORDER, dim_order);
  ppn_flatbuffer_add_u32(b, PPN_PTE_TENSOR_DATA_BUFFER_INDEX, tensor->data_index);
  ppn_flatbuffer_add_ref(b, PPN_PTE_TENSOR_ALLOCATION_INFO, allocation);
  ppn_flatbuffer_add_u8(b, PPN_PTE_TENSOR_SCALAR_TYPE, (uint8_t)ppn_dtype_to_c10(tensor->dtype));
  ppn_flatbuffer_add_u8(b, PPN_PTE_TENSOR_SHAPE_DYNAMISM, (uint8_t)tensor->dynamism);
  return ppn_flatbuffer_table_end(b);
}

static ref_t write_list(ppn_flatbuffer_builder_t* b, const void* items, size_t count, size_t size) {
  ref_t vector = ppn_flatbuffer_vector(b, items, count, size, 0);
  ppn_flatbuffer_table_start(b);
  ppn_flatbuffer_add_ref(b, 0, vector);
  return ppn_flatbuffer_table_end(b);
}

// Each value table but Tensor has one field, in slot 0.
static ref_t write_content(ppn_flatbuffer_builder_t* b, const ppn_pte_value_t* value) {
  ref_t string = value->type == PPN_PTE_STRING ? ppn_flatbuffer_string(b, value->u.string) : 0;
  switch (value->type) {
    case PPN_PTE_TENSOR:
      return write_tensor(b, &value->u.tensor);
    case PPN_PTE_INT_LIST:
      return write_list(b, value->u.ints, value->count, 8);
    case PPN_PTE_DOUBLE_LIST:
      return write_list(b, value->u.doubles, value->count, 8);
    case PPN_PTE_BOOL_LIST:
      return write_list(b, value->u.booleans, value->count, 1);
    case PPN_PTE_TENSOR_LIST:
    case PPN_PTE_OPTIONAL_TENSOR_LIST:
      return write_list(b, value->u.ids, value->count, 4);
    default:
      break;
  }
  ppn_flatbuffer_table_start(b);
  if (value->type == PPN_PTE_INT) ppn_flatbuffer_add_u64(b, 0, (uint64_t)value->u.integer);
  if (value->type == PPN_PTE_BOOL) ppn_flatbuffer_add_u8(b, 0, value->u.boolean);
  if (value->type == PPN_PTE_DOUBLE) ppn_flatbuffer_add_double(b, 0, value->u.number);
  if (value->type == PPN_PTE_STRING) ppn_flatbuffer_add_ref(b, 0, string);
  return ppn_flatbuffer_table_end(b);
}

static ref_t write_values(writer_t* writer, const ppn_pte_plan_t* plan) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t* refs = reserve_refs(writer, plan->value_count);
  if (!refs) return 0;
  for (uint32_t i = 0; i < plan->value_count; ++i) {
    ref_t content = write_content(b, &plan->values[i]);
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_ref(b, PPN_PTE_EVALUE_VALUE, content);
    ppn_flatbuffer_add_u8(b, PPN_PTE_EVALUE_TYPE, (uint8_t)plan->values[i].type);
    refs[i] = ppn_flatbuffer_table_end(b);
  }
  return ppn_flatbuffer_ref_vector(b, refs, plan->value_count);
}

// ---- Instructions ----

static ref_t write_call(ppn_flatbuffer_builder_t* b, const ppn_pte_instruction_t* instruction) {
  bool is_call =
      instruction->type == PPN_PTE_KERNEL_CALL || instruction->type == PPN_PTE_DELEGATE_CALL;
  ref_t args =
      is_call ? ppn_flatbuffer_vector(b, instruction->args, instruction->arg_count, 4, 0) : 0;
  ppn_flatbuffer_table_start(b);
  // In every kind of instruction slot 0 is what it is about and slot 1 the rest.
  ppn_flatbuffer_add_u32(b, 0, instruction->index);
  if (is_call) ppn_flatbuffer_add_ref(b, 1, args);
  if (!is_call) ppn_flatbuffer_add_u32(b, 1, instruction->target);
  return ppn_flatbuffer_table_end(b);
}

static ref_t write_chains(writer_t* writer, const ppn_pte_plan_t* plan) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t* refs = reserve_refs(writer, plan->instruction_count + 1);
  if (!refs) return 0;
  for (uint32_t i = 0; i < plan->instruction_count; ++i) {
    ref_t call = write_call(b, &plan->instructions[i]);
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_ref(b, PPN_PTE_INSTRUCTION_ARGUMENTS, call);
    ppn_flatbuffer_add_u8(b, PPN_PTE_INSTRUCTION_TYPE, (uint8_t)plan->instructions[i].type);
    refs[i] = ppn_flatbuffer_table_end(b);
  }
  ref_t instructions = ppn_flatbuffer_ref_vector(b, refs, plan->instruction_count);
  ref_t inputs = ppn_flatbuffer_vector(b, NULL, 0, 4, 0),
        outputs = ppn_flatbuffer_vector(b, NULL, 0, 4, 0);
  ppn_flatbuffer_table_start(b);
  ppn_flatbuffer_add_ref(b, PPN_PTE_CHAIN_INPUTS, inputs);
  ppn_flatbuffer_add_ref(b, PPN_PTE_CHAIN_OUTPUTS, outputs);
  ppn_flatbuffer_add_ref(b, PPN_PTE_CHAIN_INSTRUCTIONS, instructions);
  ref_t chain = ppn_flatbuffer_table_end(b);
  return ppn_flatbuffer_ref_vector(b, &chain, 1);
}

static ref_t write_operators(writer_t* writer, const ppn_pte_plan_t* plan) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t* refs = reserve_refs(writer, plan->operator_count + 1);
  if (!refs) return 0;
  for (uint32_t i = 0; i < plan->operator_count; ++i) {
    ref_t name = ppn_flatbuffer_string(b, plan->operators[i].name);
    ref_t overload = ppn_flatbuffer_string(b, plan->operators[i].overload);
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_ref(b, PPN_PTE_OPERATOR_NAME, name);
    ppn_flatbuffer_add_ref(b, PPN_PTE_OPERATOR_OVERLOAD, overload);
    refs[i] = ppn_flatbuffer_table_end(b);
  }
  return ppn_flatbuffer_ref_vector(b, refs, plan->operator_count);
}

// ---- Delegates ----

static ref_t write_compile_specs(writer_t* writer, const ppn_pte_delegate_t* delegate) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t* refs = malloc((delegate->compile_spec_count + (size_t)1) * sizeof(ref_t));
  if (!refs) return b->failed = true, 0;
  for (uint32_t i = 0; i < delegate->compile_spec_count; ++i) {
    const ppn_pte_compile_spec_t* spec = &delegate->compile_specs[i];
    ref_t key = ppn_flatbuffer_string(b, spec->key);
    ref_t value = ppn_flatbuffer_vector(b, spec->value.data, spec->value.size, 1, 0);
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_ref(b, PPN_PTE_COMPILE_SPEC_KEY, key);
    ppn_flatbuffer_add_ref(b, PPN_PTE_COMPILE_SPEC_VALUE, value);
    refs[i] = ppn_flatbuffer_table_end(b);
  }
  ref_t vector = ppn_flatbuffer_ref_vector(b, refs, delegate->compile_spec_count);
  free(refs);
  return vector;
}

// A payload of no bytes has no segment: it is entry 0 of the inline data.
static ref_t write_delegates(writer_t* writer, const ppn_pte_plan_t* plan) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t* refs = reserve_refs(writer, plan->delegate_count + 1);
  if (!refs) return 0;
  for (uint32_t i = 0; i < plan->delegate_count; ++i) {
    const ppn_pte_delegate_t* delegate = &plan->delegates[i];
    ref_t id = ppn_flatbuffer_string(b, delegate->id);
    ref_t specs = write_compile_specs(writer, delegate);
    bool is_empty = writer->program->payloads[delegate->payload]->size == 0;
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_u8(b, PPN_PTE_DATA_REFERENCE_LOCATION,
                          is_empty ? PPN_PTE_LOCATION_INLINE : PPN_PTE_LOCATION_SEGMENT);
    ppn_flatbuffer_add_u32(b, PPN_PTE_DATA_REFERENCE_INDEX, is_empty ? 0 : 1 + delegate->payload);
    ref_t processed = ppn_flatbuffer_table_end(b);
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_ref(b, PPN_PTE_DELEGATE_ID, id);
    ppn_flatbuffer_add_ref(b, PPN_PTE_DELEGATE_PROCESSED, processed);
    ppn_flatbuffer_add_ref(b, PPN_PTE_DELEGATE_COMPILE_SPECS, specs);
    refs[i] = ppn_flatbuffer_table_end(b);
  }
  return ppn_flatbuffer_ref_vector(b, refs, plan->delegate_count);
}

static ref_t write_inline_data(writer_t* writer) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  bool is_needed = false;
  for (uint32_t i = 0; i < writer->program->payload_count; ++i) {
    is_needed |= writer->program->payloads[i]->size == 0;
  }
  if (!is_needed) return ppn_flatbuffer_ref_vector(b, NULL, 0);
  ref_t data = ppn_flatbuffer_vector(b, NULL, 0, 1, 16);
  ppn_flatbuffer_table_start(b);
  ppn_flatbuffer_add_ref(b, 0, data);
  ref_t table = ppn_flatbuffer_table_end(b);
  return ppn_flatbuffer_ref_vector(b, &table, 1);
}

// ---- Program ----

static ref_t write_plan(writer_t* writer, const ppn_pte_plan_t* plan) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t name = ppn_flatbuffer_string(b, plan->name);
  ref_t encoded_inputs = ppn_flatbuffer_string(b, plan->encoded_inputs);
  ref_t encoded_outputs = ppn_flatbuffer_string(b, plan->encoded_outputs);
  ppn_flatbuffer_table_start(b);
  ppn_flatbuffer_add_ref(b, PPN_PTE_CONTAINER_ENCODED_INPUT, encoded_inputs);
  ppn_flatbuffer_add_ref(b, PPN_PTE_CONTAINER_ENCODED_OUTPUT, encoded_outputs);
  ref_t container = ppn_flatbuffer_table_end(b);
  ref_t values = write_values(writer, plan);
  ref_t inputs = ppn_flatbuffer_vector(b, plan->inputs, plan->input_count, 4, 0);
  ref_t outputs = ppn_flatbuffer_vector(b, plan->outputs, plan->output_count, 4, 0);
  ref_t chains = write_chains(writer, plan);
  ref_t operators = write_operators(writer, plan);
  ref_t delegates = write_delegates(writer, plan);
  ref_t arenas = ppn_flatbuffer_vector(b, plan->arena_sizes, plan->arena_count, 8, 0);
  ppn_flatbuffer_table_start(b);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_NAME, name);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_CONTAINER_META_TYPE, container);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_VALUES, values);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_INPUTS, inputs);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_OUTPUTS, outputs);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_CHAINS, chains);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_OPERATORS, operators);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_DELEGATES, delegates);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PLAN_NON_CONST_BUFFER_SIZES, arenas);
  return ppn_flatbuffer_table_end(b);
}

static ref_t write_plans(writer_t* writer) {
  const ppn_pte_program_t* program = writer->program;
  ref_t* plans = malloc((program->plan_count + (size_t)1) * sizeof(ref_t));
  if (!plans) return writer->builder.failed = true, 0;
  for (uint32_t i = 0; i < program->plan_count; ++i) {
    plans[i] = write_plan(writer, &program->plans[i]);
  }
  ref_t vector = ppn_flatbuffer_ref_vector(&writer->builder, plans, program->plan_count);
  free(plans);
  return vector;
}

static ref_t write_segment_table(writer_t* writer) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t* refs = reserve_refs(writer, writer->segment_count);
  if (!refs) return 0;
  for (uint32_t i = 0; i < writer->segment_count; ++i) {
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_u64(b, PPN_PTE_SEGMENT_OFFSET, writer->segments[i].offset);
    ppn_flatbuffer_add_u64(b, PPN_PTE_SEGMENT_SIZE, writer->segments[i].size);
    refs[i] = ppn_flatbuffer_table_end(b);
  }
  return ppn_flatbuffer_ref_vector(b, refs, writer->segment_count);
}

static ref_t write_named_data(writer_t* writer) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  const ppn_pte_program_t* program = writer->program;
  ref_t* refs = reserve_refs(writer, program->named_data_count + 1);
  if (!refs || program->named_data_count == 0) return 0;
  for (uint32_t i = 0; i < program->named_data_count; ++i) {
    ref_t key = ppn_flatbuffer_string(b, program->named_data[i].key);
    ppn_flatbuffer_table_start(b);
    ppn_flatbuffer_add_ref(b, PPN_PTE_NAMED_DATA_KEY, key);
    ppn_flatbuffer_add_u32(b, PPN_PTE_NAMED_DATA_SEGMENT, 1 + program->payload_count + i);
    refs[i] = ppn_flatbuffer_table_end(b);
  }
  return ppn_flatbuffer_ref_vector(b, refs, program->named_data_count);
}

static ref_t write_subsegments(ppn_flatbuffer_builder_t* b, uint32_t segment,
                               const uint64_t* offsets, uint32_t count) {
  ref_t vector = ppn_flatbuffer_vector(b, offsets, (size_t)count + 1, 8, 0);
  ppn_flatbuffer_table_start(b);
  if (segment) ppn_flatbuffer_add_u32(b, PPN_PTE_SUBSEGMENT_INDEX, segment);
  ppn_flatbuffer_add_ref(b, PPN_PTE_SUBSEGMENT_OFFSETS, vector);
  return ppn_flatbuffer_table_end(b);
}

static ppn_status_t build(writer_t* writer, ppn_span_t* out_bytes) {
  ppn_flatbuffer_builder_t* b = &writer->builder;
  ref_t plans = write_plans(writer);
  ref_t constant_buffer = ppn_flatbuffer_ref_vector(b, NULL, 0);
  ref_t inline_data = write_inline_data(writer);
  ref_t segments = write_segment_table(writer);
  const ppn_pte_program_t* program = writer->program;
  ref_t constants = write_subsegments(b, 0, writer->constant_offsets, program->constant_count);
  ref_t named_data = write_named_data(writer);
  ref_t mutable_data = 0;
  if (program->initial_value_count) {
    ref_t part = write_subsegments(b, writer->segment_count - 1, writer->initial_offsets,
                                   program->initial_value_count);
    mutable_data = ppn_flatbuffer_ref_vector(b, &part, 1);
  }
  ppn_flatbuffer_table_start(b);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PROGRAM_EXECUTION_PLAN, plans);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PROGRAM_CONSTANT_BUFFER, constant_buffer);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PROGRAM_BACKEND_DELEGATE_DATA, inline_data);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PROGRAM_SEGMENTS, segments);
  ppn_flatbuffer_add_ref(b, PPN_PTE_PROGRAM_CONSTANT_SEGMENT, constants);
  if (mutable_data) {
    ppn_flatbuffer_add_ref(b, PPN_PTE_PROGRAM_MUTABLE_DATA_SEGMENTS, mutable_data);
  }
  ppn_flatbuffer_add_ref(b, PPN_PTE_PROGRAM_NAMED_DATA, named_data);
  ref_t root = ppn_flatbuffer_table_end(b);
  return ppn_flatbuffer_finish(b, root, PPN_PTE_IDENTIFIER, out_bytes);
}

// ---- Sending ----

// Passes bytes on and counts them.
typedef struct counting_sink {
  ppn_sink_t target;
  uint64_t position;
} counting_sink_t;

static ppn_status_t count_and_write(void* self, const void* data, size_t size) {
  counting_sink_t* sink = self;
  sink->position += size;
  return ppn_sink_write(sink->target, data, size);
}

static ppn_status_t send(counting_sink_t* out, uint64_t position, const ppn_producer_t* content,
                         const char* what, uint32_t index) {
  ppn_sink_t sink = {count_and_write, out};
  PPN_RETURN_IF_ERROR(ppn_sink_write_zeros(sink, position - out->position));
  PPN_RETURN_IF_ERROR(ppn_producer_write(content, sink));
  if (out->position - position == content->size) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INTERNAL, "%s %u wrote %llu bytes, %llu were announced", what,
                         index, (unsigned long long)(out->position - position),
                         (unsigned long long)content->size);
}

static void store(uint8_t* out, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) out[i] = (uint8_t)(value >> 8 * i);
}

// The FlatBuffer with the extended header inserted behind its identifier. The header's size is a
// multiple of every alignment used, so what follows it stays aligned.
static ppn_status_t send_program(counting_sink_t* out, ppn_span_t flatbuffer, uint64_t base,
                                 uint64_t data_size, size_t header_size) {
  ppn_sink_t sink = {count_and_write, out};
  uint8_t head[PREFIX_SIZE + HEADER_SIZE] = {0};
  const uint8_t* f = flatbuffer.data;
  uint32_t root =
      (uint32_t)f[0] | (uint32_t)f[1] << 8 | (uint32_t)f[2] << 16 | (uint32_t)f[3] << 24;
  store(head, root + header_size, 4);
  memcpy(head + 4, f + 4, 4);
  memcpy(head + 8, PPN_PTE_EXTENDED_HEADER_MAGIC, 4);
  store(head + 12, HEADER_SIZE, 4);
  store(head + 16, header_size + flatbuffer.size, 8);
  store(head + 24, base, 8);
  store(head + 32, data_size, 8);
  PPN_RETURN_IF_ERROR(ppn_sink_write(sink, head, sizeof(head)));
  PPN_RETURN_IF_ERROR(ppn_sink_write_zeros(sink, header_size - HEADER_SIZE));
  return ppn_sink_write(sink, f + PREFIX_SIZE, flatbuffer.size - PREFIX_SIZE);
}

// Where things are in the file: no header and no base when there are no segment bytes.
typedef struct placement {
  ppn_span_t flatbuffer;
  size_t header_size;
  uint64_t base, size;
} placement_t;

static ppn_status_t send_all(const writer_t* writer, const placement_t* placement,
                             ppn_sink_t sink) {
  const ppn_pte_program_t* program = writer->program;
  uint64_t base = placement->base;
  if (base == 0) {
    return ppn_sink_write(sink, placement->flatbuffer.data, placement->flatbuffer.size);
  }
  counting_sink_t out = {sink, 0};
  PPN_RETURN_IF_ERROR(
      send_program(&out, placement->flatbuffer, base, writer->segment_end, placement->header_size));
  for (uint32_t i = 0; i < program->constant_count; ++i) {
    PPN_RETURN_IF_ERROR(
        send(&out, base + writer->constant_offsets[i + 1], &program->constants[i], "constant", i));
  }
  const segment_t* segment = &writer->segments[1];
  for (uint32_t i = 0; i < program->payload_count; ++i, ++segment) {
    if (segment->size == 0) continue;
    PPN_RETURN_IF_ERROR(
        send(&out, base + segment->offset, program->payloads[i], "delegate payload", i));
  }
  for (uint32_t i = 0; i < program->named_data_count; ++i, ++segment) {
    if (segment->size == 0) continue;
    PPN_RETURN_IF_ERROR(
        send(&out, base + segment->offset, program->named_data[i].content, "named data", i));
  }
  for (uint32_t i = 0; i < program->initial_value_count; ++i) {
    PPN_RETURN_IF_ERROR(send(&out, base + segment->offset + writer->initial_offsets[i + 1],
                             &program->initial_values[i], "initial value", i));
  }
  return ppn_status_ok();
}

static ppn_status_t check_alignment(const char* what, uint64_t alignment) {
  if (alignment <= UINT32_MAX && (alignment & (alignment - 1)) == 0) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s must be a power of two, but is %llu",
                         what, (unsigned long long)alignment);
}

static ppn_status_t prepare(writer_t* writer, placement_t* out) {
  const ppn_pte_program_t* program = writer->program;
  writer->segment_alignment =
      program->segment_alignment ? program->segment_alignment : DEFAULT_SEGMENT_ALIGNMENT;
  writer->constant_alignment =
      program->constant_alignment ? program->constant_alignment : DEFAULT_CONSTANT_ALIGNMENT;
  PPN_RETURN_IF_ERROR(check_alignment("segment alignment", writer->segment_alignment));
  PPN_RETURN_IF_ERROR(check_alignment("constant tensor alignment", writer->constant_alignment));
  for (uint32_t i = 0; i < program->named_data_count; ++i) {
    PPN_RETURN_IF_ERROR(
        check_alignment("the alignment of named data", program->named_data[i].alignment));
  }
  PPN_RETURN_IF_ERROR(lay_out(writer));
  PPN_RETURN_IF_ERROR(build(writer, &out->flatbuffer));
  out->size = out->flatbuffer.size;
  if (writer->segment_end == 0) return ppn_status_ok();
  out->header_size = ppn_align(HEADER_SIZE, writer->builder.alignment);
  out->base = ppn_align(out->header_size + out->flatbuffer.size, writer->segment_alignment);
  out->size = out->base + writer->segment_end;
  return ppn_status_ok();
}

static void release(writer_t* writer) {
  ppn_flatbuffer_builder_release(&writer->builder);
  free(writer->constant_offsets);
  free(writer->initial_offsets);
  free(writer->segments);
  free(writer->refs);
}

ppn_status_t ppn_pte_write(const ppn_pte_program_t* program, ppn_sink_t sink) {
  writer_t writer = {.program = program};
  placement_t placement = {0};
  ppn_status_t status = prepare(&writer, &placement);
  if (!status) status = send_all(&writer, &placement, sink);
  release(&writer);
  return status;
}

ppn_status_t ppn_pte_size(const ppn_pte_program_t* program, uint64_t* out_size) {
  writer_t writer = {.program = program};
  placement_t placement = {0};
  ppn_status_t status = prepare(&writer, &placement);
  *out_size = placement.size;
  release(&writer);
  return status;
}
