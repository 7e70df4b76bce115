"""Options that ExecuTorch's API takes. Fields that only concern its own graph passes are accepted and have no effect."""

from dataclasses import dataclass, field
from typing import Any, List, Optional


@dataclass
class EdgeCompileConfig:
    _check_ir_validity: bool = True
    _skip_dim_order: bool = False
    _core_aten_ops_exception_list: List[Any] = field(default_factory=list)
    preserve_ops: List[Any] = field(default_factory=list)


@dataclass
class ExecutorchBackendConfig:
    passes: List[Any] = field(default_factory=list)
    memory_planning_pass: Any = None
    sym_shape_eval_pass: Any = None
    emit_stacktrace: bool = False
    extract_delegate_segments: bool = True
    segment_alignment: int = 128
    constant_tensor_alignment: Optional[int] = None
    delegate_alignment: Optional[int] = None
    remove_view_copy: bool = True
    external_constants: bool = False
    emit_mutable_buffer_names: bool = False
    do_quant_fusion_and_const_prop: bool = False
    run_reinplace_pass: bool = False
