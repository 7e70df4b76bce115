"""Modules that Pippin does not replace: machinery around torch and readers of ExecuTorch's schema. They come from the
executorch package, where it is installed, in one of two ways:

* re-exported: the very objects of ExecuTorch's module, for what does not lower or run anything (schema classes, quantizer);
* adopted: ExecuTorch's source read as a module of Pippin's, its imports of what Pippin replaces turned to Pippin. Recipes
  then lower with Pippin, and passes see Pippin's edge operators.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pathlib
import re
import sys

_OURS = pathlib.Path(__file__).resolve().parent

# Modules and packages (with all that is in them), below both `executorch` and `pippin`.
_ADOPTED = ("backends.apple.coreml.recipes", "exir._program_utils", "exir._warnings", "exir.error", "exir.memory",
            "exir.pass_base", "exir.pass_manager", "export")
# What Pippin stands for; references to other parts of ExecuTorch stay.
_REFERENCE = re.compile(r"\bexecutorch((?:\.\w+)+)")
_MIRRORED = ("backends.apple.coreml", "devtools", "exir", "export", "extension.export_util", "extension.pybindings", "runtime")


def _missing(module, cause):
    return ImportError(
        f"pippin.{module} is executorch.{module} under another name, which cannot be imported ({cause}); "
        "install it with: pip install executorch")


def reexport(module, namespace):
    """Puts the public names of executorch's `module` into `namespace`."""
    try:
        official = importlib.import_module(f"executorch.{module}")
    except ImportError as error:
        raise _missing(module, error) from error
    names = getattr(official, "__all__", None) or [name for name in vars(official) if not name.startswith("__")]
    names = [name if isinstance(name, str) else name.__name__ for name in names]
    namespace.update({name: getattr(official, name) for name in names})
    namespace["__all__"] = names


# ---- Adopted modules ----


def _is_within(name, prefixes):
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _is_module_of_ours(name):
    path = _OURS.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file() or _is_within(name, _ADOPTED)


def _is_module_of_theirs(folder, name):
    path = folder.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def rename_references(text, folder):
    """ExecuTorch's source with references to the modules that Pippin mirrors turned to Pippin's; `folder` is the executorch
    package's, in which a dotted name is looked up to tell its module from what is in the module."""
    def rename(match):
        parts = match[1][1:].split(".")
        while len(parts) > 1 and not _is_module_of_theirs(folder, ".".join(parts)):
            parts.pop()
        module = ".".join(parts)
        return "pippin" + match[1] if _is_within(module, _MIRRORED) and _is_module_of_ours(module) else match[0]

    return _REFERENCE.sub(rename, text)


def official_folder():
    """The folder of the executorch package; None where it is not installed. Nothing of it is imported."""
    spec = importlib.util.find_spec("executorch")
    locations = list(spec.submodule_search_locations or []) if spec else []
    return pathlib.Path(locations[0]) if locations else None


class _Loader(importlib.abc.InspectLoader):
    """Reads a module's source from the executorch package. No byte code is kept: it would not be of that source."""

    def __init__(self, path, folder):
        self._path, self._folder = path, folder

    def is_package(self, fullname):
        return self._path.name == "__init__.py"

    def get_source(self, fullname):
        return rename_references(self._path.read_text(encoding="utf-8"), self._folder)

    def get_code(self, fullname):
        return self.source_to_code(self.get_source(fullname), str(self._path))


class _Finder(importlib.abc.MetaPathFinder):
    """Asked last, so only about modules that Pippin has no file for."""

    def find_spec(self, fullname, path=None, target=None):
        package, _, name = fullname.partition(".")
        if package != "pippin" or not _is_within(name, _ADOPTED):
            return None
        folder = official_folder()
        if folder is None:
            raise _missing(name, "there is no package 'executorch'")
        source = folder.joinpath(*name.split("."))
        source = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
        if not source.is_file():
            return None
        loader = _Loader(source, folder)
        spec = importlib.machinery.ModuleSpec(fullname, loader, origin=str(source), is_package=source.name == "__init__.py")
        spec.has_location = True
        return spec


sys.meta_path.append(_Finder())
