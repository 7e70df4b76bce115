"""Mirror of executorch.backends.apple.coreml.compiler."""

from pippin.backends.apple.coreml.compiler.coreml_preprocess import CoreMLBackend

__all__ = ["CoreMLBackend"]
