"""Mirror of executorch.exir.delegate: the target of nodes that call a delegate."""


class _CallDelegate:
    __module__ = "torch.ops.higher_order"
    __name__ = __qualname__ = "executorch_call_delegate"

    def __str__(self):
        return self.__name__

    __repr__ = __str__

    def __deepcopy__(self, memo):
        return self


executorch_call_delegate = _CallDelegate()


def is_lowered_module(value):
    """Is it what a delegate call refers to?"""
    from pippin.exir.lowered_backend_module import LoweredBackendModule

    return isinstance(value, LoweredBackendModule)
