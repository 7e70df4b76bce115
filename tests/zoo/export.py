"""Exports architectures, a process each: NAME.pt2 and the folder NAME with input_<i>.npy and expected_<i>.npy.

usage: export.py OUTPUT_FOLDER [NAME ...]        all when no name is given; what exists already is kept
"""

import pathlib
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "models")]


def names():
    """Every architecture, without building one."""
    import transformer_models
    import vision_models

    return [*transformer_models.MODELS, *vision_models.MODELS]


def build(name):
    """(module in eval mode, example inputs), the same ones each time. torchvision and transformers do not live in one process."""
    import torch
    import vision_models

    models = vision_models.MODELS
    if name not in models:
        import transformer_models

        models = transformer_models.MODELS
    torch.manual_seed(0)
    module, inputs = models[name]()
    # Norms of a random network that has seen no data: statistics that differ from zero and one.
    for layer in module.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(layer.running_var, 0.8, 1.2)
    return module.eval(), inputs


def export(name, folder):
    import numpy as np
    import torch

    module, inputs = build(name)
    with torch.no_grad():
        outputs = module(*inputs)
        program = torch.export.export(module, inputs, strict=False)
    arrays = folder / name
    arrays.mkdir(parents=True, exist_ok=True)
    for kind, tensors in (("input", inputs), ("expected", outputs if isinstance(outputs, tuple) else (outputs,))):
        for index, tensor in enumerate(tensors):
            np.save(arrays / f"{kind}_{index}.npy", tensor.numpy())
    part = folder / f"{name}.part.pt2"
    torch.export.save(program, part)
    part.rename(folder / f"{name}.pt2")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chosen = sys.argv[2:]
    if len(chosen) == 1:
        export(chosen[0], folder)
        return 0
    failed = []
    for name in chosen or names():
        if (folder / f"{name}.pt2").exists():
            continue
        begin = time.monotonic()
        result = subprocess.run([sys.executable, __file__, folder, name], capture_output=True, text=True)
        print(f"{name:32} {time.monotonic() - begin:6.1f} s", "" if result.returncode == 0 else "FAILED", flush=True)
        if result.returncode != 0:
            failed.append(name)
            print(result.stderr[-2000:], flush=True)
    if failed:
        print("not exported:", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
