"""Mirror of executorch.exir.passes.sym_shape_eval_pass: dynamic sizes are planned by their upper bounds."""

from dataclasses import dataclass


@dataclass
class ConstraintBasedSymShapeEvalPass:
    """The bounds that the exported program states."""


@dataclass
class HintBasedSymShapeEvalPass:
    """Not supported: sizes of the example inputs are no bounds. Lowering with it raises NotImplementedError."""
