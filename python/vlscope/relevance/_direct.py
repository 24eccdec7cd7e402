"""What each head moves from each token straight into the chosen output.

A head adds Σ_s a_ts W_O v_s to the residual stream of token t: one vector for each source s. Its length is Kobayashi
et al. 2020 (arXiv 2004.10102); its product with the direction of the chosen word behind the last norm, whose scale is
held, is its direct contribution to the logit (Elhage et al. 2021; Gandelsman et al. 2024, arXiv 2310.05916, for CLIP).
Over all heads and sources, with what MLPs, biases and the embedding add, these contributions are the logit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ._asked import Asked, Floats, RelevanceError, to_array
from ._attended import Attention


def contribution_norms(asked: Asked) -> Floats:
    """`[targets, layers, heads, tokens]`: ‖a_ts W_O v_s‖, of the row from which a target was predicted."""
    with torch.no_grad(), Attention(asked.model, asked.layers).watched() as attention:
        asked.targets()
    return np.stack(
        [np.stack([to_array(vectors.norm(dim=-1)) for vectors in _moved(attention, row)]) for row in asked.rows]
    )


def logit_contributions(asked: Asked) -> Floats:
    """`[targets, layers, heads, tokens]`: what each adds to the logit by itself. Signed.

    Holds where a layer adds what its projection puts out; a norm behind the projection (Gemma 2 and 3) is refused.
    """
    with torch.no_grad(), _last_norm(asked) as seen, Attention(asked.model, asked.layers).watched() as attention:
        asked.targets()
    found = []
    for row, id in zip(asked.rows, asked.ids, strict=True):
        direction = _direction(asked.model, seen, row, id)
        found.append(np.stack([to_array(vectors @ direction) for vectors in _moved(attention, row)]))
    return np.stack(found)


def embedding_contributions(states: torch.Tensor, direction: torch.Tensor) -> Floats:
    """`[tokens]`: what each of `[tokens, dim]` adds along a direction of a joint space, as CLIP's."""
    return to_array(states @ direction)


def _moved(attention: Attention, row: int) -> Iterator[torch.Tensor]:
    """By layer, `[heads, tokens, width]`: what a row takes from each token."""
    for layer in attention.layers():
        if layer.values is None or layer.projection is None:
            raise RelevanceError("an attention has no projection behind it: its contributions cannot be told")
        heads, _, dim = layer.values.shape[1:]
        projection = layer.projection.float().reshape(-1, heads, dim)
        moved = torch.einsum("hk,hkd,whd->hkw", layer.weights[0, :, row].float(), layer.values[0].float(), projection)
        yield moved


@contextmanager
def _last_norm(asked: Asked) -> Iterator[list[tuple[Any, torch.Tensor, torch.Tensor]]]:
    """What the norm behind the last layer reads and gives, once the model ran."""
    seen: list[tuple[Any, torch.Tensor, torch.Tensor]] = []
    stack = asked.tokens.rpartition(".")[0].rpartition(".")[0]
    norms = [
        (name, module)
        for name, module in asked.model.named_modules()
        if name.startswith(stack)
        and "norm" in type(module).__name__.lower()
        and asked.tokens.rpartition(".")[0] not in name
    ]
    behind = [
        module.register_forward_hook(lambda of, args, result: seen.append((of, args[0], result))) for _, module in norms
    ]
    try:
        yield seen
    finally:
        for handle in behind:
            handle.remove()


def _direction(
    model: torch.nn.Module, seen: Sequence[tuple[Any, torch.Tensor, torch.Tensor]], row: int, id: int
) -> torch.Tensor:
    """`[width]`: the gradient of a logit to the last hidden state, while the norm's scale is held."""
    head = _head(model)
    if not seen:
        raise RelevanceError("no norm was found behind the last layer: logit contributions cannot be told")
    norm, before, behind = seen[-1]
    x, y = before[0, row].float(), behind[0, row].float()
    word: torch.Tensor = head.weight[id].float()
    if "layernorm" in type(norm).__name__.lower():
        bias = norm.bias.float() if getattr(norm, "bias", None) is not None else 0.0
        scaled = word * (y - bias) / (x - x.mean())
        return scaled - scaled.mean()
    return word * y / x


def _head(model: Any) -> Any:
    """The linear map to the vocabulary."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if head is None:
        raise RelevanceError(
            f"{type(model).__name__} has no head over its vocabulary: logit contributions cannot be told"
        )
    return head
