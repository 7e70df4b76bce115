"""Imports torchvision for its model definitions only.

No CPU build of torchvision matches the CPU build of torch, so its C extension does not load. The model definitions are
plain Python; what fails is the registration of fake kernels for operators that the extension would define. Those
registrations are skipped while torchvision is imported.
"""

import pathlib
import sys

import torch


def _tolerate_missing_operators(register):
    def wrapped(name, *args, **kwargs):
        decorate = register(name, *args, **kwargs)

        def apply(function):
            try:
                return decorate(function)
            except RuntimeError:
                return function

        return apply

    return wrapped


def load():
    """Returns the module torchvision.models."""
    folder = pathlib.Path(sys.prefix) / "vision"  # where scripts/setup-python puts it
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
    original = torch.library.register_fake
    torch.library.register_fake = _tolerate_missing_operators(original)
    try:
        import torchvision.models
    finally:
        torch.library.register_fake = original
    return torchvision.models
