"""The module ``coremltools.libcoremlpython`` as coremltools uses it, on Pippin's engine."""

import os
import pathlib
import shutil
import tempfile
import types
import weakref

from pippin import _library
from pippin._model import MLModel
from pippin.coremltools import _pipeline, _specification, _structure

_MAXIMUM_SPECIFICATION_VERSION = 10  # iOS 26
_COMPUTE_UNITS = ("ALL", "CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE")
_FAILED = "Unable to compute the prediction using ML Program"  # Core ML's words
_numerics = ["device"]


def set_numerics(numerics):
    if numerics not in ("device", "fast"):
        raise ValueError(f"numerics is 'device' or 'fast', not {numerics!r}")
    _numerics[0] = numerics


def _is_macos():
    return True


def _macos_version():
    return (26, 0)


def _as_runtime_error(function, *arguments, context=None):
    """What the native module raises is always a plain RuntimeError."""
    try:
        return function(*arguments)
    except (_library.Error, RuntimeError) as error:
        raise RuntimeError(f'{context}: "{error}".' if context else str(error)) from error


class _State:
    """States of one sequence of predictions."""

    def __init__(self, state):
        self._state = state

    def read_state(self, name):
        return _as_runtime_error(self._state.read_state, name)

    def write_state(self, name, value):
        _as_runtime_error(self._state.write_state, name, value)


class _MLModelAssetProxy:
    """A model that is not loaded yet: its ``path``."""

    def __init__(self, path=None):
        self.path = path


def _temporary_folder(owner, kind):
    """A folder that goes away with `owner`."""
    folder = tempfile.mkdtemp(prefix=f"pippin-{kind}-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return folder


def _compiled_name(path):
    return pathlib.Path(path).stem + ".mlmodelc"


class _MLModelProxy:
    """A loaded model: what stands behind coremltools' MLModel and CompiledMLModel. Compute units and hints are accepted;
    the engine has one unit, the CPU."""

    def __init__(self, path, compute_units, function_name, hints, asset=None):
        if compute_units not in _COMPUTE_UNITS:
            raise RuntimeError(f"compute units are one of {', '.join(_COMPUTE_UNITS)}, not {compute_units}")
        self._path = asset.path if asset is not None else path
        self._compiled = None
        self._model = _as_runtime_error(
            _pipeline.open_model, self._path, function_name or None, _numerics[0], context="Error compiling model")

    def predict(self, data, state=None):
        return _as_runtime_error(self._model.predict, data, state._state if state is not None else None, context=_FAILED)

    def batchPredict(self, batch):  # noqa: N802, the native module's name
        return _as_runtime_error(self._model.predict, batch, context=_FAILED)

    def newState(self):  # noqa: N802
        return _State(_as_runtime_error(self._model.make_state))

    def get_compiled_model_path(self):
        """The compiled model, made when it is first asked for; it goes away with the proxy."""
        if self._path.rstrip("/").endswith(".mlmodelc"):
            return self._path
        if self._compiled is None:
            path = os.path.join(_temporary_folder(self, "compiled"), _compiled_name(self._path))
            _as_runtime_error(self._model.compile, path)
            self._compiled = path
        return self._compiled

    @staticmethod
    def compileModel(path):  # noqa: N802
        """Compiles a package into a temporary folder, which is the caller's."""
        compiled = os.path.join(tempfile.mkdtemp(prefix="pippin-compiled-"), _compiled_name(path))
        _as_runtime_error(lambda: MLModel(path).compile(compiled), context="Error compiling model")
        return compiled

    def get_load_duration_in_nano_seconds(self):
        return self._model.load_duration

    def get_last_predict_duration_in_nano_seconds(self):
        return self._model.last_predict_duration

    @staticmethod
    def maximum_supported_specification_version():
        return _MAXIMUM_SPECIFICATION_VERSION

    @staticmethod
    def create_model_asset_from_path(path):
        from coremltools.models.model import MLModelAsset

        if not os.path.exists(path):
            raise RuntimeError(f"no such model: {path}")
        return MLModelAsset(_MLModelAssetProxy(path))

    @staticmethod
    def create_model_asset_from_memory(spec_data, blob_mapping):
        """``blob_mapping``: contents by path below the model, such as ``weights/weight.bin``."""
        from coremltools.models.model import MLModelAsset

        proxy = _MLModelAssetProxy()
        root = pathlib.Path(_temporary_folder(proxy, "asset"))
        for name, data in {"model.mlmodel": spec_data, **blob_mapping}.items():
            path = (root / name).resolve()
            if root.resolve() not in path.parents:
                raise RuntimeError(f"the path of a blob leads out of the model: {name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        proxy.path = str(root / "model.mlmodel")
        return MLModelAsset(proxy)

    @staticmethod
    def auto_set_specification_version(model):
        return _specification.with_lowest_version(model)

    @staticmethod
    def get_model_structure(path):
        return _structure.model_structure(_as_runtime_error(MLModel, path))

    @staticmethod
    def get_compute_plan(path, compute_units):
        from coremltools.models.compute_plan import MLComputePlan

        return MLComputePlan(_MLComputePlanProxy(_MLModelProxy.get_model_structure(path)))

    @staticmethod
    def get_available_compute_devices():
        from coremltools.models.compute_device import MLCPUComputeDevice

        return [MLCPUComputeDevice(_MLCPUComputeDeviceProxy())]

    get_all_compute_devices = get_available_compute_devices


class _MLCPUComputeDeviceProxy:
    """The only device there is."""


class _MLGPUComputeDeviceProxy:
    """Never made: the engine has no GPU. A class, because coremltools asks for instances of it."""


class _MLNeuralEngineComputeDeviceProxy:
    """Never made, like the GPU."""

    def get_total_core_count(self):
        return 0


class _MLComputePlanProxy:
    """Where operations run: on the CPU, all of them. Costs are not estimated."""

    def __init__(self, model_structure=None):
        self._structure = model_structure

    @property
    def model_structure(self):
        return self._structure

    def get_compute_device_usage_for_mlprogram_operation(self, operation):
        from coremltools.models.compute_plan import MLComputePlanDeviceUsage

        if operation.operator_name == "const":
            return None
        devices = _MLModelProxy.get_available_compute_devices()
        return MLComputePlanDeviceUsage(devices[0], devices)

    def get_compute_device_usage_for_neuralnetwork_layer(self, layer):
        return None

    def get_estimated_cost_for_mlprogram_operation(self, operation):
        return None


module = types.ModuleType("coremltools.libcoremlpython", "Core ML for coremltools, on Pippin's CPU engine.")
for _class in (_MLModelProxy, _MLModelAssetProxy, _State, _MLCPUComputeDeviceProxy, _MLGPUComputeDeviceProxy,
               _MLNeuralEngineComputeDeviceProxy, _MLComputePlanProxy):
    setattr(module, _class.__name__, _class)
