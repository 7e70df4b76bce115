"""Mirror of executorch.backends.apple.coreml.partition."""

from pippin.backends.apple.coreml.partition.coreml_partitioner import CoreMLPartitioner

__all__ = ["CoreMLPartitioner"]
