"""Mirror of executorch.exir.program."""

from pippin.exir.program._program import EdgeProgramManager, ExecutorchProgramManager, to_edge, to_edge_transform_and_lower

__all__ = ["EdgeProgramManager", "ExecutorchProgramManager", "to_edge", "to_edge_transform_and_lower"]
