"""Puts together what ramps, gradients and rules say: one `Place` for each token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from ..trace import Box
from . import _rules
from ._lattice import Cells, cells
from ._owners import SEVERAL, Gradients, Inputs, NoMixing, evaluation, states_at
from ._ramps import Coordinates, Flags, Integers, Process, coordinates

#: Values of integer inputs (grids, sizes) are part of a cache's key up to so many.
_KEY_VALUES = 4096
#: So many sizes of pictures are remembered; the first go first.
_CACHED = 64


class LocateError(RuntimeError):
    """Tokens that cannot be located, and why."""


@dataclass(frozen=True)
class Place:
    """What one token is.

    - `image`: it shows `box` of the pictures `images` (several where frames were merged; no box where none was found).
    - `latent`: it knows of `images`, but of no place: a query of a Q-former or resampler.
    - `padding`: what it shows lies outside of the picture.
    - `newline`: a placeholder of the prompt for a learned vector.
    - `learned`: such a vector elsewhere ([CLS], registers).
    - `text`: number `text` of the input ids, counted over the batch.
    """

    kind: Literal["image", "latent", "padding", "newline", "learned", "text"]
    images: tuple[int, ...] = ()
    box: Box | None = None
    text: int | None = None


@dataclass(frozen=True)
class Located:
    """The places of all tokens that a module reads, `shape` `[…, tokens]`, and how they were found.

    `rules` are of `exact`, `rows and columns`, `shared lattice`, and `no place` for image tokens that have none.
    """

    places: list[Place]
    shape: tuple[int, ...]
    rules: tuple[str, ...]


#: What was located before: see `locate`.
Cache: TypeAlias = dict[Any, Located]


def locate(
    model: torch.nn.Module,
    inputs: Inputs,
    process: Process,
    sizes: Sequence[tuple[int, int]],
    module: str,
    *,
    cache: Cache | None = None,
) -> Located:
    """Where the tokens that `module` (its name in `model`) reads lie on the pictures.

    `inputs` is what the model is called with; `process` makes the like of it from other pictures, `[height, width, 3]`
    from 0 to 255, in the order and of the `sizes` (height, width) of the true ones. `module` is the first attention or
    the first layer of a stack. Costs the processor 5 runs (11 if it has 8 bits), the model up to `module` a forward and
    2 log2(tokens) backward passes. With a `cache`, of one model and one processor, this is done once for all inputs of
    the same shapes; a model that draws random numbers on the way (ViLT takes patches in random order) is not cached,
    and draws the same when it is called next.

    Raises `LocateError` if the module is not called, or if the processor makes other shapes than the inputs have.
    """
    keys = _keys(model, inputs, sizes, module)
    for key in keys if cache is not None else ():
        if (known := cache.get(key)) is not None:  # type: ignore[union-attr]
            return _expanded(known, _placeholders(model, inputs))
    with evaluation(model), _same_random_numbers(inputs):
        inputs = {name: _plain(value) for name, value in inputs.items()}
        before = torch.get_rng_state()
        found = _Search(model, inputs, process, sizes, module)
        located = found.located()
        repeatable = torch.equal(before, found.random_state)
    if cache is not None and repeatable:
        inline = found.inline
        mask = _placeholders(model, inputs).reshape(-1)
        places = (
            [place for place, kept in zip(located.places, mask.tolist(), strict=True) if kept]
            if inline
            else located.places
        )
        while len(cache) >= _CACHED:
            del cache[next(iter(cache))]
        cache[keys[0] if inline else keys[1]] = Located(places, () if inline else located.shape, located.rules)
    return located


class _Search:
    """One sequence, located."""

    def __init__(
        self, model: torch.nn.Module, inputs: Inputs, process: Process, sizes: Sequence[tuple[int, int]], module: str
    ) -> None:
        self.model, self.inputs, self.module, self.count = model, inputs, module, len(sizes)
        self.where, self.rule = _coordinates(process, sizes, inputs)
        self.pixels = list(self.where)
        self.noise = [self._noise(seed) for seed in (1, 2)]
        self.gradients = Gradients(model, {**inputs, **self.noise[0]}, self.pixels, module)
        self.random_state = torch.get_rng_state()
        self.shape = self.gradients.shape
        if not self.shape:
            raise LocateError(f"the model never calls its module `{module}`: name one that its forward goes through")
        self.owners = self.gradients.owners()
        #: Whether the tokens are those of the prompt, one for each of its ids.
        mask = _placeholders(model, inputs)
        self.inline = mask.shape == self.shape and bool(mask.any())

    def located(self) -> Located:
        places: list[Place | None] = [None] * int(np.prod(self.shape))
        rules = set()
        for owner, where in zip(self.owners, self.where.values(), strict=True):
            for token, place in _image_places(cells(owner, where)).items():
                places[token] = place
                rules.add(self.rule)
        for token, place in self._shared().items():
            places[token] = place
            rules.add("shared lattice" if place.box else "no place")
        if None in places:
            rest = self._without_elements()
            places = [place or rest[token] for token, place in enumerate(places)]
        return Located([place for place in places if place is not None], self.shape, tuple(sorted(rules)))

    def _shared(self) -> dict[int, Place]:
        """The tokens that share elements with others."""
        found: dict[int, Place] = {}
        for index, (owner, where) in enumerate(zip(self.owners, self.where.values(), strict=True)):
            if not (owner == SEVERAL).any():
                continue
            planes = owner.reshape(-1, *owner.shape[-2:]) if owner.ndim < 4 else owner.reshape(-1, *owner.shape[-3:])
            shares = (planes == SEVERAL).any(axis=(-1, -2) if planes.ndim == 3 else (-1, -2, -3))
            alone = np.unique(planes[~shares])
            for picture in range(self.count):
                shown = where.valid & (where.picture == picture)
                tokens = np.flatnonzero(self._changed(picture, NoMixing()))
                tokens = tokens[~np.isin(tokens, alone)]
                spread = np.broadcast_to(shares.reshape(-1, *[1] * (planes.ndim - 1)), planes.shape)
                shown &= spread.reshape(owner.shape)
                boxes = _rules.shared_lattice(tokens, partial(self._footprint, index), where, shown)
                for number, token in enumerate(tokens.tolist()):
                    box = None if boxes is None else _clipped(boxes[number])
                    found[token] = Place("image", (picture,), box)
        return found

    def _footprint(self, index: int, token: int) -> Any:
        """How strongly `token` depends on each element of a pixel tensor."""
        one = torch.zeros(int(np.prod(self.shape)))
        one[token] = 1
        return self.gradients.of(one)[index].abs().double().cpu().numpy()

    def _without_elements(self) -> list[Place]:
        """By token: what it is if it shows nothing."""
        ids, is_placeholder = _ids(self.inputs), _placeholders(self.model, self.inputs)
        knows = np.stack([self._changed(picture) for picture in range(self.count)], axis=1)
        text: Integers = np.full(int(np.prod(self.shape)), -1)
        if self.inline:
            kept = np.flatnonzero(~is_placeholder.reshape(-1).numpy())
            text[kept] = kept
        elif ids is not None:
            changed, kept = (
                np.flatnonzero(self._changed_by_ids(ids, is_placeholder)),
                np.flatnonzero(~is_placeholder.reshape(-1).numpy()),
            )
            if len(changed) == len(kept):
                text[changed] = kept
        constant: Literal["newline", "learned"] = "newline" if self.inline else "learned"
        return [
            Place("latent", tuple(np.flatnonzero(knows[token]).tolist()))
            if knows[token].any()
            else Place("text", text=int(text[token]))
            if text[token] >= 0
            else Place(constant)
            for token in range(len(text))
        ]

    def _changed(self, picture: int, mode: Any = None) -> Flags:
        """`[tokens]`: which of them change with one picture; `mode` is what the model runs under."""
        other = {
            name: torch.where(torch.from_numpy(where.picture == picture).to(one.device), two, one)
            for (name, where), one, two in zip(
                self.where.items(), self.noise[0].values(), self.noise[1].values(), strict=True
            )
        }
        return self._differ({**self.inputs, **self.noise[0]}, {**self.inputs, **other}, mode)

    def _changed_by_ids(self, ids: str, is_placeholder: torch.Tensor) -> Flags:
        """`[tokens]`: which of them change with the text."""
        values = self.inputs[ids]
        text = values[~is_placeholder]
        other = values.clone()
        # Ids of the prompt itself: none of them is a placeholder or out of range. A word may follow its like.
        candidates = text.unique()
        shifted = candidates[(torch.searchsorted(candidates, text) + 1) % len(candidates)]
        other[~is_placeholder] = shifted if len(candidates) > 1 else (text + 1) % (int(text.max()) + 1)
        return self._differ(self.inputs, {**self.inputs, ids: other})

    def _differ(self, inputs: Inputs, other: Inputs, mode: Any = None) -> Flags:
        """`[tokens]`: which of them differ by more than they do from one forward to the next."""
        first, again, changed = (self._states(of, mode) for of in (inputs, inputs, other))
        differ: Flags = ((changed - first).abs() > (again - first).abs().max()).any(-1).cpu().numpy()
        return differ

    def _states(self, inputs: Inputs, mode: Any = None) -> torch.Tensor:
        with torch.no_grad(), _same_random_numbers(inputs):
            if mode is None:
                states = states_at(self.model, inputs, self.module)
            else:
                with mode:
                    states = states_at(self.model, inputs, self.module)
        if states is None:
            raise LocateError(f"the model calls its module `{self.module}` only now and then")
        return states.reshape(-1, states.shape[-1])

    def _noise(self, seed: int) -> dict[str, torch.Tensor]:
        """Pixel tensors of random values; what shows no picture stays."""
        noise = {}
        for name, where in self.where.items():
            values = self.inputs[name]
            # Not of the caller's random numbers.
            drawn = torch.rand(values.shape, generator=torch.Generator().manual_seed(seed)).to(values)
            noise[name] = torch.where(torch.from_numpy(where.valid).to(values.device), drawn, values)
        return noise


def _coordinates(
    process: Process, sizes: Sequence[tuple[int, int]], inputs: Inputs
) -> tuple[dict[str, Coordinates], str]:
    where, rule = coordinates(process, sizes), "exact"
    if not where:
        where, rule = _rules.rows_and_columns(inputs), "rows and columns"
    for name, of in where.items():
        have = inputs.get(name)
        if not isinstance(have, torch.Tensor) or tuple(have.shape) != of.x.shape:
            found = tuple(have.shape) if isinstance(have, torch.Tensor) else "missing"
            raise LocateError(
                f"`{name}` of the inputs is {found}, but the processor makes {of.x.shape} of pictures of the sizes "
                f"{list(sizes)}: give the sizes of the pictures and the options that the inputs were made with"
            )
    return where, rule


def _image_places(found: Cells) -> dict[int, Place]:
    places: dict[int, Place] = {}
    for token, picture, sides in zip(found.token.tolist(), found.picture.tolist(), found.box, strict=True):
        box = _clipped(sides)
        before = places.get(token)
        if before is not None and before.kind == "image":
            if box is not None:
                places[token] = Place("image", (*before.images, picture), before.box)
        else:
            places[token] = Place("padding") if box is None else Place("image", (picture,), box)
    return places


def _clipped(sides: Any) -> Box | None:
    """The part of a box that is on the picture."""
    x0, y0, x1, y1 = (float(side) for side in np.clip(np.nan_to_num(sides, nan=0.0), 0, 1))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _ids(inputs: Inputs) -> str | None:
    names = [name for name, value in inputs.items() if name == "input_ids" and isinstance(value, torch.Tensor)]
    return names[0] if names else None


def placeholder_ids(config: Any) -> set[int]:
    """The ids that stand for pictures in a prompt, as a config names them (`image_token_id`, …)."""
    return {
        value
        for name in ("image_token_id", "image_token_index", "video_token_id", "video_token_index")
        if isinstance(value := getattr(config, name, None), int) and value >= 0
    }


def _placeholders(model: torch.nn.Module, inputs: Inputs) -> torch.Tensor:
    """Which of `[batch, ids]` stand for pictures; `[0]` where there is no text."""
    name = _ids(inputs)
    if name is None:
        return torch.zeros(0, dtype=torch.bool)
    known = torch.tensor(sorted(placeholder_ids(getattr(model, "config", None))), dtype=torch.long)
    return torch.isin(inputs[name].cpu(), known)


def _keys(model: torch.nn.Module, inputs: Inputs, sizes: Sequence[tuple[int, int]], module: str) -> tuple[Any, Any]:
    """What places depend on: first for placeholders in a prompt of any length, then for all else."""
    ids = inputs[name].shape if (name := _ids(inputs)) is not None else None
    others = []
    for name, value in sorted(inputs.items()):
        if not isinstance(value, torch.Tensor) or value.shape == ids:
            continue
        small = not value.is_floating_point() and value.numel() <= _KEY_VALUES
        others.append((name, tuple(value.shape), value.cpu().numpy().tobytes() if small else b""))
    shared = (module, tuple(sizes), tuple(others))
    counts = tuple(_placeholders(model, inputs).sum(-1, keepdim=True).reshape(-1).tolist())
    return ("inline", counts, *shared), ("whole", ids, *shared)


def _expanded(known: Located, is_placeholder: torch.Tensor) -> Located:
    """Of a prompt: the places of its placeholders, between its text."""
    if known.shape:
        return known
    kept = iter(known.places)
    places = [
        next(kept) if here else Place("text", text=at) for at, here in enumerate(is_placeholder.reshape(-1).tolist())
    ]
    return Located(places, tuple(is_placeholder.shape), known.rules)


def _plain(value: Any) -> Any:
    """What was made in inference mode knows no gradients; a copy does."""
    return value.clone() if isinstance(value, torch.Tensor) and value.is_inference() else value


@contextmanager
def _same_random_numbers(inputs: Mapping[str, Any]) -> Iterator[None]:
    """What is drawn inside is drawn again by whoever comes next."""
    devices = {value.device for value in inputs.values() if isinstance(value, torch.Tensor) and value.is_cuda}
    with torch.random.fork_rng(devices=list(devices)):
        yield
