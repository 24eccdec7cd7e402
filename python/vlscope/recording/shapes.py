"""Which axes are the batch and the heads."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

#: What modules and configurations call their number of heads.
_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "nhead", "num_head", "heads")


def heads_of(modules: Iterable[torch.nn.Module]) -> int | None:
    """How many heads the innermost of `modules` says it has, innermost first."""
    for module in modules:
        for owner in (module, getattr(module, "config", None)):
            for key in _HEADS:
                count = getattr(owner, key, None)
                if type(count) is int and count > 0:
                    return count
    return None


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
