"""Mirror of executorch.exir.backend.compile_spec_schema."""

from dataclasses import dataclass


@dataclass
class CompileSpec:
    key: str
    value: bytes
