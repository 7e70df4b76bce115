"""Modules that Pippin does not replace: machinery around torch and readers of ExecuTorch's schema. They are the executorch
package's own, under Pippin's name, where it is installed."""

import importlib


def reexport(module, namespace):
    """Puts the public names of executorch's `module` into `namespace`."""
    try:
        official = importlib.import_module(f"executorch.{module}")
    except ImportError as error:
        raise ImportError(
            f"pippin.{module} is executorch.{module} under another name, which cannot be imported ({error}); "
            "install it with: pip install executorch") from error
    names = getattr(official, "__all__", None) or [name for name in vars(official) if not name.startswith("__")]
    names = [name if isinstance(name, str) else name.__name__ for name in names]
    namespace.update({name: getattr(official, name) for name in names})
    namespace["__all__"] = names
