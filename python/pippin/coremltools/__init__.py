"""coremltools' own ``MLModel.predict`` where Core ML is not.

    import pippin.coremltools
    pippin.coremltools.enable()

From then on models of coremltools load and predict through Pippin's CPU engine: ``MLModel``, ``CompiledMLModel``, states,
functions, batches, images. coremltools reaches Core ML through one native module, which exists on macOS only: Pippin
supplies it and puts it where coremltools looks."""

import importlib
import importlib.util
import sys

from pippin.coremltools import _native

_NAME = "coremltools.libcoremlpython"
# What coremltools' modules have copied from the native module when they were imported, None without it.
_COPIES = {
    "coremltools.models.model": ("_MLModelProxy", "_MLModelAssetProxy"),
    "coremltools.models._compiled_model": ("_MLModelProxy",),
    "coremltools.models.compute_plan": ("_MLModelProxy", "_MLComputePlanProxy"),
    "coremltools.models.compute_device": ("_MLModelProxy", "_MLCPUComputeDeviceProxy", "_MLGPUComputeDeviceProxy",
                                          "_MLNeuralEngineComputeDeviceProxy"),
    "coremltools.models.ml_program.experimental.compute_plan_utils": (
        "_MLComputePlanProxy", "_MLCPUComputeDeviceProxy", "_MLGPUComputeDeviceProxy",
        "_MLNeuralEngineComputeDeviceProxy"),
}
# Without these coremltools refuses states, compiled models and hints before it asks the native module.
_PLATFORM = {
    "coremltools.models.utils": ("_is_macos", "_macos_version"),
    "coremltools.models.model": ("_is_macos", "_macos_version"),
    "coremltools.models._compiled_model": ("_macos_version",),
}
_MISSING = object()
_saved = {}


def _set(owner, name, value):
    _saved.setdefault((owner, name), getattr(owner, name, _MISSING))
    setattr(owner, name, value)


def enable(numerics="device"):
    """Makes coremltools predict through Pippin, from now on and in whatever was imported before. ``numerics``: "device"
    rounds float16 programs as a device does, "fast" computes them in float32; it holds for models loaded afterwards. Models
    loaded before have no engine: load them again. On macOS coremltools has Core ML itself: ``enable`` refuses."""
    _native.set_numerics(numerics)
    if _saved:
        return
    if importlib.util.find_spec("coremltools") is None:
        raise ImportError("coremltools is not installed; pippin.MLModel predicts without it")
    native = sys.modules.get(_NAME)
    if native is not None and native is not _native.module:
        raise RuntimeError("coremltools has Core ML already; pippin.MLModel predicts with Pippin's engine beside it")
    sys.modules[_NAME] = _native.module  # first, so that what is imported from here on finds it
    coremltools = importlib.import_module("coremltools")
    _set(coremltools, "libcoremlpython", _native.module)
    for module, names in _COPIES.items():
        for name in names if module in sys.modules else ():
            _set(sys.modules[module], name, getattr(_native.module, name))
    for module, names in _PLATFORM.items():
        for name in names:
            _set(sys.modules[module], name, getattr(_native, name))


def disable():
    """Undoes :func:`enable`. Models that are loaded keep predicting."""
    for (owner, name), value in _saved.items():
        if value is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, value)
    _saved.clear()
    if sys.modules.get(_NAME) is _native.module:
        del sys.modules[_NAME]
