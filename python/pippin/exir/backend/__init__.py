"""Mirror of executorch.exir.backend."""
