"""Mirror of executorch.exir.dialects._ops: ``ops.edge.<namespace>.<operator>.<overload>``."""

from pippin.exir.dialects.edge._ops import _EdgeOps


class _Ops:
    edge = _EdgeOps()

    def __getattr__(self, name):
        """Namespaces other than edge are torch's."""
        if name.startswith("__"):
            raise AttributeError(name)
        import torch

        return getattr(torch.ops, name)


ops = _Ops()
