"""Core ML models on Pippin's CPU engine, without coremltools."""

import ctypes
import json
import os
import threading
import time

import numpy as np

from pippin import _structures as c
from pippin import _tensors
from pippin._features import Feature
from pippin._library import call_out, call_text, check, lib

_NUMERICS = {"device": 0, "fast": 1}


class _Handle:
    """Owns what the library made. `owner`: what must outlive it."""

    def __init__(self, value, free, owner=None):
        self.value, self._free, self._owner = value, free, owner

    def __del__(self):
        if self.value:
            self._free(self.value)


def _read_features(function, model, index):
    count = ctypes.c_size_t()
    features = function(model, index, ctypes.byref(count))
    return [Feature(features[i]) for i in range(count.value)]


class MLState:
    """What a sequence of predictions remembers; made by :meth:`MLModel.make_state`, all zeros at first."""

    def __init__(self, model):
        self._model = model
        self._handle = _Handle(call_out(lib.ppn_model_state_create, model._handle.value, model.function_name.encode()),
                               lib.ppn_model_state_free, model._handle)

    def _tensor(self, name):
        tensor = c.Tensor()
        check(lib.ppn_model_state_tensor(self._handle.value, name.encode(), ctypes.byref(tensor)))
        return tensor

    def read_state(self, name):
        """A copy of a state's content; float32 for float16 states. RuntimeError for a wrong name."""
        tensor = self._tensor(name)
        with self._model._lock:
            return _tensors.copy(tensor, np.float32 if c.DTYPES[tensor.dtype] == "float16" else None)

    def write_state(self, name, value):
        """Replaces a state's content. RuntimeError for a wrong name or shape."""
        target = _tensors.view(self._tensor(name))
        value = np.asarray(value)
        if value.shape != target.shape:
            raise RuntimeError(f"state '{name}' has shape {target.shape}; a value of shape {value.shape} was given")
        with self._model._lock, np.errstate(over="ignore"):
            target[...] = value


class MLModel:
    """A Core ML model (an ML Program) that predicts on the CPU.

    ``path``: an ``.mlpackage``, ``.mlmodel`` or compiled ``.mlmodelc``; it may be deleted afterwards. ``function_name``: of
    a multifunction model, the default one if None. ``numerics``: "device" rounds float16 programs as a device does, "fast"
    computes them in float32. Threads may share a model; predictions run one after another. Errors are RuntimeErrors."""

    def __init__(self, path, function_name=None, *, numerics="device", threads=0):
        if numerics not in _NUMERICS:
            raise ValueError(f"numerics is 'device' or 'fast', not {numerics!r}")
        start = time.perf_counter_ns()
        self._lock = threading.Lock()
        self._handle = _Handle(call_out(lib.ppn_model_open, os.fsencode(path)), lib.ppn_model_free)
        model, index = self._handle.value, ctypes.c_size_t()
        name = None if function_name is None else function_name.encode()
        check(lib.ppn_model_find_function(model, name, ctypes.byref(index)))
        self.function_name = lib.ppn_model_function_name(model, index.value).decode()
        self.inputs = _read_features(lib.ppn_model_inputs, model, index.value)
        self.outputs = _read_features(lib.ppn_model_outputs, model, index.value)
        self.states = _read_features(lib.ppn_model_states, model, index.value)
        options = c.EngineOptions(_NUMERICS[numerics], threads)
        instance = call_out(lib.ppn_model_instance_create, model, self.function_name.encode(), ctypes.byref(options))
        self._instance = _Handle(instance, lib.ppn_model_instance_free, self._handle)
        self.load_duration = time.perf_counter_ns() - start
        self.last_predict_duration = None

    @property
    def specification_version(self):
        return lib.ppn_model_specification_version(self._handle.value)

    @property
    def input_names(self):
        return [feature.name for feature in self.inputs]

    @property
    def functions(self):
        """Names of the model's functions."""
        model = self._handle.value
        return [lib.ppn_model_function_name(model, i).decode() for i in range(lib.ppn_model_function_count(model))]

    def compile(self, path):
        """Writes the folder ``path`` (``.mlmodelc``) that Core ML's compiler would make of the model."""
        check(lib.ppn_model_compile(self._handle.value, os.fsencode(path)))

    def structure(self):
        """Functions, blocks and operations as dictionaries (ppn_model_structure in pippin/model.h)."""
        return json.loads(call_text(lib.ppn_model_structure, self._handle.value))

    def make_state(self):
        """States for a sequence of predictions."""
        return MLState(self)

    def predict(self, data, state=None):
        """Outputs by name. ``data``: values by input name (arrays, lists, numbers; PIL images for image inputs), or a list
        of such dictionaries for a list of results. Optional inputs may be left out."""
        if isinstance(data, dict):
            return self._predict([data], state)[0]
        return self._predict(list(data), state)

    def _predict(self, batch, state):
        self._check_state(state)
        calls = [self._lend(data) for data in batch]
        with self._lock:
            check(lib.ppn_model_instance_use_state(self._instance.value, state._handle.value if state else None))
            start, spent, results = 0, 0, []
            for tensors, _alive in calls:
                outputs = (c.Tensor * (len(self.outputs) + 1))()
                start = time.perf_counter_ns()
                check(lib.ppn_model_predict(self._instance.value, tensors, len(self.inputs), outputs, len(self.outputs)))
                spent += time.perf_counter_ns() - start
                results.append({feature.name: feature.read(outputs[i]) for i, feature in enumerate(self.outputs)})
            self.last_predict_duration = spent
        return results

    def _check_state(self, state):
        if state is None and self.states:
            raise RuntimeError(
                f"The input feature for {self.states[0].name} must be an MLState, but it was not. "
                "Pass a state made by make_state() to predict.")

    def _lend(self, data):
        unknown = data.keys() - {feature.name for feature in self.inputs}
        if unknown:
            raise RuntimeError(
                f"the model has no input '{min(unknown)}'; its inputs are "
                f"{', '.join(feature.name for feature in self.inputs) or 'none'}")
        tensors, alive = (c.Tensor * (len(self.inputs) + 1))(), []
        for i, feature in enumerate(self.inputs):
            if data.get(feature.name) is not None:
                alive.append(feature.lend(data[feature.name], tensors[i]))
        return tensors, alive
