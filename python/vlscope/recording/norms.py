"""The norms of projected values, computed on the model's device as a layer goes by."""

from __future__ import annotations

import torch

from .precision import in_full


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
