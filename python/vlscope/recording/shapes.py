"""Which axes are the batch and the heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .frames import Frame

#: What modules and configurations call their number of heads.
_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "nhead", "num_head", "heads")


def heads_of(frames: Sequence[Frame], rows: torch.Tensor) -> int | None:
    """How many heads the innermost of `frames` says it has, innermost first.

    Where none says it, and `rows` of the scores or queries are `[batch and heads, queries, …]`: how many there are for
    each example that the module was given.
    """
    for frame in frames:
        for owner in (frame.module, getattr(frame.module, "config", None)):
            for key in _HEADS:
                count = getattr(owner, key, None)
                if type(count) is int and count > 0:
                    return count
    given = next((frame.given for frame in frames if frame.given), None)
    if rows.dim() != 3 or given is None or given[1] != rows.shape[1] or len(rows) % given[0]:
        return None
    return len(rows) // given[0]


def four(values: torch.Tensor, heads: int | None) -> torch.Tensor:
    """`values` as `[batch, heads, …, …]`: heads are next to the last two axes, or where as many are."""
    if values.dim() == 4:
        return values
    lead, rest = tuple(values.shape[:-2]), values.shape[-2:]
    if len(lead) < 2:
        count = heads if heads and lead and lead[0] % heads == 0 else 1
        return values.reshape(-1, count, *rest)
    for at in range(len(lead)):
        if math.prod(lead[at:]) == heads:
            return values.reshape(-1, heads, *rest)
    if heads in lead[1:]:
        values = values.movedim(1 + lead[1:].index(heads), -3)
    return values.reshape(-1, values.shape[-3], *rest)
