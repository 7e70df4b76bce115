"""Pipelines of ML Programs: models whose results are the next ones' inputs, by name."""

import os
import tempfile

from pippin import _library
from pippin._model import MLModel

_KINDS = {"pipeline": lambda spec: spec.pipeline, "pipelineClassifier": lambda spec: spec.pipelineClassifier.pipeline,
          "pipelineRegressor": lambda spec: spec.pipelineRegressor.pipeline}


def open_model(path, function_name, numerics):
    """A :class:`MLModel`, or a :class:`Pipeline` of them."""
    try:
        return MLModel(path, function_name, numerics=numerics)
    except _library.Error as error:
        if error.code != "UNSUPPORTED" or "the model is a pipeline" not in str(error):
            raise
    from coremltools.models.utils import _get_model_spec_path, load_spec

    file = _get_model_spec_path(path) if os.path.isdir(path) else path
    return Pipeline(load_spec(path), os.path.dirname(os.path.abspath(file)), numerics)


def _open_stage(spec, folder, numerics):
    """A member, whose weights lie in `folder` as the pipeline's do."""
    if spec.WhichOneof("Type") in _KINDS:
        return Pipeline(spec, folder, numerics)
    with tempfile.TemporaryDirectory(prefix="pippin-stage-") as scratch:
        path = os.path.join(scratch, "model.mlmodel")
        with open(path, "wb") as file:
            file.write(spec.SerializeToString())
        for name in os.listdir(folder):
            if os.path.isdir(os.path.join(folder, name)):
                os.symlink(os.path.join(folder, name), os.path.join(scratch, name))
        return MLModel(path, numerics=numerics)


class Pipeline:
    """Models that run one after another."""

    states = ()
    last_predict_duration = None

    def __init__(self, spec, folder, numerics):
        self._stages = [_open_stage(model, folder, numerics) for model in _KINDS[spec.WhichOneof("Type")](spec).models]
        self.input_names = [feature.name for feature in spec.description.input]
        self._optional = {feature.name for feature in spec.description.input if feature.type.isOptional}
        self._output_names = [feature.name for feature in spec.description.output]
        self.load_duration = sum(stage.load_duration for stage in self._stages)

    def predict(self, data, state=None):
        if state is not None:
            raise RuntimeError("Pippin keeps no states for pipelines; use the models one by one")
        if not isinstance(data, dict):
            return [self.predict(values) for values in data]
        unknown = data.keys() - set(self.input_names)
        missing = set(self.input_names) - data.keys() - self._optional
        if unknown:
            raise RuntimeError(f"the model has no input '{min(unknown)}'; its inputs are {', '.join(self.input_names)}")
        if missing:
            raise RuntimeError(f"Feature {min(missing)} is required but not specified")
        values, spent = dict(data), 0
        for stage in self._stages:
            values.update(stage.predict({name: values[name] for name in stage.input_names if name in values}))
            spent += stage.last_predict_duration
        self.last_predict_duration = spent
        return {name: values[name] for name in self._output_names}

    def make_state(self):
        raise RuntimeError("Pippin keeps no states for pipelines; use the models one by one")

    def compile(self, path):
        raise RuntimeError("Pippin does not compile pipelines; compile the models one by one")
