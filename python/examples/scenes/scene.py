"""Random scenes: 3 to 6 objects that do not touch, each of a size, a texture, a colour and a shape of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeAlias

import torch

SIDE = 224
OBJECTS = 6
SIZES = ("small", "large")
TEXTURES = ("plain", "striped", "dotted")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
SHAPES = ("circle", "square", "triangle", "star", "cross")
#: The order of `Scenes.attributes`.
ATTRIBUTES = (SIZES, TEXTURES, COLOURS, SHAPES)
COUNTS = tuple(map(len, ATTRIBUTES))
#: Colours and shapes that training never shows together, in a picture or in words.
HELD_OUT = (("purple", "square"), ("green", "star"), ("yellow", "cross"))

#: Draws numbers from 0 to 1, `[scenes, *shape]`.
_Uniform: TypeAlias = Callable[..., torch.Tensor]
#: Pixels from the middle of an object to its furthest point, the least and the most of each size.
_RADII = ((14.0, 17.0), (25.0, 30.0))
_MARGIN, _GAP = 5.0, 5.0
_PLACES_TRIED = 48
#: How often an object takes an attribute from one before it, so that there is something to count.
_ALIKE = 0.3


@cache
def constant(values: tuple[Any, ...], device: torch.device) -> torch.Tensor:
    """Numbers on a device, copied once: each copy waits until the device has done all before it."""
    return torch.tensor(values, device=device)


@dataclass
class Scenes:
    """Many scenes; all that a picture is drawn from."""

    attributes: torch.Tensor  # [scenes, objects, 4], numbers in `ATTRIBUTES`
    centres: torch.Tensor  # [scenes, objects, 2], x and y in pixels
    radii: torch.Tensor  # [scenes, objects], pixels
    turns: torch.Tensor  # [scenes, objects], radians
    tints: torch.Tensor  # [scenes, objects, 3], added to the colour
    phases: torch.Tensor  # [scenes, objects, 2], where a texture begins, in pixels
    present: torch.Tensor  # [scenes, objects], whether there is such an object
    backdrops: torch.Tensor  # [scenes, 3, 4, 4], colours that the background runs between

    def __len__(self) -> int:
        return len(self.present)

    def __getitem__(self, rows: slice) -> Scenes:
        return Scenes(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def to(self, device: torch.device | str) -> Scenes:
        """The same on another device."""
        return Scenes(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def is_held_out(attributes: torch.Tensor) -> torch.Tensor:
    """Whether colour and shape of `[..., 4]` are a pair of `HELD_OUT`."""
    colour, shape = attributes[..., 2], attributes[..., 3]
    found = torch.zeros_like(colour, dtype=torch.bool)
    for name, of in HELD_OUT:
        found |= (colour == COLOURS.index(name)) & (shape == SHAPES.index(of))
    return found


def draw_scenes(count: int, dice: torch.Generator, *, held_out: bool = False) -> Scenes:
    """`count` scenes on the generator's device; with `held_out` the first object of each is a pair of `HELD_OUT`."""

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=dice, device=dice.device)

    attributes, is_new = _attributes(uniform, held_out)
    least, most = constant(_RADII, dice.device).unbind(1)
    size = attributes[..., 0]
    radii = least[size] + (most - least)[size] * uniform(OBJECTS)
    centres, is_free = _places(uniform, radii)
    wanted = 3 + (uniform() * (OBJECTS - 2)).long()
    is_whole = is_free & is_new
    return Scenes(
        attributes=attributes,
        centres=centres,
        radii=radii,
        turns=0.5 * (uniform(OBJECTS) - 0.5),
        tints=0.08 * (uniform(OBJECTS, 3) - 0.5),
        phases=16 * uniform(OBJECTS, 2),
        present=is_whole & (is_whole.cumsum(1) <= wanted[:, None]),
        backdrops=_backdrops(uniform),
    )


def _attributes(uniform: _Uniform, held_out: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """`[scenes, objects, 4]`, and which objects are like no other before them."""
    counts = constant(COUNTS, uniform().device)

    def fresh() -> torch.Tensor:
        return (uniform(4) * counts).long()

    rows = [_held_out_pair(uniform, fresh()) if held_out else _avoid(fresh())]
    is_new = [torch.ones_like(rows[0][:, 0], dtype=torch.bool)]
    for number in range(1, OBJECTS):
        before = torch.stack(rows, 1)
        like = (uniform(4) * number).long()[:, None]
        row = torch.where(uniform(4) < _ALIKE, before.gather(1, like)[:, 0], fresh())
        row = row if held_out else _avoid(row)
        again = fresh() if held_out else _avoid(fresh())
        row = torch.where(_is_among(row, before)[:, None], again, row)
        is_new.append(~_is_among(row, before))
        rows.append(row)
    return torch.stack(rows, 1), torch.stack(is_new, 1)


def _is_among(row: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    return (row[:, None] == before).all(-1).any(-1)


def _avoid(row: torch.Tensor) -> torch.Tensor:
    """Takes the next shape where colour and shape are held out; that pair never is."""
    shape = torch.where(is_held_out(row), (row[:, 3] + 1) % len(SHAPES), row[:, 3])
    return torch.cat((row[:, :3], shape[:, None]), 1)


def _held_out_pair(uniform: _Uniform, row: torch.Tensor) -> torch.Tensor:
    pairs = constant(tuple((COLOURS.index(name), SHAPES.index(of)) for name, of in HELD_OUT), row.device)
    return torch.cat((row[:, :2], pairs[(uniform() * len(pairs)).long()]), 1)


def _places(uniform: _Uniform, radii: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres `[scenes, objects, 2]` one after the other, each the first of many that is clear of those before it;
    and which objects found one."""
    edge = radii + _MARGIN
    centres = torch.zeros(*radii.shape, 2, device=radii.device)
    is_free = torch.zeros_like(radii, dtype=torch.bool)
    for number in range(OBJECTS):
        low, high = edge[:, number, None, None], SIDE - edge[:, number, None, None]
        tried = low + (high - low) * uniform(_PLACES_TRIED, 2)
        distance = (tried[:, :, None] - centres[:, None, :number]).norm(dim=-1)
        least = radii[:, None, :number] + radii[:, number, None, None] + _GAP
        clear = ((distance > least) | ~is_free[:, None, :number]).all(-1)
        chosen = clear.int().argmax(1)
        centres[:, number] = tried.gather(1, chosen[:, None, None].expand(-1, 1, 2))[:, 0]
        is_free[:, number] = clear.any(1)
    return centres, is_free


def _backdrops(uniform: _Uniform) -> torch.Tensor:
    """Light colours, `[scenes, 3, 4, 4]`: one tone for each scene, and a little of another here and there."""
    tone = 0.80 + 0.12 * uniform(1, 1, 1) + 0.08 * (uniform(3, 1, 1) - 0.5)
    return tone + 0.12 * (uniform(1, 4, 4) - 0.5) + 0.06 * (uniform(3, 4, 4) - 0.5)
