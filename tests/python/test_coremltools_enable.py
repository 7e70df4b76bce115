"""coremltools' MLModel predicts through Pippin: small programs of its own builder, compared with NumPy."""

import functools
import pathlib
import shutil
import threading

import numpy as np
import pytest

ct = pytest.importorskip("coremltools")
from coremltools.converters.mil import Builder as mb  # noqa: E402
from coremltools.converters.mil.mil import get_new_symbol, types  # noqa: E402

import pippin  # noqa: E402
import tooling  # noqa: E402
import pippin.coremltools  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def enabled():
    pippin.coremltools.enable()
    yield
    pippin.coremltools.disable()


def tensor(shape, dtype=types.fp32):
    return mb.TensorSpec(shape=shape, dtype=dtype)


def convert(program, target=ct.target.iOS18, precision=ct.precision.FLOAT32, **options):
    return ct.convert(program, convert_to="mlprogram", minimum_deployment_target=target, compute_precision=precision,
                      **options)


def pooling(target=ct.target.iOS18, precision=ct.precision.FLOAT32, **options):
    """x [2, 3] → sum over rows [3], the total as a scalar, the largest as integers [2]."""

    @mb.program(input_specs=[tensor((2, 3))], opset_version=target)
    def program(x):
        rows = mb.reduce_sum(x=x, axes=[0], keep_dims=False, name="rows")
        total = mb.reduce_sum(x=x, axes=[0, 1], keep_dims=False, name="total")
        return rows, total, mb.reduce_argmax(x=x, axis=1, keep_dims=False, name="largest")

    return convert(program, target, precision, **options)


@functools.cache
def pooling_model(precision):
    return pooling(precision=precision)


X = np.array([[1, 2, 3], [6, 5, 4]], np.float32)


@pytest.mark.parametrize("precision", [ct.precision.FLOAT32, ct.precision.FLOAT16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32, np.int64, np.uint8])
def test_values_become_the_declared_types(precision, dtype):
    model = pooling_model(precision)
    result = model.predict({"x": X.astype(dtype)})
    assert set(result) == {"rows", "total", "largest"}
    np.testing.assert_array_equal(result["rows"], [7, 7, 7])
    np.testing.assert_array_equal(result["total"], [21])
    np.testing.assert_array_equal(result["largest"], [2, 0])
    assert result["rows"].dtype == result["total"].dtype == np.float32
    assert result["largest"].dtype == np.int32
    assert result["total"].shape == (1,)


def test_strided_arrays_lists_and_batches():
    model = pooling()
    strided = np.asfortranarray(X)
    backwards = X[::-1]
    for value, total in [(strided, 21), (backwards, 21), (X.tolist(), 21)]:
        assert model.predict({"x": value})["total"] == total
    batch = model.predict([{"x": X}, {"x": X + 1}])
    assert [float(result["total"][0]) for result in batch] == [21, 27]
    assert model.load_duration_in_nano_seconds > 0
    assert model.last_predict_duration_in_nano_seconds > 0


def test_integer_inputs_come_as_floats():
    @mb.program(input_specs=[tensor((4,)), tensor((3,), types.int32)], opset_version=ct.target.iOS17)
    def program(x, indices):
        return mb.gather(x=x, indices=indices, axis=0, validate_indices=False, name="y")

    result = convert(program, ct.target.iOS17).predict(
        {"x": np.arange(4, dtype=np.float32), "indices": np.array([3, 0, 2], np.float32)})
    np.testing.assert_array_equal(result["y"], [3, 0, 2])


def test_wrong_inputs():
    model = pooling()
    with pytest.raises(RuntimeError, match=r"MultiArray shape \(3 x 2\) does not match the shape \(2 x 3\)"):
        model.predict({"x": X.T})
    with pytest.raises(RuntimeError, match="Feature x is required but not specified"):
        model.predict({})
    with pytest.raises(KeyError, match="does not match any of the model input"):
        model.predict({"x": X, "z": X})
    with pytest.raises(RuntimeError, match="input 'x': expected an array of numbers"):
        model.predict({"x": np.array([["a", "b", "c"]] * 2)})


