"""The C library's structures, enumerations and functions as ctypes sees them (include/pippin/)."""

import ctypes

MAX_RANK = 16

# Numbers of ppn_dtype_t by torch's names.
DTYPES = ["invalid", "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16",
          "bfloat16", "float32", "float64", "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
          "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]
DTYPE_NUMBERS = {name: number for number, name in enumerate(DTYPES)}
# c10::ScalarType, which ExecuTorch reports.
SCALAR_TYPES = {"uint8": 0, "int8": 1, "int16": 2, "int32": 3, "int64": 4, "float16": 5, "float32": 6, "float64": 7,
                "complex32": 8, "complex64": 9, "complex128": 10, "bool": 11, "bfloat16": 15, "float8_e5m2": 23,
                "float8_e4m3fn": 24, "uint16": 27, "uint32": 28, "uint64": 29}


class Tensor(ctypes.Structure):
    """ppn_tensor_t"""

    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int),
                ("sizes", ctypes.c_int64 * MAX_RANK), ("strides", ctypes.c_int64 * MAX_RANK)]


class _String(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_char)), ("size", ctypes.c_size_t)]


class _EValueUnion(ctypes.Union):
    _fields_ = [("tensor", Tensor), ("number", ctypes.c_double), ("integer", ctypes.c_int64),
                ("boolean", ctypes.c_bool), ("string", _String)]


class EValue(ctypes.Structure):
    """ppn_evalue_t"""

    _fields_ = [("kind", ctypes.c_int), ("u", _EValueUnion)]


NONE, TENSOR, STRING, DOUBLE, INT, BOOL = range(6)


class TensorInfo(ctypes.Structure):
    """ppn_tensor_info_t"""

    _fields_ = [("dtype", ctypes.c_int), ("rank", ctypes.c_int), ("sizes", ctypes.c_int64 * MAX_RANK),
                ("dim_order", ctypes.c_uint8 * MAX_RANK), ("is_dynamic", ctypes.c_bool),
                ("is_memory_planned", ctypes.c_bool), ("nbytes", ctypes.c_size_t)]


class SizeRange(ctypes.Structure):
    """ppn_size_range_t"""

    _fields_ = [("lower", ctypes.c_int64), ("upper", ctypes.c_int64)]


class ModelFeature(ctypes.Structure):
    """ppn_model_feature_t"""

    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("is_flexible", ctypes.c_bool), ("kind", ctypes.c_int),
                ("ranges", ctypes.POINTER(SizeRange)), ("enumerated", ctypes.POINTER(ctypes.c_int64)),
                ("enumerated_count", ctypes.c_size_t), ("is_optional", ctypes.c_bool),
                ("default_value", ctypes.c_double), ("image_layout", ctypes.c_int),
                ("labels", ctypes.POINTER(ctypes.c_char_p)), ("label_numbers", ctypes.POINTER(ctypes.c_int64)),
                ("label_count", ctypes.c_size_t)]


MULTI_ARRAY, IMAGE, STATE, LABEL_STRING, LABEL_NUMBER, DICTIONARY = range(6)
GRAYSCALE, RGB, BGR, GRAYSCALE_FLOAT16 = 10, 20, 30, 40


class EngineOptions(ctypes.Structure):
    """ppn_engine_options_t"""

    _fields_ = [("numerics", ctypes.c_int), ("thread_count", ctypes.c_int)]


