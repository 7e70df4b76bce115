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

    def ops_to_not_decompose(self, ep):
        """ExecuTorch asks this before it decomposes a program. Pippin does not: a CoreMLPartitioner that stands first decides
        what is kept, otherwise everything is decomposed."""
        return [], None

    @abstractmethod
    def partition(self, exported_program):
        """A PartitionResult: nodes of the program's graph have `meta["delegation_tag"]`, and each tag its DelegationSpec, whose
        backend must be CoreMLBackend. `exported_program` is a view in the manner of torch.fx (pippin.exir._graph); its graph
        may be tagged, not changed."""
