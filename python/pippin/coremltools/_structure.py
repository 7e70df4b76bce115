"""A model's structure in coremltools' classes."""


def model_structure(model):
    """The MLModelStructure of a pippin.MLModel."""
    from coremltools.models import compute_plan as ct

    def named(names):
        return [ct.MLModelStructureProgramNamedValueType(name, ct.MLModelStructureProgramValueType()) for name in names]

    def operation(source):
        inputs = {
            parameter: ct.MLModelStructureProgramArgument([ct.MLModelStructureProgramBinding(name, None) for name in names])
            for parameter, names in source["inputs"].items()}
        if source["type"] == "const":
            value = ct.MLModelStructureProgramValue()
            inputs = {"val": ct.MLModelStructureProgramArgument([ct.MLModelStructureProgramBinding(None, value)])}
        return ct.MLModelStructureProgramOperation(
            inputs, source["type"], named(source["outputs"]), [block(part) for part in source["blocks"]], None)

    def block(source):
        return ct.MLModelStructureProgramBlock(
            named(source["inputs"]), [operation(part) for part in source["operations"]], source["outputs"])

    functions = {
        name: ct.MLModelStructureProgramFunction(named(source["inputs"]), block(source["block"]))
        for name, source in model.structure()["functions"].items()}
    return ct.MLModelStructure(None, ct.MLModelStructureProgram(functions), None)
