"""Many small functions of the same inputs as one program: exported once, lowered, run by the tool, compared with torch."""

import numpy as np
import torch
from torch import nn

from tooling import lower, pippin

# options of `pippin lower`, allowed difference relative to the largest magnitude
MODES = {
    "cpu": (["--no-delegate"], None),
    "float32": (["--compute-precision", "float32", "--minimum-deployment-target", "iOS18"], 1e-5),
    "float16": (["--minimum-deployment-target", "iOS18"], 1e-2),
}
# What is allowed on the CPU, where each operator rounds once to its dtype.
TOLERANCES = {torch.float64: 1e-12, torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


class Group(nn.Module):
    def __init__(self, functions):
        super().__init__()
        self.functions = functions
        self.layers = nn.ModuleList(function for function in functions if isinstance(function, nn.Module))

    def forward(self, *inputs):
        results = []
        for function in self.functions:
            result = function(*inputs)
            results += result if isinstance(result, (list, tuple)) else [result]
        return tuple(results)


def names_of(functions, inputs):
    """The function that each result is of."""
    return [name for name, function in functions.items()
            for _ in (lambda r: r if isinstance(r, (list, tuple)) else [r])(function(*inputs))]


def run(program, inputs, folder):
    options = []
    for i, tensor in enumerate(inputs):
        np.save(folder / f"input_{i}.npy", tensor.numpy())
        options += ["--input", f"@{folder / f'input_{i}.npy'}"]
    result = pippin("run", program, *options, "-o", folder / "outputs", "-q")
    assert result.returncode == 0, result.stderr
    return [np.load(folder / "outputs" / f"{i}.npy") for i in range(len(list((folder / "outputs").iterdir())))]


def differs(output, expected, tolerance):
    """What is wrong with an output; None when nothing is."""
    wanted = expected.float().numpy() if expected.dtype == torch.bfloat16 else expected.numpy()
    if output.shape != wanted.shape or output.dtype != wanted.dtype:
        return f"{output.dtype}{list(output.shape)} instead of {wanted.dtype}{list(wanted.shape)}"
    if wanted.dtype.kind in "iub":
        wrong = np.argwhere(output != wanted)
        return None if len(wrong) == 0 else f"at {wrong[0]}: {output[tuple(wrong[0])]} instead of {wanted[tuple(wrong[0])]}"
    wanted, output = wanted.astype(np.float64), output.astype(np.float64)
    finite = np.isfinite(wanted)
    same = np.where(finite, False, (output == wanted) | (np.isnan(output) & np.isnan(wanted)))
    scale = max(1e-3, np.abs(wanted[finite]).max(initial=0)) if tolerance is not None else np.abs(wanted) + 0.2
    limit = (tolerance if tolerance is not None else TOLERANCES[expected.dtype]) * scale
    with np.errstate(invalid="ignore"):
        same |= finite & (np.abs(output - wanted) <= limit)
    wrong = np.argwhere(~same)
    if len(wrong) == 0:
        return None
    place = tuple(wrong[0])
    return f"at {place}: {output[place]!r} instead of {wanted[place]!r}"


def check(functions, inputs, mode, folder, dynamic_shapes=None, other_inputs=None):
    """Lowers and runs a group {name: function}, and says which functions are wrong."""
    options, tolerance = MODES[mode]
    module = Group(list(functions.values())).eval()
    with torch.no_grad():
        shapes = None if dynamic_shapes is None else (dynamic_shapes,)  # of *inputs, which is one argument
        program = torch.export.export(module, tuple(inputs), dynamic_shapes=shapes)
        if mode == "cpu":  # composite operators have no out-variants
            program = program.run_decompositions()
        source = folder / "group.pt2"
        torch.export.save(program, source)
        target = lower(source, folder / "group.pte", *options)
        given = other_inputs or inputs
        expected = module(*given)
        names = names_of(functions, given)
    outputs = run(target, given, folder)
    assert len(outputs) == len(expected) == len(names)
    problems = [f"{name}: {problem}" for name, output, wanted in zip(names, outputs, expected)
                if (problem := differs(output, wanted, tolerance))]
    assert not problems, "\n".join(problems)
