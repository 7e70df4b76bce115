"""torch.fx passes over programs before they are lowered.

Passes see what ExecuTorch's do: a functional graph whose calls are edge operators (`exir.dialects._ops.ops.edge`). They may
change it as they like; it is handed to the library afterwards.
"""

import inspect

from pippin.exir._graph import _TORCH_OPS
from pippin.exir._source import FileSource, BytesSource, TorchSource
from pippin.exir.dialects.edge._ops import EdgeOpOverload, edge_op


def transform_sources(sources, passes, decompose_all):
    """The sources by method after `passes`: None, a list or a pass manager for all, or a dict of them by method."""
    if not passes:
        return sources
    if isinstance(passes, dict):
        unknown = set(passes) - set(sources)
        if unknown:
            raise KeyError(f"passes are given for {sorted(unknown)}, but the methods are {sorted(sources)}")
    else:
        passes = dict.fromkeys(sources, passes)
    return {name: _transform(source, _as_list(passes[name]), decompose_all) if passes.get(name) else source
            for name, source in sources.items()}


def _as_list(passes):
    return list(passes) if isinstance(passes, (list, tuple)) else [passes]


def _program(source):
    """The torch.export.ExportedProgram of a source."""
    import torch

    if isinstance(source, TorchSource):
        return source.program
    if isinstance(source, FileSource):
        return torch.export.load(source.path)
    if isinstance(source, BytesSource):
        import io

        return torch.export.load(io.BytesIO(source.data))
    raise TypeError(f"passes cannot be applied to a {type(source).__name__}")


def _transform(source, passes, decompose_all):
    program = _program(source)
    program = program.run_decompositions() if decompose_all else program.run_decompositions({})
    whole = [one for one in passes if _takes_program(one)]
    if whole and len(whole) < len(passes):
        # In their order: each kind in a run of its own.
        for one in passes:
            program = _apply(program, [one])
    else:
        program = _apply(program, passes)
    return TorchSource(program)


def _takes_program(one):
    """Is it a pass over ExportedPrograms rather than over graph modules?"""
    return any(base.__name__ == "ExportedProgramPassBase" for base in type(one).__mro__)


def _apply(program, passes):
    if _takes_program(passes[0]):
        for one in passes:
            _to_edge(program.graph_module)
            program = one(program).exported_program
            _to_torch(program.graph_module)
        return program
    return program._transform_do_not_use(lambda module: _run(module, passes))


def _run(module, passes):
    from torch.fx.passes.infra.pass_base import PassResult

    _to_edge(module)
    for one in passes:
        result = one(module)
        if result is not None:  # None: it was changed in place
            module = getattr(result, "graph_module", result)
    _to_torch(module)
    module.graph.lint()
    module.recompile()
    return PassResult(module, True)


def _calls(module):
    for part in module.modules():
        for node in getattr(getattr(part, "graph", None), "nodes", ()):
            if node.op == "call_function":
                yield node


def _to_edge(module):
    """Torch's operators become the edge dialect's, but for those that it has not."""
    import torch

    for node in _calls(module):
        target = node.target
        if isinstance(target, torch._ops.OpOverload):
            name = target.name()
            if name not in _TORCH_OPS and f"{name}.default" not in _TORCH_OPS:
                node.target = edge_op(target.namespace, target.overloadpacket.__name__, target._overloadname)


def _to_torch(module):
    """The reverse, of what the passes made."""
    for node in _calls(module):
        if isinstance(node.target, EdgeOpOverload):
            if node.target._op is None:
                raise ValueError(f"a pass made node '{node.name}' call {node.target}, which torch does not have: register "
                                 "the operator with torch.library")
            node.target = node.target._op
        elif inspect.isclass(node.target) or not callable(node.target):
            raise ValueError(f"a pass made node '{node.name}' call {node.target!r}, which is no operator")
