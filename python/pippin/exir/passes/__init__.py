"""Mirror of executorch.exir.passes: the records that choose how ExecuTorch's own passes run."""

from pippin.exir.passes.memory_planning_pass import MemoryPlanningPass
from pippin.exir.passes.sym_shape_eval_pass import ConstraintBasedSymShapeEvalPass

__all__ = ["ConstraintBasedSymShapeEvalPass", "MemoryPlanningPass"]
