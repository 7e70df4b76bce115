#include "formats/pte_tables.h"

#include "formats/pte_schema.h"

// Required is what a program cannot be loaded without.
#define SCALAR(name_, size_) \
  { .name = name_, .kind = PPN_FLATBUFFER_SCALAR, .size = size_ }
#define STRING(name_, required_) \
  { .name = name_, .kind = PPN_FLATBUFFER_STRING, .is_required = required_ }
#define VECTOR(name_, size_, required_) \
  { .name = name_, .kind = PPN_FLATBUFFER_VECTOR, .size = size_, .is_required = required_ }
#define TABLE(name_, type_, required_) \
  { .name = name_, .kind = PPN_FLATBUFFER_TABLE, .type = &type_, .is_required = required_ }
#define TABLES(name_, type_, required_) \
  { .name = name_, .kind = PPN_FLATBUFFER_TABLES, .type = &type_, .is_required = required_ }
#define UNION(name_, types_)                                      \
  {                                                               \
    .name = name_, .kind = PPN_FLATBUFFER_UNION, .types = types_, \
    .type_count = PPN_COUNT_OF(types_)                            \
  }
#define TYPE(variable, name_)                                              \
  static const ppn_flatbuffer_type_t variable = {name_, variable##_fields, \
                                                 PPN_COUNT_OF(variable##_fields)}

// ---- Values ----

static const ppn_flatbuffer_type_t null_type = {"Null", NULL, 0};

#define VALUE_TYPE(variable, name_, field)                           \
  static const ppn_flatbuffer_field_t variable##_fields[] = {field}; \
  TYPE(variable, name_)
VALUE_TYPE(int_type, "Int", SCALAR("int_val", 8));
VALUE_TYPE(bool_type, "Bool", SCALAR("bool_val", 1));
VALUE_TYPE(double_type, "Double", SCALAR("double_val", 8));
VALUE_TYPE(string_type, "String", STRING("string_val", true));
VALUE_TYPE(int_list_type, "IntList", VECTOR("items", 8, true));
VALUE_TYPE(double_list_type, "DoubleList", VECTOR("items", 8, true));
VALUE_TYPE(bool_list_type, "BoolList", VECTOR("items", 1, true));
VALUE_TYPE(tensor_list_type, "TensorList", VECTOR("items", 4, true));
VALUE_TYPE(optional_tensor_list_type, "OptionalTensorList", VECTOR("items", 4, true));

static const ppn_flatbuffer_field_t allocation_fields[] = {
    [PPN_PTE_ALLOCATION_MEMORY_ID] = SCALAR("memory_id", 4),
    [PPN_PTE_ALLOCATION_OFFSET_LOW] = SCALAR("memory_offset_low", 4),
    [PPN_PTE_ALLOCATION_OFFSET_HIGH] = SCALAR("memory_offset_high", 4),
};
TYPE(allocation, "AllocationDetails");

static const ppn_flatbuffer_field_t extra_fields[] = {
    [PPN_PTE_EXTRA_MUTABLE_SEGMENT_INDEX] = SCALAR("mutable_data_segments_idx", 8),
    [PPN_PTE_EXTRA_NAME] = STRING("fully_qualified_name", false),
    [PPN_PTE_EXTRA_LOCATION] = SCALAR("location", 1),
    [PPN_PTE_EXTRA_DEVICE_TYPE] = SCALAR("device_type", 1),
    [PPN_PTE_EXTRA_DEVICE_INDEX] = SCALAR("device_index", 1),
};
TYPE(extra, "ExtraTensorInfo");

static const ppn_flatbuffer_field_t tensor_fields[] = {
    [PPN_PTE_TENSOR_SCALAR_TYPE] = SCALAR("scalar_type", 1),
    [PPN_PTE_TENSOR_STORAGE_OFFSET] = SCALAR("storage_offset", 4),
    [PPN_PTE_TENSOR_SIZES] = VECTOR("sizes", 4, true),
    [PPN_PTE_TENSOR_DIM_ORDER] = VECTOR("dim_order", 1, true),
    [PPN_PTE_TENSOR_REQUIRES_GRAD] = SCALAR("requires_grad", 1),
    [PPN_PTE_TENSOR_DATA_BUFFER_INDEX] = SCALAR("data_buffer_idx", 4),
    [PPN_PTE_TENSOR_ALLOCATION_INFO] = TABLE("allocation_info", allocation, false),
    [PPN_PTE_TENSOR_LAYOUT] = SCALAR("layout", 1),
    [PPN_PTE_TENSOR_SHAPE_DYNAMISM] = SCALAR("shape_dynamism", 1),
    [PPN_PTE_TENSOR_EXTRA_INFO] = TABLE("extra_tensor_info", extra, false),
};
TYPE(tensor, "Tensor");

static const ppn_flatbuffer_type_t* const value_types[] = {
    [PPN_PTE_NONE] = NULL,
    [PPN_PTE_NULL] = &null_type,
    [PPN_PTE_INT] = &int_type,
    [PPN_PTE_BOOL] = &bool_type,
    [PPN_PTE_DOUBLE] = &double_type,
    [PPN_PTE_TENSOR] = &tensor,
    [PPN_PTE_STRING] = &string_type,
    [PPN_PTE_INT_LIST] = &int_list_type,
    [PPN_PTE_DOUBLE_LIST] = &double_list_type,
    [PPN_PTE_BOOL_LIST] = &bool_list_type,
    [PPN_PTE_TENSOR_LIST] = &tensor_list_type,
    [PPN_PTE_OPTIONAL_TENSOR_LIST] = &optional_tensor_list_type,
};

static const ppn_flatbuffer_field_t value_fields[] = {
    [PPN_PTE_EVALUE_TYPE] = SCALAR("val_type", 1),
    [PPN_PTE_EVALUE_VALUE] = UNION("val", value_types),
};
TYPE(value, "EValue");

// ---- Instructions ----

static const ppn_flatbuffer_field_t kernel_call_fields[] = {
    [PPN_PTE_KERNEL_CALL_OP_INDEX] = SCALAR("op_index", 4),
    [PPN_PTE_KERNEL_CALL_ARGS] = VECTOR("args", 4, true),
};
TYPE(kernel_call, "KernelCall");

static const ppn_flatbuffer_field_t delegate_call_fields[] = {
    [PPN_PTE_DELEGATE_CALL_INDEX] = SCALAR("delegate_index", 4),
    [PPN_PTE_DELEGATE_CALL_ARGS] = VECTOR("args", 4, true),
};
TYPE(delegate_call, "DelegateCall");

static const ppn_flatbuffer_field_t move_call_fields[] = {
    [PPN_PTE_MOVE_FROM] = SCALAR("move_from", 4),
    [PPN_PTE_MOVE_TO] = SCALAR("move_to", 4),
};
TYPE(move_call, "MoveCall");

static const ppn_flatbuffer_field_t jump_false_fields[] = {
    [PPN_PTE_JUMP_FALSE_CONDITION] = SCALAR("cond_value_index", 4),
    [PPN_PTE_JUMP_FALSE_DESTINATION] = SCALAR("destination_instruction", 4),
};
TYPE(jump_false, "JumpFalseCall");

static const ppn_flatbuffer_field_t free_call_fields[] = {
    [PPN_PTE_FREE_VALUE] = SCALAR("value_index", 4),
};
TYPE(free_call, "FreeCall");

static const ppn_flatbuffer_type_t* const instruction_types[] = {
    [PPN_PTE_INSTRUCTION_NONE] = NULL,        [PPN_PTE_KERNEL_CALL] = &kernel_call,
    [PPN_PTE_DELEGATE_CALL] = &delegate_call, [PPN_PTE_MOVE_CALL] = &move_call,
    [PPN_PTE_JUMP_FALSE_CALL] = &jump_false,  [PPN_PTE_FREE_CALL] = &free_call,
};

static const ppn_flatbuffer_field_t instruction_fields[] = {
    [PPN_PTE_INSTRUCTION_TYPE] = SCALAR("instr_args_type", 1),
    [PPN_PTE_INSTRUCTION_ARGUMENTS] = UNION("instr_args", instruction_types),
};
TYPE(instruction, "Instruction");

// The stack traces in slot 3 are not read.
static const ppn_flatbuffer_field_t chain_fields[] = {
    [PPN_PTE_CHAIN_INPUTS] = VECTOR("inputs", 4, false),
    [PPN_PTE_CHAIN_OUTPUTS] = VECTOR("outputs", 4, false),
    [PPN_PTE_CHAIN_INSTRUCTIONS] = TABLES("instructions", instruction, true),
};
TYPE(chain, "Chain");

// ---- Plans ----

static const ppn_flatbuffer_field_t operator_fields[] = {
    [PPN_PTE_OPERATOR_NAME] = STRING("name", true),
    [PPN_PTE_OPERATOR_OVERLOAD] = STRING("overload", false),
};
TYPE(operator, "Operator");

static const ppn_flatbuffer_field_t data_reference_fields[] = {
    [PPN_PTE_DATA_REFERENCE_LOCATION] = SCALAR("location", 1),
    [PPN_PTE_DATA_REFERENCE_INDEX] = SCALAR("index", 4),
};
TYPE(data_reference, "BackendDelegateDataReference");

static const ppn_flatbuffer_field_t compile_spec_fields[] = {
    [PPN_PTE_COMPILE_SPEC_KEY] = STRING("key", true),
    [PPN_PTE_COMPILE_SPEC_VALUE] = VECTOR("value", 1, true),
};
TYPE(compile_spec, "CompileSpec");

static const ppn_flatbuffer_field_t delegate_fields[] = {
    [PPN_PTE_DELEGATE_ID] = STRING("id", true),
    [PPN_PTE_DELEGATE_PROCESSED] = TABLE("processed", data_reference, true),
    [PPN_PTE_DELEGATE_COMPILE_SPECS] = TABLES("compile_specs", compile_spec, false),
};
TYPE(delegate, "BackendDelegate");

static const ppn_flatbuffer_field_t container_fields[] = {
    [PPN_PTE_CONTAINER_ENCODED_INPUT] = STRING("encoded_inp_str", false),
    [PPN_PTE_CONTAINER_ENCODED_OUTPUT] = STRING("encoded_out_str", false),
};
TYPE(container, "ContainerMetadata");

static const ppn_flatbuffer_field_t plan_fields[] = {
    [PPN_PTE_PLAN_NAME] = STRING("name", true),
    [PPN_PTE_PLAN_CONTAINER_META_TYPE] = TABLE("container_meta_type", container, false),
    [PPN_PTE_PLAN_VALUES] = TABLES("values", value, true),
    [PPN_PTE_PLAN_INPUTS] = VECTOR("inputs", 4, true),
    [PPN_PTE_PLAN_OUTPUTS] = VECTOR("outputs", 4, true),
    [PPN_PTE_PLAN_CHAINS] = TABLES("chains", chain, true),
    [PPN_PTE_PLAN_OPERATORS] = TABLES("operators", operator, false),
    [PPN_PTE_PLAN_DELEGATES] = TABLES("delegates", delegate, false),
    [PPN_PTE_PLAN_NON_CONST_BUFFER_SIZES] = VECTOR("non_const_buffer_sizes", 8, true),
};
TYPE(plan, "ExecutionPlan");

// ---- Program ----

static const ppn_flatbuffer_field_t buffer_fields[] = {VECTOR("storage", 1, false)};
TYPE(buffer, "Buffer");

static const ppn_flatbuffer_field_t inline_data_fields[] = {VECTOR("data", 1, false)};
TYPE(inline_data, "BackendDelegateInlineData");

static const ppn_flatbuffer_field_t segment_fields[] = {
    [PPN_PTE_SEGMENT_OFFSET] = SCALAR("offset", 8),
    [PPN_PTE_SEGMENT_SIZE] = SCALAR("size", 8),
};
TYPE(segment, "DataSegment");

static const ppn_flatbuffer_field_t subsegment_fields[] = {
    [PPN_PTE_SUBSEGMENT_INDEX] = SCALAR("segment_index", 4),
    [PPN_PTE_SUBSEGMENT_OFFSETS] = VECTOR("offsets", 8, false),
};
TYPE(subsegment, "SubsegmentOffsets");

static const ppn_flatbuffer_field_t named_data_fields[] = {
    [PPN_PTE_NAMED_DATA_KEY] = STRING("key", true),
    [PPN_PTE_NAMED_DATA_SEGMENT] = SCALAR("segment_index", 4),
};
TYPE(named_data, "NamedData");

static const ppn_flatbuffer_field_t program_fields[] = {
    [PPN_PTE_PROGRAM_VERSION] = SCALAR("version", 4),
    [PPN_PTE_PROGRAM_EXECUTION_PLAN] = TABLES("execution_plan", plan, true),
    [PPN_PTE_PROGRAM_CONSTANT_BUFFER] = TABLES("constant_buffer", buffer, false),
    [PPN_PTE_PROGRAM_BACKEND_DELEGATE_DATA] = TABLES("backend_delegate_data", inline_data, false),
    [PPN_PTE_PROGRAM_SEGMENTS] = TABLES("segments", segment, false),
    [PPN_PTE_PROGRAM_CONSTANT_SEGMENT] = TABLE("constant_segment", subsegment, false),
    [PPN_PTE_PROGRAM_MUTABLE_DATA_SEGMENTS] = TABLES("mutable_data_segments", subsegment, false),
    [PPN_PTE_PROGRAM_NAMED_DATA] = TABLES("named_data", named_data, false),
};

const ppn_flatbuffer_type_t ppn_pte_program_type = {"Program", program_fields,
                                                    PPN_COUNT_OF(program_fields)};
