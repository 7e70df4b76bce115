"""Mirror of executorch.exir: from exported programs to ExecuTorch programs."""

from pippin.exir import _dim_order_ops
from pippin.exir.capture import EdgeCompileConfig, ExecutorchBackendConfig
from pippin.exir.program import EdgeProgramManager, ExecutorchProgramManager, to_edge, to_edge_transform_and_lower

__all__ = ["EdgeCompileConfig", "EdgeProgramManager", "ExecutorchBackendConfig", "ExecutorchProgramManager", "to_edge",
           "to_edge_transform_and_lower"]

_dim_order_ops.register()
