"""What a partitioner chose of a graph, in the form in which the library takes it.

A partitioner of the library's own (CoreMLPartitioner) chooses when it gets there. One that is written in Python has tagged the
nodes of the view it was given, and says for each tag where it goes.
"""

import ctypes

from pippin import _structures as c

_BACKEND = "CoreMLBackend"


class TaggedNodes:
    """The nodes that a partitioner written in Python wants to go to Core ML with the same compile specs."""

    def __init__(self, compile_specs, tags, takes_constants, takes_buffers):
        self.compile_specs = compile_specs
        self._tags, self._takes_constants, self._takes_buffers = tags, takes_constants, takes_buffers

    def _as_structure(self):
        """ppn_coreml_partitioner_t; what it points to lives as long as it does."""
        specs = [(spec.key.encode(), bytes(spec.value)) for spec in self.compile_specs]
        tags = [(node.encode(), tag.encode()) for node, tag in self._tags.items()]
        structure = c.Partitioner(
            take_over_mutable_buffer=self._takes_buffers, take_over_constant_data=self._takes_constants,
            compile_specs=(c.CompileSpec * max(len(specs), 1))(*[(key, value, len(value)) for key, value in specs]),
            compile_spec_count=len(specs), node_tags=(c.NodeTag * max(len(tags), 1))(*tags), node_tag_count=len(tags))
        structure._keep = (specs, tags)
        return structure


def choose(partitioner, program):
    """Partitioners for the library, in the order in which they are to be run, for what `partitioner` says of `program`."""
    if hasattr(partitioner, "_as_structure"):
        return [partitioner]
    result = partitioner(program)
    nodes = result.tagged_exported_program.graph.nodes
    tagged = {node.meta["from"]: node.meta["delegation_tag"] for node in nodes
              if node.op == "call_function" and "delegation_tag" in node.meta and "from" in node.meta}
    signature = result.tagged_exported_program.graph_signature
    owned = {node.name for node in nodes if node.op == "placeholder" and "delegation_tag" in node.meta}
    mutated = {name for name, target in signature.inputs_to_buffers.items()
               if target in signature.buffers_to_mutate.values()}
    by_specs = []  # (compile specs, tags)
    for tag in dict.fromkeys(tagged.values()):
        specs = _specs(result.partition_tags, tag)
        entry = next((entry for entry in by_specs if entry[0] == specs), None)
        if entry is None:
            entry = (specs, {})
            by_specs.append(entry)
        entry[1].update((node, own) for node, own in tagged.items() if own == tag)
    return [TaggedNodes(specs, tags, bool(owned - mutated), bool(owned & mutated)) for specs, tags in by_specs]


def _specs(partition_tags, tag):
    if tag not in partition_tags:
        raise ValueError(f"the partitioner tagged nodes with '{tag}', but its partition_tags hold {sorted(partition_tags)}")
    backend, specs = partition_tags[tag]
    if backend != _BACKEND:
        raise NotImplementedError(f"tag '{tag}' goes to the backend '{backend}'; Pippin lowers for '{_BACKEND}' only")
    return list(specs)
