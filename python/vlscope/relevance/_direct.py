"""What each head moves from each token straight into the chosen output.

A head adds Σ_s a_ts W_O v_s to the residual stream of token t: one vector for each source s. Its length is Kobayashi
et al. 2020 (arXiv 2004.10102); its product with the direction of the chosen word behind the last norm, whose scale is
held, is its direct contribution to the logit (Elhage et al. 2021; Gandelsman et al. 2024, arXiv 2310.05916, for CLIP).
Over all heads and sources, with what MLPs, biases and the embedding add, these contributions are the logit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from ._asked import Asked, Floats, RelevanceError, to_array
from ._attended import Attention
from ._norm import Norms


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
    norms, attention = Norms(asked.model), Attention(asked.model, asked.layers)
    with torch.no_grad(), norms.watched(), attention.watched(), _unscaled(asked.model, asked.layers):
        asked.targets()
    found = []
    for row, id in zip(asked.rows, asked.ids, strict=True):
        direction = _direction(asked, norms, row, id)
        found.append(np.stack([to_array(vectors @ direction) for vectors in _moved(attention, row)]))
    return np.stack(found)


def similarity_contributions(model: Any, inputs: Mapping[str, Any], layers: Sequence[str], tokens: str) -> Floats:
    """`[layers, heads, tokens]`: what each head brings from each patch to the likeness of picture and text. Signed.

    Of CLIP and its kin, whose first token becomes the picture's vector: the contributions of Gandelsman et al. 2024
    (equation 5), along the direction of the text in the joint space. The scales of the last norm and of the picture's
    own length are held; the unit is that of `logits_per_image`. `layers` and `tokens` are of the vision tower, as in
    `Asked`.
    """
    if not hasattr(model, "visual_projection"):
        raise RelevanceError(f"{type(model).__name__} has no `visual_projection` into a space that text shares")
    norms, attention = Norms(model), Attention(model, layers)
    with torch.no_grad(), norms.watched(), attention.watched():
        out = model(**inputs)
        found = norms.behind(tokens)
        if found is None:
            raise RelevanceError("no norm was found behind the last layer of the vision tower")
        norm, before, behind = found
        # Some give the norm all tokens, some the first alone.
        x, y = (of[0] if of.dim() == 2 else of[0, 0] for of in (before, behind))
        length = model.visual_projection(y).norm()
        text = out.text_embeds[0] * model.logit_scale.exp() / length
        direction = through_norm(norm, x, y, (text @ model.visual_projection.weight).float())
        return np.stack([to_array(vectors @ direction) for vectors in _moved(attention, 0)])


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
def _unscaled(model: torch.nn.Module, layers: Sequence[str]) -> Iterator[None]:
    """Refuses norms that read what an attention module of `layers` gave, before it is added to anything."""
    given: list[Any] = []

    def keep(_: Any, __: Any, result: Any) -> None:
        given.append(result[0] if isinstance(result, tuple) else result)

    def refuse(name: str, _: Any, args: tuple[Any, ...]) -> None:
        if any(args and args[0] is of for of in given):
            raise RelevanceError(
                f"`{name}` scales what heads put out before it is added: their contributions to a logit cannot be told"
            )

    norms = ((name, of) for name, of in model.named_modules() if "norm" in type(of).__name__.lower())
    handles = [model.get_submodule(name).register_forward_hook(keep) for name in layers]
    handles += [module.register_forward_pre_hook(partial(refuse, name)) for name, module in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _direction(asked: Asked, norms: Norms, row: int, id: int) -> torch.Tensor:
    """`[width]`: the gradient of a logit to the last hidden state, while the norm's scale is held."""
    word: torch.Tensor = _head(asked.model).weight[id].float()
    found = norms.behind(asked.tokens)
    return word if found is None else through_norm(found[0], found[1][0, row], found[2][0, row], word)


def through_norm(norm: Any, before: torch.Tensor, behind: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """`[width]`: a direction behind a norm as one in front of it, for one token that it read and gave, scale held.

    A layer norm takes the mean off; others scale each number by what they make of it.
    """
    x, y = before.float(), behind.float()
    if "layernorm" in type(norm).__name__.lower():
        bias = norm.bias.float() if getattr(norm, "bias", None) is not None else 0.0
        scaled: torch.Tensor = direction * (y - bias) / (x - x.mean())
        return scaled - scaled.mean()
    return direction * y / x


def _head(model: Any) -> Any:
    """The linear map to the vocabulary."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if head is None:
        raise RelevanceError(
            f"{type(model).__name__} has no head over its vocabulary: logit contributions cannot be told"
        )
    if not torch.is_tensor(head.weight) or head.weight.is_meta or not head.weight.is_floating_point():
        raise RelevanceError(
            f"the head of {type(model).__name__} is quantised, or put away by accelerate: logit contributions need its "
            "weights, so load the model without"
        )
    return head
