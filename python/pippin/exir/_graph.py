"""What lowered programs look like: a view in the manner of torch.fx, made from the library's description of the graph.

The view can be read like an fx graph. Two changes are possible, and reach the program that is written:
``node.replace_all_uses_with(other)`` and ``graph.eliminate_dead_code()``.
"""

import math
import operator
import re
import sys
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from pippin.exir.delegate import executorch_call_delegate
from pippin.exir.dialects.edge._ops import edge_op, torch_overload

# Operators that the edge dialect leaves as torch's own.
_TORCH_OPS = {"aten::sym_size.int", "aten::sym_stride.int", "aten::sym_numel", "aten::sym_storage_offset",
              "aten::_assert_scalar", "aten::_assert_async.msg", "aten::scalar_tensor", "aten::sym_constrain_range",
              "aten::sym_constrain_range_for_size"}


class _NamedFunction:
    """A function that only its name is known of: torch is not loaded, or does not have it."""

    def __init__(self, module, name):
        self.__module__, self.__name__ = module, name
        self.__qualname__ = name

    def __repr__(self):
        return f"{self.__module__}.{self.__name__}"


def _target(text):
    """From the library's "aten::add.Tensor" to what a node's target is."""
    namespace, _, rest = text.partition("::")
    name, _, overload = rest.partition(".")
    if text == "executorch_call_delegate":
        return executorch_call_delegate
    if namespace == "_operator" and hasattr(operator, rest):
        return getattr(operator, rest)
    if namespace == "math" and hasattr(math, rest):
        return getattr(math, rest)
    if namespace in ("torch", "math", "_operator"):
        return getattr(sys.modules.get("torch"), rest, None) or _NamedFunction(namespace, rest)
    if namespace == "higher_order":
        higher_order = getattr(getattr(sys.modules.get("torch"), "ops", None), "higher_order", None)
        return getattr(higher_order, rest, None) or _NamedFunction("torch.ops.higher_order", rest)
    if text in _TORCH_OPS:
        return torch_overload(namespace, name, overload or "default") or _NamedFunction(
            f"torch.ops.{namespace}", f"{name}.{overload or 'default'}")
    return edge_op(namespace, name, overload or "default")


def qualified_name(target):
    """As torch.fx prints a target."""
    if isinstance(target, str):
        return target
    module = getattr(target, "__module__", "") or ""
    name = getattr(target, "__name__", str(target))
    if type(target).__module__.startswith("torch._ops"):
        return str(target) if str(target).startswith("torch.") else f"torch.ops.{target}"
    module = {"_operator": "operator"}.get(module, module)
    return f"{module}.{name}" if module else name


# ---- Values ----


class SymbolicSize(str):
    """A size that is an expression of symbols, such as ``2*s0``."""


@dataclass(frozen=True)
class TensorValue:
    """Shape and type of a node's result: what fx has in ``node.meta["val"]``."""

    shape: tuple
    dtype: Any

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[dim]

    def dim(self):
        return len(self.shape)


def _dtype(name):
    """torch's dtype when torch is loaded, else its name."""
    return getattr(sys.modules.get("torch"), name, name)


def _value(description):
    if description is None:
        return None
    if description["kind"] != "tensor":
        return SymbolicSize(description["name"])
    shape = tuple(SymbolicSize(size) if isinstance(size, str) else size for size in description["shape"])
    return TensorValue(shape, _dtype(description["dtype"]))


# ---- Nodes ----


def _map_nodes(argument, function):
    """`argument` with each node in it replaced by what `function` gives for it."""
    if isinstance(argument, Node):
        return function(argument)
    if isinstance(argument, (list, tuple)):
        return type(argument)(_map_nodes(item, function) for item in argument)
    if isinstance(argument, dict):
        return {key: _map_nodes(item, function) for key, item in argument.items()}
    return argument


