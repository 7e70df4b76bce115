"""Mirror of executorch.exir.capture: options of lowering."""

from pippin.exir.capture._config import EdgeCompileConfig, ExecutorchBackendConfig

__all__ = ["EdgeCompileConfig", "ExecutorchBackendConfig"]