def test_flexible_shapes():
    @mb.program(input_specs=[tensor((get_new_symbol(), 3))])
    def program(x):
        return mb.mul(x=x, y=2.0, name="y")

    ranged = convert(program, inputs=[ct.TensorType("x", (ct.RangeDim(2, 5, 3), 3))])
    for rows in (2, 5):
        np.testing.assert_array_equal(ranged.predict({"x": np.ones((rows, 3))})["y"], np.full((rows, 3), 2))
    with pytest.raises(RuntimeError, match=r"Size \(6\) of dimension \(0\) is not in allowed range \(2\.\.5\)"):
        ranged.predict({"x": np.ones((6, 3))})
    enumerated = convert(program, inputs=[ct.TensorType("x", ct.EnumeratedShapes([(1, 3), (4, 3)]))])
    assert enumerated.predict({"x": np.ones((4, 3))})["y"].shape == (4, 3)
    with pytest.raises(RuntimeError, match=r"Shape \(2 x 3\) was not in enumerated set of allowed shapes"):
        enumerated.predict({"x": np.ones((2, 3))})


def counter(name="count"):
    @mb.program(input_specs=[tensor((2,), types.fp16), mb.StateTensorSpec((2,), dtype=types.fp16)],
                opset_version=ct.target.iOS18)
    def program(x, sum):
        total = mb.add(x=mb.read_state(input=sum), y=x)
        return mb.coreml_update_state(state=sum, value=total, name=name)

    return convert(program, precision=ct.precision.FLOAT16)


def test_states():
    model = counter()
    first, second = model.make_state(), model.make_state()
    for _ in range(3):
        model.predict({"x": [1, 2]}, state=first)
    second.write_state("sum", np.array([10, 20]))
    np.testing.assert_array_equal(model.predict({"x": [1, 2]}, state=second)["count"], [11, 22])
    np.testing.assert_array_equal(first.read_state("sum"), [3, 6])
    assert first.read_state("sum").dtype == np.float32
    with pytest.raises(RuntimeError, match="no state 'other'; it has 'sum'"):
        first.read_state("other")
    with pytest.raises(RuntimeError, match=r"state 'sum' has shape \(2,\)"):
        first.write_state("sum", np.zeros(3))
    with pytest.raises(RuntimeError, match="must be an MLState"):
        model.predict({"x": [1, 2]})
    with pytest.raises(RuntimeError, match="another model or function"):
        counter().predict({"x": [1, 2]}, state=first)


def test_functions(tmp_path):
    def scaling(factor):
        @mb.program(input_specs=[tensor((2,))], opset_version=ct.target.iOS18)
        def program(x):
            return mb.mul(x=x, y=np.full(2, factor, np.float32), name="y")

        return convert(program)

    descriptor = ct.utils.MultiFunctionDescriptor()
    for name, factor in [("double", 2), ("triple", 3)]:
        scaling(factor).save(str(tmp_path / f"{name}.mlpackage"))
        descriptor.add_function(str(tmp_path / f"{name}.mlpackage"), "main", name)
    descriptor.default_function_name = "triple"
    path = str(tmp_path / "both.mlpackage")
    ct.utils.save_multifunction(descriptor, path)
    assert ct.models.MLModel(path).predict({"x": [1, 2]})["y"].tolist() == [3, 6]
    assert ct.models.MLModel(path, function_name="double").predict({"x": [1, 2]})["y"].tolist() == [2, 4]
    assert pippin.MLModel(path).functions == ["double", "triple"]
    with pytest.raises(RuntimeError, match="no function 'half'; it has 'double', 'triple'"):
        pippin.MLModel(path, "half")


def test_optional_inputs():
    @mb.program(input_specs=[tensor((2,)), tensor((2,))])
    def program(x, bias):
        return mb.add(x=x, y=bias, name="y")

    model = convert(program, inputs=[ct.TensorType("x", (2,)),
                                     ct.TensorType("bias", (2,), default_value=np.full(2, 5, np.float32))])
    assert model.predict({"x": [1, 2]})["y"].tolist() == [6, 7]
    assert model.predict({"x": [1, 2], "bias": [1, 1]})["y"].tolist() == [2, 3]


def test_without_coremltools(tmp_path):
    path = str(tmp_path / "model.mlpackage")
    pooling(precision=ct.precision.FLOAT16, skip_model_load=True).save(path)
    model = pippin.MLModel(path)
    shutil.rmtree(path)  # the model keeps what it needs
    assert model.functions == ["main"] and model.specification_version == 9
    assert [feature.name for feature in model.inputs] == ["x"]
    results = [None] * 4

    def run(i):
        results[i] = model.predict({"x": X + i})["total"][0]

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [21, 27, 33, 39]
    with pytest.raises(RuntimeError, match="no input 'z'; its inputs are x"):
        model.predict({"x": X, "z": X})
    with pytest.raises(FileNotFoundError):
        pippin.MLModel(path)


