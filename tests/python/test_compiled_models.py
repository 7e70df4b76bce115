"""Compiled models (`.mlmodelc`): what `pippin compile` makes of packages that coremltools writes."""

import json

import numpy as np
import pytest

ct = pytest.importorskip("coremltools")

import tooling
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import get_new_symbol, types

pytestmark = tooling.needs_tool
BLOB = 'BLOBFILE(path = string("@model_path/weights/weight.bin"), offset = uint64({}))'
OLD_BLOB = 'BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>({}))'


def compile_model(model, folder, name="model"):
    """The folder that the tool makes of a model of coremltools."""
    package, compiled = folder / f"{name}.mlpackage", folder / f"{name}.mlmodelc"
    model.save(str(package))
    result = tooling.pippin("compile", package, "-o", compiled)
    assert result.returncode == 0, result.stderr
    assert "no Apple device has loaded" in result.stderr
    return compiled


def convert(program, target, **options):
    return ct.convert(program, minimum_deployment_target=target, **options)


def text_of(model, folder):
    return (compile_model(model, folder) / "model.mil").read_text(encoding="utf-8")


# ---- The spelling that coremltools' tests expect ----


def test_values_of_compressed_weights_are_spelled_inline(tmp_path):
    mask = np.random.randint(0, 2, size=(32, 32)).astype(types.np_uint1_dtype)
    nonzero = np.random.randint(1, 100, size=(np.sum(mask),)).astype(np.int8)

    @mb.program(input_specs=[], opset_version=ct.target.iOS18)
    def program():
        constant = mb.const(val=mask)
        mask_out, data = mb.constexpr_sparse_blockwise_shift_scale(
            data_mask=constant, nonzero_data=nonzero, scale=np.array([[0.1]]), offset=np.array([[1]]).astype(np.int8))
        return mb.constexpr_sparse_to_dense(nonzero_data=data, mask=constant)

    text = text_of(convert(program, ct.target.iOS18), tmp_path)
    # One blob for both.
    reference = f"tensor<uint1, [32, 32]>({BLOB.format(64)})"
    assert f"constexpr_sparse_blockwise_shift_scale(data_mask = {reference}" in text
    assert f"constexpr_sparse_to_dense(mask = {reference}" in text
    assert "offset = tensor<int8, [1, 1]>([[1]]), scale = tensor<fp16, [1, 1]>([[0x1.998p-4]])" in text


def test_weights_of_one_identity_share_a_blob(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec((500,))], opset_version=ct.target.iOS16)
    def program(x):
        value = np.random.rand(500)
        constants = [mb.const(val=value, name=f"const_{i}") for i in (1, 2, 3)]
        constants[0].op.weight_id = constants[1].op.weight_id = "0"
        for constant in constants:
            x = mb.add(x=x, y=constant)
        return x

    program.skip_all_passes = True
    model = convert(program, ct.target.iOS16, compute_precision=ct.precision.FLOAT32)
    text = text_of(model, tmp_path)
    for name, offset in ("const_1", 64), ("const_2", 64), ("const_3", 2176):
        assert (f'tensor<fp32, [500]> {name} = const()[name = tensor<string, []>("{name}"), '
                f"val = tensor<fp32, [500]>({OLD_BLOB.format(offset)})];") in text
    assert "add(x = x, y = const_1)" in text
    assert "add(x = add_0, y = const_2)" in text


@pytest.mark.parametrize("dtype, target, in_blob", [
    ("fp32", ct.target.iOS16, True), ("int16", ct.target.iOS17, False), ("int16", ct.target.iOS18, True),
    ("uint16", ct.target.iOS17, False), ("int32", ct.target.iOS18, True), ("int8", ct.target.iOS17, True),
])  # fmt: skip
def test_large_constants_are_in_the_weight_file_as_in_the_package(dtype, target, in_blob, tmp_path):
    numpy_type = {"fp32": np.float32}.get(dtype) or np.dtype(dtype).type

    @mb.program(input_specs=[mb.TensorSpec((1,))], opset_version=target)
    def program(x):
        return mb.const(val=np.arange(1000).astype(numpy_type)), mb.add(x=x, y=1.0)

    pipeline = ct.PassPipeline()
    pipeline.set_options("common::const_elimination", {"skip_const_by_size": "-1"})
    model = convert(program, target, pass_pipeline=pipeline, compute_precision=ct.precision.FLOAT32)
    assert (f"tensor<{dtype}, [1000]>(BLOBFILE" in text_of(model, tmp_path)) == in_blob


