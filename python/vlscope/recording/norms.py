"""What is computed of a layer on the model's device while it goes by."""

from __future__ import annotations

import torch

from .call import Heard
from .precision import in_full
from .weights import scores_of

#: How many scores are there at once.
_SCORES = 1 << 24


@torch.no_grad()
def log_sum_exp(heard: Heard, heads: list[int] | None, rows: list[int] | None) -> torch.Tensor:
    """The logarithm of each row's sum of exponentials, `[batch, heads, queries]`, float32; -inf for an empty row."""
    assert heard.query is not None
    chosen = list(range(heard.heads)) if heads is None else heads
    queries, keys = heard.queries, heard.keys
    result = torch.empty(heard.batch, len(chosen), queries, dtype=torch.float32, device=heard.query.device)
    step = max(1, _SCORES // max(1, keys))
    for example in range(heard.batch):
        allowed = None if heard.mask is None else torch.from_numpy(heard.mask.of(example, queries, keys))
        for place, head in enumerate(chosen):
            key = heard.key[example, head * heard.key.shape[1] // heard.heads][None]
            for first in range(0, queries, step):
                part = slice(first, first + step)
                scores = scores_of(
                    heard.query[example, head, part][None],
                    key,
                    heard.scale,
                    None if allowed is None else allowed[part],
                )
                result[example, place, part] = scores[0].logsumexp(-1)
    return result if rows is None else result[:, :, rows]


@in_full
@torch.no_grad()
def value_norm(value: torch.Tensor, weight: torch.Tensor, heads: int) -> torch.Tensor:
    """‖W_O v‖ of each head and key, `[batch, heads, keys]`, float32: Kobayashi et al. 2020, arXiv 2004.10102, eq. 4.

    `value` is `[batch, value heads, keys, dim]`, `weight` `[out, heads · dim]`. Of W_O only its Gram matrix is needed,
    ‖W v‖² = vᵀ (WᵀW) v, which is smaller than what it projects to.
    """
    dim = value.shape[-1]
    columns = weight.detach().float().reshape(len(weight), heads, dim)
    gram = torch.einsum("ohd,ohe->hde", columns, columns)
    value = value.float().repeat_interleave(heads // value.shape[1], dim=1)
    squares = torch.einsum("bhkd,hde,bhke->bhk", value, gram, value)
    return squares.clamp_min(0).sqrt()
