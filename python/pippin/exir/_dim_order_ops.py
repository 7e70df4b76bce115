"""The operators of ExecuTorch's dim_order_ops namespace, which users' models call: registered with torch by Pippin unless
ExecuTorch has done so; and withdrawn when ExecuTorch comes to do it, as torch allows one owner only."""

import sys

_SCHEMAS = (
    "_to_dim_order_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
    "bool? pin_memory=None, bool non_blocking=False, int[]? dim_order=None) -> Tensor",
    "_clone_dim_order(Tensor self, *, bool non_blocking=False, int[]? dim_order=None) -> Tensor",
    "_empty_dim_order(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
    "bool? pin_memory=None, int[]? dim_order=None) -> Tensor",
)
_OFFICIAL_MODULE = "executorch.exir.passes.dim_order_ops_registry"


class _Withdrawal:
    """A finder that finds nothing: it notices that ExecuTorch's registration is about to be imported."""

    def __init__(self, library):
        self._library = library

    def find_spec(self, name, path=None, target=None):
        if name == _OFFICIAL_MODULE:
            self._library._destroy()
            sys.meta_path.remove(self)
        return None


def _memory_format(torch, dim_order):
    if dim_order is None:
        return torch.preserve_format
    if list(dim_order) == list(range(len(dim_order))):
        return torch.contiguous_format
    if list(dim_order) == [0, 2, 3, 1]:
        return torch.channels_last
    raise ValueError(f"dim_order {list(dim_order)} is neither contiguous nor channels-last")


def register():
    torch = sys.modules.get("torch")
    if torch is None or _OFFICIAL_MODULE in sys.modules or hasattr(torch.ops.dim_order_ops, "_clone_dim_order"):
        return
    library = torch.library.Library("dim_order_ops", "FRAGMENT")
    bodies = (torch.ops.aten._to_copy.default, torch.ops.aten.clone.default, torch.ops.aten.empty.memory_format)
    for schema, body in zip(_SCHEMAS, bodies):
        def run(*args, dim_order=None, non_blocking=False, _body=body, **kwargs):
            return _body(*args, memory_format=_memory_format(torch, dim_order), **kwargs)

        library.define(schema)
        library.impl(schema.partition("(")[0], run, "CompositeImplicitAutograd")
    sys.meta_path.insert(0, _Withdrawal(library))
