"""Mirror of executorch.exir.lowered_backend_module: what a delegate call refers to."""


class LoweredBackendModule:
    """A lowered partition: its payload, its compile specs and the graph it was made from."""

    def __init__(self, name, backend_id, compile_specs, original_module, read_payload):
        self.name, self.backend_id, self.compile_specs = name, backend_id, compile_specs
        self.original_module = original_module
        self._read_payload, self._payload = read_payload, None

    @property
    def processed_bytes(self):
        """The payload; made when it is first asked for."""
        if self._payload is None:
            self._payload = self._read_payload()
        return self._payload

    def __repr__(self):
        return f"LoweredBackendModule(name={self.name!r}, backend_id={self.backend_id!r})"
