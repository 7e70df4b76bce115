"""Mirror of executorch.extension.pybindings."""