class LentTensor(ctypes.Structure):
    """ppn_lent_tensor_t"""

    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int),
                ("sizes", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("storage_offset", ctypes.c_int64), ("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class CompileOptions(ctypes.Structure):
    """ppn_coreml_compile_options_t"""

    _fields_ = [("compute_unit", ctypes.c_int), ("minimum_deployment_target", ctypes.c_int),
                ("compute_precision", ctypes.c_int), ("model_type", ctypes.c_int), ("weight_sharing", ctypes.c_int)]


class CompileSpec(ctypes.Structure):
    """ppn_compile_spec_t"""

    _fields_ = [("key", ctypes.c_char_p), ("value", ctypes.c_char_p), ("value_size", ctypes.c_size_t)]


class NodeTag(ctypes.Structure):
    """ppn_node_tag_t"""

    _fields_ = [("node", ctypes.c_char_p), ("tag", ctypes.c_char_p)]


class Partitioner(ctypes.Structure):
    """ppn_coreml_partitioner_t"""

    _fields_ = [("compile_options", CompileOptions), ("skip_ops", ctypes.POINTER(ctypes.c_char_p)),
                ("skip_op_count", ctypes.c_size_t), ("take_over_mutable_buffer", ctypes.c_bool),
                ("take_over_constant_data", ctypes.c_bool), ("lower_full_graph", ctypes.c_bool),
                ("compile_specs", ctypes.POINTER(CompileSpec)), ("compile_spec_count", ctypes.c_size_t),
                ("node_tags", ctypes.POINTER(NodeTag)), ("node_tag_count", ctypes.c_size_t)]


class MethodSource(ctypes.Structure):
    """ppn_edge_method_source_t"""

    _fields_ = [("name", ctypes.c_char_p), ("program", ctypes.c_void_p), ("partitioner", ctypes.POINTER(Partitioner))]


class ConstantMethod(ctypes.Structure):
    """ppn_constant_method_t"""

    _fields_ = [("name", ctypes.c_char_p), ("values", ctypes.POINTER(EValue)), ("value_count", ctypes.c_size_t),
                ("is_list", ctypes.c_bool)]


Progress = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_double)


class LoweringOptions(ctypes.Structure):
    """ppn_lowering_options_t"""

    _fields_ = [("progress", Progress), ("progress_user_data", ctypes.c_void_p), ("decompose_all", ctypes.c_bool)]


class ExecutorchOptions(ctypes.Structure):
    """ppn_executorch_options_t"""

    _fields_ = [("segment_alignment", ctypes.c_uint32), ("constant_tensor_alignment", ctypes.c_uint32),
                ("leave_graph_input_unplanned", ctypes.c_bool), ("leave_graph_output_unplanned", ctypes.c_bool),
                ("leave_mutable_buffers_unplanned", ctypes.c_bool),
                ("constant_methods", ctypes.POINTER(ConstantMethod)), ("constant_method_count", ctypes.c_size_t)]


class UndelegatedNode(ctypes.Structure):
    """ppn_undelegated_node_t"""

    _fields_ = [("name", ctypes.c_char_p), ("target", ctypes.c_char_p), ("reason", ctypes.c_char_p),
                ("file", ctypes.c_char_p), ("line", ctypes.c_int), ("source", ctypes.c_char_p)]


class PartitionReport(ctypes.Structure):
    """ppn_partition_report_t"""

    _fields_ = [("name", ctypes.c_char_p), ("node_count", ctypes.c_size_t), ("operation_count", ctypes.c_size_t),
                ("specification_version", ctypes.c_int), ("weight_size", ctypes.c_uint64), ("is_shared", ctypes.c_bool)]


class MethodReport(ctypes.Structure):
    """ppn_method_report_t"""

    _fields_ = [("name", ctypes.c_char_p), ("partitions", ctypes.POINTER(PartitionReport)),
                ("partition_count", ctypes.c_size_t), ("delegated_count", ctypes.c_size_t),
                ("undelegated", ctypes.POINTER(UndelegatedNode)), ("undelegated_count", ctypes.c_size_t)]


WriteFunction = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
LogFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)

_POINTER = ctypes.c_void_p
_OUT = ctypes.POINTER(ctypes.c_void_p)
_STATUS = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_SIZE = ctypes.c_size_t

