"""CoreMLBackend: compile specs, made and read back exactly as ExecuTorch's Core ML backend does.

Options are coremltools' enumeration members (``ct.ComputeUnit.CPU_ONLY``), our own equal ones
(``pippin.backends.apple.coreml.ComputeUnit``) or their names as text: coremltools need not be installed.
"""

import json
import logging
from enum import Enum

from pippin.backends.apple.coreml import _enums
from pippin.backends.apple.coreml.compiler.enumerated_shape_utils import _SymbolicShapeToEnumeratedShapeMap
from pippin.backends.apple.coreml.logging import get_coreml_log_level
from pippin.exir.backend.compile_spec_schema import CompileSpec

logger = logging.getLogger(__name__)
logger.setLevel(get_coreml_log_level(default_level=logging.WARNING))


class COMPILE_SPEC_KEYS(Enum):
    COMPUTE_UNITS = "compute_units"
    MODEL_TYPE = "model_type"
    MIN_DEPLOYMENT_TARGET = "min_deployment_target"
    MODEL_COMPUTE_PRECISION = "model_compute_precision"
    OP_LINEAR_QUANTIZER_CONFIG = "op_linear_quantizer_config"
    ENUMERATED_SHAPES = "enumerated_shapes"
    PASS_PIPELINE = "pass_pipeline"
    MULTIMETHOD_WEIGHT_SHARING_STRATEGY = "multimethod_weight_sharing_strategy"


class MULTIMETHOD_WEIGHT_SHARING_STRATEGY(Enum):
    DISABLED = "disabled"  # each method has models of its own
    POSITIONAL = "positional"  # the methods' n-th partitions share one model with a function for each


class MODEL_PATHS(Enum):
    """Files of a delegate's payload."""

    MODEL = "model.mlpackage"
    COMPILED_MODEL = "model.mlmodelc"
    METADATA = "metadata.json"
    DEBUG_INFO = "debug_info.json"


def _spec(key, text):
    return CompileSpec(key.value, text.encode("utf-8"))


def _text(compile_specs, key):
    """The first spec's value as text; None when there is none."""
    return next((spec.value.decode("utf-8") for spec in compile_specs if spec.key == key.value), None)


