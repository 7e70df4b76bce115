"""Evaluates ML Programs with PyTorch, one operation at a time.

The program is read by coremltools' own loader, which checks every type while it rebuilds the program; what is computed here is
written from the definitions of the operations and shares nothing with Pippin. Half floats are computed in single precision and
rounded after every operation.

    model = MilReference("model.mlpackage")
    outputs = model({"x": array})          # name -> array, in the program's order
"""

import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from coremltools.converters.mil.frontend.milproto.load import load as load_program
from coremltools.converters.mil.mil import types
from coremltools.models.utils import load_spec

TORCH_TYPES = {
    "fp16": torch.float16, "fp32": torch.float32, "int32": torch.int32, "bool": torch.bool, "int8": torch.int8,
    "uint8": torch.uint8, "int16": torch.int16, "uint16": torch.int32, "fp64": torch.float32, "int64": torch.int32,
}


def value_of(var, values):
    """The value of a MIL variable: computed, or stored in the program."""
    if var is None:
        return None
    if isinstance(var, (list, tuple)):
        return [value_of(item, values) for item in var]
    if var.name in values:
        return values[var.name]
    if var.val is None:
        raise KeyError(f"{var.name} has no value")
    return plain(var.val)


def plain(value):
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "US":
        return str(array)
    if array.dtype == np.uint32 or array.dtype == np.int64:
        array = array.astype(np.int32)
    if array.dtype == np.uint16:
        array = array.astype(np.int32)
    return torch.from_numpy(np.array(array))


def ints(value, default=None):
    return default if value is None else [int(item) for item in value.reshape(-1)]


def number(value, default=None):
    return default if value is None else value.reshape(-1)[0].item()


def up(x):
    return x.float() if x.dtype == torch.float16 else x


def spatial_padding(x, kernel, strides, dilations, mode, pad):
    """(before, after) for each spatial dimension."""
    count = len(kernel)
    if mode == "valid":
        return [(0, 0)] * count
    if mode == "custom":
        return [(pad[2 * i], pad[2 * i + 1]) for i in range(count)]
    result = []
    for i in range(count):
        size = x.shape[2 + i]
        effective = (kernel[i] - 1) * dilations[i] + 1
        total = max(0, (math.ceil(size / strides[i]) - 1) * strides[i] + effective - size)
        low = total // 2 if mode == "same" else total - total // 2
        result.append((low, total - low))
    return result


def torch_pad(pairs):
    return [amount for pair in reversed(pairs) for amount in pair]


def conv(op, a):
    x, weight = a["x"], a["weight"]
    count = weight.dim() - 2
    strides, dilations = ints(a.get("strides"), [1] * count), ints(a.get("dilations"), [1] * count)
    pairs = spatial_padding(x, weight.shape[2:], strides, dilations, a.get("pad_type", "valid"), ints(a.get("pad"), [0] * 2 * count))
    function = [F.conv1d, F.conv2d, F.conv3d][count - 1]
    return function(F.pad(x, torch_pad(pairs)), weight.to(x.dtype), a["bias"].to(x.dtype) if a.get("bias") is not None else None, strides, 0, dilations,
                    number(a.get("groups"), 1))


def conv_transpose(op, a):
    x, weight = a["x"], a["weight"].to(a["x"].dtype)
    count = weight.dim() - 2
    strides, dilations = ints(a.get("strides"), [1] * count), ints(a.get("dilations"), [1] * count)
    mode, pad = a.get("pad_type", "valid"), ints(a.get("pad"), [0] * 2 * count)
    function = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][count - 1]
    full = function(x, weight, None, strides, 0, 0, number(a.get("groups"), 1), dilations)
    shape = ints(a.get("output_shape"))
    for i in range(count):
        before = pad[2 * i] if mode == "custom" else 0
        effective = (weight.shape[2 + i] - 1) * dilations[i] + 1
        if mode == "same":
            before = max(0, effective - strides[i]) // 2
        size = full.shape[2 + i]
        wanted = shape[2 + i] if shape else x.shape[2 + i] * strides[i] if mode == "same" else size - before - (pad[2 * i + 1] if mode == "custom" else 0)
        full = full.narrow(2 + i, before, min(wanted, size - before))
        if full.shape[2 + i] < wanted:
            full = F.pad(full, [0, 0] * (count - 1 - i) + [0, wanted - full.shape[2 + i]])
    if a.get("bias") is not None:
        full = full + a["bias"].to(full.dtype).reshape([1, -1] + [1] * count)
    return full


