"""From elements of a pixel tensor to boxes: it shows a picture on a lattice, and the lattice is fitted as a whole.

In a tensor `[…, height, width]` each plane (a tile, a crop, a frame) has lines of pixels at equal distances; in one of
flattened patches, `[…, patches, values]`, the patches of a picture have rows and columns at equal distances. Boxes
taken from a token's own elements would miss by what a resize does at the border, and by the 8 bits of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._ramps import Coordinates, Flags, Floats, Integers

#: How near to a whole number, in pixels (cells), a lattice must be to be taken for one that lies on it.
_SNAP = 0.1


@dataclass(frozen=True)
class Cells:
    """What tokens own, a row for each token and picture: `box` is `[rows, 4]`, unclipped, NaN where all is padding."""

    token: Integers
    picture: Integers
    box: Floats


def cells(owner: Integers, where: Coordinates) -> Cells:
    """The parts of the pictures that tokens own; `owner` has the shape of the pixel tensor."""
    if owner.ndim >= 4:
        return _union(_planes(owner, where))
    return _union(_patches(owner.reshape(-1, owner.shape[-1]), where))


def line(index: Floats, value: Floats) -> tuple[float, float]:
    """Slope and intercept of `value` over `index`, by least squares without outliers. Needs two or more."""
    half = len(index) // 2
    slope = float(np.median((value[half:] - value[: len(value) - half]) / (index[half:] - index[: len(index) - half])))
    rest = value - slope * index
    off = np.abs(rest - np.median(rest))
    near = off <= max(3 * float(np.median(off)), 1e-9)
    if near.sum() < 2 or np.ptp(index[near]) == 0:
        return slope, float(np.median(rest))
    slope, intercept = np.polyfit(index[near], value[near], 1)
    return float(slope), float(intercept)


def edges(first: float, last: float, slope: float, intercept: float, step: float | None = None) -> tuple[float, float]:
    """Lattice lines `k` and `k + 1` bound index `k`: slope and offset of the lines, of centres `slope * k + intercept`.

    Snapped to where the picture begins and ends, if that is where the first and the last index do; else, for pixels
    whose places may be off by `step`, to a whole number of them on the picture.
    """
    begin, end = slope * (first - 0.5) + intercept, slope * (last + 0.5) + intercept
    low, high = (0.0, 1.0) if slope > 0 else (1.0, 0.0)
    # Up to a pixel: a resize to 31.6 pixels is cropped or padded to 32.
    if abs(begin - low) < 3 * _SNAP * abs(slope) and abs(end - high) < 3 * _SNAP * abs(slope):
        slope = (high - low) / (last + 1 - first)
        return slope, low - slope * first
    if step is not None and abs(1 / slope - round(1 / slope)) < min(0.4, 0.01 + step / slope**2 / (last + 1 - first)):
        slope = 1 / round(1 / slope)
        middle = (first + last) / 2
        offset = ((begin + end) / 2) / slope - middle - 0.5
        halves = round(2 * offset) / 2
        return slope, slope * (halves if abs(offset - halves) < 2 * _SNAP else offset)
    return slope, intercept - slope / 2


def _planes(owner: Integers, where: Coordinates) -> Cells:
    """Of `[…, height, width]`; an axis of colours before the last two, or before frames, is one plane."""
    colour = -3 if owner.shape[-3] == 3 else 1 if owner.ndim == 5 and owner.shape[1] == 3 else None
    if colour is None:
        owner, fields = owner[..., None, :, :], [of[..., None, :, :] for of in _fields(where)]
    else:
        owner, fields = np.moveaxis(owner, colour, -3), [np.moveaxis(of, colour, -3) for of in _fields(where)]
    shape = (-1, *owner.shape[-3:])
    owner, (x, y, picture, valid) = owner.reshape(shape), [of.reshape(shape) for of in fields]
    parts = []
    for plane in range(len(owner)):
        token = owner[plane].max(axis=0)
        good = valid[plane].any(axis=0)
        if not good.any():
            parts.append(_all_padding(token))
            continue
        number = int(np.bincount(picture[plane][valid[plane]]).argmax())
        lines = [_plane_axis(np.where(valid[plane], of[plane], np.nan), where.step) for of in (x, y)]
        parts.append(_rectangles(token, good, number, lines))
    return _stack(parts)


def _plane_axis(values: Floats, step: float) -> tuple[int, float, float]:
    """Along which axis (0 rows, 1 columns) `[colours, height, width]` grows, and its lines: slope and offset."""
    # The mean of the colours that show something.
    shown = (~np.isnan(values)).sum(axis=0)
    flat = np.where(shown > 0, np.nansum(values, axis=0) / np.maximum(shown, 1), np.nan)
    best = (1, 1.0, 0.0)
    steepest = 0.0
    for axis in (1, 0):
        known = ~np.isnan(flat).all(axis=1 - axis)
        index = np.flatnonzero(known).astype(np.float64)
        if len(index) < 2:
            continue
        slope, intercept = line(index, np.nanmedian(flat[known] if axis == 0 else flat[:, known], axis=1 - axis))
        if abs(slope) > steepest + 1e-9:
            steepest = abs(slope)
            best = (axis, *edges(index[0], index[-1], slope, intercept, step))
    return best


def _rectangles(token: Integers, good: Flags, picture: int, lines: list[tuple[int, float, float]]) -> Cells:
    """The boxes of the rectangles of a plane, `[height, width]`, that tokens own."""
    rows, columns = np.nonzero(token >= 0)
    owners = token[rows, columns]
    numbers, at = np.unique(owners, return_inverse=True)
    bounds = []
    for index in (rows, columns):
        low, high = np.full(len(numbers), np.iinfo(np.int64).max), np.full(len(numbers), -1)
        np.minimum.at(low, at, index)
        np.maximum.at(high, at, index)
        bounds.append((low, high + 1))
    box = np.empty((len(numbers), 4))
    for side, (axis, slope, offset) in enumerate(lines):
        ends = np.stack([slope * bounds[axis][0] + offset, slope * bounds[axis][1] + offset])
        box[:, side], box[:, side + 2] = ends.min(axis=0), ends.max(axis=0)
    shown = np.zeros(len(numbers), np.bool_)
    np.logical_or.at(shown, at, good[rows, columns])
    box[~shown] = np.nan
    return Cells(numbers, np.full(len(numbers), picture), box)


def _patches(owner: Integers, where: Coordinates) -> Cells:
    """Of `[patches, values]`: a patch is of one token, and of as many pictures as it has frames."""
    x, y, picture, valid = (of.reshape(owner.shape) for of in _fields(where))
    token = owner.max(axis=1)
    parts = []
    for number in np.unique(picture[valid]):
        shows = valid & (picture == number)
        mine = np.flatnonzero(shows.any(axis=1))
        box = np.empty((len(mine), 4))
        for side, of in enumerate((x, y)):
            box[:, side], box[:, side + 2] = _patch_axis(np.where(shows, of, np.nan)[mine])
        owned = token[mine] >= 0
        parts.append(Cells(token[mine][owned], np.full(int(owned.sum()), number), box[owned]))
    parts.append(_all_padding(token[~valid.any(axis=1)]))
    return _stack(parts)


def _patch_axis(values: Floats) -> tuple[Floats, Floats]:
    """Where each of `[patches, values]` begins and ends."""
    centre, spread = np.nanmean(values, axis=1), np.nanmax(values, axis=1) - np.nanmin(values, axis=1)
    width = float(np.median(spread))
    order = np.sort(centre)
    starts = np.concatenate([[True], np.diff(order) > width / 2])
    groups = np.split(order, np.flatnonzero(starts)[1:])
    middles = np.array([np.median(group) for group in groups])
    if len(middles) < 2:
        return np.zeros(len(centre)), np.ones(len(centre))
    rank = np.abs(centre[:, None] - middles).argmin(axis=1)
    slope, intercept = line(np.arange(len(middles), dtype=np.float64), middles)
    slope, offset = edges(0, len(middles) - 1, slope, intercept)
    return slope * rank + offset, slope * (rank + 1) + offset


def _fields(where: Coordinates) -> tuple[Floats, Floats, Integers, Flags]:
    return where.x, where.y, where.picture, where.valid


def _all_padding(token: Integers) -> Cells:
    numbers = np.unique(token[token >= 0])
    return Cells(numbers, np.zeros(len(numbers), np.int64), np.full((len(numbers), 4), np.nan))


def _stack(parts: list[Cells]) -> Cells:
    return Cells(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("token", "picture", "box")))


def _union(found: Cells) -> Cells:
    """One row for each token and picture: tokens that several patches were merged into have what holds all of them."""
    keys, at = np.unique(np.stack([found.token, found.picture]), axis=1, return_inverse=True)
    box = np.full((keys.shape[1], 4), np.nan)
    for side, extreme in enumerate((np.fmin, np.fmin, np.fmax, np.fmax)):
        extreme.at(box[:, side], at.reshape(-1), found.box[:, side])
    return Cells(keys[0], keys[1], box)
