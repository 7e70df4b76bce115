"""Quantised programs of torchao, of its codebooks and of PT2E: what they become, for every deployment target, and that they compute
what PyTorch does. Weights stay as they are stored."""

import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchao")
pytest.importorskip("coremltools")

import coremltools as ct
from torch import nn
from torchao.prototype.quantization.codebook_coreml import CodebookWeightOnlyConfig
from torchao.quantization import IntxWeightOnlyConfig, PerAxis, PerGroup, quantize_
from torchao.quantization.quant_primitives import MappingType

import tooling
from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge_transform_and_lower
from pippin.runtime import Runtime

SINGLE, HALF = ct.precision.FLOAT32, ct.precision.FLOAT16


def lower(program, target=None, precision=SINGLE, **options):
    specs = CoreMLBackend.generate_compile_specs(minimum_deployment_target=target, compute_precision=precision)
    return to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner(compile_specs=specs, **options)])


def remaining(manager):
    """Operators that stay on the CPU."""
    names = [node.target.__name__ for node in manager.exported_program().graph.nodes if node.op == "call_function"]
    return [name for name in names if name not in ("executorch_call_delegate", "getitem")]


def operations(manager, folder):
    """The delegate's operations, after coremltools has loaded and checked them."""
    file = folder / "model.pte"
    file.write_bytes(manager.to_executorch().buffer)
    (_, package), = tooling.payloads(file, folder)
    return list(tooling.infer_types(package).functions["main"].operations)


def compressed(manager, folder):
    """Of each compressed weight: its operation's type, the type of its data, and its value as coremltools computes it."""
    names = ("quantized_data", "data", "indices")
    found = []
    for op in operations(manager, folder):
        if op.op_type.startswith("constexpr_"):
            data, = (op.inputs[name] for name in names if name in op.inputs)
            found.append((op.op_type, ct.converters.mil.mil.types.builtin_to_string(data.dtype), op.materialized_val_inference()))
    return found


def check_run(manager, module, inputs, tolerance):
    method = Runtime.get().load_program(manager.to_executorch().buffer).load_method("forward")
    found, = method.execute(inputs)
    with torch.no_grad():
        expected = module(*inputs)
    scale = expected.abs().max()
    assert (found - expected).abs().max() <= tolerance * scale


def embedding_and_linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(64, 128), nn.Linear(128, 96), nn.ReLU()), (torch.tensor([3, 60, 7]),)


def is_embedding(module, _name):
    return isinstance(module, nn.Embedding)


def quantised(*configurations):
    module, inputs = embedding_and_linear()
    for configuration, where in configurations:
        quantize_(module, configuration, where)
    return module.eval(), inputs


def intx(dtype, granularity, **options):
    return IntxWeightOnlyConfig(weight_dtype=dtype, granularity=granularity, **options)


ASYMMETRIC = {"mapping_type": MappingType.ASYMMETRIC}
SHIFT_SCALE, AFFINE, TABLE = "constexpr_blockwise_shift_scale", "constexpr_affine_dequantize", "constexpr_lut_to_dense"
# name -> (configuration of the linear layer, first target, type of the data)
LINEAR = {
    "int4_channels": (intx(torch.int4, PerAxis(0)), "iOS18", "int4"),
    "int4_groups": (intx(torch.int4, PerGroup(32)), "iOS18", "int4"),
    "int4_zero_points": (intx(torch.int4, PerGroup(32), **ASYMMETRIC), "iOS18", "int4"),
    "int8_channels": (intx(torch.int8, PerAxis(0)), "iOS16", "int8"),
    "int8_channels_zero_points": (intx(torch.int8, PerAxis(0), **ASYMMETRIC), "iOS16", "int8"),
    "int8_groups": (intx(torch.int8, PerGroup(64), **ASYMMETRIC), "iOS18", "int8"),
    "int2_groups": (intx(torch.int2, PerGroup(32)), "iOS18", "int4"),
    "codes_2_columns": (CodebookWeightOnlyConfig(dtype=torch.uint2, block_size=[-1, 16]), "iOS18", "uint2"),
    "codes_3_rows": (CodebookWeightOnlyConfig(dtype=torch.uint3, block_size=[16, -1]), "iOS18", "uint3"),
    "codes_4_rows": (CodebookWeightOnlyConfig(dtype=torch.uint4, block_size=[32, -1]), "iOS18", "uint4"),
}
TARGETS = ["iOS15", "iOS16", "iOS17", "iOS18"]


