"""Mirror of executorch.devtools.backend_debug: how much of a lowered graph is delegated."""

import re
from dataclasses import asdict, dataclass
from typing import Dict

_DELEGATED = "occurrences_in_delegated_graphs"
_NOT_DELEGATED = "occurrences_in_non_delegated_graphs"


@dataclass
class DelegationBreakdown:
    """How often an operator is delegated, and how often not."""

    op_type: str = ""
    delegated: int = 0
    non_delegated: int = 0


@dataclass
class DelegationInfo:
    num_delegated_subgraphs: int
    num_delegated_nodes: int
    num_non_delegated_nodes: int
    delegation_by_operator: Dict[str, DelegationBreakdown]

    def get_summary(self):
        return (f"Total delegated subgraphs: {self.num_delegated_subgraphs}\n"
                f"Number of delegated nodes: {self.num_delegated_nodes}\n"
                f"Number of non-delegated nodes: {self.num_non_delegated_nodes}\n")

    def get_operator_delegation_dataframe(self):
        """One row for each operator and one for the total; needs pandas."""
        import pandas

        rows = sorted((asdict(row) for row in self.delegation_by_operator.values()), key=lambda row: row["op_type"])
        rows.append({"op_type": "Total", "delegated": self.num_delegated_nodes, "non_delegated": self.num_non_delegated_nodes})
        return pandas.DataFrame(rows).rename(columns={"delegated": _DELEGATED, "non_delegated": _NOT_DELEGATED})


def _operator(node):
    return re.sub(r"_\d+$", "", node.name)


def get_delegation_info(graph_module):
    """Counts calls inside and outside of the lowered modules of a graph; the getitem nodes of both count as well."""
    operators = {}

    def count(node, field):
        row = operators.setdefault(_operator(node), DelegationBreakdown(_operator(node)))
        setattr(row, field, getattr(row, field) + 1)

    subgraphs = 0
    for node in graph_module.graph.nodes:
        if node.op == "call_function" and _operator(node) != "executorch_call_delegate":
            count(node, "non_delegated")
        if node.op == "get_attr" and node.name.startswith("lowered_module_"):
            subgraphs += 1
            for inner in getattr(graph_module, node.target).original_module.graph.nodes:
                if inner.op == "call_function":
                    count(inner, "delegated")
    return DelegationInfo(subgraphs, sum(row.delegated for row in operators.values()),
                          sum(row.non_delegated for row in operators.values()), operators)


def print_delegation_info(graph_module):
    info = get_delegation_info(graph_module)
    print(info.get_summary())
    for row in sorted(info.delegation_by_operator.values(), key=lambda row: row.op_type):
        print(f"{row.op_type:48} {row.delegated:8} delegated {row.non_delegated:8} not")
