"""Values of a model's features: what users pass and get, to and from tensors.

The conventions are those of coremltools: values become the declared type, whatever dtype they come in; float16 comes back as
float32, scalars as arrays of shape (1,), images as PIL images."""

import numpy as np

from pippin import _structures as c
from pippin import _tensors

_NUMERIC = "biuf"
_MODES = {c.GRAYSCALE: ("L",), c.GRAYSCALE_FLOAT16: ("F",), c.RGB: ("RGB", "RGBA"), c.BGR: ("RGB", "RGBA")}


class Feature:
    """An input, output or state as the model describes it."""

    def __init__(self, feature):
        self.name = feature.name.decode()
        self.kind = feature.kind
        self.dtype = c.DTYPES[feature.dtype] if feature.dtype < len(c.DTYPES) else None
        self.shape = tuple(feature.shape[: feature.rank]) if feature.rank >= 0 else None
        self.is_optional = feature.is_optional
        self.image_layout = feature.image_layout
        count = feature.label_count
        if feature.label_numbers:
            self.labels = feature.label_numbers[:count]
        else:
            self.labels = [label.decode() for label in feature.labels[:count]] if feature.labels else []

    def lend(self, value, tensor):
        """Makes `tensor` a view of the value; returns what must stay alive."""
        array = self._pixels(value) if self.kind == c.IMAGE else self._array(value)
        return _tensors.lend(array, tensor, f"input '{self.name}'")

    def _array(self, value):
        if hasattr(value, "detach"):  # a torch tensor
            value = value.detach().numpy()
        array = np.asarray(value)
        if array.dtype.kind not in _NUMERIC:
            raise RuntimeError(
                f"input '{self.name}': expected an array of numbers, found {type(value).__name__} of dtype {array.dtype}")
        return array

    def _pixels(self, image):
        modes = _MODES.get(self.image_layout, ())
        if getattr(image, "mode", None) not in modes:
            found = f"mode {image.mode}" if hasattr(image, "mode") else type(image).__name__
            raise RuntimeError(
                f"input '{self.name}': expected a PIL image of mode {' or '.join(modes)}, found {found}")
        pixels = np.asarray(image)
        if self.image_layout == c.GRAYSCALE_FLOAT16:
            with np.errstate(over="ignore"):
                return pixels.astype(np.float16)[None, None]
        if self.image_layout == c.GRAYSCALE:
            return pixels[None, None]
        pixels = pixels[:, :, :3]
        return (pixels[:, :, ::-1] if self.image_layout == c.BGR else pixels).transpose(2, 0, 1)[None]

    def read(self, tensor):
        """The user's value of an output, a copy."""
        if self.kind == c.IMAGE:
            return self._image(_tensors.view(tensor))
        if self.kind == c.DICTIONARY:
            return dict(zip(self.labels, _tensors.view(tensor).tolist()))
        if self.kind in (c.LABEL_STRING, c.LABEL_NUMBER):
            value = int(_tensors.view(tensor))
            return self.labels[value] if self.kind == c.LABEL_STRING else value
        dtype = np.float32 if self.dtype == "float16" else self.dtype
        array = _tensors.copy(tensor, dtype)
        return array.reshape(1) if array.ndim == 0 else array

    def _image(self, array):
        from PIL import Image

        if array.ndim != 4 or array.shape[0] != 1 or array.shape[1] not in (1, 3):
            raise RuntimeError(f"output '{self.name}': a value of shape {array.shape} is no image")
        planes = array[0].astype(np.float32)
        if self.image_layout == c.GRAYSCALE_FLOAT16:
            return Image.fromarray(np.ascontiguousarray(planes[0]))
        planes = np.clip(np.rint(np.nan_to_num(planes)), 0, 255).astype(np.uint8)
        if self.image_layout == c.GRAYSCALE:
            return Image.fromarray(np.ascontiguousarray(planes[0]))
        if self.image_layout == c.BGR:
            planes = planes[::-1]
        opaque = np.full(planes.shape[1:], 255, np.uint8)
        return Image.fromarray(np.ascontiguousarray(np.stack([*planes, opaque], -1)))
