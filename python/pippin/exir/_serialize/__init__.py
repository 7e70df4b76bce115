"""Mirror of executorch.exir._serialize."""
