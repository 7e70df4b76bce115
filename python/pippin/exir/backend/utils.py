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
