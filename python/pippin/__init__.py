"""Pippin: PyTorch exported programs to Core ML, and Core ML on Linux.

The modules mirror ExecuTorch's: an example for ExecuTorch's Core ML backend runs after the word ``executorch`` becomes
``pippin`` in its imports. Everything is done by the C library; torch is imported only by those who hand over torch objects.
"""

from pippin import _official  # noqa: F401 (finds the modules that are ExecuTorch's own)
from pippin._library import Error, version
from pippin._model import MLModel, MLState

__version__ = version()
__all__ = ["Error", "MLModel", "MLState", "__version__"]
