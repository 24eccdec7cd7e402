"""Where the one shape of an easy-VQA image is, and what the data set says that it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from data import SHAPES, Split

from vlscope import Region, Trace
from vlscope.trace import Box

#: How far a channel is from the background's where a shape begins; the background has one colour.
DIFFERENCE = 8


def shape_box(pixels: npt.NDArray[np.uint8]) -> Box:
    """The box of all pixels, of `[height, width, 3]`, that are not of the colour of the top left one."""
    height, width, _ = pixels.shape
    is_shape = np.abs(pixels.astype(int) - pixels[0, 0].astype(int)).max(-1) > DIFFERENCE
    rows, columns = np.flatnonzero(is_shape.any(1)), np.flatnonzero(is_shape.any(0))
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )


def shape_names(split: Split, answers: list[str]) -> dict[int, str]:
    """The shape on each image that a question gives away: by its answer, or by naming a shape that is there."""
    names = {}
    for text, answer, kind, present, image in zip(
        split.texts, answers, split.kinds, split.present, split.image_ids, strict=True
    ):
        named = [shape for shape in SHAPES if shape in text]
        if kind == "shape":
            names[image] = answer
        elif named and (kind == "color" or (kind == "yes/no shape" and present)):
            names[image] = named[0]
    return names


def overlap(box: Box, region: Region) -> float:
    """Which share of `box` lies in the region."""
    x0, y0, x1, y1 = box
    left, top, right, bottom = region.box
    inside = max(0.0, min(x1, right) - max(x0, left)) * max(0.0, min(y1, bottom) - max(y0, top))
    return inside / ((x1 - x0) * (y1 - y0))


def share_in_shape(trace: Trace) -> npt.NDArray[np.float64]:
    """`[layers, heads]`: of the attention of [CLS], where the answer is read, to patches, the share in the shape."""
    (region,) = trace.regions
    tokens = trace.sequences["main"]
    patches = [index for index, token in enumerate(tokens) if token.box is not None and not token.special]
    inside = np.array([overlap(token.box, region) for token in tokens if token.box is not None and not token.special])
    weights = np.stack([layer[:, 0, patches] for layer in trace.attention[0].layers]).astype(np.float64)
    # A head that leaves the image alone, to the last bit of float16, puts nothing into the shape.
    shares: npt.NDArray[np.float64] = weights @ inside / np.maximum(weights.sum(-1), np.finfo(np.float16).tiny)
    return shares


def shape_area(trace: Trace) -> float:
    """The share of the image that the shape's box has."""
    x0, y0, x1, y1 = trace.regions[0].box
    return (x1 - x0) * (y1 - y0)


def best_head(traces: list[Trace]) -> tuple[int, int, float]:
    """Layer, head, and how many times the box's share of the area the head puts into it, on average over traces."""
    ratios = np.mean([share_in_shape(trace) / shape_area(trace) for trace in traces], axis=0)
    layer, head = np.unravel_index(ratios.argmax(), ratios.shape)
    return int(layer), int(head), float(ratios.max())