@pytest.mark.parametrize("name", LINEAR)
def test_linear_weights(name, tmp_path):
    configuration, first, dtype = LINEAR[name]
    module, inputs = quantised((configuration, None))
    program = torch.export.export(module, inputs)
    stored = module[1].weight.dequantize().detach().numpy()
    for target in TARGETS:
        if TARGETS.index(target) < TARGETS.index(first):
            with pytest.raises(ValueError, match=f"{first}.*minimum_deployment_target.*CoreMLPartitioner"):
                lower(program, ct.target[target])
            continue
        for precision, tolerance in ((SINGLE, 1e-5), (HALF, 1e-2))[: 2 if target == first else 1]:
            manager = lower(program, ct.target[target], precision)
            assert not remaining(manager)
            folder = tmp_path / f"{target}-{precision.value}"
            folder.mkdir()
            (kind, data, value), = compressed(manager, folder)
            assert kind == (TABLE if name.startswith("codes") else SHIFT_SCALE if target >= "iOS18" else AFFINE)
            assert data == dtype
            assert value.dtype == (np.float32 if precision == SINGLE else np.float16)
            np.testing.assert_allclose(value, stored, rtol=0, atol=(1e-6 if precision == SINGLE else 2e-3) * abs(stored).max())
            check_run(manager, module, inputs, tolerance)
    # Without a target: the first that has everything.
    check_run(lower(program), module, inputs, 1e-5)
    assert remaining(lower(program, take_over_constant_data=False)), "weights outside the model cannot be compressed weights of it"


def test_embedding_and_linear_weights(tmp_path):
    module, inputs = quantised((intx(torch.int8, PerAxis(0)), is_embedding), (intx(torch.int4, PerGroup(32)), None))
    manager = lower(torch.export.export(module, inputs), ct.target.iOS18)
    assert [(kind, data) for kind, data, _ in compressed(manager, tmp_path)] == [(SHIFT_SCALE, "int8"), (SHIFT_SCALE, "int4")]
    assert [op.op_type for op in operations_of_use(manager, tmp_path)] == ["gather", "linear", "relu"]
    check_run(manager, module, inputs, 1e-5)


def operations_of_use(manager, folder):
    folder = folder / "again"
    folder.mkdir()
    return [op for op in operations(manager, folder) if not op.op_type.startswith("const") and op.op_type != "cast"]


@pytest.mark.parametrize("name", ["int8_channels_zero_points", "int4_zero_points", "codes_2_columns"])
def test_transposed_weights_stay_compressed(name, tmp_path):
    """Decomposed products use the transposed weight: its data are transposed, not the weight."""
    configuration, _, dtype = LINEAR[name]
    module, inputs = quantised((configuration, None))
    program = torch.export.export(module, inputs).run_decompositions(
        {op: f for op, f in torch.export.default_decompositions().items() if op.namespace not in ("torchao", "quant")}
    )
    for target in ("iOS17", "iOS18") if name.startswith("int8") else ("iOS18",):
        folder = tmp_path / target
        folder.mkdir()
        manager = lower(program, ct.target[target])
        assert [data for _, data, _ in compressed(manager, folder)] == [dtype]
        assert "linear" in [op.op_type for op in operations_of_use(manager, folder)]
        check_run(manager, module, inputs, 1e-5)


def test_archive_keeps_weights_packed(tmp_path):
    """Four bits a weight in the file; the archive holds a byte for each."""
    module = nn.Linear(512, 512, bias=False)
    quantize_(module, intx(torch.int4, PerGroup(32)))
    program = torch.export.export(module.eval(), (torch.randn(1, 512),)).run_decompositions({})
    torch.export.save(program, str(tmp_path / "model.pt2"))
    file = tooling.lower(tmp_path / "model.pt2", tmp_path / "model.pte")
    scales = 512 * 16 * 2
    assert pathlib.Path(file).stat().st_size < 512 * 512 // 2 + scales + 4096


# ---- PT2E ----


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.linear = nn.Linear(8, 4)

    def forward(self, x):
        x = torch.relu(self.convolution(x))
        x = x + x.flip(3)
        return self.linear(x.mean((2, 3)))


def exported(per_channel):
    """A network quantised in the way of PT2E: quantize and dequantize around everything."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    torch.manual_seed(0)
    inputs = (torch.randn(1, 3, 16, 16),)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=per_channel))
    prepared = prepare_pt2e(torch.export.export(Network().eval(), inputs, strict=True).module(), quantizer)
    for _ in range(4):
        prepared(torch.randn(1, 3, 16, 16))
    prepared(*inputs)
    module = convert_pt2e(prepared)
    return module, inputs, torch.export.export(module, inputs, strict=True)


@pytest.mark.parametrize("per_channel", [True, False], ids=["channels", "tensor"])
def test_pt2e(per_channel, tmp_path):
    module, inputs, program = exported(per_channel)
    for target, kind in (("iOS17", AFFINE), ("iOS18", SHIFT_SCALE)):
        for precision, tolerance in ((SINGLE, 1e-5), (HALF, 5e-2)):
            manager = lower(program, ct.target[target], precision)
            assert not remaining(manager)
            folder = tmp_path / f"{target}-{precision.value}"
            folder.mkdir()
            weights = compressed(manager, folder)
            assert [(k, data) for k, data, _ in weights] == [(kind, "int8")] * 2
            used = [op.op_type for op in operations_of_use(manager, folder)]
            assert "conv" in used and "linear" in used and used.count("quantize") >= 4
            assert used.count("quantize") == used.count("dequantize"), "nothing but weights was folded"
            check_run(manager, module, inputs, tolerance)
    with pytest.raises(ValueError, match="iOS17"):
        lower(program, ct.target.iOS16)
