"""The lowest specification version that a model needs."""

_OPSETS = {"CoreML5": 6, "CoreML6": 7, "CoreML7": 8, "CoreML8": 9, "CoreML9": 10}
_NEWEST = 10


def with_lowest_version(model):
    """The model, a message of coremltools or its bytes, with the lowest version that its opsets and its interface allow.
    Models other than ML Programs keep theirs: Pippin does not know what they need."""
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    if isinstance(model, bytes):
        spec.ParseFromString(model)
    else:
        spec.CopyFrom(model)
    if spec.WhichOneof("Type") == "mlProgram":
        spec.specificationVersion = _lowest_version(spec)
    return spec.SerializeToString() if isinstance(model, bytes) else spec


def _lowest_version(spec):
    version = max((_OPSETS.get(function.opset, _NEWEST) for function in spec.mlProgram.functions.values()), default=6)
    description = spec.description
    parts = [description, *description.functions]
    if description.functions or not all(part.input for part in parts) or any(part.state for part in parts):
        version = max(version, 9)  # functions, models without inputs, states
    for part in parts:
        for feature in [*part.input, *part.output, *part.state]:
            version = max(version, _needed_by(feature.type))
    return version


def _needed_by(feature):
    kind = feature.WhichOneof("Type")
    if kind == "imageType":
        image = feature.imageType
        return 7 if image.colorSpace == image.ColorSpace.Value("GRAYSCALE_FLOAT16") else 0
    array = {"multiArrayType": feature.multiArrayType, "stateType": feature.stateType.arrayType}.get(kind)
    if array is None:
        return 0
    data_type = array.ArrayDataType.Name(array.dataType)
    return {"FLOAT16": 7, "INT8": 10}.get(data_type, 0)
