"""Compiled models (`.mlmodelc`): what `pippin compile` makes of packages that coremltools writes."""

import json
import logging
import re

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


# ---- Read and run ----


def run(path, folder, inputs, *options):
    """The outputs of a model, by name."""
    folder.mkdir()
    arguments = []
    for name, value in inputs.items():
        np.save(folder / f"{name}.npy", value)
        arguments += ["-i", f"{name}=@{folder / name}.npy"]
    result = tooling.pippin("run", path, *arguments, "-o", folder / "results", "-q", *options)
    assert result.returncode == 0, result.stderr
    return {file.stem: np.load(file) for file in (folder / "results").glob("*.npy")}


def assert_runs_equally(model, tmp_path, inputs, *options, name="model"):
    compiled = compile_model(model, tmp_path, name)
    expected = run(tmp_path / f"{name}.mlpackage", tmp_path / f"{name}-expected", inputs, *options)
    found = run(compiled, tmp_path / f"{name}-found", inputs, *options)
    assert expected.keys() == found.keys() and expected
    for key, value in expected.items():
        assert value.dtype == found[key].dtype
        np.testing.assert_array_equal(value, found[key])


def test_control_flow_runs_equally(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec((3,)), mb.TensorSpec((1,))], opset_version=ct.target.iOS17)
    def program(b_values, a_flag):
        flag = mb.greater(x=mb.squeeze(x=a_flag, axes=[0]), y=0.0)
        chosen = mb.cond(pred=flag, _true_fn=lambda: mb.relu(x=b_values), _false_fn=lambda: mb.sin(x=b_values))
        total, count = mb.while_loop(
            _cond=lambda total, count: mb.less(x=count, y=5.0),
            _body=lambda total, count: (mb.add(x=total, y=chosen), mb.add(x=count, y=1.0)),
            loop_vars=(chosen, 0.0))
        special = np.array([np.inf, -np.inf, 1e-40], np.float32)
        return mb.concat(values=[total, chosen], axis=0), mb.maximum(x=total, y=special), count

    model = convert(program, ct.target.iOS17, compute_precision=ct.precision.FLOAT32)
    for name, flag in ("yes", 1), ("no", -1):
        inputs = {"b_values": np.array([0.3, -0.5, 2], np.float32), "a_flag": np.array([flag], np.float32)}
        assert_runs_equally(model, tmp_path, inputs, name=name)


def test_states_and_flexible_shapes_run_equally(tmp_path):
    @mb.program(
        input_specs=[mb.StateTensorSpec((2, 3), dtype=types.fp16), mb.TensorSpec((get_new_symbol(), 2, 3), dtype=types.fp16)],
        opset_version=ct.target.iOS18)
    def program(total, a):
        updated = mb.add(x=mb.read_state(input=total), y=mb.reduce_sum(x=a, axes=[0]))
        mb.coreml_update_state(state=total, value=updated)
        return mb.add(x=a, y=updated, name="result")

    model = convert(
        program, ct.target.iOS18, outputs=[ct.TensorType(name="result", dtype=np.float16)],
        inputs=[ct.TensorType(name="a", shape=ct.EnumeratedShapes([(1, 2, 3), (4, 2, 3)]), dtype=np.float16)])
    inputs = {"a": np.linspace(-1, 1, 24).astype(np.float16).reshape(4, 2, 3)}
    assert_runs_equally(model, tmp_path, inputs)
    text = (tmp_path / "model.mlmodelc" / "model.mil").read_text(encoding="utf-8")
    assert "tensor<fp16, [?, 2, 3]> a" in text and "state<tensor<fp16, [2, 3]>> total" in text
    assert '("EnumeratedShapes", {{"00000000", {{"a", [1, 2, 3]}}}, {"00000001", {{"a", [4, 2, 3]}}}})' in text


