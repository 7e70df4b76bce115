"""What is lowered: a torch.export.ExportedProgram, whose weights are lent to the library, or a `.pt2` archive.

A source can be loaded any number of times: lowering uses the loaded program up.
"""

import ctypes
import os

from pippin._structures import DTYPE_NUMBERS, LentTensor
from pippin._library import call_out, lib


class FileSource:
    """The path of a `.pt2` archive; torch is not needed."""

    def __init__(self, path):
        self.path = os.fspath(path)

    def load(self):
        return call_out(lib.ppn_exported_program_load, os.fsencode(self.path))


class BytesSource:
    """A `.pt2` archive in memory; torch is not needed."""

    def __init__(self, data):
        self.data = bytes(data)

    def load(self):
        address = ctypes.cast(ctypes.c_char_p(self.data), ctypes.c_void_p)
        return call_out(lib.ppn_exported_program_load_memory, address, len(self.data), b"exported program in memory")


class TorchSource:
    """A program in memory. torch's serialiser gives the graph as JSON; weights are passed as pointer, shape and strides
    and never copied. The module keeps them alive, and this object keeps the module."""

    def __init__(self, program):
        from torch._export.serde.serialize import serialize
        from torch.utils._python_dispatch import is_traceable_wrapper_subclass

        # Weights that are tensor subclasses (quantised ones) have their parts as inputs of the graph only once torch has
        # taken them apart.
        if any(is_traceable_wrapper_subclass(value) for value in program.state_dict.values()):
            program = program.run_decompositions({})
        self.program = program
        artifact = serialize(
            program, serialize_state_dict=False, serialize_constants=False, serialize_example_inputs=False
        )
        self._json = artifact.exported_program
        self._keep = []
        lent = [self._lend(name, value) for name, value in self._tensors()]
        lent = [tensor for tensor in lent if tensor is not None]
        self._lent = (LentTensor * max(len(lent), 1))(*lent)
        self._count = len(lent)

    def _tensors(self):
        yield from self.program.state_dict.items()
        yield from self.program.constants.items()

    def _lend(self, name, value):
        import torch

        if not isinstance(value, torch.Tensor):
            return None
        value = value.detach()
        if value.device.type != "cpu":
            raise ValueError(f"'{name}' is on device '{value.device}': move the module to the CPU before exporting it")
        if value.layout != torch.strided:
            raise ValueError(f"'{name}' has layout {value.layout}: only strided tensors can be lowered")
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in DTYPE_NUMBERS:
            raise ValueError(f"'{name}' has dtype {dtype}, which no Core ML or ExecuTorch program holds")
        # Lazily conjugated or negated memory does not hold the tensor's values; only these are copied.
        value = value.resolve_conj().resolve_neg()
        storage = value.untyped_storage()
        sizes = (ctypes.c_int64 * max(value.dim(), 1))(*value.shape)
        strides = (ctypes.c_int64 * max(value.dim(), 1))(*value.stride())
        text = name.encode()
        self._keep.append((value, storage, sizes, strides, text))
        return LentTensor(text, DTYPE_NUMBERS[dtype], value.dim(), sizes, strides, value.storage_offset(),
                          storage.data_ptr(), storage.nbytes())

    def load(self):
        return call_out(lib.ppn_exported_program_from_json, self._json, len(self._json), b"exported program", self._lent,
                        self._count)


def make_source(program):
    """From an ExportedProgram, a path, the bytes of an archive, or what is a source already."""
    if isinstance(program, (FileSource, BytesSource, TorchSource)):
        return program
    if isinstance(program, (str, os.PathLike)):
        return FileSource(program)
    if isinstance(program, (bytes, bytearray)):
        return BytesSource(program)
    if hasattr(program, "graph_signature") and hasattr(program, "state_dict"):
        return TorchSource(program)
    raise TypeError(
        f"expected a torch.export.ExportedProgram, or the path or bytes of a .pt2 file, not {type(program).__name__}")
