"""CoreMLPartitioner: the options of ExecuTorch's Core ML partitioner, same names and defaults."""

import ctypes

from pippin._library import CompileOptions, Partitioner
from pippin.backends.apple.coreml.compiler.coreml_preprocess import CoreMLBackend

_UNITS = {"all": 0, "cpu_only": 1, "cpu_and_gpu": 2, "cpu_and_ne": 3}


class CoreMLPartitioner:
    def __init__(self, *, skip_ops_for_coreml_delegation=None, compile_specs=None, take_over_mutable_buffer=True,
                 lower_full_graph=False, take_over_constant_data=True):
        self.skip_ops_for_coreml_delegation = list(skip_ops_for_coreml_delegation or [])
        self.compile_specs = list(compile_specs or [])
        self.take_over_mutable_buffer = take_over_mutable_buffer
        self.lower_full_graph = lower_full_graph
        self.take_over_constant_data = take_over_constant_data
        if lower_full_graph:
            assert not self.skip_ops_for_coreml_delegation, (
                "lower_full_graph=True lowers every operator: leave skip_ops_for_coreml_delegation empty")
            assert take_over_constant_data, "lower_full_graph=True needs take_over_constant_data=True"
            assert take_over_mutable_buffer, "lower_full_graph=True needs take_over_mutable_buffer=True"

    def _as_structure(self):
        specs = self.compile_specs
        target = CoreMLBackend._target_number(specs)
        options = CompileOptions(
            _UNITS[CoreMLBackend._text(specs, "compute_units", "all")],
            target,
            int(CoreMLBackend._text(specs, "model_compute_precision", "float16") == "float32"),
            int(CoreMLBackend._text(specs, "model_type", "model") == "compiled_model"),
        )
        names = [name.encode() for name in self.skip_ops_for_coreml_delegation]
        array = (ctypes.c_char_p * max(len(names), 1))(*names)
        structure = Partitioner(options, array, len(names), self.take_over_mutable_buffer, self.take_over_constant_data,
                                self.lower_full_graph)
        structure._keep = (array, names)
        return structure
