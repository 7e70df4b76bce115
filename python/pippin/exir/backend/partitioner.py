"""Mirror of executorch.exir.backend.partitioner: what partitioners and their results are."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Dict, List, NamedTuple

from pippin.exir.backend.compile_spec_schema import CompileSpec


class DelegationSpec(NamedTuple):
    backend_id: str
    compile_specs: List[CompileSpec]


@dataclass
class PartitionResult:
    tagged_exported_program: Any
    partition_tags: Dict[str, DelegationSpec] = field(default_factory=dict)


class Partitioner(ABC):
    def __init__(self, spec=MappingProxyType({})):
        self._spec = spec

    @property
    def spec(self):
        return self._spec

    def __call__(self, exported_program):
        return self.partition(exported_program)

    @abstractmethod
    def partition(self, exported_program):
        """A PartitionResult. Pippin runs no partitioners written in Python."""
