"""ExecuTorch's quantizer for Core ML; needs the executorch package. What it annotates, Pippin lowers."""

from pippin._official import reexport

reexport("backends.apple.coreml.quantizer", globals())
