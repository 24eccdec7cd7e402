"""Where each element of a pixel tensor lies on the pictures: the processor is run on pictures that tell it.

A processor resizes, crops, tiles and normalises: each element is affine in the picture, so that what it makes of a
ramp, between what it makes of black and of white, is the place that the element shows. Where black and white are the
same it is padding. A third run gives each picture a grey of its own, which tells the pictures from each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
#: `[height, width, 3]` from 0 to 255 of each picture → what the model is called with.
Process: TypeAlias = Callable[[list[Floats]], Mapping[str, Any]]

#: Less is what rounding leaves of pictures that are normalised each by itself.
_LEAST_DIFFERENCE = 0.1
#: Ramps are shown this much brighter where a processor makes 8 bits of them: their mean has 10.
_OFFSETS = (-0.375, -0.125, 0.125, 0.375)
#: The least share of the largest span from black to white at which an element shows the picture.
_LEAST_SPAN = 0.25


def fed(values: Floats, image_processor: Any) -> Any:
    """`[height, width, 3]` from 0 to 255 for an image processor: torchvision's keep fractions, others have 8 bits."""
    if getattr(image_processor, "backend", None) == "torchvision":
        return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))).float()
    from PIL import Image

    return Image.fromarray(np.round(values).astype(np.uint8))


@dataclass(frozen=True)
class Coordinates:
    """Of each element of one pixel tensor, in its shape: `x` and `y` from 0 to 1, and which picture.

    `valid` says where there is a picture; elsewhere it is padding.
    """

    x: Floats
    y: Floats
    picture: Integers
    valid: Flags
    #: How far `x` and `y` may be off by the levels that a processor keeps.
    step: float = 1e-6


def coordinates(process: Process, sizes: Sequence[tuple[int, int]]) -> dict[str, Coordinates]:
    """The elements' places in each pixel tensor that `process` makes of pictures of these heights and widths."""
    count = len(sizes)
    black, white = (_flat(process, sizes, [level] * count) for level in (0.0, 255.0))
    names = [name for name in _tensors(black) if (white[name] - black[name]).abs().max() > _LEAST_DIFFERENCE]
    if not names:
        return {}
    # A grey of its own for each picture, and half a level, which a processor that makes 8 bits of it does not keep.
    greys = [math.floor((number + 0.5) / count * 255) + 0.5 for number in range(count)]
    grey = _flat(process, sizes, greys)
    found = {}
    levels = {name: _Levels(black[name], white[name]) for name in names}
    offsets = _OFFSETS if all(of.are_whole(grey[name]) for name, of in levels.items()) else (0.0,)
    ramps = {name: np.zeros((2, *black[name].shape)) for name in names}
    for axis in (0, 1):
        for offset in offsets:
            shown = process([_ramp(size, axis, offset) for size in sizes])
            for name in names:
                ramps[name][axis] += (levels[name].of(shown[name]) - offset - 0.5) / 254 / len(offsets)
    for name, of in levels.items():
        picture = np.abs(of.of(grey[name])[..., None] - greys).argmin(axis=-1)
        y, x = ramps[name]
        found[name] = Coordinates(x, y, picture, of.valid, 1e-6 if offsets == (0.0,) else 1 / 255 / len(offsets))
    return found


class _Levels:
    """Elements of a pixel tensor as levels of the picture, from 0 to 255."""

    def __init__(self, black: torch.Tensor, white: torch.Tensor) -> None:
        self.black = black.double().numpy()
        span = white.double().numpy() - self.black
        self.valid = np.abs(span) > _LEAST_SPAN * np.abs(span).max()
        self.span = np.where(self.valid, span, 1.0)

    def of(self, values: torch.Tensor) -> Floats:
        levels: Floats = (values.double().numpy() - self.black) / self.span * 255
        return levels

    def are_whole(self, values: torch.Tensor) -> bool:
        """Whether elements that show a grey have whole levels."""
        shown = self.of(values)[self.valid]
        return bool(np.median(np.abs(shown - np.round(shown))) < 0.1)


def _flat(process: Process, sizes: Sequence[tuple[int, int]], levels: Sequence[float]) -> Mapping[str, Any]:
    return process([np.full((*size, 3), level) for size, level in zip(sizes, levels, strict=True)])


def _ramp(size: tuple[int, int], axis: int, offset: float) -> Floats:
    """Of height and width: from 0.5 to 254.5 along an axis, by the places of pixels' centres."""
    places = (np.arange(size[axis]) + 0.5) / size[axis] * 254 + 0.5 + offset
    return np.ascontiguousarray(
        np.broadcast_to(places[:, None, None] if axis == 0 else places[None, :, None], (*size, 3))
    )


def _tensors(values: Mapping[str, Any]) -> list[str]:
    return [name for name, value in values.items() if isinstance(value, torch.Tensor) and value.is_floating_point()]
