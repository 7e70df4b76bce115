"""Mirror of executorch.extension.export_util."""
