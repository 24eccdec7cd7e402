"""Pictures of scenes, many at once, on any device: one signed distance a shape, drawn in a window around each object.

A signed distance is negative inside of a shape; where it passes zero, an edge is half a pixel of either.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from scene import OBJECTS, SIDE, Scenes, constant

PATCH = 16
#: Of `covered`: a patch without an object, and one of which an object has too little to tell.
NOTHING, UNCLEAR = -1, -2

_WINDOW = 80
_COLOURS = (
    (0.84, 0.17, 0.16),
    (0.94, 0.52, 0.10),
    (0.93, 0.79, 0.16),
    (0.18, 0.60, 0.30),
    (0.16, 0.42, 0.80),
    (0.52, 0.24, 0.66),
)
_SHADOW_OFFSET, _SHADOW = (2.5, 3.5), 0.28
_STRIPE, _DOT, _MARK = 8.0, 9.0, 0.82


def render(scenes: Scenes) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures `[scenes, 3, 224, 224]` from 0 to 1, and `covered`, `[scenes, 14 × 14]`: each patch's object."""
    count, device = len(scenes), scenes.radii.device
    origins = scenes.centres.round().long() - _WINDOW // 2
    steps = torch.arange(_WINDOW, device=device)
    columns, rows = (origins[..., axis, None] + steps for axis in (0, 1))
    x = (columns + 0.5 - scenes.centres[..., 0, None])[:, :, None, :]
    y = (rows + 0.5 - scenes.centres[..., 1, None])[:, :, :, None]
    colours, alpha, shadow = _objects(scenes, x, y)

    pad = _WINDOW // 2
    backdrop = F.interpolate(scenes.backdrops, (SIDE, SIDE), mode="bicubic", align_corners=True)
    canvas = F.pad(torch.cat((backdrop, torch.full_like(backdrop[:, :1], NOTHING)), 1), (pad,) * 4)
    canvas = canvas.permute(0, 2, 3, 1).contiguous()
    picture = torch.arange(count, device=device)[:, None, None]
    for number in range(OBJECTS):
        place = (picture, rows[:, number, :, None] + pad, columns[:, number, None, :] + pad)
        under = canvas[place]
        shade, cover = shadow[:, number, ..., None], alpha[:, number, ..., None]
        drawn = (under[..., :3] * (1 - shade)) * (1 - cover) + colours[:, number] * cover
        owner = torch.where(cover > 0.5, number, under[..., 3:])
        canvas[place] = torch.cat((drawn, owner), -1)
    canvas = canvas[:, pad:-pad, pad:-pad]
    return canvas[..., :3].permute(0, 3, 1, 2).clamp(0, 1), _covered(canvas[..., 3])


def _covered(owners: torch.Tensor) -> torch.Tensor:
    """The object that has most of each patch, if it has a tenth of it; `owners` is `[scenes, 224, 224]`."""
    patches = owners.unflatten(2, (-1, PATCH)).unflatten(1, (-1, PATCH))
    shares = torch.stack([(patches == number).float().mean((2, 4)) for number in range(OBJECTS)], -1)
    share, number = shares.max(-1)
    number = torch.where(share < 0.1, UNCLEAR, number)
    return torch.where(share < 0.01, NOTHING, number).flatten(1)


def _objects(scenes: Scenes, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Colour `[scenes, objects, rows, columns, 3]`, cover and shadow, at pixels from the middle of each object."""
    radius = scenes.radii[..., None, None]
    shape = scenes.attributes[..., 3, None, None]
    present = scenes.present[..., None, None].float()
    alpha = (0.5 - _distance(scenes, x, y, radius, shape)).clamp(0, 1) * present
    right, down = _SHADOW_OFFSET
    shadow = (0.5 - _distance(scenes, x - right, y - down, radius, shape) / 5).clamp(0, 1) * present * _SHADOW

    palette = constant(_COLOURS, radius.device)
    colour = (palette[scenes.attributes[..., 2]] + scenes.tints)[:, :, None, None]
    light = 1 - 0.10 * ((x + y) / radius)[..., None]
    mark = _MARK * _texture(scenes, x, y)[..., None]
    return (colour * light) * (1 - mark) + mark, alpha, shadow


def _distance(
    scenes: Scenes, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor, shape: torch.Tensor
) -> torch.Tensor:
    """The signed distance to each object's own shape, in pixels."""
    cosine, sine = scenes.turns.cos()[..., None, None], scenes.turns.sin()[..., None, None]
    x, y = cosine * x + sine * y, cosine * y - sine * x
    wide, high = x.abs(), y.abs()
    length = (x * x + y * y).sqrt()
    square = torch.maximum(wide, high) - 0.80 * radius
    # Its middle lies as high as the others'.
    triangle = torch.maximum(y - 0.62 * radius, 0.866 * wide - 0.5 * y - 0.45 * radius)
    long, short = torch.maximum(wide, high), torch.minimum(wide, high)
    cross = torch.maximum(long - 0.95 * radius, short - 0.32 * radius)
    result = length - 0.92 * radius
    for number, distance in enumerate((square, triangle, _star(x, y, length, radius), cross), 1):
        result = torch.where(shape == number, distance, result)
    return result


def _star(x: torch.Tensor, y: torch.Tensor, length: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """Of five points, the first upwards: folded to the tenth between a point and the notch beside it."""
    tenth, inner = math.pi / 5, 0.45
    angle = torch.atan2(x, -y)
    folded = (torch.remainder(angle + tenth, 2 * tenth) - tenth).abs()
    notch = (inner * math.cos(tenth), inner * math.sin(tenth))
    edge = math.hypot(1 - notch[0], notch[1])
    normal = (notch[1] / edge, (1 - notch[0]) / edge)
    return (length * folded.cos() - radius) * normal[0] + length * folded.sin() * normal[1]


def _texture(scenes: Scenes, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """How much of a mark is at each pixel: none, oblique stripes, or dots on a lattice."""
    texture = scenes.attributes[..., 1, None, None]
    begin_x, begin_y = (scenes.phases[..., axis, None, None] for axis in (0, 1))
    across = torch.remainder((x + y) / math.sqrt(2) + begin_x, _STRIPE) - _STRIPE / 2
    stripes = (_STRIPE / 4 - across.abs() + 0.5).clamp(0, 1)
    column = torch.remainder(x + begin_x, _DOT) - _DOT / 2
    row = torch.remainder(y + begin_y, _DOT) - _DOT / 2
    dots = (2.6 - (column * column + row * row).sqrt() + 0.5).clamp(0, 1)
    return torch.where(texture == 1, stripes, torch.where(texture == 2, dots, torch.zeros_like(dots)))
