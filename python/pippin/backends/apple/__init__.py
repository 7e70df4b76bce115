"""Mirror of executorch.backends.apple."""