class Node:
    """In the manner of torch.fx.Node."""

    def __init__(self, graph, op, name, target, args=(), kwargs=None, meta=None, value_name=None):
        self.graph, self.op, self.name, self.target = graph, op, name, target
        self.meta = meta or {}
        self.users: Dict["Node", None] = {}
        self._value_name = value_name  # the library's name of the result
        self._set_arguments(args, kwargs or {})

    def _set_arguments(self, args, kwargs):
        self.args, self.kwargs = tuple(args), dict(kwargs)
        for node in self.all_input_nodes:
            node.users[self] = None

    @property
    def all_input_nodes(self) -> List["Node"]:
        found = {}
        _map_nodes((self.args, self.kwargs), lambda node: found.setdefault(node, node))
        return list(found)

    def replace_all_uses_with(self, other):
        """Whoever uses this node's result uses `other`'s from now on. Returns the users."""
        self.graph._replace_value(self, other)
        users = list(self.users)
        self.users = {}
        for user in users:
            def swap(node):
                return other if node is self else node

            user._set_arguments(_map_nodes(user.args, swap), _map_nodes(user.kwargs, swap))
        return users

    def format_node(self):
        if self.op == "output":
            return f"return {_text(self.args[0])}"
        head = f"%{self.name} : [num_users={len(self.users)}] = {self.op}[target={qualified_name(self.target)}]"
        if self.op != "call_function":
            return head
        return f"{head}(args = {_text(self.args, '%')}, kwargs = {_text(self.kwargs, '%')})"

    def __repr__(self):
        return self.name


def _text(argument, prefix=""):
    """As fx prints arguments: nodes by name."""
    if isinstance(argument, Node):
        return prefix + argument.name
    if isinstance(argument, list):
        return f"[{', '.join(_text(item, prefix) for item in argument)}]"
    if isinstance(argument, tuple):
        return f"({', '.join(_text(item, prefix) for item in argument)}{',' if len(argument) == 1 else ''})"
    if isinstance(argument, dict):
        return f"{{{', '.join(f'{key}: {_text(item, prefix)}' for key, item in argument.items())}}}"
    return repr(argument)


# ---- Graphs ----


class Graph:
    """In the manner of torch.fx.Graph."""

    def __init__(self, editor=None):
        self.nodes: List[Node] = []
        self._editor = editor
        self._names = {}

    def _name(self, wish):
        count = self._names.get(wish)
        self._names[wish] = 0 if count is None else count + 1
        if count is None:
            return wish
        return self._name(f"{wish}_{count + 1}") if f"{wish}_{count + 1}" in self._names else f"{wish}_{count + 1}"

    def _add(self, op, wish, target, **rest):
        node = Node(self, op, self._name(wish), target, **rest)
        if op in ("placeholder", "get_attr") and target == wish:
            node.target = node.name
        self.nodes.append(node)
        return node

    def find_nodes(self, *, op, target=None, sort=True):
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def output_node(self):
        return self.nodes[-1]

    def lint(self):
        """Every argument is computed before it is used."""
        seen = set()
        for node in self.nodes:
            missing = [used.name for used in node.all_input_nodes if used not in seen]
            if missing:
                raise RuntimeError(f"node '{node.name}' uses {missing} before they are computed")
            seen.add(node)

    def _replace_value(self, node, other):
        if self._editor is None:
            raise NotImplementedError("the graph inside a delegate cannot be changed")
        if node._value_name is None or other._value_name is None:
            raise NotImplementedError(f"'{node.name}' or '{other.name}' has several results: replace their getitem nodes")
        self._editor.replace_value(node._value_name, other._value_name)

    def eliminate_dead_code(self, is_impure_node=None):
        """Drops nodes whose results nobody uses; True if there were any."""
        if self._editor is None:
            raise NotImplementedError("the graph inside a delegate cannot be changed")
        self._editor.eliminate_dead_code()
        count = len(self.nodes)
        for node in reversed(list(self.nodes)):
            has_effects = node.op in ("placeholder", "output") or "_assert" in qualified_name(node.target)
            if node.users or has_effects:
                continue
            self.nodes.remove(node)
            for used in node.all_input_nodes:
                used.users.pop(node, None)
        return len(self.nodes) < count

    def print_tabular(self):
        for node in self.nodes:
            print(f"{node.op:14} {node.name:32} {qualified_name(node.target):60} {_text(node.args)} {_text(node.kwargs)}")

    def __str__(self):
        return "graph():\n" + "".join(f"    {node.format_node()}\n" for node in self.nodes).rstrip("\n")


