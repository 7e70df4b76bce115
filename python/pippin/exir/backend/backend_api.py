"""Mirror of executorch.exir.backend.backend_api: one whole program to one lowered module."""

import contextlib

from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir.program import to_edge_transform_and_lower


def to_backend(backend_id, exported_program, compile_specs):
    """The lowered module of a torch.export.ExportedProgram (or of a `.pt2`), all of which goes to the backend."""
    if backend_id != "CoreMLBackend":
        raise NotImplementedError(f"there is no backend '{backend_id}'; Pippin has 'CoreMLBackend'")
    partitioner = CoreMLPartitioner(compile_specs=compile_specs, lower_full_graph=True)
    manager = to_edge_transform_and_lower(exported_program, partitioner=[partitioner])
    graph_module = manager.exported_program().graph_module
    modules = [node.target for node in graph_module.graph.nodes if node.op == "get_attr"]
    if len(modules) != 1:
        raise ValueError(f"the program has {len(modules)} delegates; expected one for the whole graph")
    return getattr(graph_module, modules[0])


@contextlib.contextmanager
def validation_disabled():
    """Changes nothing: what ExecuTorch checks between its graph passes, Pippin does not make in between."""
    yield
