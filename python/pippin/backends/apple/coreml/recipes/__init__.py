"""ExecuTorch's recipes for Core ML; needs the executorch package. Recipes lower with ExecuTorch's own tools."""

from pippin._official import reexport

reexport("backends.apple.coreml.recipes", globals())
