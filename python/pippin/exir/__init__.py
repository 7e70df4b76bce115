"""Mirror of executorch.exir: from exported programs to ExecuTorch programs."""

from pippin.exir import _dim_order_ops
from pippin.exir.capture import EdgeCompileConfig, ExecutorchBackendConfig
from pippin.exir.program import EdgeProgramManager, ExecutorchProgramManager, to_edge, to_edge_transform_and_lower

__all__ = ["EdgeCompileConfig", "EdgeProgramManager", "ExecutorchBackendConfig", "ExecutorchProgramManager", "to_edge",
           "to_edge_transform_and_lower"]

_dim_order_ops.register()


def __getattr__(name):
    """torch's own class, which ExecuTorch gives from here too."""
    if name == "ExportedProgram":
        from torch.export import ExportedProgram

        return ExportedProgram
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
