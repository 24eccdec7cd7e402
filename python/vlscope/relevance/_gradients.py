"""Relevance by gradients of the logits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import torch

from ._asked import Asked, Floats, RelevanceError, replaced_input, to_array
from ._attended import Attended, Attention

#: Midpoints on the way from the baseline: integrated gradients add up to the difference within a few percent.
STEPS = 64


def chefer(asked: Asked) -> Floats:
    """`[targets, tokens]`: Chefer et al. 2021 (arXiv 2103.15679), as LVLM-Interpret (arXiv 2404.03118) uses it.

    Equations 5 and 6: R = 1 at the start, and R += Ā R in each layer, where Ā is the mean over heads of what is
    positive in gradient times weight. A target has the row of R from which it was predicted.
    """
    found = []
    for row, layers in zip(asked.rows, _weights_and_gradients(asked), strict=True):
        relevance = torch.eye(layers[0][0].shape[-1])
        for weights, gradient in layers:
            relevance = relevance + (weights * gradient).clamp(min=0).mean(0) @ relevance
        found.append(to_array(relevance[row]))
    return np.stack(found)


def chefer_encoder(asked: Asked) -> Floats:
    """`[targets, encoder tokens]`: what of the encoder mattered to a decoder (Chefer et al. 2021, equations 5 to 11).

    Within encoder and decoder as in `chefer`; what a decoder's token has of the encoder grows by Ā R̄ in each
    cross-attention, between both sides' own relevance, of which each row is scaled to 1 beside the identity.
    """
    names = [*asked.encoder, *asked.layers, *asked.cross]
    found = []
    for row, layers in zip(asked.rows, _weights_and_gradients(asked, names), strict=True):
        means = dict(zip(names, (((of * gradient).clamp(min=0)).mean(0) for of, gradient in layers), strict=True))
        encoder = torch.eye(means[asked.cross[0]].shape[1])
        for name in asked.encoder:
            encoder = encoder + means[name] @ encoder
        own, between = torch.eye(means[asked.layers[0]].shape[0]), torch.zeros(means[asked.cross[0]].shape)
        for name, cross in zip(asked.layers, asked.cross, strict=True):
            own, between = own + means[name] @ own, between + means[name] @ between
            between = between + _normalized(own).T @ means[cross] @ _normalized(encoder)
        found.append(to_array(between[row]))
    return np.stack(found)


def _normalized(relevance: torch.Tensor) -> torch.Tensor:
    """Equations 8 and 9: what rows have beside the identity, scaled to a sum of 1."""
    beside = relevance - torch.eye(len(relevance))
    return beside / beside.sum(-1, keepdim=True).clamp(min=1e-12) + torch.eye(len(relevance))


def gradient_attention(asked: Asked) -> Floats:
    """`[targets, layers, heads, tokens]`: gradient times weight, in the row from which a target was predicted. Signed.

    The first-order change of the logit if a weight were set to 0 (Barkan et al. 2021, arXiv 2106.12620, per head).
    """
    return np.stack(
        [
            np.stack([to_array((weights * gradient)[:, row]) for weights, gradient in layers])
            for row, layers in zip(asked.rows, _weights_and_gradients(asked), strict=True)
        ]
    )


def integrated_gradients(asked: Asked, steps: int = STEPS) -> Floats:
    """`[targets, tokens]`: Sundararajan et al. 2017 (arXiv 1703.01365), equation 1. Signed.

    From the mean of all tokens' vectors, by midpoints; summed over the dimensions, and over tokens the difference of
    the logits at both ends. Not from zero, as is customary: a norm makes of any vector next to zero one of full length,
    so that nearly all of the logit's change lies where no step is.
    """
    whole = asked.embeddings()
    baseline = whole.mean(dim=1, keepdim=True)
    sums = torch.zeros(len(asked.rows), *whole.shape[1:], dtype=torch.float64)
    for step in range(steps):
        part = torch.lerp(baseline, whole, (step + 0.5) / steps).requires_grad_()
        with torch.enable_grad(), replaced_input(asked.model, asked.tokens, lambda _, part=part: part):
            targets = asked.targets()
        for number, target in enumerate(targets):
            (gradient,) = _gradients(target, [part], is_last=number + 1 == len(targets))
            assert gradient is not None
            sums[number] += gradient[0].double().cpu()
    return to_array((sums * (whole - baseline)[0].double().cpu()).sum(-1) / steps)


def _weights_and_gradients(
    asked: Asked, names: Sequence[str] | None = None
) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
    """By target and layer (of `names`, if given): `[heads, queries, keys]` of each, float32, on the CPU."""
    layers, targets = attended(asked, asked.layers if names is None else names)
    weights = [layer.weights for layer in layers]
    kept = [of[0].detach().float().cpu() for of in weights]
    found = []
    for number, target in enumerate(targets):
        gradients = _gradients(target, weights, is_last=number + 1 == len(targets))
        found.append(
            [
                (of, torch.zeros_like(of) if gradient is None else gradient[0].float().cpu())
                for of, gradient in zip(kept, gradients, strict=True)
            ]
        )
    return found


def _gradients(target: torch.Tensor, of: list[torch.Tensor], *, is_last: bool) -> Sequence[torch.Tensor | None]:
    """None for what the target does not depend on. Raises `RelevanceError` where that is all."""
    if target.requires_grad:
        found = torch.autograd.grad(target, of, retain_graph=not is_last, allow_unused=True)
        if any(gradient is not None for gradient in found):
            return found
    raise RelevanceError(
        "no gradient comes from the logits to what they were made of, as through maps that are quantised to whole "
        "numbers: load the model in floats, or leave relevance by gradients out"
    )


def attended(asked: Asked, names: Sequence[str]) -> tuple[list[Attended], torch.Tensor]:
    """The attention of these modules and the targets, with gradients from these to its weights."""

    def needs_gradient(states: torch.Tensor) -> torch.Tensor:
        return states if states.requires_grad else states.detach().requires_grad_()

    # Where weights are frozen, gradients begin at what the stacks read.
    first = [asked.tokens, *asked.encoder[:1]]
    with torch.enable_grad(), Attention(asked.model, names).watched() as attention, ExitStack() as stack:
        for name in first:
            stack.enter_context(replaced_input(asked.model, name, needs_gradient))
        targets = asked.targets()
    return attention.layers(), targets
