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
    given = _given(frames)
    if rows.dim() != 3 or given is None or given[1] != rows.shape[1] or len(rows) % given[0]:
        return None
    return len(rows) // given[0]


def tokens_of(frames: Sequence[Frame]) -> int | None:
    """How many tokens the innermost of `frames` that says it was given."""
    given = _given(frames)
    return None if given is None else given[1]


def folded(frames: Sequence[Frame], rows: torch.Tensor, heads: int | None) -> int:
    """How many heads of each token are rows of `[batch, heads, rows, …]`, as where all share one key; 1 if none are."""
    if heads is None or rows.dim() != 4 or not 0 < rows.shape[1] < heads or heads % rows.shape[1]:
        return 1
    count, tokens = heads // rows.shape[1], tokens_of(frames)
    return count if tokens is not None and rows.shape[2] == tokens * count else 1


def _given(frames: Sequence[Frame]) -> tuple[int, int] | None:
    return next((frame.given for frame in frames if frame.given), None)


def four(values: torch.Tensor, heads: int | None) -> torch.Tensor:
    """`values` as `[batch, heads, …, …]`: heads are next to the last two axes, or where as many are."""
    if values.dim() == 4:
        return values
    lead, rest = tuple(values.shape[:-2]), values.shape[-2:]
    if len(lead) < 2:
        count = heads if heads and lead and lead[0] % heads == 0 else 1
        return values.reshape(math.prod(lead) // count, count, *rest)
    for at in range(len(lead)):
        if math.prod(lead[at:]) == heads:
            return values.reshape(math.prod(lead[:at]), heads, *rest)
    if heads in lead[1:]:
        values = values.movedim(1 + lead[1:].index(heads), -3)
    return values.reshape(math.prod(values.shape[:-3]), values.shape[-3], *rest)
