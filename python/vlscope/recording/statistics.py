"""vlscope's own statistics of heads, by the definitions of docs/statistics.md with their default options.

The program computes them of any trace; here they are computed of a layer while its weights are on the model's device.
Special tokens count neither as queries nor as keys, and cells that a mask hides are in no sum and no mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .._tensor import Array
from ..trace import Token

_MODALITIES = ("text", "image")
#: What is computed, in the order of docs/statistics.md; attention inside regions needs regions, which come later.
NAMES = [
    *(f"mass.{query}.{key}" for query in _MODALITIES for key in _MODALITIES),
    "entropy", "entropy_relative", "max", "hoyer", "sink", "diagonal", "previous", "distance",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Places:
    """What the tokens of a sequence count as."""

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
            for modality in _MODALITIES
        }
        at = torch.tensor(centres, dtype=torch.float64, device=device).reshape(-1, 2)
        return cls(counted, torch.tensor(numbers, device=device), at)

    @property
    def any(self) -> torch.Tensor:
        """Those that count, of whatever modality."""
        return torch.stack(list(self.counted.values())).any(0)


def statistics_of_head(
    weights: torch.Tensor, allowed: torch.Tensor, queries: Places, keys: Places, *, is_self: bool
) -> list[float]:
    """One number for each of `NAMES`, NaN where it does not apply, of `[queries, keys]` each."""
    weights = weights.double()
    of_query, of_key = queries.any, keys.any
    visible = allowed & of_key
    counts = visible.sum(1).double()
    rows = of_query & (counts > 0)
    seen = weights * visible
    totals = seen.sum(1)
    found = []
    for query in queries.counted.values():
        for key in keys.counted.values():
            pair = allowed & key
            found.append(_mean((weights * pair).sum(1), query & pair.any(1)))
    entropy = (totals.log() - torch.special.xlogy(seen, seen).sum(1) / totals).clamp_min(0)
    several = rows & (totals > 0) & (counts > 1)
    sparsity = (counts.sqrt() - totals / seen.square().sum(1).sqrt()) / (counts.sqrt() - 1)
    received = seen[rows].sum(0)
    found += [
        _mean(entropy, rows & (totals > 0)),
        _mean(entropy / counts.log(), several),
        _mean(seen.amax(1) if seen.shape[1] else totals, rows),
        _mean(sparsity, several),
        float(received.max() / received.sum()) if len(received) and received.sum() > 0 else math.nan,
    ]
    if is_self:
        itself, before = of_query & allowed.diagonal(), of_query & of_key.roll(1)
        before[:1] = False
        before[1:] &= allowed.diagonal(-1)
        previous = torch.cat([weights.new_zeros(1), weights.diagonal(-1)])[: len(weights)]
        found += [_mean(weights.diagonal(), itself), _mean(previous, before)]
    else:
        found += [math.nan, math.nan]
    nearby = allowed & (queries.image[:, None] == keys.image) & keys.counted["image"]
    on_image = weights * nearby
    moments = (on_image * torch.cdist(queries.at, keys.at)).sum(1)
    paid = on_image.sum(1)
    return [*found, _mean(moments / paid, queries.counted["image"] & (paid > 0))]


def _mean(values: torch.Tensor, rows: torch.Tensor) -> float:
    return float(values[rows].mean()) if bool(rows.any()) else math.nan