# name -> (result, arguments)
FUNCTIONS = {
    "ppn_version": (_TEXT, []),
    "ppn_status_create": (_STATUS, [ctypes.c_int, _TEXT]),
    "ppn_status_code": (ctypes.c_int, [_STATUS]),
    "ppn_status_code_name": (_TEXT, [ctypes.c_int]),
    "ppn_status_message": (_TEXT, [_STATUS]),
    "ppn_status_free": (None, [_STATUS]),
    "ppn_log_set_callback": (None, [LogFunction, _POINTER, ctypes.c_int]),
    "ppn_text_free": (None, [_POINTER]),
    "ppn_inspect": (_STATUS, [_TEXT, _OUT]),
    "ppn_exported_program_load": (_STATUS, [_TEXT, _OUT]),
    "ppn_exported_program_load_memory": (_STATUS, [_POINTER, _SIZE, _TEXT, _OUT]),
    "ppn_exported_program_from_json": (
        _STATUS, [_TEXT, _SIZE, _TEXT, ctypes.POINTER(LentTensor), _SIZE, _OUT]),
    "ppn_exported_program_free": (None, [_POINTER]),
    "ppn_to_edge_transform_and_lower": (
        _STATUS, [ctypes.POINTER(MethodSource), _SIZE, ctypes.POINTER(LoweringOptions), _OUT]),
    "ppn_edge_program_to_backend": (_STATUS, [_POINTER, ctypes.POINTER(ctypes.POINTER(Partitioner))]),
    "ppn_edge_program_free": (None, [_POINTER]),
    "ppn_edge_program_set_options": (_STATUS, [_POINTER, ctypes.POINTER(ExecutorchOptions)]),
    "ppn_edge_program_write_to": (_STATUS, [_POINTER, WriteFunction, _POINTER]),
    "ppn_edge_program_size": (_STATUS, [_POINTER, ctypes.POINTER(ctypes.c_uint64)]),
    "ppn_edge_program_write_payload_to": (_STATUS, [_POINTER, _TEXT, _SIZE, WriteFunction, _POINTER]),
    "ppn_edge_program_write_package": (_STATUS, [_POINTER, _TEXT, _SIZE, _TEXT]),
    "ppn_edge_program_replace_value": (_STATUS, [_POINTER, _TEXT, _TEXT, _TEXT]),
    "ppn_edge_program_eliminate_dead_code": (_STATUS, [_POINTER, _TEXT]),
    "ppn_edge_program_report": (ctypes.POINTER(MethodReport), [_POINTER, ctypes.POINTER(_SIZE)]),
    "ppn_edge_program_dump": (_STATUS, [_POINTER, _TEXT, _OUT]),
    "ppn_program_open": (_STATUS, [_TEXT, _OUT]),
    "ppn_program_open_memory": (_STATUS, [_POINTER, _SIZE, _TEXT, _OUT]),
    "ppn_program_free": (None, [_POINTER]),
    "ppn_program_dump": (_STATUS, [_TEXT, _OUT]),
    "ppn_program_method_count": (ctypes.c_uint32, [_POINTER]),
    "ppn_program_method_name": (_TEXT, [_POINTER, ctypes.c_uint32]),
    "ppn_method_load": (_STATUS, [_POINTER, _TEXT, ctypes.POINTER(EngineOptions), _OUT]),
    "ppn_method_free": (None, [_POINTER]),
    "ppn_method_input_count": (ctypes.c_uint32, [_POINTER]),
    "ppn_method_output_count": (ctypes.c_uint32, [_POINTER]),
    "ppn_method_input_info": (ctypes.c_int, [_POINTER, ctypes.c_uint32, ctypes.POINTER(TensorInfo)]),
    "ppn_method_output_info": (ctypes.c_int, [_POINTER, ctypes.c_uint32, ctypes.POINTER(TensorInfo)]),
    "ppn_method_set_input": (_STATUS, [_POINTER, ctypes.c_uint32, ctypes.POINTER(EValue)]),
    "ppn_method_execute": (_STATUS, [_POINTER]),
    "ppn_method_get_output": (_STATUS, [_POINTER, ctypes.c_uint32, ctypes.POINTER(EValue)]),
    "ppn_model_open": (_STATUS, [_TEXT, _OUT]),
    "ppn_model_free": (None, [_POINTER]),
    "ppn_model_specification_version": (ctypes.c_int, [_POINTER]),
    "ppn_model_function_count": (_SIZE, [_POINTER]),
    "ppn_model_function_name": (_TEXT, [_POINTER, _SIZE]),
    "ppn_model_find_function": (_STATUS, [_POINTER, _TEXT, ctypes.POINTER(_SIZE)]),
    "ppn_model_inputs": (ctypes.POINTER(ModelFeature), [_POINTER, _SIZE, ctypes.POINTER(_SIZE)]),
    "ppn_model_outputs": (ctypes.POINTER(ModelFeature), [_POINTER, _SIZE, ctypes.POINTER(_SIZE)]),
    "ppn_model_states": (ctypes.POINTER(ModelFeature), [_POINTER, _SIZE, ctypes.POINTER(_SIZE)]),
    "ppn_model_instance_create": (_STATUS, [_POINTER, _TEXT, ctypes.POINTER(EngineOptions), _OUT]),
    "ppn_model_instance_free": (None, [_POINTER]),
    "ppn_model_instance_use_state": (_STATUS, [_POINTER, _POINTER]),
    "ppn_model_predict": (_STATUS, [_POINTER, ctypes.POINTER(Tensor), _SIZE, ctypes.POINTER(Tensor), _SIZE]),
    "ppn_model_compile": (_STATUS, [_POINTER, _TEXT]),
    "ppn_model_structure": (_STATUS, [_POINTER, _OUT]),
    "ppn_model_state_create": (_STATUS, [_POINTER, _TEXT, _OUT]),
    "ppn_model_state_free": (None, [_POINTER]),
    "ppn_model_state_tensor": (_STATUS, [_POINTER, _TEXT, ctypes.POINTER(Tensor)]),
    "ppn_runtime_operator_count": (_SIZE, []),
    "ppn_runtime_operator_name": (_TEXT, [_SIZE]),
    "ppn_runtime_backend_count": (_SIZE, []),
    "ppn_runtime_backend_name": (_TEXT, [_SIZE]),
}
