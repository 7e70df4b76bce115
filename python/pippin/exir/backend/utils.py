"""Mirror of executorch.exir.backend.utils: what is delegated in a lowered graph, as lists and as text."""

import operator

from pippin.exir.delegate import executorch_call_delegate


def _is_delegate_result(node):
    return node.target is operator.getitem and getattr(node.args[0], "target", None) is executorch_call_delegate


def _is_lowered_module(node):
    return node.op == "get_attr" and node.name.startswith("lowered_module_")


def get_non_lowered_nodes(graph):
    """The calls that stay on the CPU."""
    return [node for node in graph.nodes if node.op == "call_function"
            and node.target is not executorch_call_delegate and not _is_delegate_result(node)]


def get_delegates(graph):
    """The nodes that refer to lowered modules."""
    return [node for node in graph.nodes if _is_lowered_module(node)]


def format_delegated_graph(graph_module):
    """The graph as text; the graph that each lowered module was made from stands below its name."""
    lines = ["graph():"]
    for node in graph_module.graph.nodes:
        lines.append(f"  {node.format_node()}")
        if not _is_lowered_module(node):
            continue
        module = getattr(graph_module, node.target)
        lines += [f"    backend_id: {module.backend_id}", "    lowered graph():"]
        lines += [f"      {inner.format_node()}" for inner in module.original_module.graph.nodes]
    return "\n".join(lines) + "\n"


def print_delegated_graph(graph_module):
    print(format_delegated_graph(graph_module))


# ---- For partitioners ----


def _tag_with_users(node):
    """Gives a placeholder the tag that all its users have; none where they differ."""
    tags = {user.meta.get("delegation_tag") for user in node.users}
    if len(tags) == 1 and None not in tags:
        node.meta["delegation_tag"] = tags.pop()


def _constants(edge_program):
    signature = edge_program.graph_signature
    mutated = set(signature.buffers_to_mutate.values())
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    for node in edge_program.graph.nodes:
        if node.op == "placeholder" and node.name in names:
            yield node, names[node.name] in mutated


def tag_constant_data(edge_program):
    """Weights go along with the partition that uses them. Otherwise they are arguments of the delegate call."""
    for node, is_mutated in _constants(edge_program):
        if not is_mutated:
            _tag_with_users(node)


def tag_mutated_buffer(edge_program):
    """Buffers that the program writes go along with the partition that uses them, as states of its model."""
    for node, is_mutated in _constants(edge_program):
        if is_mutated:
            _tag_with_users(node)
