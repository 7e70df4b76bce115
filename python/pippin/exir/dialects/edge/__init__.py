"""Mirror of executorch.exir.dialects.edge."""