def pool(op, a):
    x, kernel = a["x"], ints(a["kernel_sizes"])
    count = len(kernel)
    strides = ints(a.get("strides"), [1] * count)
    pairs = spatial_padding(x, kernel, strides, [1] * count, a["pad_type"], ints(a.get("pad"), [0] * 2 * count))
    average = op.op_type == "avg_pool"
    fill = 0.0 if average else -math.inf
    ones = torch.ones_like(x)
    extra = []
    for i in range(count):
        total = x.shape[2 + i] + sum(pairs[i])
        out = (total - kernel[i]) // strides[i] + 1
        if bool(number(a.get("ceil_mode"), False)):
            out = (total - kernel[i] + strides[i] - 1) // strides[i] + 1
            if sum(pairs[i]) > 0 and (out - 1) * strides[i] >= x.shape[2 + i] + sum(pairs[i]) / 2:
                out -= 1
        extra.append((0, max(0, (out - 1) * strides[i] + kernel[i] - total)))
    padded = F.pad(F.pad(x, torch_pad(pairs), value=fill), torch_pad(extra), value=fill)
    if not average:
        return [F.max_pool1d, F.max_pool2d, F.max_pool3d][count - 1](padded, kernel, strides)
    inside = 0.0 if bool(number(a.get("exclude_padding_from_average"), False)) else 1.0
    counts = F.pad(F.pad(ones, torch_pad(pairs), value=inside), torch_pad(extra), value=0.0)
    function = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][count - 1]
    return function(padded, kernel, strides) / function(counts, kernel, strides)


def axis_shape(x, axis):
    return [-1 if i == axis else 1 for i in range(x.dim())]


def batch_norm(op, a):
    x = a["x"]
    shape = axis_shape(x, 1)
    result = (x - up(a["mean"]).reshape(shape)) / torch.sqrt(up(a["variance"]).reshape(shape) + number(a.get("epsilon"), 1e-5))
    return affine(result, a, shape)


def affine(x, a, shape):
    if a.get("gamma") is not None:
        x = x * up(a["gamma"]).reshape(shape)
    if a.get("beta") is not None:
        x = x + up(a["beta"]).reshape(shape)
    return x


def normalise(x, axes, epsilon):
    mean = x.mean(axes, keepdim=True)
    return (x - mean) / torch.sqrt(((x - mean) ** 2).mean(axes, keepdim=True) + epsilon)


def layer_norm(op, a):
    x = a["x"]
    axes = sorted(axis % x.dim() for axis in ints(a.get("axes"), list(range(x.dim()))))
    shape = [x.shape[i] if i in axes else 1 for i in range(x.dim())]
    return affine(normalise(x, axes, number(a.get("epsilon"), 1e-5)), a, shape)


def instance_norm(op, a):
    x = a["x"]
    return affine(normalise(x, list(range(2, x.dim())), number(a.get("epsilon"), 1e-5)), a, axis_shape(x, 1))


def reduction(function):
    def run(op, a):
        x = a["x"]
        axes = ints(a.get("axes"), list(range(x.dim())))
        return function(x, axes, bool(number(a.get("keep_dims"), False)))
    return run


def reduce_prod(x, axes, keep):
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def integral_mean(x, axes, keep):
    return x.float().mean(axes, keepdim=keep).to(x.dtype)


def arg_reduction(function):
    return lambda op, a: function(a["x"], number(a.get("axis"), -1), bool(number(a.get("keep_dims"), False))).to(torch.int32)


def slice_by_index(op, a):
    x = a["x"]
    return x[slice_key(x, a)]


