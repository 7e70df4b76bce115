"""Mirror of executorch.devtools."""