def test_other_kinds_of_models_are_named():
    spec = ct.proto.Model_pb2.Model()
    spec.specificationVersion = 4
    spec.neuralNetwork.SetInParent()
    with pytest.warns(RuntimeWarning, match="the model is a neural network; Pippin runs ML Programs only"):
        model = ct.models.MLModel(spec)
    with pytest.raises(RuntimeError, match="convert_to=\"mlprogram\""):
        model.predict({})


def test_disabling_restores_coremltools():
    pippin.coremltools.enable()  # again: no difference
    model = pooling()
    pippin.coremltools.disable()
    try:
        assert ct.models.model._MLModelProxy is None
        assert not ct.models.model._is_macos()
        assert not hasattr(ct, "libcoremlpython")
        with pytest.raises(Exception):
            pooling().predict({"x": X})
        assert model.predict({"x": X})["total"] == 21  # loaded before
    finally:
        pippin.coremltools.enable(numerics="fast")
    assert pooling(precision=ct.precision.FLOAT16).predict({"x": X})["total"] == 21
    pippin.coremltools.enable()
    with pytest.raises(ValueError, match="'device' or 'fast'"):
        pippin.coremltools.enable(numerics="exact")


def classifier(classes, precision=ct.precision.FLOAT32):
    @mb.program(input_specs=[tensor((1, 3))])
    def program(x):
        return mb.softmax(x=x, axis=1, name="scores")

    return convert(program, precision=precision, classifier_config=ct.ClassifierConfig(classes))


@pytest.mark.parametrize("precision", [ct.precision.FLOAT32, ct.precision.FLOAT16])
@pytest.mark.parametrize("classes", [["cat", "dog", "bird"], [7, 8, 9]])
def test_classifiers(classes, precision):
    model = classifier(classes, precision)
    x = np.array([[1, 3, 2]], np.float32)
    result = model.predict({"x": x})
    spec = model.get_spec().description
    assert result[spec.predictedFeatureName] == classes[1]
    probabilities = result[spec.predictedProbabilitiesName]
    expected = np.exp(x[0]) / np.exp(x[0]).sum()
    assert list(probabilities) == classes
    np.testing.assert_allclose(list(probabilities.values()), expected, atol=1e-3)


@tooling.needs_tool
def test_the_tool_names_classes(tmp_path):
    model = classifier(["cat", "dog", "bird"])
    path = str(tmp_path / "model.mlpackage")
    model.save(path)
    np.save(tmp_path / "x.npy", np.array([[1, 3, 2]], np.float32))
    result = tooling.pippin("run", path, "--input", f"x=@{tmp_path / 'x.npy'}")
    assert result.returncode == 0, result.stderr
    label, probabilities = result.stdout.splitlines()
    assert label == "output classLabel: dog"
    assert probabilities.startswith("output classLabel_probs: dog 0.665") and ", bird 0.24" in probabilities


def image_program(channels, height=2, width=3, output=None):
    """Adds 10 in the first channel only, so that the order of channels shows."""
    first = np.zeros((1, channels, 1, 1), np.float32)
    first[0, 0] = 10

    @mb.program(input_specs=[tensor((1, channels, height, width))])
    def program(x):
        return mb.add(x=x, y=first, name="y")

    if output:
        program.functions["main"].set_output_types([ct.ImageType("y", color_layout=output)])
    return program


PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize("layout, changed", [(ct.colorlayout.RGB, 0), (ct.colorlayout.BGR, 2)])
@pytest.mark.parametrize("precision", [ct.precision.FLOAT32, ct.precision.FLOAT16])
def test_color_images(layout, changed, precision):
    image_module = pytest.importorskip("PIL.Image")
    model = convert(image_program(3, output=layout), precision=precision,
                    inputs=[ct.ImageType("x", (1, 3, 2, 3), color_layout=layout)])
    result = model.predict({"x": image_module.fromarray(PIXELS)})["y"]
    assert result.mode == "RGBA" and result.size == (3, 2)
    expected = PIXELS.copy()
    expected[:, :, changed] += 10
    np.testing.assert_array_equal(np.asarray(result)[:, :, :3], expected)
    assert (np.asarray(result)[:, :, 3] == 255).all()
    with pytest.raises(RuntimeError, match=r"input 'x': Image shape \(3 x 3\) does not match the shape \(2 x 3\)"):
        model.predict({"x": image_module.fromarray(np.zeros((3, 3, 3), np.uint8))})
    with pytest.raises(TypeError, match="mode=='RGB'"):
        model.predict({"x": image_module.fromarray(PIXELS[:, :, 0])})


