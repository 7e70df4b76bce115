"""Mirror of executorch.extension."""
