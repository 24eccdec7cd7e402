"""vlscope's own statistics of heads, by the definitions of docs/statistics.md with their default options.

The program computes them of any trace; here they are computed where the model is. Special tokens count neither as
queries nor as keys, cells that a mask hides are in no sum and no mean, and rows that are not finite are left out.
"""

from __future__ import annotations

import torch

from .places import MODALITIES, Seen
from .row_sums import RowSums

#: What is computed, in the order of docs/statistics.md; attention inside regions needs regions, which come later.
NAMES = [
    *(f"mass.{query}.{key}" for query in MODALITIES for key in MODALITIES),
    "entropy", "entropy_relative", "max", "hoyer", "sink", "diagonal", "previous", "distance",
]  # fmt: skip


@torch.no_grad()
def statistics_of(sums: RowSums, seen: Seen) -> dict[str, torch.Tensor]:
    """`[heads]` of each of `NAMES`, NaN where it does not apply."""
    queries, total, counts = seen.queries, sums.total, seen.counts
    is_fine = total.isfinite()
    rows = is_fine & queries.any & (counts > 0)
    paid = rows & (total > 0)
    several = paid & (counts > 1)
    entropy = sums.entropy.double().clamp_min(0)
    sparsity = (counts.sqrt() - total / sums.norm) / (counts.sqrt() - 1)
    received = sums.received.double()
    found = [
        *(
            _mean(sums.mass[modality], is_fine & query & seen.sees[modality])
            for query in queries.counted.values()
            for modality in MODALITIES
        ),
        _mean(entropy, paid),
        _mean(entropy / counts.log(), several),
        _mean(sums.largest, rows),
        _mean(sparsity, several),
        received.amax(1) / received.sum(1) if received.shape[1] else torch.full_like(received.sum(1), torch.nan),
    ]
    if seen.is_self:
        found.append(_mean(sums.itself, is_fine & queries.any & seen.itself))
        found.append(_mean(sums.previous, is_fine & queries.any & seen.previous))
    else:
        found += [torch.full_like(found[0], torch.nan)] * 2
    looking = is_fine & queries.counted["image"] & (sums.nearby > 0)
    found.append(_mean(sums.moment / sums.nearby, looking))
    return dict(zip(NAMES, found, strict=True))


def _mean(values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Of `[heads, rows]` over some rows of each."""
    chosen = values.double().masked_fill(~rows, 0)
    return chosen.sum(1) / rows.expand_as(values).sum(1)
