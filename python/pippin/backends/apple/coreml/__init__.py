"""Mirror of executorch.backends.apple.coreml. ``ComputeUnit``, ``precision`` and ``target`` stand for coremltools'
enumerations where coremltools is not installed."""

from pippin.backends.apple.coreml._enums import ComputeUnit, precision, target

__all__ = ["ComputeUnit", "precision", "target"]
