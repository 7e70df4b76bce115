"""Mirror of executorch.backends."""