class GraphModule:
    """In the manner of torch.fx.GraphModule: the graph, and what its get_attr nodes refer to as attributes."""

    def __init__(self, graph, attributes):
        self.graph, self.meta = graph, {}
        for name, value in attributes.items():
            setattr(self, name, value)

    @property
    def code(self):
        """The graph as Python text."""
        inputs = ", ".join(["self"] + [node.name for node in self.graph.nodes if node.op == "placeholder"])
        lines = [f"def forward({inputs}):"]
        for node in self.graph.nodes:
            if node.op == "get_attr":
                lines.append(f"    {node.name} = self.{node.target}")
            elif node.op == "output":
                lines.append(f"    return {_text(node.args[0])}")
            elif node.op == "call_function":
                name = qualified_name(node.target)
                if not name.startswith(("torch.", "operator.", "math.")):
                    name = name.replace(".", "_")
                arguments = [_text(argument) for argument in node.args]
                arguments += [f"{key} = {_text(value)}" for key, value in node.kwargs.items()]
                lines.append(f"    {node.name} = {name}({', '.join(arguments)})")
        return "\n\n\n" + "\n".join(lines) + "\n"

    def recompile(self):
        """Nothing to do: the text is made when it is asked for."""

    def print_readable(self, print_output=True, **_options):
        text = f"class GraphModule(torch.nn.Module):\n{self.code}"
        if print_output:
            print(text)
        return text

    def modules(self):
        return [self]

    def named_modules(self):
        return [("", self)]

    def __str__(self):
        return f"GraphModule()\n{self.code}"


# ---- Programs ----


@dataclass
class ArgumentSpec:
    """An input or output of the program's signature."""

    kind: str
    name: Optional[str]
    target: Optional[str]


@dataclass
class GraphSignature:
    """In the manner of torch.export.ExportGraphSignature; kinds are texts: "parameter", "buffer", "user", …"""

    input_specs: List[ArgumentSpec] = field(default_factory=list)
    output_specs: List[ArgumentSpec] = field(default_factory=list)

    def _targets(self, kind):
        return {spec.name: spec.target for spec in self.input_specs if spec.kind == kind}

    @property
    def inputs_to_parameters(self):
        return self._targets("parameter")

    @property
    def inputs_to_buffers(self):
        return self._targets("buffer")

    @property
    def inputs_to_lifted_tensor_constants(self):
        return self._targets("tensor_constant")

    @property
    def parameters(self):
        return list(self.inputs_to_parameters.values())

    @property
    def buffers(self):
        return list(self.inputs_to_buffers.values())

    @property
    def user_inputs(self):
        return tuple(spec.name for spec in self.input_specs if spec.kind in ("user", "user_constant"))

    @property
    def user_outputs(self):
        return tuple(spec.name for spec in self.output_specs if spec.kind == "user")

    @property
    def buffers_to_mutate(self):
        return {spec.name: spec.target for spec in self.output_specs if spec.kind == "buffer_mutation"}

    @property
    def user_inputs_to_mutate(self):
        return {spec.name: spec.target for spec in self.output_specs if spec.kind == "user_input_mutation"}


@dataclass(frozen=True)
class Range:
    lower: int
    upper: float


class ExportedProgramView:
    """In the manner of torch.export.ExportedProgram: graph, signature and ranges of a lowered method."""

    def __init__(self, description, lowered_modules=(), editor=None):
        reader = _Reader(description["graph"], editor, lowered_modules)
        self.graph_module = GraphModule(reader.graph, reader.attributes)
        outputs = reader.output_names + [None] * len(description["outputs"])
        self.graph_signature = GraphSignature(
            [ArgumentSpec(spec["kind"], spec["name"], spec["target"]) for spec in description["inputs"]],
            [ArgumentSpec(spec["kind"], name, spec["target"]) for name, spec in zip(outputs, description["outputs"])])
        self.range_constraints = {
            name: Range(low, math.inf if high is None else high) for name, (low, high) in description["symbols"].items()}

    @property
    def graph(self):
        return self.graph_module.graph

    def __str__(self):
        return f"ExportedProgram:\n{self.graph_module}\nGraph signature: {self.graph_signature}\nRange constraints: {self.range_constraints}\n"


