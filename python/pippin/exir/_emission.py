"""From ExecuTorch's options and constant methods to the library's ppn_executorch_options_t."""

import ctypes

from pippin import _structures as c
from pippin._tensors import is_tensor, lend_tensor


def _by_method(value, methods, option):
    """One value for all methods, also when it is given as a dict by method."""
    if not isinstance(value, dict):
        return value
    values = [value[name] for name in methods if name in value]
    if any(other != values[0] for other in values[1:]):
        raise NotImplementedError(f"{option} that differs between methods is not supported by Pippin")
    return values[0] if values else None


def check_config(config):
    """Refuses what would change the program and Pippin cannot do."""
    for option, unsupported in (
        ("passes", bool(config.passes)),
        ("external_constants", bool(config.external_constants)),
        ("external_mutable_weights", bool(config.external_mutable_weights)),
        ("emit_mutable_buffer_names", bool(config.emit_mutable_buffer_names)),
        ("sym_shape_eval_pass=HintBasedSymShapeEvalPass()",
         type(config.sym_shape_eval_pass).__name__ == "HintBasedSymShapeEvalPass"),
        ("delegate_alignment larger than segment_alignment",
         (config.delegate_alignment or 0) > (config.segment_alignment or 0)),
    ):
        if unsupported:
            raise NotImplementedError(f"{option} is not supported by Pippin; leave it out of ExecutorchBackendConfig")


def _fill(evalue, value, name):
    if value is None:
        evalue.kind = c.NONE
    elif isinstance(value, bool):
        evalue.kind, evalue.u.boolean = c.BOOL, value
    elif isinstance(value, int):
        evalue.kind, evalue.u.integer = c.INT, value
    elif isinstance(value, float):
        evalue.kind, evalue.u.number = c.DOUBLE, value
    elif isinstance(value, str):
        data = value.encode()
        buffer = ctypes.create_string_buffer(data, len(data) + 1)
        evalue.kind = c.STRING
        evalue.u.string.data, evalue.u.string.size = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_char)), len(data)
        return buffer
    elif is_tensor(value):
        evalue.kind = c.TENSOR
        return lend_tensor(value, evalue.u.tensor, f"constant method '{name}'")
    elif str(value).removeprefix("torch.") in c.SCALAR_TYPES and type(value).__name__ == "dtype":
        evalue.kind, evalue.u.integer = c.INT, c.SCALAR_TYPES[str(value).removeprefix("torch.")]
    else:
        raise NotImplementedError(
            f"constant method '{name}' returns a {type(value).__name__}; expected integers, floating-point numbers, "
            "booleans, texts, tensors, or a list of them")
    return None


def make_options(config, constant_methods, methods):
    """The structure; what it points to lives as long as it does."""
    check_config(config)
    planning = _by_method(config.memory_planning_pass, methods, "memory_planning_pass")
    entries, keep = (c.ConstantMethod * max(len(constant_methods), 1))(), []
    for entry, (name, value) in zip(entries, constant_methods.items()):
        items = list(value) if isinstance(value, (list, tuple)) else [value]
        values = (c.EValue * max(len(items), 1))()
        keep += [values] + [_fill(evalue, item, name) for evalue, item in zip(values, items)]
        entry.name, entry.values, entry.value_count = name.encode(), values, len(items)
        entry.is_list = isinstance(value, (list, tuple))
    options = c.ExecutorchOptions(
        segment_alignment=config.segment_alignment or 0, constant_tensor_alignment=config.constant_tensor_alignment or 0,
        leave_graph_input_unplanned=not getattr(planning, "alloc_graph_input", True),
        leave_graph_output_unplanned=not getattr(planning, "alloc_graph_output", True),
        leave_mutable_buffers_unplanned=not getattr(planning, "alloc_mutable_buffers", True),
        constant_methods=entries, constant_method_count=len(constant_methods))
    options._keep = (entries, keep)
    return options
