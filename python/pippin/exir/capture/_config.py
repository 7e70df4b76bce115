"""Options of lowering, with ExecuTorch's names and defaults. Fields that only steer ExecuTorch's own graph passes are
accepted and change nothing; what would change the result and Pippin cannot do raises NotImplementedError when used."""

from dataclasses import dataclass, field
from typing import Any, List, Optional

from pippin.exir.passes import ConstraintBasedSymShapeEvalPass, MemoryPlanningPass


@dataclass
class EdgeCompileConfig:
    _check_ir_validity: bool = True
    _skip_dim_order: bool = False
    _core_aten_ops_exception_list: List[Any] = field(default_factory=list)
    preserve_ops: List[Any] = field(default_factory=list)


@dataclass
class ExecutorchBackendConfig:
    passes: List[Any] = field(default_factory=list)
    memory_planning_pass: Any = field(default_factory=MemoryPlanningPass)
    propagate_device_config: Any = None
    to_out_var_pass: Any = None
    dynamic_memory_planning_mode: Any = None
    emit_stacktrace: bool = False
    extract_delegate_segments: bool = True
    segment_alignment: int = 128
    constant_tensor_alignment: Optional[int] = None
    delegate_alignment: Optional[int] = None
    sym_shape_eval_pass: Any = field(default_factory=ConstraintBasedSymShapeEvalPass)
    remove_view_copy: bool = True
    external_constants: Any = False
    external_mutable_weights: bool = False
    emit_mutable_buffer_names: bool = False
    do_quant_fusion_and_const_prop: bool = False
    run_reinplace_pass: bool = False
    enable_non_cpu_memory_planning: bool = True
    reinplace_extra_ops: Any = None