class _Reader:
    """Builds a graph from the library's description of it."""

    def __init__(self, description, editor=None, lowered_modules=()):
        self.graph, self.attributes = Graph(editor), {}
        self._modules = {module.name: module for module in lowered_modules}
        self._values = {}  # the library's value name -> node
        self._used = set()
        self._collect(description["nodes"])
        self._collect(description["outputs"])
        for value in description["inputs"]:
            if value is not None:
                self._values[value["name"]] = self.graph._add(
                    "placeholder", value["name"], value["name"], meta={"val": _value(value)}, value_name=value["name"])
        for node in description["nodes"]:
            self._read_node(node)
        outputs = tuple(self._argument(output) for output in description["outputs"])
        self.output_names = [output.name if isinstance(output, Node) else None for output in outputs]
        self.graph._add("output", "output", "output", args=(outputs,))

    def _collect(self, item):
        """Notes the values that anything refers to."""
        if isinstance(item, list):
            for entry in item:
                self._collect(entry)
        elif isinstance(item, dict):
            if set(item) == {"value"} and isinstance(item["value"], str):
                self._used.add(item["value"])
            for key in ("value", "arguments"):
                if isinstance(item.get(key), (list, dict)):
                    self._collect(item[key])

    def _argument(self, item):
        if isinstance(item, list):
            return [self._argument(entry) for entry in item]
        if not isinstance(item, dict):
            return item
        (key, value), = item.items()
        if key == "value":
            return self._values[value]
        if key == "graph":
            reader = _Reader(value)
            node = self.graph._add("get_attr", "subgraph", "subgraph")
            self.attributes[node.target] = GraphModule(reader.graph, reader.attributes)
            return node
        if key == "float":
            return float(value)
        if key == "complex":
            return complex(*(self._argument(part) for part in value))
        if key == "dtype":
            return _dtype(value)
        torch = sys.modules.get("torch")
        if key == "device":
            return torch.device(value) if torch else value
        if key == "memory_format" and torch:
            formats = ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"]
            return getattr(torch, formats[value])
        if key == "layout" and torch and value == 0:
            return torch.strided
        return value

    def _arguments(self, node):
        """Positional arguments without the defaults at their end, and keyword arguments that differ from theirs."""
        positional = [entry for entry in node["arguments"] if not entry["keyword_only"]]
        while positional and positional[-1]["is_default"]:
            positional.pop()
        args = [self._argument(entry["value"]) for entry in positional]
        kwargs = {entry["name"]: self._argument(entry["value"]) for entry in node["arguments"]
                  if entry["keyword_only"] and not entry["is_default"]}
        return args, kwargs

    def _read_node(self, node):
        target = _target(node["target"])
        args, kwargs = self._arguments(node)
        wish = _snake_case(getattr(target, "__name__", str(target)))
        is_delegate = target is executorch_call_delegate
        if is_delegate:
            module = self._modules[node["name"]]
            self.attributes[module.name] = module
            args.insert(0, self.graph._add("get_attr", module.name, module.name))
        outputs = node["outputs"]
        is_single = len(outputs) == 1 and not node["returns_list"] and not is_delegate
        values = tuple(_value(output) for output in outputs)
        meta = {"val": values[0] if is_single else values, "from": node["name"]}
        if node["file"]:
            meta["source"] = (node["file"], node["line"])
        name = outputs[0]["name"] if is_single and outputs[0] else None
        call = self.graph._add("call_function", wish, target, args=args, kwargs=kwargs, meta=meta, value_name=name)
        if is_single:
            if name:
                self._values[name] = call
            return
        for index, output in enumerate(outputs):
            if output is None or output["name"] not in self._used:
                continue
            self._values[output["name"]] = self.graph._add(
                "call_function", "getitem", operator.getitem, args=(call, index), meta={"val": values[index]},
                value_name=output["name"])


def _snake_case(name):
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[^0-9a-z_]", "_", name)
