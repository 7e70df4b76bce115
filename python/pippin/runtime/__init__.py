"""Mirror of executorch.runtime: runs ExecuTorch programs, Core ML delegates included, on this machine.

    program = Runtime.get().load_program("model.pte")
    outputs = program.load_method("forward").execute([torch.ones(2, 2)])
"""

import functools
import os

from pippin.runtime import _program
from pippin.runtime._program import ExecuTorchProgram, MethodMeta, TensorInfo, Verification

__all__ = ["BackendRegistry", "Method", "MethodMeta", "OperatorRegistry", "Program", "Runtime", "TensorInfo", "Verification"]


class Method:
    """A method of a program, ready to run."""

    def __init__(self, method):
        self._method = method

    def execute(self, inputs):
        """Runs with a flat sequence of inputs, in the order of the exported program's (a bare tensor counts as one), and
        returns the list of outputs: torch tensors when any input is one, else NumPy arrays. Inputs that do not fit raise
        RuntimeError before anything runs."""
        return self._method(inputs)

    @property
    def metadata(self):
        return self._method.method_meta()


class Program:
    """A loaded program."""

    def __init__(self, program):
        self._program = program
        self._methods = dict.fromkeys(program.get_method_name(index) for index in range(program.num_methods()))

    @property
    def method_names(self):
        return set(self._methods)

    def load_method(self, name, *, numerics="device", thread_count=0):
        """The method of that name, the same object each time; KeyError when there is none.

        Pippin's own options count when the method is loaded first: ``numerics="fast"`` computes fp16 models in fp32;
        ``thread_count`` 0 is one thread for each processor."""
        if self._methods[name] is None:
            self._methods[name] = Method(self._program.load_method(name, numerics=numerics, thread_count=thread_count))
        return self._methods[name]

    def metadata(self, method_name):
        return self.load_method(method_name).metadata

    def write_etdump_result_to_file(self, etdump_path, debug_buffer_path):
        self._program.write_etdump_result_to_file(etdump_path, debug_buffer_path)


class BackendRegistry:
    @property
    def registered_backend_names(self):
        return _program.backend_names()

    def is_available(self, backend_name):
        return backend_name in _program.backend_names()


class OperatorRegistry:
    @property
    def operator_names(self):
        return set(_program.operator_names())


class Runtime:
    """Entry point; one per process: ``Runtime.get()``."""

    @staticmethod
    @functools.lru_cache(maxsize=1)
    def get():
        return Runtime()

    def __init__(self):
        self.backend_registry = BackendRegistry()
        self.operator_registry = OperatorRegistry()

    def load_program(self, data, *, verification=Verification.InternalConsistency, enable_etdump=False, debug_buffer_size=0,
                     data_path=None):
        """From a path, bytes, or a readable binary object. A bad or missing file raises RuntimeError. The whole program is
        always verified; ``enable_etdump`` is accepted, but nothing is recorded."""
        _program.check_data_path(data_path)
        if isinstance(data, (str, os.PathLike)):
            return Program(ExecuTorchProgram.open(data))
        if hasattr(data, "read"):
            data = data.read()
        if not isinstance(data, (bytes, bytearray)):
            raise TypeError(f"expected a path, bytes or a readable object, not {type(data).__name__}")
        return Program(ExecuTorchProgram.from_bytes(data))
