"""Pictures as people have them, as a trace has them."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

import numpy as np
import numpy.typing as npt

from ._tensor import to_numpy
from .error import TraceError


def image_of(picture: Any) -> npt.NDArray[np.uint8]:
    """`[height, width, 3]`, RGB, of a PIL picture, its file, or an array of numbers from 0 to 255 or fractions to 1.

    An array is `[height, width]`, or has three colours (four: the last is opacity) as its first or its last axis.
    Raises `TraceError` for what is neither, and for an address; `OSError` for a file that is no picture.
    """
    if isinstance(picture, (str, PathLike)):
        picture = _opened(fspath(picture))
    if hasattr(picture, "convert"):
        return np.array(picture.convert("RGB"))
    values = to_numpy(picture)
    values = values[0] if values.ndim == 4 and len(values) == 1 else values
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=-1)
    if values.ndim != 3 or (3 not in (colours := (values.shape[-1], values.shape[0])) and 4 not in colours):
        raise TraceError(f"a picture has shape {list(values.shape)}, expected [height, width, 3] or [3, height, width]")
    if values.shape[-1] not in (3, 4):
        values = np.moveaxis(values, 0, -1)
    values = values[..., :3]
    if values.dtype.kind == "f":
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        if not (low >= 0 and high <= 255):
            raise TraceError(
                f"a picture has values from {low:.3g} to {high:.3g}, expected 0 to 1: it was normalised; give the "
                "picture that the processor was given"
            )
        values = np.round(values * (255 if high <= 1 else 1))
    return np.ascontiguousarray(values, dtype=np.uint8)


def _opened(path: str) -> Any:
    if "://" in path or path.startswith("data:"):
        raise TraceError(f"{path[:60]} is an address: load it, and give the picture")
    try:
        from PIL import Image
    except ImportError:
        raise TraceError(f"{path} is a file, which Pillow opens: pip install Pillow, or give an array") from None
    return Image.open(path)
