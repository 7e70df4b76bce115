"""Programs and methods: the library's runtime under the names of ExecuTorch's Python bindings."""

import ctypes
import os
import sys
import threading
from enum import Enum

import numpy as np

from pippin import _structures as c
from pippin._library import call_out, check, lib
from pippin.runtime import _values


class Verification(Enum):
    """How much of a file is checked when it is loaded. Pippin always checks all of it."""

    Minimal = 0
    InternalConsistency = 1


class TensorInfo:
    """Shape and type of an input or output."""

    def __init__(self, info):
        self._info = info

    def sizes(self):
        """The shape; upper bounds where it is dynamic."""
        return tuple(self._info.sizes[: self._info.rank])

    def dtype(self):
        """The number of ExecuTorch's ScalarType."""
        return c.SCALAR_TYPES[c.DTYPES[self._info.dtype]]

    def nbytes(self):
        return self._info.nbytes

    def is_memory_planned(self):
        return self._info.is_memory_planned

    def __repr__(self):
        return (f"TensorInfo(sizes={list(self.sizes())}, dtype={c.DTYPES[self._info.dtype]}, "
                f"is_memory_planned={self.is_memory_planned()}, nbytes={self.nbytes()})")


class MethodMeta:
    """Inputs and outputs of a method."""

    def __init__(self, method):
        self._method = method  # owns the handle

    def name(self):
        return self._method.name

    def num_inputs(self):
        return lib.ppn_method_input_count(self._method.handle)

    def num_outputs(self):
        return lib.ppn_method_output_count(self._method.handle)

    def num_attributes(self):
        """Named tensors that the program keeps; Pippin shows none."""
        return 0

    def _tensor_info(self, function, count, index):
        if not 0 <= index < count:
            raise IndexError(f"index {index} is out of range: there are {count}")
        info = c.TensorInfo()
        if function(self._method.handle, index, ctypes.byref(info)) != c.TENSOR:
            raise RuntimeError(f"value {index} of method '{self.name()}' is not a tensor")
        return TensorInfo(info)

    def input_tensor_meta(self, index):
        return self._tensor_info(lib.ppn_method_input_info, self.num_inputs(), index)

    def output_tensor_meta(self, index):
        return self._tensor_info(lib.ppn_method_output_info, self.num_outputs(), index)

    def attribute_tensor_meta(self, index):
        raise IndexError(f"index {index} is out of range: there are 0")

    def __repr__(self):
        return f"MethodMeta(name='{self.name()}', num_inputs={self.num_inputs()}, num_outputs={self.num_outputs()})"


# How programs stated in fp16 are computed (ppn_numerics_t): rounded like a device's results, or in fp32.
_NUMERICS = {"device": 0, "fast": 1}


class ExecuTorchMethod:
    """A loaded method. State persists in it from call to call. Calls from several threads wait for each other."""

    def __init__(self, program, name, numerics="device", thread_count=0):
        if numerics not in _NUMERICS:
            raise ValueError(f"numerics cannot be {numerics!r}; expected one of {', '.join(_NUMERICS)}")
        options = c.EngineOptions(_NUMERICS[numerics], thread_count)
        self.name = name
        self.handle = None
        self._program = program  # its memory is used
        self._lock = threading.Lock()
        self._as_torch = False
        self.handle = call_out(lib.ppn_method_load, program.handle, name.encode(), ctypes.byref(options))

    def __del__(self):
        if self.handle:
            lib.ppn_method_free(self.handle)

    def method_meta(self):
        return MethodMeta(self)

    def _set_inputs(self, inputs):
        if _values.is_tensor(inputs):
            inputs = [inputs]
        inputs = list(inputs)
        expected = lib.ppn_method_input_count(self.handle)
        if len(inputs) != expected:
            raise RuntimeError(f"method '{self.name}' has {expected} inputs, but {len(inputs)} were given")
        values = (c.EValue * max(expected, 1))()
        keep = [_values.fill(evalue, value, position) for position, (evalue, value) in enumerate(zip(values, inputs))]
        for position in range(expected):
            check(lib.ppn_method_set_input(self.handle, position, ctypes.byref(values[position])))
        del keep
        self._as_torch = any(_values.is_torch(value) for value in inputs) or (
            "torch" in sys.modules and not any(_values.is_tensor(value) for value in inputs))

    def _get_outputs(self):
        outputs = []
        for position in range(lib.ppn_method_output_count(self.handle)):
            value = c.EValue()
            check(lib.ppn_method_get_output(self.handle, position, ctypes.byref(value)))
            outputs.append(_values.read(value, self._as_torch))
        return outputs

    def set_inputs(self, inputs):
        with self._lock:
            self._set_inputs(inputs)

    def execute(self):
        with self._lock:
            check(lib.ppn_method_execute(self.handle))

    def get_outputs(self, clone_outputs=True):
        with self._lock:
            return self._get_outputs()

    def call(self, inputs=(), clone_outputs=True):
        """Runs with a flat sequence of inputs (a bare tensor counts as one); returns the list of outputs, as torch tensors
        when any input is one, else as NumPy arrays."""
        with self._lock:
            self._set_inputs(inputs)
            check(lib.ppn_method_execute(self.handle))
            return self._get_outputs()

    __call__ = call

    def get_attribute(self, name):
        raise RuntimeError(f"method '{self.name}' has no attribute '{name}': Pippin shows none")


class ExecuTorchProgram:
    """An open program; each loaded method keeps it."""

    def __init__(self, handle, memory=None):
        self.handle, self._memory = handle, memory

    def __del__(self):
        lib.ppn_program_free(self.handle)

    @classmethod
    def open(cls, path):
        return cls(call_out(lib.ppn_program_open, os.fsencode(path)))

    @classmethod
    def from_bytes(cls, data):
        # The library wants 16-byte alignment, which bytes objects do not promise.
        memory = np.empty(len(data) + 16, np.uint8)
        start = -memory.ctypes.data % 16
        memory[start : start + len(data)] = np.frombuffer(data, np.uint8)
        return cls(call_out(lib.ppn_program_open_memory, memory.ctypes.data + start, len(data), b"program in memory"), memory)

    def num_methods(self):
        return lib.ppn_program_method_count(self.handle)

    def get_method_name(self, method_index):
        if not 0 <= method_index < self.num_methods():
            raise IndexError(f"index {method_index} is out of range: there are {self.num_methods()} methods")
        return lib.ppn_program_method_name(self.handle, method_index).decode()

    def load_method(self, method_name, **options):
        return ExecuTorchMethod(self, method_name, **options)

    def method_meta(self, method_name):
        return self.load_method(method_name).method_meta()

    def has_etdump(self):
        return False

    def write_etdump_result_to_file(self, path, debug_buffer_path=None):
        raise RuntimeError("Pippin writes no ETDump")


def check_data_path(data_path):
    if data_path is not None:
        raise NotImplementedError("external tensor data (data_path) is not supported by Pippin")


def operator_names():
    return [lib.ppn_runtime_operator_name(index).decode() for index in range(lib.ppn_runtime_operator_count())]


def backend_names():
    return [lib.ppn_runtime_backend_name(index).decode() for index in range(lib.ppn_runtime_backend_count())]
