"""Builds test models: NAME.pt2 and a folder NAME/ with input_<i>.npy and expected_<i>.npy (torch's own results).

usage: build.py OUTPUT_FOLDER [NAME ...]        all models when no name is given; what exists already is kept
"""

import pathlib
import subprocess
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import zoo


def export(name, folder):
    target = folder / f"{name}.pt2"
    if target.exists():
        return target
    module, inputs = zoo.build(name)
    with torch.no_grad():
        outputs = module(*inputs)
        program = torch.export.export(module, inputs)
    arrays = folder / name
    arrays.mkdir(parents=True, exist_ok=True)
    for kind, tensors in (("input", inputs), ("expected", outputs if isinstance(outputs, (tuple, list)) else [outputs])):
        for index, tensor in enumerate(tensors):
            np.save(arrays / f"{kind}_{index}.npy", tensor.numpy())
    part = folder / f"{name}.part.pt2"
    torch.export.save(program, part)
    part.rename(target)
    return target


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or list(zoo.MODELS)
    if len(names) == 1:
        print(export(names[0], folder), flush=True)
        return
    # A process each: transformers does not work where torchvision has been imported, and memory is given back.
    for name in names:
        subprocess.run([sys.executable, __file__, folder, name], check=True)


if __name__ == "__main__":
    main()
