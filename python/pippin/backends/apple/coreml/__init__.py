"""Mirror of executorch.backends.apple.coreml."""