def slice_key(x, a):
    rank = x.dim()
    begin, end, stride = ints(a["begin"]), ints(a["end"]), ints(a.get("stride"), [1] * rank)
    masks = {name: ints(a.get(name), [0] * rank) for name in ("begin_mask", "end_mask", "squeeze_mask")}
    key = []
    for i in range(rank):
        if masks["squeeze_mask"][i]:
            key.append(0 if masks["begin_mask"][i] else begin[i])
            continue
        if stride[i] < 0:
            raise NotImplementedError("negative stride")
        key.append(slice(None if masks["begin_mask"][i] else begin[i], None if masks["end_mask"][i] else end[i], stride[i]))
    return tuple(key)


def slice_update(op, a):
    result = a["x"].clone()
    result[slice_key(result, a)] = a["update"]
    return result


def scatter_mode(target, index, updates, mode):
    if mode == "update":
        target[index] = updates
    elif mode == "add":
        target.index_put_(index, updates, accumulate=True)
    else:
        combine = {"sub": torch.sub, "mul": torch.mul, "div": torch.div, "max": torch.maximum, "min": torch.minimum}[mode]
        flat = torch.broadcast_tensors(*[i for i in index])
        for position in np.ndindex(*flat[0].shape):
            where = tuple(int(i[position]) for i in flat)
            target[where] = combine(target[where], updates[position])
    return target


def scatter(op, a):
    axis = number(a.get("axis"), 0) % a["data"].dim()
    moved = a["data"].movedim(axis, 0).clone()
    updates = a["updates"].movedim(axis, 0)
    return scatter_mode(moved, (a["indices"].long(),), updates, a.get("mode", "add")).movedim(0, axis)


def scatter_along_axis(op, a):
    axis = number(a.get("axis"), 0) % a["data"].dim()
    index = list(torch.meshgrid(*[torch.arange(size) for size in a["indices"].shape], indexing="ij"))
    index[axis] = a["indices"].long()
    return scatter_mode(a["data"].clone(), tuple(index), a["updates"], a.get("mode", "add"))


def scatter_nd(op, a):
    return scatter_mode(a["data"].clone(), a["indices"].long().unbind(-1), a["updates"], a.get("mode", "add"))


def gather_nd(op, a):
    if number(a.get("batch_dims"), 0):
        raise NotImplementedError("batch_dims")
    return a["x"][a["indices"].long().unbind(-1)]


def gather(op, a):
    if number(a.get("batch_dims"), 0):
        raise NotImplementedError("batch_dims")
    x, indices, axis = a["x"], a["indices"].long(), number(a.get("axis"), 0) % a["x"].dim()
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    flat = x.index_select(axis, indices.reshape(-1))
    return flat.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1:])


def pad(op, a):
    x, amounts = a["x"], ints(a["pad"])
    pairs = [(amounts[i], amounts[i + 1]) for i in range(0, len(amounts), 2)]
    mode = a.get("mode", "constant")
    if mode == "constant":
        return F.pad(x, torch_pad(pairs), value=number(a.get("constant_val"), 0.0))
    for i, (before, after) in enumerate(pairs):
        axis = x.dim() - len(pairs) + i
        size = x.shape[axis]
        positions = torch.arange(-before, size + after)
        if mode == "reflect":
            positions = (size - 1) - ((size - 1) - positions.abs()).abs()
        x = x.index_select(axis, positions.clamp(0, size - 1))
    return x


def split(op, a):
    x, axis = a["x"], number(a["axis"])
    sizes = ints(a.get("split_sizes"))
    return list(x.split(sizes, axis) if sizes else x.chunk(number(a["num_splits"]), axis))


