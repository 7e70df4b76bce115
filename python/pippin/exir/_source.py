"""What is lowered: a torch.export.ExportedProgram, whose weights are lent to the library, or a `.pt2` file."""

import ctypes
import os

from pippin._library import DTYPE_NUMBERS, LentTensor, call_out, lib


class FileSource:
    """A path of a `.pt2` archive; torch is not needed."""

    def __init__(self, path):
        self.path = os.fspath(path)

    def load(self):
        return call_out(lib.ppn_exported_program_load, os.fsencode(self.path))


class TorchSource:
    """A program in memory. torch's serialiser gives the graph as JSON; weights are passed as pointer, shape and strides
    and never copied. The module keeps them alive, and this object keeps the module."""

    def __init__(self, program):
        from torch._export.serde.serialize import serialize

        self.program = program
        artifact = serialize(
            program, serialize_state_dict=False, serialize_constants=False, serialize_example_inputs=False
        )
        self.json = artifact.exported_program
        self._keep = []
        tensors = [lent for name, value in self._tensors() if (lent := self._lend(name, value)) is not None]
        self.tensors = (LentTensor * len(tensors))(*tensors)

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
        if value.is_conj() or value.is_neg():
            value = value.resolve_conj().resolve_neg()
        storage = value.untyped_storage()
        sizes = (ctypes.c_int64 * max(value.dim(), 1))(*value.shape)
        strides = (ctypes.c_int64 * max(value.dim(), 1))(*value.stride())
        text = name.encode()
        self._keep.append((value, storage, sizes, strides, text))
        return LentTensor(text, DTYPE_NUMBERS[dtype], value.dim(), sizes, strides, value.storage_offset(),
                          storage.data_ptr(), storage.nbytes())

    def load(self):
        return call_out(lib.ppn_exported_program_from_json, self.json, len(self.json), b"exported program", self.tensors,
                        len(self.tensors))


def make_source(program):
    """From an ExportedProgram, a path, or what is a source already."""
    if isinstance(program, (FileSource, TorchSource)):
        return program
    if isinstance(program, (str, os.PathLike)):
        return FileSource(program)
    if hasattr(program, "graph_signature") and hasattr(program, "state_dict"):
        return TorchSource(program)
    raise TypeError(f"expected a torch.export.ExportedProgram or the path of a .pt2 file, not {type(program).__name__}")
