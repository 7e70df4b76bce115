"""Mirror of executorch.exir.passes.memory_planning_pass."""

from dataclasses import dataclass
from typing import Any


@dataclass
class MemoryPlanningPass:
    """What the program plans memory for; the caller supplies the rest. `memory_planning_algo` and
    `allow_lifetime_and_storage_overlap` are accepted for ExecuTorch's sake: Pippin has one way to plan."""

    memory_planning_algo: Any = None
    allow_lifetime_and_storage_overlap: bool = False
    alloc_graph_input: bool = True
    alloc_graph_output: bool = True
    alloc_mutable_buffers: bool = True
    alignment: int = 16
    share_mutable_buffers: bool = False