def test_gray_images():
    image_module = pytest.importorskip("PIL.Image")
    layout = ct.colorlayout.GRAYSCALE
    gray = convert(image_program(1, output=layout), inputs=[ct.ImageType("x", (1, 1, 2, 3), color_layout=layout)])
    pixels = np.array([[0, 1, 2], [250, 251, 100]], np.uint8)
    result = gray.predict({"x": image_module.fromarray(pixels)})["y"]
    assert result.mode == "L"
    np.testing.assert_array_equal(np.asarray(result), [[10, 11, 12], [255, 255, 110]])  # what exceeds is cut off
    layout = ct.colorlayout.GRAYSCALE_FLOAT16
    model = convert(image_program(1, output=layout), precision=ct.precision.FLOAT16,
                    inputs=[ct.ImageType("x", (1, 1, 2, 3), color_layout=layout)])
    values = np.array([[0.5, -3, 1000], [0.25, 0, 1]], np.float32)
    result = model.predict({"x": image_module.fromarray(values)})["y"]
    assert result.mode == "F"
    np.testing.assert_array_equal(np.asarray(result), values + 10)


def test_scaled_and_flexible_images():
    image_module = pytest.importorskip("PIL.Image")
    program = image_program(3, get_new_symbol(), get_new_symbol())
    sizes = ct.EnumeratedShapes([(1, 3, 2, 3), (1, 3, 4, 4)])
    model = convert(program, inputs=[ct.ImageType("x", sizes, scale=0.5, bias=[1, 2, 3])])
    result = model.predict({"x": image_module.fromarray(np.full((4, 4, 3), 8, np.uint8))})["y"]
    np.testing.assert_allclose(result[0, :, 0, 0], [4 + 1 + 10, 4 + 2, 4 + 3])
    with pytest.raises(RuntimeError, match=r"Image Shape \(3 x 3\) was not in enumerated set of allowed shapes"):
        model.predict({"x": image_module.fromarray(np.zeros((3, 3, 3), np.uint8))})
    ranged = convert(program, inputs=[ct.ImageType("x", (1, 3, ct.RangeDim(2, 4), ct.RangeDim(3, 5)))])
    assert ranged.predict({"x": image_module.new("RGB", (5, 2))})["y"].shape == (1, 3, 2, 5)
    with pytest.raises(RuntimeError, match=r"Size \(6\) of dimension \(1\) is not in allowed range \(3\.\.5\)"):
        ranged.predict({"x": image_module.new("RGB", (6, 2))})


def weighted():
    """One weight, large enough for the blob file."""
    weight = np.arange(64 * 64, dtype=np.float32).reshape(64, 64) / 4096

    @mb.program(input_specs=[tensor((1, 64))], opset_version=ct.target.iOS16)
    def program(x):
        return mb.linear(x=x, weight=weight, name="y")

    return convert(program, ct.target.iOS16), weight


def test_assets_from_memory_and_path():
    model, weight = weighted()
    spec = model.get_spec().SerializeToString()
    blob = pathlib.Path(model.weights_dir, "weight.bin").read_bytes()
    asset = ct.models.model.MLModelAsset.from_memory(spec, {"weights/weight.bin": blob})
    x = np.ones((1, 64), np.float32)
    for asset in (asset, ct.models.model.MLModelAsset.from_path(model.package_path)):
        loaded = ct.models.CompiledMLModel.from_asset(asset)
        np.testing.assert_allclose(loaded.predict({"x": x})["y"], x @ weight.T, rtol=1e-5)
        with pytest.raises(RuntimeError, match="no input 'z'"):
            loaded.predict({"x": x, "z": x})
    with pytest.raises(RuntimeError, match="weight.bin"):
        ct.models.CompiledMLModel.from_asset(ct.models.model.MLModelAsset.from_memory(spec, {}))
    with pytest.raises(RuntimeError, match="leads out of the model"):
        ct.models.model.MLModelAsset.from_memory(spec, {"../weight.bin": blob})


