"""Mirror of executorch.runtime: runs ExecuTorch programs, Core ML delegates included, on this machine."""

import ctypes
import os
from enum import Enum
from functools import lru_cache

import numpy as np

from pippin import _library as c
from pippin._library import check, lib


class Verification(Enum):
    Minimal = "minimal"
    InternalConsistency = "internal_consistency"


def _to_numpy(value):
    """The array that a NumPy or torch tensor views (no copy), or None for what is neither."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach") and hasattr(value, "untyped_storage"):
        value = value.detach()
        # NumPy has no bfloat16: the same bits travel as int16.
        return value.view(_torch().int16).numpy() if str(value.dtype) == "torch.bfloat16" else value.numpy()
    return None


def _torch():
    import torch

    return torch


def _dtype_name(value):
    return str(value.dtype).removeprefix("torch.")


def _fill(evalue, value, position):
    """Sets a ppn_evalue_t from a Python value; returns what must stay alive during the call."""
    array = _to_numpy(value)
    if array is not None:
        tensor = evalue.u.tensor
        evalue.kind = c.TENSOR
        if array.itemsize == 0 or any(stride % array.itemsize or stride < 0 for stride in array.strides):
            array = np.ascontiguousarray(array)
        name = _dtype_name(value)
        if name not in c.DTYPE_NUMBERS:
            raise RuntimeError(f"input {position}: dtype {name} is not supported")
        tensor.data = array.ctypes.data
        tensor.dtype = c.DTYPE_NUMBERS[name]
        tensor.rank = array.ndim
        for dimension in range(array.ndim):
            tensor.sizes[dimension] = array.shape[dimension]
            tensor.strides[dimension] = array.strides[dimension] // array.itemsize
        return array
    if value is None:
        evalue.kind = c.NONE
    elif isinstance(value, bool):
        evalue.kind, evalue.u.boolean = c.BOOL, value
    elif isinstance(value, int):
        evalue.kind, evalue.u.integer = c.INT, value
    elif isinstance(value, float):
        evalue.kind, evalue.u.number = c.DOUBLE, value
    else:
        raise RuntimeError(f"input {position}: a {type(value).__name__} cannot be passed; expected a tensor or a number")
    return value


def _read(evalue, as_torch):
    """A Python value from a ppn_evalue_t; tensors are copied out."""
    if evalue.kind == c.TENSOR:
        tensor = evalue.u.tensor
        name = c.DTYPES[tensor.dtype]
        shape = tuple(tensor.sizes[: tensor.rank])
        storage = np.dtype("int16" if name == "bfloat16" else name)
        strides = tuple(stride * storage.itemsize for stride in tensor.strides[: tensor.rank])
        count = 1 + sum((size - 1) * stride for size, stride in zip(shape, tensor.strides)) if all(shape) else 0
        raw = (ctypes.c_char * (count * storage.itemsize)).from_address(tensor.data or 0) if count else b""
        array = np.ndarray(shape, storage, raw, strides=strides).copy() if count else np.empty(shape, storage)
        if not as_torch:
            return array
        result = _torch().from_numpy(array)
        return result.view(_torch().bfloat16) if name == "bfloat16" else result
    if evalue.kind == c.STRING:
        return ctypes.string_at(evalue.u.string.data, evalue.u.string.size).decode()
    return {c.NONE: lambda: None, c.DOUBLE: lambda: evalue.u.number, c.INT: lambda: evalue.u.integer,
            c.BOOL: lambda: evalue.u.boolean}[evalue.kind]()


class TensorInfo:
    def __init__(self, info):
        self._info = info

    def sizes(self):
        return tuple(self._info.sizes[: self._info.rank])

    def dtype(self):
        """The number of ExecuTorch's ScalarType."""
        return c.SCALAR_TYPES[c.DTYPES[self._info.dtype]]

    def nbytes(self):
        return self._info.nbytes

    def is_memory_planned(self):
        return self._info.is_memory_planned


class MethodMeta:
    def __init__(self, name, handle):
        self._name, self._handle = name, handle

    def name(self):
        return self._name

    def num_inputs(self):
        return lib.ppn_method_input_count(self._handle)

    def num_outputs(self):
        return lib.ppn_method_output_count(self._handle)

    def _tensor_info(self, function, count, index):
        if not 0 <= index < count:
            raise IndexError(f"index {index} is outside 0 … {count - 1}")
        info = c.TensorInfo()
        if function(self._handle, index, ctypes.byref(info)) != c.TENSOR:
            raise RuntimeError(f"value {index} is not a tensor")
        return TensorInfo(info)

    def input_tensor_meta(self, index):
        return self._tensor_info(lib.ppn_method_input_info, self.num_inputs(), index)

    def output_tensor_meta(self, index):
        return self._tensor_info(lib.ppn_method_output_info, self.num_outputs(), index)