def test_functions_and_compressed_weights_run_equally(tmp_path):
    weight = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)

    @mb.program(input_specs=[mb.TensorSpec((2, 64))], opset_version=ct.target.iOS18)
    def program(x):
        return mb.linear(x=x, weight=weight, bias=np.arange(8).astype(np.float32), name="out")

    model = convert(program, ct.target.iOS18)
    config = ct.optimize.coreml.OpPalettizerConfig(mode="kmeans", nbits=4, weight_threshold=0)
    palettized = ct.optimize.coreml.palettize_weights(model, ct.optimize.coreml.OptimizationConfig(global_config=config))
    descriptor = ct.utils.MultiFunctionDescriptor()
    for name, source in ("plain", model), ("small", palettized):
        source.save(str(tmp_path / f"{name}.mlpackage"))
        descriptor.add_function(str(tmp_path / f"{name}.mlpackage"), "main", name)
    descriptor.default_function_name = "small"
    ct.utils.save_multifunction(descriptor, str(tmp_path / "both.mlpackage"))
    compiled = tmp_path / "both.mlmodelc"
    assert tooling.pippin("compile", tmp_path / "both.mlpackage", "-o", compiled).returncode == 0
    inputs = {"x": np.linspace(-1, 1, 128).astype(np.float32).reshape(2, 64)}
    results = {}
    for name in "plain", "small":
        for path in tmp_path / "both.mlpackage", compiled:
            results[name, path.suffix] = run(path, tmp_path / f"run-{name}{path.suffix}", inputs, "-m", name)["out"]
        np.testing.assert_array_equal(results[name, ".mlpackage"], results[name, ".mlmodelc"])
    assert np.abs(results["plain", ".mlmodelc"] - results["small", ".mlmodelc"]).max() > 0
    (metadata,) = json.loads((compiled / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["defaultFunctionName"] == "small"
    assert [function["name"] for function in metadata["functions"]] == ["plain", "small"]
    assert metadata["storagePrecision"] == "Mixed (Float16, UInt4)"


def test_damaged_compiled_models_are_refused(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec((1, 4))], opset_version=ct.target.iOS16)
    def program(a):
        return mb.relu(x=a, name="out")

    compiled = compile_model(convert(program, ct.target.iOS16), tmp_path)
    data, text = compiled / "coremldata.bin", compiled / "model.mil"

    def refused(path, content):
        original = path.read_bytes()
        path.write_bytes(content(original))
        result = tooling.pippin("info", compiled)
        path.write_bytes(original)
        assert result.returncode == 1
        return result.stderr.strip().removeprefix(f"pippin: {compiled}: ")

    assert refused(data, lambda b: b[:60]).startswith("coremldata.bin: the file ends at byte 60, in its zeros")
    assert refused(data, lambda b: b"\xf4\x01" + b[2:]).startswith("coremldata.bin: the model is a neural network")
    assert refused(data, lambda b: b[:43] + b"\x63" + b[44:]) == (
        "coremldata.bin: the model has specification version 99, supported are 6 to 10")
    assert refused(text, lambda b: b.replace(b"relu", b"rely")).startswith(
        "model.mil: function 'main': line 7, column 13: operation 'out_cast_fp16' (rely): opset CoreML6 has no operation")
    assert refused(text, lambda b: b[:-20]).startswith("model.mil: line 10, column")
    assert refused(text, lambda b: re.sub(rb"\ba\b", b"b", b)) == (
        "model.mil: the description's input 'a' is not an input of the program")
    text.unlink()
    assert "the compiled model has no program" in tooling.pippin("info", compiled).stderr
    result = tooling.pippin("compile", tmp_path / "model.mlpackage", "-o", tmp_path / "model.mlpackage2")
    assert result.returncode == 2 and "ends in .mlmodelc" in result.stderr


# ---- Delegates ----


def lower_compiled(program, **methods):
    from pippin.backends.apple.coreml.compiler import CoreMLBackend
    from pippin.backends.apple.coreml.partition import CoreMLPartitioner
    from pippin.exir import to_edge_transform_and_lower

    specs = CoreMLBackend.generate_compile_specs(model_type=CoreMLBackend.MODEL_TYPE.COMPILED_MODEL)
    partitioner = CoreMLPartitioner(compile_specs=specs)
    return to_edge_transform_and_lower(methods or program, partitioner=[partitioner]).to_executorch().buffer


def test_delegates_hold_compiled_models(tmp_path, caplog):
    torch = pytest.importorskip("torch")
    from pippin.runtime import Runtime

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.GELU(), torch.nn.Linear(32, 2)).eval()
    inputs = (torch.randn(3, 4),)
    program = torch.export.export(module, inputs)
    with caplog.at_level(logging.WARNING):
        buffer = lower_compiled(program)
    assert sum("no Apple device has loaded" in record.getMessage() for record in caplog.records) == 1
    path = tmp_path / "model.pte"
    path.write_bytes(buffer)
    (output,) = Runtime.get().load_program(buffer).load_method("forward").execute(inputs)
    torch.testing.assert_close(output, module(*inputs), rtol=2e-3, atol=2e-3)

    # The official layout: metadata.json beside model.mlmodelc.
    file = tooling.read(path)
    (delegate,) = file.program.execution_plan[0].delegates
    assert {spec.key: bytes(spec.value) for spec in delegate.compile_specs}["model_type"] == b"compiled_model"
    (payload,) = file.program.backend_delegate_data
    (tmp_path / "payload").mkdir()
    folder = tooling.unflatten(bytes(payload.data), tmp_path / "payload")
    assert folder.name == "lowered_module"
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) == [
        "metadata.json", "model.mlmodelc/analytics/coremldata.bin", "model.mlmodelc/coremldata.bin",
        "model.mlmodelc/metadata.json", "model.mlmodelc/model.mil", "model.mlmodelc/weights/weight.bin",
    ]  # fmt: skip

    # What is extracted is that, and runs.
    assert tooling.pippin("extract", path, "-o", tmp_path / "extracted").returncode == 0
    extracted = tmp_path / "extracted" / "forward.mlmodelc"
    for file in (folder / "model.mlmodelc").rglob("*"):
        if file.is_file():
            assert (extracted / file.relative_to(folder / "model.mlmodelc")).read_bytes() == file.read_bytes()
    (found,) = run(extracted, tmp_path / "run", {json.loads((folder / "metadata.json").read_text())["inputNames"][0]: inputs[0].numpy()}).values()
    np.testing.assert_array_equal(found, output.numpy())


def test_methods_share_a_compiled_model(tmp_path):
    torch = pytest.importorskip("torch")
    from pippin.runtime import Runtime

    torch.manual_seed(0)
    module = torch.nn.Linear(16, 16).eval()
    methods = {"long": (torch.randn(5, 16),), "short": (torch.randn(1, 16),)}
    buffer = lower_compiled(None, **{name: torch.export.export(module, inputs) for name, inputs in methods.items()})
    program = Runtime.get().load_program(buffer)
    for name, inputs in methods.items():
        (output,) = program.load_method(name).execute(inputs)
        torch.testing.assert_close(output, module(*inputs), rtol=2e-3, atol=2e-3)
    assert buffer.count(b"func long<ios18>") == buffer.count(b"func short<ios18>") == 1