def test_structure_and_plan():
    from coremltools.models.compute_device import MLCPUComputeDevice
    from coremltools.models.compute_plan import MLComputePlan

    model, _ = weighted()
    plan = MLComputePlan.load_from_path(model.package_path)
    function = plan.model_structure.program.functions["main"]
    assert [value.name for value in function.inputs] == ["x"]
    assert function.block.output_names == ["y"]
    operations = {operation.operator_name: operation for operation in function.block.operations}
    linear = operations["linear"]
    assert [binding.name for binding in linear.inputs["x"].bindings] == ["x"]
    weight = linear.inputs["weight"].bindings[0].name
    assert weight in [o.outputs[0].name for o in function.block.operations if o.operator_name == "const"]
    usage = plan.get_compute_device_usage_for_mlprogram_operation(linear)
    assert isinstance(usage.preferred_compute_device, MLCPUComputeDevice)
    assert plan.get_estimated_cost_for_mlprogram_operation(linear) is None


@pytest.mark.parametrize("make, version", [
    (lambda: pooling(ct.target.iOS15), 6),
    (lambda: pooling(ct.target.iOS17), 8),
    (lambda: counter(), 9),
])
def test_lowest_specification_version(make, version, tmp_path):
    model = make()
    assert model.get_spec().specificationVersion == version
    spec = model.get_spec()
    spec.specificationVersion = 10
    path = str(tmp_path / "model.mlmodel")
    ct.utils.save_spec(spec, path, auto_set_specification_version=True)
    assert ct.utils.load_spec(path).specificationVersion == version


def test_compiled_models(tmp_path):
    model, _ = weighted()
    path = pathlib.Path(model.get_compiled_model_path())
    assert path.suffix == ".mlmodelc" and model.get_compiled_model_path() == str(path)
    text = (path / "model.mil").read_text()
    assert "BLOBFILE(path = " in text and "@model_path/weights/weight.bin" in text
    target = str(tmp_path / "compiled.mlmodelc")
    assert ct.models.utils.compile_model(model.package_path, target) == target
    assert (tmp_path / "compiled.mlmodelc" / "model.mil").read_text() == text
    with pytest.raises(RuntimeError, match="Error compiling model"):
        ct.models.utils.compile_model(str(tmp_path / "missing.mlpackage"))
    del model
    assert not path.exists()


def test_predictions_of_compiled_models(tmp_path):
    model, weight = weighted()
    path = ct.models.utils.compile_model(model.package_path, str(tmp_path / "model.mlmodelc"))
    x = np.ones((1, 64), np.float32)
    np.testing.assert_allclose(ct.models.CompiledMLModel(path).predict({"x": x})["y"], x @ weight.T, rtol=1e-5)
    package = counter()
    stateful = ct.models.CompiledMLModel(package.get_compiled_model_path())
    state = stateful.make_state()
    for total in ([1, 2], [2, 4]):
        assert stateful.predict({"x": np.array([1, 2], np.float32)}, state)["count"].tolist() == total
    assert pippin.MLModel(path).predict({"x": x})["y"].shape == (1, 64)


def test_pipelines(tmp_path):
    first, weight = weighted()

    @mb.program(input_specs=[tensor((1, 64))], opset_version=ct.target.iOS16)
    def program(y):
        return mb.mul(x=y, y=weight[:1] + 2, name="z")

    second = convert(program, ct.target.iOS16)
    path = str(tmp_path / "both.mlpackage")
    ct.utils.make_pipeline(first, second).save(path)
    model = ct.models.MLModel(path)
    x = np.ones((1, 64), np.float32)
    expected = (x @ weight.T) * (weight[:1] + 2)
    np.testing.assert_allclose(model.predict({"x": x})["z"], expected, rtol=1e-5)
    assert [list(result) for result in model.predict([{"x": x}, {"x": x}])] == [["z"], ["z"]]
    with pytest.raises(RuntimeError, match="Feature x is required"):
        model.predict({})
    with pytest.raises(RuntimeError, match="the model is a pipeline"):
        pippin.MLModel(path)


def test_negative_indices_are_refused_when_validated():
    def scattering(validates):
        @mb.program(input_specs=[tensor((4,)), tensor((2,), types.int32)], opset_version=ct.target.iOS17)
        def program(x, indices):
            return mb.scatter(data=x, indices=indices, updates=np.array([7, 8], np.float32), mode="update",
                              validate_indices=validates, name="y")

        return convert(program, ct.target.iOS17)

    data = {"x": np.arange(4, dtype=np.float32), "indices": np.array([0, -1])}
    with pytest.raises(RuntimeError, match="Unable to compute the prediction using ML Program.*index -1 is negative"):
        scattering(True).predict(dict(data))
    assert scattering(False).predict(dict(data))["y"].tolist() == [7, 1, 2, 8]