def reshape(op, a):
    x, shape = a["x"], ints(a["shape"])
    if 0 in shape:
        shape = [x.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return x.reshape(shape)


def expand_dims(op, a):
    x, axes = a["x"], ints(a["axes"])
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def squeeze(op, a):
    x, axes = a["x"], ints(a.get("axes"))
    axes = [i for i in range(x.dim()) if x.shape[i] == 1] if axes is None else [axis % x.dim() for axis in axes]
    return x.reshape([x.shape[i] for i in range(x.dim()) if not (i in axes and x.shape[i] == 1)])


def attention(op, a):
    query, key, value, mask = a["query"], a["key"], a["value"], a.get("attn_mask")
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + up(mask)
    return torch.softmax(scores, -1) @ value


def source_positions(count, size, mode):
    i = torch.arange(count, dtype=torch.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if count == 1:
            return torch.full((1,), 0.0 if mode.startswith("STRICT") else (size - 1) / 2, dtype=torch.float64)
        position = i * (size - 1) / (count - 1)
    elif mode == "DEFAULT":
        position = i * size / count
    elif mode == "OFFSET_CORNERS":
        step = max(1, size - 1) / count
        position = step / 2 + i * step
    else:
        position = (i + 0.5) * size / count - 0.5
    return position.clamp(0, size - 1)


def bilinear(x, sizes, mode):
    for axis, count in zip((x.dim() - 2, x.dim() - 1), sizes):
        position = source_positions(count, x.shape[axis], mode)
        low = position.floor().long()
        high = (low + 1).clamp(max=x.shape[axis] - 1)
        weight = (position - low).float().reshape([-1 if i == axis else 1 for i in range(x.dim())])
        first, second = x.index_select(axis, low), x.index_select(axis, high)
        x = first + weight * (second - first)
    return x


def upsample_bilinear(op, a):
    x = a["x"]
    sizes = [math.floor(x.shape[-2] * number(a.get("scale_factor_height"), 1) + 1e-6), math.floor(x.shape[-1] * number(a.get("scale_factor_width"), 1) + 1e-6)]
    align = bool(number(a.get("align_corners"), True))
    half = bool(number(a.get("half_pixel_centers"), not align))
    return bilinear(x, sizes, "STRICT_ALIGN_CORNERS" if align else "UNALIGN_CORNERS" if half else "DEFAULT")


def upsample_nearest(op, a):
    x = a["x"]
    for axis, name in ((-2, "scale_factor_height"), (-1, "scale_factor_width")):
        size = x.shape[axis]
        count = math.floor(size * number(a.get(name), 1) + 1e-6)
        x = x.index_select(axis, (torch.arange(count) * size) // count)
    return x


def band_part(op, a):
    x = a["x"]
    lower, upper = number(a.get("lower"), -1), number(a.get("upper"), -1)
    rows, columns = torch.arange(x.shape[-2])[:, None], torch.arange(x.shape[-1])[None, :]
    keep = ((lower < 0) | (rows - columns <= lower)) & ((upper < 0) | (columns - rows <= upper))
    return torch.where(keep, x, torch.zeros((), dtype=x.dtype))


def cumsum(op, a):
    x, axis = a["x"], number(a.get("axis"), 0)
    if bool(number(a.get("reverse"), False)):
        x = x.flip(axis)
    result = x.cumsum(axis).to(x.dtype)
    if bool(number(a.get("exclusive"), False)):
        result = result - x
    return result.flip(axis) if bool(number(a.get("reverse"), False)) else result


def topk(op, a):
    values, indices = a["x"].topk(number(a.get("k"), 1), number(a.get("axis"), -1), largest=not bool(number(a.get("ascending"), False)))
    return [values, indices.to(torch.int32)]


def fill(op, a):
    value = a.get("value", torch.tensor(0.0))
    return value.reshape(-1)[0].expand(ints(a["shape"])).clone()


def cast(op, a):
    x, dtype = a["x"], a["dtype"]
    return x != 0 if dtype == "bool" else x.to(TORCH_TYPES[dtype])


def one_hot(op, a):
    size, axis = number(a["one_hot_vector_size"]), number(a.get("axis"), -1)
    hot = (a["indices"].unsqueeze(-1) == torch.arange(size)).movedim(-1, axis)
    return torch.where(hot, a.get("on_value", torch.tensor(1, dtype=torch.int32)), a.get("off_value", torch.tensor(0, dtype=torch.int32)))


def real_div(op, a):
    x, y = a["x"], a["y"]
    return torch.div(x, y, rounding_mode="trunc").to(x.dtype) if x.dtype == torch.int32 else x / y


def gelu(op, a):
    mode = a.get("mode", "EXACT")
    return a["x"] * torch.sigmoid(1.702 * a["x"]) if mode.startswith("SIGMOID") else F.gelu(a["x"], approximate="tanh" if mode.startswith("TANH") else "none")


def unary(function):
    return lambda op, a: function(a["x"])


def binary(function):
    return lambda op, a: function(a["x"], a["y"])


def with_epsilon(function, default):
    return lambda op, a: function(a["x"] + number(a.get("epsilon"), default))


def alpha_beta(function):
    return lambda op, a: function(a["x"], number(a.get("alpha")), number(a.get("beta")))


OPERATIONS = {
    "identity": unary(lambda x: x), "cast": cast, "shape": lambda op, a: torch.tensor(a["x"].shape, dtype=torch.int32),
    "add": binary(torch.add), "sub": binary(torch.sub), "mul": binary(torch.mul), "real_div": real_div,
    "floor_div": binary(lambda x, y: torch.div(x, y, rounding_mode="floor")), "mod": binary(torch.remainder), "pow": binary(torch.pow),
    "maximum": binary(torch.maximum), "minimum": binary(torch.minimum), "equal": binary(torch.eq), "not_equal": binary(torch.ne),
    "less": binary(torch.lt), "less_equal": binary(torch.le), "greater": binary(torch.gt), "greater_equal": binary(torch.ge),
    "logical_and": binary(torch.logical_and), "logical_or": binary(torch.logical_or), "logical_xor": binary(torch.logical_xor),
    "logical_not": unary(torch.logical_not), "square": unary(lambda x: x * x), "erf": unary(torch.erf), "softsign": unary(F.softsign),
    "inverse": with_epsilon(torch.reciprocal, 1e-4), "log": with_epsilon(torch.log, 1e-45), "rsqrt": with_epsilon(torch.rsqrt, 1e-12),
    "clip": alpha_beta(lambda x, low, high: x.clamp(low, high)), "threshold": alpha_beta(lambda x, low, _: x.clamp(min=low)),
    "elu": alpha_beta(lambda x, alpha, _: F.elu(x, alpha)), "leaky_relu": alpha_beta(lambda x, alpha, _: F.leaky_relu(x, alpha)),
    "linear_activation": alpha_beta(lambda x, alpha, beta: alpha * x + beta),
    "sigmoid_hard": alpha_beta(lambda x, alpha, beta: (alpha * x + beta).clamp(0, 1)),
    "thresholded_relu": alpha_beta(lambda x, alpha, _: torch.where(x >= alpha, x, torch.zeros_like(x))),
    "clamped_relu": alpha_beta(lambda x, alpha, beta: torch.where(x >= 0, x, alpha * x).clamp(max=beta)),
    "prelu": lambda op, a: torch.where(a["x"] >= 0, a["x"], a["x"] * up(a["alpha"]).reshape(axis_shape(a["x"], 1))),
    "relu": unary(F.relu), "relu6": unary(F.relu6), "silu": unary(F.silu), "softplus": unary(F.softplus), "gelu": gelu,
    "softmax": lambda op, a: torch.softmax(a["x"], number(a.get("axis"), -1)),
    "linear": lambda op, a: F.linear(a["x"], a["weight"].to(a["x"].dtype), None if a.get("bias") is None else a["bias"].to(a["x"].dtype)),
    "matmul": lambda op, a: torch.matmul(*[v.transpose(-1, -2) if bool(number(a.get(f"transpose_{n}"), False)) else v for n, v in (("x", a["x"]), ("y", a["y"].to(a["x"].dtype)))]),
    "scaled_dot_product_attention": attention, "conv": conv, "conv_transpose": conv_transpose, "max_pool": pool, "avg_pool": pool,
    "batch_norm": batch_norm, "layer_norm": layer_norm, "instance_norm": instance_norm,
    "reduce_mean": reduction(lambda x, axes, keep: x.mean(axes, keepdim=keep) if x.is_floating_point() else integral_mean(x, axes, keep)),
    "reduce_sum": reduction(lambda x, axes, keep: x.sum(axes, keepdim=keep).to(x.dtype)),
    "reduce_max": reduction(lambda x, axes, keep: x.amax(axes, keepdim=keep)), "reduce_min": reduction(lambda x, axes, keep: x.amin(axes, keepdim=keep)),
    "reduce_prod": reduction(lambda x, axes, keep: reduce_prod(x, axes, keep).to(x.dtype)),
    "reduce_l1_norm": reduction(lambda x, axes, keep: x.abs().sum(axes, keepdim=keep)),
    "reduce_l2_norm": reduction(lambda x, axes, keep: (x * x).sum(axes, keepdim=keep).sqrt()),
    "reduce_log_sum_exp": reduction(lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep)),
    "reduce_log_sum": reduction(lambda x, axes, keep: x.sum(axes, keepdim=keep).log()),
    "reduce_sum_square": reduction(lambda x, axes, keep: (x * x).sum(axes, keepdim=keep)),
    "reduce_argmax": arg_reduction(torch.argmax), "reduce_argmin": arg_reduction(torch.argmin),
    "reshape": reshape, "expand_dims": expand_dims, "squeeze": squeeze, "transpose": lambda op, a: a["x"].permute(ints(a["perm"])),
    "concat": lambda op, a: torch.cat([v if v.dim() else v.reshape(1) for v in a["values"]], number(a["axis"])),
    "stack": lambda op, a: torch.stack(a["values"], number(a["axis"])), "split": split, "tile": lambda op, a: a["x"].tile(ints(a["reps"])),
    "reverse": lambda op, a: a["x"].flip(ints(a.get("axes"), list(range(a["x"].dim())))), "slice_by_index": slice_by_index, "slice_update": slice_update,
    "sliding_windows": lambda op, a: a["x"].unfold(number(a["axis"]), number(a["size"]), number(a.get("stride"), 1)).movedim(-1, number(a["axis"]) % a["x"].dim() + 1),
    "gather": gather, "gather_nd": gather_nd, "gather_along_axis": lambda op, a: torch.take_along_dim(a["x"], a["indices"].long(), number(a.get("axis"), 0)),
    "scatter": scatter, "scatter_nd": scatter_nd, "scatter_along_axis": scatter_along_axis, "pad": pad, "fill": fill, "band_part": band_part,
    "fill_like": lambda op, a: torch.full(a["ref_tensor"].shape, number(a.get("value"), 0.0), dtype=a["value"].dtype),
    "select": lambda op, a: torch.where(a["cond"], a["a"], a["b"]), "cumsum": cumsum, "topk": topk, "one_hot": one_hot,
    "argsort": lambda op, a: torch.argsort(a["x"], dim=number(a.get("axis"), -1), descending=not bool(number(a.get("ascending"), False)), stable=True).to(torch.int32),
    "range_1d": lambda op, a: torch.arange(number(a["start"]), number(a["end"]), number(a["step"])).to(a["start"].dtype),
    "non_zero": lambda op, a: a["x"].nonzero().to(torch.int32), "pixel_shuffle": lambda op, a: F.pixel_shuffle(a["x"], number(a["upscale_factor"])),
    "pixel_unshuffle": lambda op, a: F.pixel_unshuffle(a["x"], number(a["downscale_factor"])), "upsample_bilinear": upsample_bilinear,
    "upsample_nearest_neighbor": upsample_nearest,
    "resize_bilinear": lambda op, a: bilinear(a["x"], [number(a["target_size_height"]), number(a["target_size_width"])], a.get("sampling_mode", "DEFAULT")),
    "resample": None,
}
for _name in ("abs", "acos", "asin", "atan", "atanh", "ceil", "cos", "cosh", "exp", "exp2", "floor", "round", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh"):
    OPERATIONS[_name] = unary(getattr(torch, _name))


def resample(op, a):
    modes = {"constant": "zeros", "border": "border", "reflection": "reflection", "symmetric": "reflection"}
    if a["coordinates_mode"] != "normalized_minus_one_to_one":
        raise NotImplementedError(a["coordinates_mode"])
    return F.grid_sample(a["x"], up(a["coordinates"]), mode=a["sampling_mode"], padding_mode=modes[a["padding_mode"]], align_corners=bool(number(a["align_corners"])))


OPERATIONS["resample"] = resample


def lstm_direction(a, h, c, suffix, backwards):
    """One direction: outputs in time order, final states."""
    activations = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
    gate, cell, out = (activations[a.get(name, default)] for name, default in
                       (("recurrent_activation", "sigmoid"), ("cell_activation", "tanh"), ("activation", "tanh")))
    x, bias = a["x"], a.get("bias" + suffix)
    steps = []
    for t in reversed(range(len(x))) if backwards else range(len(x)):
        z = x[t] @ a["weight_ih" + suffix].T + h @ a["weight_hh" + suffix].T + (0 if bias is None else bias)
        i, f, o, g = z.chunk(4, -1)
        c = gate(f) * c + gate(i) * cell(g)
        h = gate(o) * out(c)
        steps.append(h)
    return torch.stack(steps[::-1] if backwards else steps), h, c


def lstm(op, a):
    h, c, direction = a["initial_h"], a["initial_c"], a.get("direction", "forward")
    if direction == "reverse":
        raise NotImplementedError(direction)
    both = direction == "bidirectional"
    parts = [lstm_direction(a, hd, cd, suffix, bool(suffix)) for hd, cd, suffix in
             zip(h.chunk(2, -1) if both else [h], c.chunk(2, -1) if both else [c], ["", "_back"])]
    sequence, h, c = (torch.cat(items, -1) for items in zip(*parts))
    return [sequence if bool(number(a.get("output_sequence"), False)) else h[None], h, c]


OPERATIONS["lstm"] = lstm


class MilReference:
    """An ML Program, loaded and checked by coremltools; call it with arrays by input name."""

    def __init__(self, path, function="main"):
        path = pathlib.Path(path)
        self.spec = load_spec(str(path))
        weights = path / "Data" / "com.apple.CoreML" / "weights"
        program = load_program(self.spec, self.spec.specificationVersion, str(weights))
        self.function = program.functions[function]
        self.inputs = list(self.function.inputs)
        self.outputs = [var.name for var in self.function.outputs]
        self.description = self.spec.description
        self.states = {}

    def operation_types(self):
        return [op.op_type for op in self.function.operations if op.op_type != "const"]

    def __call__(self, arrays):
        values = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        for op in self.function.operations:
            if op.op_type == "const":
                continue
            self.run(op, values)
        return {var.name: value_of(var, values).numpy() for var in self.function.outputs}

    def run(self, op, values):
        if op.op_type == "read_state":
            var = op.inputs["input"]
            shape = op.outputs[0].shape
            values[op.outputs[0].name] = self.states.setdefault(var.name, torch.zeros(tuple(shape), dtype=torch.float16)).clone()
            return
        if op.op_type == "coreml_update_state":
            value = value_of(op.inputs["value"], values)
            self.states[op.inputs["state"].name] = value.clone()
            values[op.outputs[0].name] = value
            return
        arguments = {name: value_of(var, values) for name, var in op.inputs.items() if var is not None}
        if op.op_type.startswith("constexpr_"):
            results = [plain(op.materialized_val_inference())]
        else:
            keep = op.op_type in ("cast", "identity", "reshape", "transpose")
            operands = arguments if keep else {name: raise_precision(value) for name, value in arguments.items()}
            results = OPERATIONS[op.op_type](op, operands)
        if not isinstance(results, list):
            results = [results]
        for var, result in zip(op.outputs, results):
            values[var.name] = result.to(self.dtype(var))

    @staticmethod
    def dtype(var):
        element = var.sym_type.get_primitive() if types.is_tensor(var.sym_type) else var.sym_type
        return TORCH_TYPES[types.builtin_to_string(element)]


def raise_precision(value):
    if isinstance(value, list):
        return [raise_precision(item) for item in value]
    return up(value) if isinstance(value, torch.Tensor) else value
