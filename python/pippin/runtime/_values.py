"""Python values to and from ppn_evalue_t: torch and NumPy tensors, numbers, booleans, None."""

import ctypes
import sys

import numpy as np

from pippin import _structures as c
from pippin import _tensors

def is_torch(value):
    return hasattr(value, "untyped_storage")


def is_tensor(value):
    return isinstance(value, np.ndarray) or is_torch(value)


def _to_numpy(value):
    """The array that a tensor views, without a copy."""
    if isinstance(value, np.ndarray):
        return value
    value = value.detach()
    carrier = _tensors.CARRIERS.get(str(value.dtype).removeprefix("torch."))
    return value.view(getattr(sys.modules["torch"], carrier)).numpy() if carrier else value.numpy()


def fill(evalue, value, position):
    """Sets a ppn_evalue_t; returns what must stay alive during the call."""
    if is_tensor(value):
        evalue.kind = c.TENSOR
        name = str(value.dtype).removeprefix("torch.")
        return _tensors.lend(_to_numpy(value), evalue.u.tensor, f"input {position}", name)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        evalue.kind = c.NONE
    elif isinstance(value, bool):
        evalue.kind, evalue.u.boolean = c.BOOL, value
    elif isinstance(value, int):
        evalue.kind, evalue.u.integer = c.INT, value
    elif isinstance(value, float):
        evalue.kind, evalue.u.number = c.DOUBLE, value
    else:
        raise RuntimeError(
            f"input {position}: a {type(value).__name__} cannot be passed; expected a torch or NumPy tensor, a number, a "
            "boolean or None")
    return value


def _read_tensor(tensor, as_torch):
    array = _tensors.copy(tensor)
    if not as_torch:
        return array
    import torch

    name = c.DTYPES[tensor.dtype]
    result = torch.from_numpy(array)
    return result.view(getattr(torch, name)) if name in _tensors.CARRIERS else result


def read(evalue, as_torch):
    """A Python value; tensors are copied out."""
    if evalue.kind == c.TENSOR:
        return _read_tensor(evalue.u.tensor, as_torch)
    if evalue.kind == c.STRING:
        return ctypes.string_at(evalue.u.string.data, evalue.u.string.size).decode()
    if evalue.kind == c.DOUBLE:
        return evalue.u.number
    if evalue.kind == c.INT:
        return evalue.u.integer
    return evalue.u.boolean if evalue.kind == c.BOOL else None
