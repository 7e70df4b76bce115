"""NumPy arrays and torch tensors to and from ppn_tensor_t."""

import ctypes
import sys

import numpy as np

from pippin import _structures as c

# NumPy lacks these: the same bits travel under another name.
CARRIERS = {"bfloat16": "int16", "float8_e5m2": "uint8", "float8_e4m3fn": "uint8", "float8_e4m3fnuz": "uint8",
            "float8_e5m2fnuz": "uint8", "float8_e8m0fnu": "uint8"}


def lend(array, tensor, what, dtype=None):
    """Makes `tensor` a view of `array`, whose elements are a `dtype` (its own by default); returns what must stay alive
    as long as the view. `what` names the array in errors."""
    name = dtype or str(array.dtype)
    if name not in c.DTYPE_NUMBERS or not array.dtype.isnative:
        raise RuntimeError(f"{what}: dtype {dtype or array.dtype} is not supported")
    if array.ndim > c.MAX_RANK:
        raise RuntimeError(f"{what}: rank {array.ndim} is not supported; at most {c.MAX_RANK} is")
    if any(stride % array.itemsize or stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    tensor.data = array.ctypes.data
    tensor.dtype = c.DTYPE_NUMBERS[name]
    tensor.rank = array.ndim
    for dimension in range(array.ndim):
        tensor.sizes[dimension] = array.shape[dimension]
        tensor.strides[dimension] = array.strides[dimension] // array.itemsize
    return array


def is_torch(value):
    return hasattr(value, "untyped_storage")


def is_tensor(value):
    return isinstance(value, np.ndarray) or is_torch(value)


def _to_numpy(value):
    """The array that a tensor views, without a copy."""
    if isinstance(value, np.ndarray):
        return value
    value = value.detach()
    carrier = CARRIERS.get(str(value.dtype).removeprefix("torch."))
    return value.view(getattr(sys.modules["torch"], carrier)).numpy() if carrier else value.numpy()


def lend_tensor(value, tensor, what):
    """`lend` for an array or a torch tensor."""
    return lend(_to_numpy(value), tensor, what, str(value.dtype).removeprefix("torch."))


def view(tensor):
    """An array over the tensor's own memory. It must not be used longer than that lives."""
    name = c.DTYPES[tensor.dtype]
    shape = tuple(tensor.sizes[: tensor.rank])
    dtype = np.dtype(CARRIERS.get(name, name))
    if 0 in shape:
        return np.empty(shape, dtype)
    strides = tuple(stride * dtype.itemsize for stride in tensor.strides[: tensor.rank])
    last = sum((size - 1) * stride for size, stride in zip(shape, strides))
    memory = (ctypes.c_char * (last + dtype.itemsize)).from_address(tensor.data)
    return np.ndarray(shape, dtype, memory, strides=strides)


def copy(tensor, dtype=None):
    """An array of its own with the tensor's elements, converted to `dtype` when that is given."""
    source = view(tensor)
    array = np.empty(source.shape, dtype or source.dtype)
    array[...] = source
    return array
