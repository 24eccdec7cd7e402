"""Weights of queries and keys: a = softmax(mask(scale · q·k + bias))."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .call import Heard
from .precision import in_full


@in_full
def weights_of(
    query: torch.Tensor,
    key: torch.Tensor,
    scale: float,
    allowed: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """`[heads, queries, keys]` in float32, of `[heads, queries, dim]` and `[key heads, keys, dim]`.

    A row that sees no key is 0.
    """
    groups = query.shape[0] // key.shape[0]
    key = key.float().repeat_interleave(groups, dim=0) if groups > 1 else key.float()
    scores = query.float() @ key.transpose(-1, -2) * scale
    if bias is not None:
        scores = scores + bias.float()
    if allowed is not None:
        scores = scores.masked_fill(~allowed.to(scores.device), -torch.inf)
    return scores.softmax(-1).nan_to_num(0.0)


def weights_in_parts(heard: Heard, heads: list[int] | None, rows: list[int] | None) -> Iterator[torch.Tensor]:
    """The weights of a call, head by head of each example: `[queries, keys]` each."""
    chosen = range(heard.heads) if heads is None else heads
    for example in range(heard.batch):
        for head in chosen:
            if heard.weights is not None:
                part = heard.weights[example, head]
                yield part if rows is None else part[rows]
            else:
                yield _part(heard, example, head, rows)


def _part(heard: Heard, example: int, head: int, rows: list[int] | None) -> torch.Tensor:
    assert heard.query is not None
    query, key = heard.query[example, head], heard.key[example, head * heard.key.shape[1] // heard.heads]
    allowed = None if heard.mask is None else torch.from_numpy(heard.mask.of(example, len(query), len(key)))
    bias = heard.bias
    if bias is not None:
        bias = bias[min(example, len(bias) - 1), min(head, bias.shape[1] - 1)].expand(len(query), len(key))[None]
    weights = weights_of(query[None], key[None], heard.scale, allowed, bias)[0]
    return weights if rows is None else weights[rows]
