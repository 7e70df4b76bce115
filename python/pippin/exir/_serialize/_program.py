"""Reading a `.pte` into ExecuTorch's schema objects; needs the executorch package."""

from pippin._official import reexport

reexport("exir._serialize._program", globals())
