"""Operators of the edge dialect, as nodes of lowered graphs name them: ``ops.edge.aten.add.Tensor``."""

import functools
import sys


def torch_overload(namespace, name, overload):
    """torch's own operator of that name when torch is loaded and knows it, else None."""
    found = sys.modules.get("torch")
    for part in ("ops", namespace, name, overload):
        found = getattr(found, part, None)
    return found


class EdgeOpOverload:
    """One overload; a single object for each, so that ``node.target == ops.edge.aten.mm.default``."""

    __module__ = "pippin.exir.dialects.edge._ops"

    def __init__(self, namespace, name, overload):
        self.namespace, self._op_name, self._overloadname = namespace, name, overload
        self.__name__ = f"{namespace}.{name}.{overload}"
        self.__qualname__ = self.__name__

    @property
    def _op(self):
        return torch_overload(self.namespace, self._op_name, self._overloadname)

    @property
    def _schema(self):
        return self._op._schema

    def name(self):
        return f"{self.namespace}::{self._op_name}" + ("" if self._overloadname == "default" else f".{self._overloadname}")

    def __call__(self, *args, **kwargs):
        return self._op(*args, **kwargs)

    def __str__(self):
        return self.__name__

    def __repr__(self):
        return f"<EdgeOpOverload: {self.__name__}>"

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return edge_op, (self.namespace, self._op_name, self._overloadname)


@functools.lru_cache(maxsize=None)
def edge_op(namespace, name, overload):
    return EdgeOpOverload(namespace, name, overload)


class _Packet:
    def __init__(self, namespace, name):
        self._namespace, self._name = namespace, name

    def __getattr__(self, overload):
        if overload.startswith("__"):
            raise AttributeError(overload)
        return edge_op(self._namespace, self._name, overload)


class _Namespace:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Packet(self._name, name)


class _EdgeOps:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Namespace(name)
