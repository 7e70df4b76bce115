"""The archive layouts of earlier PyTorch releases, written by hand from a program of this one.

Only the container changed between the releases that are read; torch.save, which wrote the pickled tensors, still writes them the same way.
"""

import io
import zipfile

import torch


def pickled(value, protocol=2):
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    return buffer.getvalue()


def entries(path):
    """The entries of an archive without the folder around them."""
    with zipfile.ZipFile(path) as archive:
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


def write_zip(path, files, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_torch_2_7(program, current, path, compression=zipfile.ZIP_STORED, protocol=2):
    """Everything at the root, tensors in files of torch.save, made by zipfile."""
    return write_zip(path, {
        "serialized_exported_program.json": entries(current)["models/model.json"],
        "serialized_state_dict.pt": pickled(program.state_dict, protocol),
        "serialized_constants.pt": pickled(program.constants, protocol),
        "serialized_example_inputs.pt": pickled(program.example_inputs, protocol),
        "version": b"8.7",
    }, compression)


def write_torch_2_8(program, current, path, compression=zipfile.ZIP_STORED, protocol=2):
    """One folder around everything, tensors in files of torch.save."""
    return write_zip(path, {
        "old/archive_format": b"pt2",
        "old/models/model.json": entries(current)["models/model.json"],
        "old/archive_version": b"0",
        "old/data/weights/model.pt": pickled(program.state_dict, protocol),
        "old/data/constants/model.pt": pickled(program.constants, protocol),
        "old/data/sample_inputs/model.pt": pickled(program.example_inputs, protocol),
        "old/byteorder": b"little",
        "old/.data/version": b"6\n",
    }, compression)


def write_repacked(current, path, compression=zipfile.ZIP_DEFLATED, change=None):
    """The current layout as `zip` would write it again: no alignment, maybe deflated, another folder."""
    files = entries(current)
    if change:
        change(files)
    return write_zip(path, {f"another name/{name}": content for name, content in files.items()}, compression)