# ---- The other files ----


def test_metadata_describes_the_interface(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec((1, get_new_symbol()))], opset_version=ct.target.iOS17)
    def program(a):
        return mb.reduce_sum(x=mb.relu(x=a), axes=[1], name="total")

    model = convert(program, ct.target.iOS17, inputs=[ct.TensorType(name="a", shape=(1, ct.RangeDim(1, 9, default=4)))])
    model.short_description = "Sums"
    model.input_description["a"] = "numbers"
    compiled = compile_model(model, tmp_path, "my-model")
    (metadata,) = json.loads((compiled / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["specificationVersion"] == 8
    assert metadata["generatedClassName"] == "my_model"
    assert metadata["shortDescription"] == "Sums"
    assert metadata["computePrecision"] == "Mixed (Float16, Float32)"
    assert metadata["mlProgramOperationTypeHistogram"] == {"Ios17.cast": 2, "Ios17.relu": 1, "Ios17.reduceSum": 1}
    (feature,) = metadata["inputSchema"]
    assert feature == {
        "name": "a", "shortDescription": "numbers", "isOptional": "0", "formattedType": "MultiArray (Float32 1 × 4)",
        "shape": "[1, 4]", "type": "MultiArray", "dataType": "Float32", "shapeRange": "[[1, 1], [1, 9]]",
        "shapeFlexibility": "1 × 1...9", "hasShapeFlexibility": "1",
    }  # fmt: skip
    text = (compiled / "model.mil").read_text(encoding="utf-8")
    assert ('FlexibleShapeInformation = tuple<tuple<tensor<string, []>, dict<tensor<string, []>, tensor<int32, [?]>>>, '
            'tuple<tensor<string, []>, dict<tensor<string, []>, list<tensor<int32, [2]>, ?>>>>((("DefaultShapes", '
            '{{"a", [1, 4]}}), ("RangeDims", {{"a", [[1, 1], [1, 9]]}})))') in text


def test_description_is_the_packages(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec((1, 4))], opset_version=ct.target.iOS16)
    def program(a):
        return mb.relu(x=a, name="out")

    model = convert(program, ct.target.iOS16)
    model.user_defined_metadata["key"] = "value"
    compiled = compile_model(model, tmp_path)
    data = (compiled / "coremldata.bin").read_bytes()
    assert data[:8] == bytes([0xF6, 1, 0, 0, 5, 0, 0, 0]) and data[28:43] == b"\x07" + bytes(7) + b"generic"
    assert int.from_bytes(data[43:51], "little") == 7
    size = int.from_bytes(data[75:83], "little")
    description = ct.proto.Model_pb2.ModelDescription.FromString(data[83:83 + size])
    assert description == model.get_spec().description
    assert data[83 + size:] == bytes([0xF6, 1]) + bytes(14)


def test_what_is_in_the_way_stays(tmp_path):
    target = tmp_path / "model.mlmodelc"
    target.mkdir()
    (target / "note.txt").write_text("mine")

    @mb.program(input_specs=[mb.TensorSpec((1, 4))], opset_version=ct.target.iOS16)
    def program(a):
        return mb.relu(x=a)

    convert(program, ct.target.iOS16).save(str(tmp_path / "model.mlpackage"))
    result = tooling.pippin("compile", tmp_path / "model.mlpackage", "-o", target)
    assert result.returncode == 1 and "exists and is no model package or compiled model" in result.stderr
    assert [path.name for path in target.iterdir()] == ["note.txt"]
    (target / "note.txt").unlink()
    for _ in range(2):  # an empty folder is replaced, and so is a compiled model
        assert tooling.pippin("compile", tmp_path / "model.mlpackage", "-o", target).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.mlmodelc", "model.mlpackage"]
