"""Mirror of executorch.extension.pybindings.portable_lib: the lower-level bindings that older examples use."""

from pippin.runtime import _program
from pippin.runtime._program import ExecuTorchMethod, ExecuTorchProgram, MethodMeta, TensorInfo, Verification

__all__ = ["ExecuTorchMethod", "ExecuTorchModule", "ExecuTorchProgram", "MethodMeta", "TensorInfo", "Verification"]


class ExecuTorchModule:
    """A program whose methods are called by name; each is loaded once."""

    def __init__(self, program):
        self._program, self._methods = program, {}

    def _method(self, name):
        if name not in self._methods:
            self._methods[name] = self._program.load_method(name)
        return self._methods[name]

    def run_method(self, method_name, inputs=(), clone_outputs=True):
        return self._method(method_name)(inputs)

    def forward(self, inputs=(), clone_outputs=True):
        return self.run_method("forward", inputs)

    __call__ = forward

    def plan_execute(self, method_name, clone_outputs=True):
        """Runs with the inputs that were set before."""
        method = self._method(method_name)
        method.execute()
        return method.get_outputs()

    def method_names(self):
        return [self._program.get_method_name(index) for index in range(self._program.num_methods())]

    def method_meta(self, method_name):
        return self._method(method_name).method_meta()

    def has_etdump(self):
        return False

    def write_etdump_result_to_file(self, path, debug_buffer_path=None):
        self._program.write_etdump_result_to_file(path, debug_buffer_path)


def _load_program(path, enable_etdump=False, debug_buffer_size=0, program_verification=Verification.Minimal, data_path=None):
    _program.check_data_path(data_path)
    return ExecuTorchProgram.open(path)


def _load_program_from_buffer(buffer, enable_etdump=False, debug_buffer_size=0,
                              program_verification=Verification.Minimal, data_path=None):
    _program.check_data_path(data_path)
    return ExecuTorchProgram.from_bytes(buffer)


def _load_for_executorch(program_path, data_path=None, enable_etdump=False, debug_buffer_size=0,
                         program_verification=Verification.InternalConsistency):
    return ExecuTorchModule(_load_program(program_path, data_path=data_path))


def _load_for_executorch_from_buffer(buffer, data_map_buffer=None, enable_etdump=False, debug_buffer_size=0,
                                     program_verification=Verification.InternalConsistency):
    return ExecuTorchModule(_load_program_from_buffer(buffer, data_path=data_map_buffer))


def _get_operator_names():
    return _program.operator_names()


def _get_registered_backend_names():
    return _program.backend_names()


def _is_available(backend_name):
    return backend_name in _program.backend_names()
