"""What statistics need of each row of a layer, and its log-sum-exp, without the weights ever being there whole.

Strips of rows go through the processor's cache, or in few launches through a GPU: scores by one product for the heads
that share a key, their exponentials, sums of those; a row's own sum divides last. Columns that no row of a strip sees
are not computed. Rejected: doing so while the model runs. Statistics ask which tokens are special, text or image, and
where they lie, which is known when the trace is made; queries and keys are there then, and it takes as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .masks import Allowed
from .places import MODALITIES, Places, Seen

#: How many scores are there at once.
_SCORES, _SCORES_GPU = 1 << 19, 1 << 25
_LEAST = torch.finfo(torch.float32).min
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, eq=False)
class _Part:
    """`[rows, heads, keys]`: weights but for a factor, and their logarithms but for a term; `[rows, heads]`: the factor
    that makes weights of them, and the log-sum-exp."""

    weights: torch.Tensor
    logs: torch.Tensor
    factor: torch.Tensor
    lse: torch.Tensor


class Computed:
    """Weights that are the softmax of `scale` · query · key, of `[heads, rows, dim]` and `[key heads, keys, dim]`."""

    def __init__(self, query: torch.Tensor, key: torch.Tensor, scale: float, device: torch.device) -> None:
        self.heads = len(query)
        #: How many heads are computed at once.
        self.together = max(1, len(query) // max(1, len(key)))
        self._query = query.to(device).float().transpose(0, 1) * scale
        self._key = key.to(device).float().mT.contiguous()
        self._room = torch.empty(0, device=device)

    def part(self, heads: slice, rows: slice, keys: slice, mask: _Mask) -> _Part:
        query = self._query[rows, heads].flatten(0, 1)
        key = self._key[heads.start // self.together, :, keys]
        size = 2 * len(query) * key.shape[1]
        # The same memory again and again: it takes longer to get than to fill.
        if self._room.numel() < size:
            self._room = query.new_empty(size)
        logs, weights = self._room[:size].view(2, len(query), -1)
        torch.mm(query, key, out=logs)
        shape = (rows.stop - rows.start, -1, key.shape[1])
        logs, weights = logs.view(shape), weights.view(shape)
        mask.fill(logs, _LEAST)
        largest = logs.amax(-1).clamp_min(_LEAST / 2)
        torch.exp(logs.sub_(largest[..., None]), out=weights)
        total = weights.sum(-1)
        return _Part(weights, logs, (1 / total).masked_fill(total == 0, 0), largest + total.log())


class Ready:
    """Weights that are there, `[heads, rows, keys]`."""

    together = 1

    def __init__(self, weights: torch.Tensor, device: torch.device) -> None:
        self.heads = len(weights)
        self._weights, self._device = weights, device

    def part(self, heads: slice, rows: slice, keys: slice, mask: _Mask) -> _Part:
        weights = self._weights[heads, rows, keys].to(self._device, torch.float32, copy=True).transpose(0, 1)
        weights = mask.fill(weights.contiguous(), 0)
        one = weights.new_ones(weights.shape[:2])
        return _Part(weights, weights.clamp_min(_TINY).log(), one, weights.sum(-1).log())


class _Mask:
    """What is hidden of a strip, `[rows, keys]`."""

    def __init__(self, allowed: Allowed, device: torch.device) -> None:
        partly = np.flatnonzero(~allowed.all(0))
        self._keys = slice(int(partly[0]), int(partly[-1]) + 1) if len(partly) else slice(0, 0)
        self._hidden = torch.from_numpy(~allowed[:, self._keys]).to(device)[:, None]

    def fill(self, values: torch.Tensor, value: float) -> torch.Tensor:
        """Writes over `[rows, heads, keys]`."""
        values[..., self._keys].masked_fill_(self._hidden, value)
        return values


class RowSums:
    """`[heads, rows]` each, float32: over the keys that count and that the row sees, where nothing else is said."""

    def __init__(self, heads: int, queries: Places, keys: Places) -> None:
        self.heads, self.queries, self.keys = heads, queries, keys
        device, rows = keys.at.device, len(queries.at)
        options: Any = {"dtype": torch.float32, "device": device}
        self.values = torch.zeros(len(MODALITIES) + 6, heads, rows, **options)
        #: Σ a of each modality.
        self.mass = dict(zip(MODALITIES, self.values, strict=False))
        #: Of all keys the log-sum-exp, -inf where there is none; then −Σ p ln p with p = a / Σ a, the largest a,
        #: √Σ a², the weight of the row's own token, and of the one before.
        self.lse, self.entropy, self.largest, self.norm, self.itself, self.previous = self.values[len(MODALITIES) :]
        self.lse -= torch.inf
        #: On the image of the row's own token: Σ a, and Σ a times the distance.
        self.nearby, self.moment = torch.zeros(2, heads, rows, **options)
        #: `[heads, keys]`: what each key receives of the rows that count.
        self.received = torch.zeros(heads, len(keys.at), **options)

    @property
    def total(self) -> torch.Tensor:
        """Σ a; not finite in a row that is not."""
        return self.values[: len(MODALITIES)].sum(0)


class _Strip:
    """Some rows, and the keys that one of them sees."""

    def __init__(self, sums: RowSums, rows: slice, keys: slice) -> None:
        queries, of = sums.queries, sums.keys
        self.sums, self.rows, self.keys = sums, rows, keys
        self.counts = queries.any[rows].float()[:, None]
        self.of_modality = [counted[keys].float() for counted in of.counted.values()]
        self.others = (~of.any[keys]).nonzero().flatten()
        own = torch.arange(rows.start - keys.start, rows.stop - keys.start, device=of.at.device)
        self.own = torch.stack([own, own - 1], 1)[:, None]
        self.is_there = (self.own >= 0) & (self.own < keys.stop - keys.start)
        self.looking = queries.counted["image"][rows].nonzero().flatten()
        self.shown = of.counted["image"][keys].nonzero().flatten()
        at, image = queries.at[rows][self.looking], queries.image[rows][self.looking]
        self.near = (image[:, None] == of.image[keys][self.shown]).float()
        mode = "donot_use_mm_for_euclid_dist"  # which is not exact
        self.distance = self.near * torch.cdist(at, of.at[keys][self.shown], compute_mode=mode).float()

    def add(self, heads: slice, part: _Part) -> None:
        sums, weights, factor = self.sums, part.weights, part.factor
        if len(self.others):
            weights[..., self.others] = 0
        masses = [weights.flatten(0, 1).mv(counted).view_as(factor) for counted in self.of_modality]
        total = torch.stack(masses).sum(0)
        own = weights.gather(-1, self.own.where(self.is_there, 0).expand(-1, weights.shape[1], -1))
        found = [
            *masses,
            weights.amax(-1),
            torch.linalg.vector_norm(weights, dim=-1),
            *(own * self.is_there).unbind(-1),
        ]
        if len(self.looking) and len(self.shown):
            seen = weights[self.looking][..., self.shown] * factor[self.looking][..., None]
            for into, by in ((sums.nearby, self.near), (sums.moment, self.distance)):
                into[heads, self.looking + self.rows.start] = torch.einsum("rhk,rk->hr", seen, by)
        entropy = total.log() - torch.mul(weights, part.logs, out=part.logs).sum(-1) / total
        *masses, largest, norm, itself, previous = torch.stack(found) * factor
        values = torch.stack([*masses, part.lse, entropy, largest, norm, itself, previous])
        sums.values[:, heads, self.rows] = values.transpose(1, 2)
        is_fine = total.isfinite()
        if not bool(is_fine.all()):
            weights = weights.masked_fill(~is_fine[..., None], 0)
        shares = (factor * self.counts).nan_to_num(0)
        sums.received[heads, self.keys] += torch.einsum("rh,rhk->hk", shares, weights)


@torch.no_grad()
def row_sums(of: Computed | Ready, seen: Seen) -> RowSums:
    """Of one layer, computed where the places are."""
    queries, keys = seen.queries, seen.keys
    device = keys.at.device
    sums = RowSums(of.heads, queries, keys)
    scores = _SCORES if device.type == "cpu" else _SCORES_GPU
    step = max(1, scores // max(1, of.together * len(keys.at)))
    # Autocast would multiply float32 as bfloat16.
    with torch.autocast(device.type, enabled=False):
        for first in range(0, len(queries.at), step):
            rows = slice(first, min(len(queries.at), first + step))
            some = np.flatnonzero(seen.allowed[rows].any(0))
            if not len(some):
                continue
            strip = _Strip(sums, rows, slice(int(some[0]), int(some[-1]) + 1))
            mask = _Mask(seen.allowed[rows, strip.keys], device)
            for head in range(0, of.heads, of.together):
                heads = slice(head, head + of.together)
                strip.add(heads, of.part(heads, rows, strip.keys, mask))
    return sums
