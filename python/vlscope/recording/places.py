"""What the tokens of a sequence count as in statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from .._tensor import Array
from ..trace import Token
from .masks import Allowed

MODALITIES = ("text", "image")


@dataclass(frozen=True, eq=False)
class Places:
    """By token; special tokens count as nothing."""

    #: `[tokens]` each, by modality.
    counted: dict[str, torch.Tensor]
    #: `[tokens]`: the image of an image token, -1 for others.
    image: torch.Tensor
    #: `[tokens, 2]`: the centre of its box, in image widths.
    at: torch.Tensor

    @classmethod
    def of(cls, tokens: list[Token], images: list[Array], device: torch.device) -> Places:
        """`images` give the proportions of their boxes."""
        kinds, numbers, centres = [], [], []
        for token in tokens:
            number = token.image[0] if isinstance(token.image, list) else token.image
            box = token.box if number is not None else None
            kind = "text" if token.text is not None and token.modality in (None, "text") else None
            kind = "image" if box is not None else kind
            kinds.append(None if token.special else kind)
            numbers.append(-1 if number is None or box is None else number)
            height, width = images[number].shape[:2] if number is not None and number < len(images) else (1, 1)
            x0, y0, x1, y1 = box or (0.0, 0.0, 0.0, 0.0)
            centres.append([(x0 + x1) / 2, (y0 + y1) / 2 * height / width])
        counted = {
            modality: torch.tensor([kind == modality for kind in kinds], dtype=torch.bool, device=device)
            for modality in MODALITIES
        }
        at = torch.tensor(centres, dtype=torch.float64, device=device).reshape(-1, 2)
        return cls(counted, torch.tensor(numbers, device=device), at)

    @cached_property
    def any(self) -> torch.Tensor:
        """Those that count, of whatever modality."""
        return torch.stack(list(self.counted.values())).any(0)


@dataclass(frozen=True, eq=False)
class Seen:
    """What queries see of keys by a mask, `allowed`, `[queries, keys]`; the same for all layers that have it."""

    queries: Places
    keys: Places
    allowed: Allowed
    is_self: bool

    @cached_property
    def counts(self) -> torch.Tensor:
        """`[queries]`: how many keys that count."""
        return (self._visible & self.keys.any).sum(1).double()

    @cached_property
    def sees(self) -> dict[str, torch.Tensor]:
        """`[queries]` each: whether one of a modality."""
        return {modality: (self._visible & counted).any(1) for modality, counted in self.keys.counted.items()}

    @cached_property
    def itself(self) -> torch.Tensor:
        """`[queries]`: whether its own token."""
        return self._visible.diagonal().clone()

    @cached_property
    def previous(self) -> torch.Tensor:
        """`[queries]`: whether the one before, if that counts."""
        before = self.keys.any.roll(1)
        before[:1] = False
        before[1:] &= self._visible.diagonal(-1)
        return before

    @property
    def _visible(self) -> torch.Tensor:
        return torch.from_numpy(self.allowed).to(self.keys.at.device)
