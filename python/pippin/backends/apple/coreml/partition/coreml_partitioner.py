"""CoreMLPartitioner: the options of ExecuTorch's Core ML partitioner, same names and defaults."""

import ctypes
import logging

from pippin import _structures as c
from pippin.backends.apple.coreml.compiler.coreml_preprocess import COMPILE_SPEC_KEYS, CoreMLBackend
from pippin.backends.apple.coreml.logging import get_coreml_log_level
from pippin.exir.backend.partitioner import DelegationSpec, Partitioner

logger = logging.getLogger(__name__)
logger.setLevel(get_coreml_log_level(default_level=logging.INFO))


class CoreMLPartitioner(Partitioner):
    """Chooses what goes to Core ML.

    ``skip_ops_for_coreml_delegation``: operators that stay on the CPU, as nodes print them ("aten.mm.default").
    ``compile_specs``: from :meth:`CoreMLBackend.generate_compile_specs`.
    ``take_over_mutable_buffer``: buffers that the model writes become Core ML states, which needs iOS 18.
    ``take_over_constant_data``: weights go into the Core ML model; otherwise they are its inputs.
    ``lower_full_graph``: an operator that Core ML cannot take is an error.
    """

    def __init__(self, *, skip_ops_for_coreml_delegation=None, compile_specs=None, take_over_mutable_buffer=True,
                 lower_full_graph=False, take_over_constant_data=True):
        super().__init__()
        self.skip_ops_for_coreml_delegation = [] if skip_ops_for_coreml_delegation is None else skip_ops_for_coreml_delegation
        self.delegation_spec = DelegationSpec(CoreMLBackend.__name__, [] if compile_specs is None else compile_specs)
        self.take_over_mutable_buffer = take_over_mutable_buffer
        self.lower_full_graph = lower_full_graph
        self.take_over_constant_data = take_over_constant_data
        self._check_options()

    @property
    def compile_specs(self):
        return self.delegation_spec.compile_specs

    def _check_options(self):
        keys = {spec.key for spec in self.compile_specs}
        if self.lower_full_graph:
            for wrong, option in (
                (len(self.skip_ops_for_coreml_delegation) > 0, "leave skip_ops_for_coreml_delegation empty"),
                (not self.take_over_constant_data, "set take_over_constant_data=True"),
                (not self.take_over_mutable_buffer, "set take_over_mutable_buffer=True"),
            ):
                assert not wrong, f"With lower_full_graph=True the whole graph goes to Core ML: {option}"
        else:
            assert COMPILE_SPEC_KEYS.ENUMERATED_SHAPES.value not in keys, (
                "Enumerated shapes belong to the whole model: set lower_full_graph=True in the CoreMLPartitioner")

    def partition(self, exported_program):
        raise NotImplementedError(
            "Pippin partitions inside its library: pass the partitioner to to_edge_transform_and_lower() or to_backend()")

    def _as_structure(self):
        """ppn_coreml_partitioner_t; what it points to lives as long as it does."""
        names = [name.encode() for name in self.skip_ops_for_coreml_delegation]
        specs = [(spec.key.encode(), bytes(spec.value)) for spec in self.compile_specs]
        structure = c.Partitioner(
            skip_ops=(ctypes.c_char_p * max(len(names), 1))(*names), skip_op_count=len(names),
            take_over_mutable_buffer=bool(self.take_over_mutable_buffer),
            take_over_constant_data=bool(self.take_over_constant_data), lower_full_graph=bool(self.lower_full_graph),
            compile_specs=(c.CompileSpec * max(len(specs), 1))(*[(key, value, len(value)) for key, value in specs]),
            compile_spec_count=len(specs))
        structure._keep = (names, specs)
        return structure
