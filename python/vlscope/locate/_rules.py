"""Where ramps and gradients alone do not tell a place.

- `rows and columns`: a processor that normalises each picture by itself makes the same of black and white
  (Pix2Struct). Its patches begin with their row and column, counted from 1.
- `shared lattice`: tokens share elements, by convolutions that overlap (Florence-2) or bilinear pooling
  (LLaVA-OneVision on more tiles than it takes). They are taken for a lattice over the picture, row by row, with or
  without a newline behind each row; a token that reaches the whole picture is the whole picture. It is believed only
  if the middle of what tokens reach is where the lattice has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from ._ramps import Coordinates, Flags, Floats, Integers

#: How far the middle of what a token reaches may be from the middle of its box, in boxes.
_NEAR = 0.75
#: The deviation of what a token of the whole picture reaches, in that of the picture, at least.
_WHOLE = 0.8
_PROBES = 6


def rows_and_columns(inputs: Mapping[str, Any]) -> dict[str, Coordinates]:
    """The places of `flattened_patches`, `[batch, patches, 2 + values]`, whose rows and columns are 0 in padding."""
    patches = inputs.get("flattened_patches")
    if not isinstance(patches, torch.Tensor):
        return {}
    values = patches.double().numpy()
    picture = np.broadcast_to(np.arange(len(values))[:, None, None], values.shape)
    valid = np.broadcast_to(values[..., :1] > 0, values.shape).copy()
    valid[..., :2] = False
    y, x = (
        np.broadcast_to(
            (values[..., [side]] - 0.5) / np.maximum(values[..., [side]].max(axis=1, keepdims=True), 1), values.shape
        )
        for side in (0, 1)
    )
    return {"flattened_patches": Coordinates(x, y, picture, valid)}


def shared_lattice(
    tokens: Integers, footprint: Callable[[int], Floats], where: Coordinates, shown: Flags
) -> Floats | None:
    """The boxes, `[tokens, 4]`, of `tokens` that share elements of one picture, or None if they are not on a lattice.

    `footprint` gives what a token reaches, as weights in the shape of the pixel tensor; `shown` are the elements of
    the picture.
    """
    if not len(tokens) or shown.ndim < 4:
        return None
    x, y = where.x[shown], where.y[shown]
    ends = dict.fromkeys((tokens[0], tokens[-1]))
    whole = [token for token in ends if _is_whole(footprint(token)[shown], x, y)]
    rest = tokens[~np.isin(tokens, whole)]
    rows, columns = _grid(rest, shown.shape[-2] / shown.shape[-1])
    left, right, top, bottom = x.min(), x.max(), y.min(), y.max()
    row, column = np.divmod(np.arange(len(rest)), max(columns, 1))
    unit = np.stack([column / columns, row / rows, (column + 1) / columns, (row + 1) / rows], axis=1)
    for index in np.unique(np.linspace(0, len(rest) - 1, _PROBES).astype(int)) if len(rest) else ():
        weights = footprint(rest[index])[shown]
        if not weights.any():
            return None
        middle = np.array([np.average(x, weights=weights), np.average(y, weights=weights)])
        expected = (unit[index, :2] + unit[index, 2:]) / 2
        expected = expected * (right - left, bottom - top) + (left, top)
        if (np.abs(middle - expected) * (columns, rows) > _NEAR).any():
            return None
    # The outermost elements end half a pixel further out.
    pixel = 1 / np.array(shown.shape[:-3:-1], np.float64)
    low = np.where(np.array([left, top]) < 2 * pixel, 0.0, (left, top))
    high = np.where(np.array([right, bottom]) > 1 - 2 * pixel, 1.0, (right, bottom))
    boxes = np.tile(np.array([0.0, 0.0, 1.0, 1.0]), (len(tokens), 1))
    boxes[~np.isin(tokens, whole)] = unit * np.tile(high - low, 2) + np.tile(low, 2)
    return boxes


def _is_whole(weights: Floats, x: Floats, y: Floats) -> bool:
    """Whether a token reaches all of the picture alike."""

    def spread(of: Floats) -> float:
        return float(np.sqrt(np.average((of - np.average(of, weights=weights)) ** 2, weights=weights)) / of.std())

    return bool(weights.any()) and min(spread(x), spread(y)) > _WHOLE


def _grid(tokens: Integers, aspect: float) -> tuple[int, int]:
    """Rows and columns: from newlines behind each row, else the factors of the count that are nearest to the aspect."""
    count = len(tokens)
    ends = np.flatnonzero(np.diff(tokens, append=-1) != 1) + 1
    lengths = np.diff(ends, prepend=0)
    if len(lengths) > 1 and (lengths == lengths[0]).all():
        return len(lengths), int(lengths[0])
    pairs = [(rows, count // rows) for rows in range(1, count + 1) if count % rows == 0]
    return min(pairs, key=lambda pair: abs(np.log(pair[0] / pair[1] / aspect)), default=(1, 1))
