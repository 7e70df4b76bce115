"""Enumerated shapes: checked against an exported program, and their form in a compile spec.

A *symbolic shape* is a tuple whose entries are integers or symbols with bounds. Inputs that share a symbolic shape share
one list of shapes.
"""

import json
from typing import NamedTuple, Optional


class _SymInt(NamedTuple):
    """A symbolic size: its name and, where the program bounds it, its bounds."""

    key_name: str
    low: Optional[int]
    high: Optional[int]

    def allows(self, size):
        # torch.export assumes sizes of 2 and more where a dimension may be 1.
        above = self.low is None or size >= self.low or (size == 1 and self.low == 2)
        return above and (self.high is None or size <= self.high)


def _bound(value):
    """An integer, or None for an infinite bound."""
    return None if value is None or "oo" in str(value) or "Infinity" in str(value) else int(value)


def _symbolic_size(size, range_constraints):
    if isinstance(size, int):
        return size
    name = str(size)
    for symbol, bounds in (range_constraints or {}).items():
        if str(symbol) == name:
            return _SymInt(name, _bound(bounds.lower), _bound(bounds.upper))
    return _SymInt(name, None, None)


def _user_inputs(ep):
    """Names and example values of the user's tensor inputs."""
    names = set(ep.graph_signature.user_inputs)
    for node in ep.graph.nodes:
        if node.op == "placeholder" and node.name in names:
            yield node.name, node.meta["val"]


def _check_counts(enumerated_shapes):
    assert enumerated_shapes, "No enumerated shapes were given; expected a list of shapes for each dynamic input"
    names = list(enumerated_shapes)
    first, count = names[0], len(enumerated_shapes[names[0]])
    for name in names[1:]:
        found = len(enumerated_shapes[name])
        assert found > 1, (
            f"Input {name} has {found} enumerated shape; an input with a single shape should be exported with static sizes")
        assert found == count, (
            f"Input {name} has {found} enumerated shapes, but input {first} has {count}: the n-th shapes belong together, "
            "so every input needs the same number")


def _check_shape(name, shape, symbolic):
    assert len(shape) == len(symbolic), (
        f"In {name}, the enumerated shape {list(shape)} has rank {len(shape)}, but the exported input has rank {len(symbolic)}")
    for index, (size, declared) in enumerate(zip(shape, symbolic)):
        assert isinstance(size, int), f"In {name}, enumerated sizes must be integers; found {type(size).__name__}"
        assert size >= 1, f"In {name}, each enumerated size must be >= 1; found {size} at index {index}"
        if isinstance(declared, int):
            assert size == declared, (
                f"In {name}, the enumerated shape {list(shape)} does not match the fixed size {declared} at index {index}")
        else:
            assert declared.allows(size), (
                f"In {name}, the enumerated shape {list(shape)} violates the range [{declared.low}, {declared.high}] of "
                f"{declared.key_name} at index {index}")


class _SymbolicShapeToEnumeratedShapeMap:
    """Symbolic shape -> (its shapes, the inputs that have it), in the order of the inputs."""

    def __init__(self, emap):
        self.emap = emap

    @classmethod
    def from_exported_program(cls, ep, enumerated_shapes):
        """Checks the shapes against the program. AssertionError for what does not fit; ValueError for a dynamic input
        without shapes."""
        _check_counts(enumerated_shapes)
        emap = {}
        for name, value in _user_inputs(ep):
            if not hasattr(value, "shape"):
                continue
            symbolic = tuple(_symbolic_size(size, ep.range_constraints) for size in value.shape)
            if all(isinstance(size, int) for size in symbolic):
                continue
            if name not in enumerated_shapes:
                raise ValueError(f"Input {name} has dynamic sizes {list(value.shape)}, but no enumerated shapes were given for it")
            for shape in enumerated_shapes[name]:
                _check_shape(name, shape, symbolic)
            shapes, names = emap.setdefault(symbolic, (enumerated_shapes[name], []))
            assert shapes == enumerated_shapes[name], (
                f"Inputs {names} and {name} share the symbolic shape {list(value.shape)} but have different enumerated "
                "shapes; export them with different symbols, or give them the same list")
            names.append(name)
        return cls(emap)

    def to_json(self):
        return json.dumps([
            ({"shape": [size if isinstance(size, int) else size._asdict() for size in symbolic]}, value)
            for symbolic, value in self.emap.items()])

    @classmethod
    def from_json(cls, text):
        emap = {}
        for key, (shapes, names) in json.loads(text):
            if set(key) != {"shape"}:
                raise ValueError(f"expected an object with the key 'shape', found {key}")
            symbolic = tuple(size if isinstance(size, int) else _SymInt(**size) for size in key["shape"])
            emap[symbolic] = (shapes, names)
        return cls(emap)

    def __getitem__(self, symbolic):
        return self.emap[symbolic][0]

    def __contains__(self, symbolic):
        return symbolic in self.emap