class Method:
    """A loaded method. State persists in it from call to call. One thread at a time."""

    def __init__(self, name, program):
        self._program = program  # its memory is used
        self._handle = c.call_out(lib.ppn_method_load, program.handle, name.encode(), None)
        self.metadata = MethodMeta(name, self._handle)

    def __del__(self):
        if getattr(self, "_handle", None):
            lib.ppn_method_free(self._handle)

    def execute(self, inputs):
        """Runs with a flat sequence of inputs (a bare tensor counts as one) and returns the list of outputs: torch tensors
        when any input is one, NumPy arrays otherwise."""
        if _to_numpy(inputs) is not None:
            inputs = [inputs]
        inputs = list(inputs)
        expected = self.metadata.num_inputs()
        if len(inputs) != expected:
            raise RuntimeError(f"method '{self.metadata.name()}' has {expected} inputs; {len(inputs)} were given")
        values = (c.EValue * max(expected, 1))()
        keep = [_fill(evalue, value, position) for position, (evalue, value) in enumerate(zip(values, inputs))]
        for position in range(expected):
            check(lib.ppn_method_set_input(self._handle, position, ctypes.byref(values[position])))
        del keep
        check(lib.ppn_method_execute(self._handle))
        as_torch = any(hasattr(value, "untyped_storage") for value in inputs) or not inputs and "torch" in _loaded()
        outputs = []
        for position in range(self.metadata.num_outputs()):
            value = c.EValue()
            check(lib.ppn_method_get_output(self._handle, position, ctypes.byref(value)))
            outputs.append(_read(value, as_torch))
        return outputs


def _loaded():
    import sys

    return sys.modules


class _OpenProgram:
    """Owns a ppn_program_t; kept by the Program and by each of its methods, so that either may be dropped first."""

    def __init__(self, handle, memory):
        self.handle, self._memory = handle, memory

    def __del__(self):
        lib.ppn_program_free(self.handle)


class Program:
    def __init__(self, handle, memory):
        self._open, self._methods = _OpenProgram(handle, memory), {}

    @property
    def method_names(self):
        count = lib.ppn_program_method_count(self._open.handle)
        return {lib.ppn_program_method_name(self._open.handle, index).decode() for index in range(count)}

    def load_method(self, name):
        """The method of that name, the same object each time."""
        if name not in self._methods:
            if name not in self.method_names:
                raise KeyError(name)
            self._methods[name] = Method(name, self._open)
        return self._methods[name]

    def metadata(self, name):
        return self.load_method(name).metadata


class BackendRegistry:
    @property
    def registered_backend_names(self):
        return [lib.ppn_runtime_backend_name(i).decode() for i in range(lib.ppn_runtime_backend_count())]

    def is_available(self, name):
        return name in self.registered_backend_names


class OperatorRegistry:
    @property
    def operator_names(self):
        return {lib.ppn_runtime_operator_name(i).decode() for i in range(lib.ppn_runtime_operator_count())}


class Runtime:
    """Entry point; one per process: ``Runtime.get()``."""

    def __init__(self):
        self.backend_registry = BackendRegistry()
        self.operator_registry = OperatorRegistry()

    @staticmethod
    @lru_cache(maxsize=1)
    def get():
        return Runtime()

    def load_program(self, data, *, verification=Verification.InternalConsistency, enable_etdump=False, debug_buffer_size=0,
                     data_path=None):
        """From a path, bytes, or a readable binary object. Bad or missing files raise RuntimeError."""
        if data_path is not None:
            raise NotImplementedError("external tensor data (data_path) is not supported by Pippin")
        if isinstance(data, (str, os.PathLike)):
            return Program(c.call_out(lib.ppn_program_open, os.fsencode(data)), None)
        if hasattr(data, "read"):
            data = data.read()
        if not isinstance(data, (bytes, bytearray)):
            raise TypeError(f"expected a path, bytes or a readable object, not {type(data).__name__}")
        # The runtime wants 16-byte alignment, which bytes objects do not promise.
        memory = np.empty(len(data) + 16, np.uint8)
        start = -memory.ctypes.data % 16
        memory[start : start + len(data)] = np.frombuffer(data, np.uint8)
        handle = c.call_out(lib.ppn_program_open_memory, memory.ctypes.data + start, len(data), b"program in memory")
        return Program(handle, memory)
