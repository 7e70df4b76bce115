"""Mirror of executorch.exir.dialects."""