class CoreMLBackend:
    class MODEL_TYPE(Enum):
        MODEL = "model"  # an .mlpackage, which the device compiles when it loads it
        COMPILED_MODEL = "compiled_model"  # an .mlmodelc

    # ---- One spec each ----

    @staticmethod
    def generate_compute_unit_compile_spec(compute_unit):
        """Where the model may run."""
        unit = _enums.parse(_enums.ComputeUnit, compute_unit, "compute_unit")
        return _spec(COMPILE_SPEC_KEYS.COMPUTE_UNITS, unit.name.lower())

    @staticmethod
    def generate_minimum_deployment_target_compile_spec(min_deployment_target):
        """The oldest system that must run the model; None: the oldest that can."""
        if min_deployment_target is None:
            return _spec(COMPILE_SPEC_KEYS.MIN_DEPLOYMENT_TARGET, "")
        target = _enums.parse(_enums.target, min_deployment_target, "minimum_deployment_target")
        return _spec(COMPILE_SPEC_KEYS.MIN_DEPLOYMENT_TARGET, str(target.value))

    @staticmethod
    def generate_compute_precision_compile_spec(compute_precision):
        """The precision in which the model stores weights and computes."""
        precision = _enums.parse(_enums.precision, compute_precision, "compute_precision")
        return _spec(COMPILE_SPEC_KEYS.MODEL_COMPUTE_PRECISION, precision.value)

    @staticmethod
    def generate_model_type_compile_spec(model_type):
        """What the payload holds: a package, or a model compiled ahead."""
        model_type = CoreMLBackend.MODEL_TYPE(getattr(model_type, "value", model_type))
        return _spec(COMPILE_SPEC_KEYS.MODEL_TYPE, model_type.value)

    @staticmethod
    def generate_op_linear_quantizer_config_compile_spec(op_linear_quantizer_config):
        """Weight quantisation after conversion: the fields of coremltools' OpLinearQuantizerConfig as a dict."""
        return _spec(COMPILE_SPEC_KEYS.OP_LINEAR_QUANTIZER_CONFIG, json.dumps(op_linear_quantizer_config))

    @staticmethod
    def generate_pass_pipeline_compile_spec(pass_names):
        """The names of coremltools' passes that should run."""
        return _spec(COMPILE_SPEC_KEYS.PASS_PIPELINE, json.dumps(pass_names))

    @staticmethod
    def generate_multimethod_weight_sharing_strategy_compile_spec(strategy):
        """Whether the models of several methods share their weights."""
        strategy = MULTIMETHOD_WEIGHT_SHARING_STRATEGY(getattr(strategy, "value", strategy))
        return _spec(COMPILE_SPEC_KEYS.MULTIMETHOD_WEIGHT_SHARING_STRATEGY, strategy.value)

    @staticmethod
    def generate_enumerated_shapes_compile_spec(ep, enumerated_shapes):
        """The shapes that the dynamic inputs of the exported program `ep` take, as lists by input name:
        ``{"x": [[1, 5, 10], [4, 6, 10]], "y": [[3, 11], [5, 11]]}``. The n-th shapes of all inputs belong together; any
        other shape is an error when the model runs. More than one such input needs iOS 18."""
        shapes = _SymbolicShapeToEnumeratedShapeMap.from_exported_program(ep, enumerated_shapes)
        return _spec(COMPILE_SPEC_KEYS.ENUMERATED_SHAPES, shapes.to_json())

    # ---- All of them ----

    @staticmethod
    def generate_compile_specs(
        compute_unit=_enums.ComputeUnit.ALL,
        minimum_deployment_target=None,
        compute_precision=_enums.precision.FLOAT16,
        model_type=MODEL_TYPE.MODEL,
        op_linear_quantizer_config=None,
        pass_names=None,
    ):
        """A fresh list, which callers may append to, in the order in which ExecuTorch writes them."""
        specs = [
            CoreMLBackend.generate_compute_unit_compile_spec(compute_unit),
            CoreMLBackend.generate_minimum_deployment_target_compile_spec(minimum_deployment_target),
            CoreMLBackend.generate_compute_precision_compile_spec(compute_precision),
            CoreMLBackend.generate_model_type_compile_spec(model_type),
        ]
        if op_linear_quantizer_config is not None:
            specs.append(CoreMLBackend.generate_op_linear_quantizer_config_compile_spec(op_linear_quantizer_config))
        if pass_names is not None:
            specs.append(CoreMLBackend.generate_pass_pipeline_compile_spec(pass_names))
        return specs

    # ---- Back again ----

    @staticmethod
    def compute_unit_from_compile_specs(compile_specs):
        name = _text(compile_specs, COMPILE_SPEC_KEYS.COMPUTE_UNITS)
        return _enums.native(_enums.ComputeUnit.ALL if name is None else _enums.ComputeUnit[name.upper()])

    @staticmethod
    def min_deployment_target_from_compile_specs(compile_specs):
        number = _text(compile_specs, COMPILE_SPEC_KEYS.MIN_DEPLOYMENT_TARGET)
        return _enums.native(_enums.target(int(number))) if number else None

    @staticmethod
    def model_compute_precision_from_compile_specs(compile_specs):
        name = _text(compile_specs, COMPILE_SPEC_KEYS.MODEL_COMPUTE_PRECISION)
        return _enums.native(_enums.precision.FLOAT16 if name is None else _enums.precision(name))

    @staticmethod
    def model_type_from_compile_specs(compile_specs):
        name = _text(compile_specs, COMPILE_SPEC_KEYS.MODEL_TYPE)
        return CoreMLBackend.MODEL_TYPE.MODEL if name is None else CoreMLBackend.MODEL_TYPE(name)

    @staticmethod
    def op_linear_quantizer_config_from_compile_specs(compile_specs):
        """coremltools' OpLinearQuantizerConfig, or None; needs coremltools."""
        text = _text(compile_specs, COMPILE_SPEC_KEYS.OP_LINEAR_QUANTIZER_CONFIG)
        if text is None:
            return None
        from coremltools.optimize.coreml import OpLinearQuantizerConfig

        return OpLinearQuantizerConfig._from_dict(json.loads(text))

    @staticmethod
    def pass_pipeline_from_compile_specs(compile_specs):
        """coremltools' PassPipeline; needs coremltools."""
        import coremltools

        text = _text(compile_specs, COMPILE_SPEC_KEYS.PASS_PIPELINE)
        if text is None:
            return coremltools.PassPipeline.DEFAULT
        return coremltools.PassPipeline(json.loads(text), pipeline_name="executorch_user_pipeline")

    @staticmethod
    def multimethod_weight_sharing_strategy_from_compile_specs(compile_specs):
        name = _text(compile_specs, COMPILE_SPEC_KEYS.MULTIMETHOD_WEIGHT_SHARING_STRATEGY)
        return MULTIMETHOD_WEIGHT_SHARING_STRATEGY("positional" if name is None else name)

    @staticmethod
    def enumerated_shapes_from_compile_specs(compile_specs):
        text = _text(compile_specs, COMPILE_SPEC_KEYS.ENUMERATED_SHAPES)
        return None if text is None else _SymbolicShapeToEnumeratedShapeMap.from_json(text)
