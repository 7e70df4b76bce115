"""Python values to and from ppn_evalue_t: torch and NumPy tensors, numbers, booleans, None."""

import ctypes
import sys

import numpy as np

from pippin import _structures as c

# NumPy lacks these: the same bits travel under another name.
_CARRIERS = {"bfloat16": "int16", "float8_e5m2": "uint8", "float8_e4m3fn": "uint8", "float8_e4m3fnuz": "uint8",
             "float8_e5m2fnuz": "uint8", "float8_e8m0fnu": "uint8"}


def is_torch(value):
    return hasattr(value, "untyped_storage")


def is_tensor(value):
    return isinstance(value, np.ndarray) or is_torch(value)


def _to_numpy(value):
    """The array that a tensor views, without a copy."""
    if isinstance(value, np.ndarray):
        return value
    value = value.detach()
    carrier = _CARRIERS.get(str(value.dtype).removeprefix("torch."))
    return value.view(getattr(sys.modules["torch"], carrier)).numpy() if carrier else value.numpy()


def fill(evalue, value, position):
    """Sets a ppn_evalue_t; returns what must stay alive during the call."""
    if is_tensor(value):
        array, tensor = _to_numpy(value), evalue.u.tensor
        name = str(value.dtype).removeprefix("torch.")
        if name not in c.DTYPE_NUMBERS or not array.dtype.isnative:
            raise RuntimeError(f"input {position}: dtype {value.dtype} is not supported")
        if array.ndim > c.MAX_RANK:
            raise RuntimeError(f"input {position}: rank {array.ndim} is not supported; at most {c.MAX_RANK} is")
        if any(stride % array.itemsize or stride < 0 for stride in array.strides):
            array = np.ascontiguousarray(array)
        evalue.kind = c.TENSOR
        tensor.data = array.ctypes.data
        tensor.dtype = c.DTYPE_NUMBERS[name]
        tensor.rank = array.ndim
        for dimension in range(array.ndim):
            tensor.sizes[dimension] = array.shape[dimension]
            tensor.strides[dimension] = array.strides[dimension] // array.itemsize
        return array
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
    name = c.DTYPES[tensor.dtype]
    shape = tuple(tensor.sizes[: tensor.rank])
    storage = np.dtype(_CARRIERS.get(name, name))
    array = np.empty(shape, storage)
    if array.size:
        strides = tuple(stride * storage.itemsize for stride in tensor.strides[: tensor.rank])
        last = sum((size - 1) * stride for size, stride in zip(shape, strides))
        memory = (ctypes.c_char * (last + storage.itemsize)).from_address(tensor.data)
        array[...] = np.ndarray(shape, storage, memory, strides=strides)
    if not as_torch:
        return array
    import torch

    result = torch.from_numpy(array)
    return result.view(getattr(torch, name)) if name in _CARRIERS else result


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
