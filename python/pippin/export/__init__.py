"""ExecuTorch's export recipes; needs the executorch package. Recipes lower with ExecuTorch's own tools."""

from pippin._official import reexport

reexport("export", globals())
