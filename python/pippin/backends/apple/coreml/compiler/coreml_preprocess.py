"""CoreMLBackend: making compile specs and reading them back, as ExecuTorch spells them.

coremltools' enums are accepted by value (``ct.ComputeUnit.CPU_ONLY``), and so are their names as text (``"CPU_ONLY"``,
``"iOS17"``, ``"float32"``): coremltools need not be installed.
"""

from enum import Enum

from pippin.exir.backend.compile_spec_schema import CompileSpec

_TARGETS = {"ios13": 4, "ios14": 5, "ios15": 6, "ios16": 7, "ios17": 8, "ios18": 9, "ios26": 10,
            "macos10_15": 4, "macos11": 5, "macos12": 6, "macos13": 7, "macos14": 8, "macos15": 9, "macos26": 10}


class COMPILE_SPEC_KEYS(Enum):
    COMPUTE_UNITS = "compute_units"
    MODEL_TYPE = "model_type"
    MIN_DEPLOYMENT_TARGET = "min_deployment_target"
    MODEL_COMPUTE_PRECISION = "model_compute_precision"


def _name(value):
    return (value.name if isinstance(value, Enum) else str(value)).lower()


class CoreMLBackend:
    class MODEL_TYPE(Enum):
        MODEL = "model"
        COMPILED_MODEL = "compiled_model"

    @staticmethod
    def generate_compute_unit_compile_spec(compute_unit):
        name = _name(compute_unit)
        if name not in ("all", "cpu_only", "cpu_and_gpu", "cpu_and_ne"):
            raise ValueError(f"compute_unit cannot be {compute_unit!r}; expected ALL, CPU_ONLY, CPU_AND_GPU or CPU_AND_NE")
        return CompileSpec("compute_units", name.encode())

    @staticmethod
    def generate_minimum_deployment_target_compile_spec(min_deployment_target):
        if min_deployment_target is None:
            return CompileSpec("min_deployment_target", b"")
        if isinstance(min_deployment_target, Enum) and isinstance(min_deployment_target.value, int):
            number = int(min_deployment_target.value)
        else:
            number = _TARGETS.get(_name(min_deployment_target))
        if number not in set(_TARGETS.values()):
            raise ValueError(f"minimum_deployment_target cannot be {min_deployment_target!r}; expected iOS15 … iOS18 or iOS26")
        return CompileSpec("min_deployment_target", str(number).encode())

    @staticmethod
    def generate_compute_precision_compile_spec(compute_precision):
        value = compute_precision.value if isinstance(compute_precision, Enum) else str(compute_precision)
        name = str(value).lower()
        if name not in ("float16", "float32"):
            raise ValueError(f"compute_precision cannot be {compute_precision!r}; expected FLOAT16 or FLOAT32")
        return CompileSpec("model_compute_precision", name.encode())

    @staticmethod
    def generate_model_type_compile_spec(model_type):
        return CompileSpec("model_type", CoreMLBackend.MODEL_TYPE(getattr(model_type, "value", model_type)).value.encode())

    @staticmethod
    def generate_compile_specs(compute_unit="all", minimum_deployment_target=None, compute_precision="float16",
                               model_type=MODEL_TYPE.MODEL):
        """A fresh list, in the order in which ExecuTorch writes them."""
        return [
            CoreMLBackend.generate_compute_unit_compile_spec(compute_unit),
            CoreMLBackend.generate_minimum_deployment_target_compile_spec(minimum_deployment_target),
            CoreMLBackend.generate_compute_precision_compile_spec(compute_precision),
            CoreMLBackend.generate_model_type_compile_spec(model_type),
        ]

    @staticmethod
    def _text(compile_specs, key, default):
        """The first spec's value as text; `default` when there is none."""
        return next((spec.value.decode() for spec in compile_specs if spec.key == key), default)

    @staticmethod
    def _target_number(compile_specs):
        return int(CoreMLBackend._text(compile_specs, "min_deployment_target", "") or 0)

    @staticmethod
    def model_type_from_compile_specs(compile_specs):
        return CoreMLBackend.MODEL_TYPE(CoreMLBackend._text(compile_specs, "model_type", "model"))
