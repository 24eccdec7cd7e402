"""Which axes are the batch and the heads."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

#: What modules and configurations call their number of heads.
_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "nhead", "num_head")


def heads_of(modules: Iterable[torch.nn.Module]) -> int | None:
    """How many heads the innermost of `modules` says it has, innermost first."""
    for module in modules:
        for owner in (module, getattr(module, "config", None)):
            for key in _HEADS:
                count = getattr(owner, key, None)
                if type(count) is int and count > 0:
                    return count
    return None


def leading(shape: tuple[int, ...], heads: int | None) -> tuple[int, int]:
    """Batch and heads of `shape`, which ends with two other axes."""
    lead = shape[:-2]
    if len(lead) == 2:
        return lead[0], lead[1]
    if len(lead) == 1:
        return (lead[0] // heads, heads) if heads and lead[0] % heads == 0 else (lead[0], 1)
    for at in range(len(lead)):
        if math.prod(lead[at:]) == heads:
            return math.prod(lead[:at]), heads
    return math.prod(lead[:-1]), lead[-1] if lead else 1


def four(values: torch.Tensor, heads: int | None) -> torch.Tensor:
    """`values` as `[batch, heads, …, …]`."""
    return values if values.dim() == 4 else values.reshape(*leading(tuple(values.shape), heads), *values.shape[-2:])
