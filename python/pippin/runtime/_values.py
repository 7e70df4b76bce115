"""Python values to and from ppn_evalue_t: torch and NumPy tensors, numbers, booleans, None."""

import ctypes
import sys

import numpy as np

from pippin import _structures as c
from pippin import _tensors
from pippin._tensors import is_tensor, is_torch


def fill(evalue, value, position):
    """Sets a ppn_evalue_t; returns what must stay alive during the call."""
    if is_tensor(value):
        evalue.kind = c.TENSOR
        return _tensors.lend_tensor(value, evalue.u.tensor, f"input {position}")
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
