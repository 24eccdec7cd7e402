"""Relevance by removal: what the output loses without a word, a patch, or a region.

They are removed where the stack reads them: their vectors become the mean of all, so that the model still reads as many
tokens. That is occlusion (Zeiler and Fergus 2014), by which MultiViz (Liang et al. 2022, arXiv 2207.00056) tells the
importance within each modality. EMAP (Hessel and Lee 2020, arXiv 2010.06572) asks what no sum of a part of the text and
a part of the picture explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ._asked import Asked, Floats, replaced_input, to_array


def occlusion(asked: Asked, groups: Sequence[Sequence[int]]) -> Floats:
    """`[targets, tokens]`: by how much a logit falls without a token's group (a word's pieces, a region). Signed.

    `groups` are tokens that are removed together, all of one modality; each of them has the group's loss. Tokens of no
    group have 0. One forward for each group.
    """
    with torch.no_grad():
        whole = asked.targets()
        found = torch.zeros(len(asked.rows), asked.embeddings().shape[1])
        for group in groups:
            found[:, list(group)] = (whole - _without(asked, group)).cpu()[:, None]
    return to_array(found)


@dataclass(frozen=True)
class Interaction:
    """How much of outputs over pairs of texts and pictures is more than a sum of both: shares of the variance."""

    #: What a part of the text and a part of the picture explain together.
    additive: float
    #: The rest.
    interaction: float


def emap(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The empirical multimodally-additive projection: `[texts, pictures, …]` → the nearest sum, of the same shape.

    Equation 3 of Hessel and Lee: mean over pictures plus mean over texts, less the mean of all.
    """
    values = np.asarray(logits, np.float64)
    by_text, by_picture, mean = (values.mean(axis, keepdims=True) for axis in (1, 0, (0, 1)))
    projected: npt.NDArray[np.float64] = by_text + by_picture - mean
    return projected


def interaction(logits: npt.NDArray[np.floating]) -> Interaction:
    """Of the variance of `[texts, pictures, …]` over texts and pictures: what `emap` explains, and what not."""
    values = np.asarray(logits, np.float64)
    left = float(((values - emap(values)) ** 2).sum())
    whole = float(((values - values.mean((0, 1), keepdims=True)) ** 2).sum())
    share = left / whole if whole > 0 else 0.0
    return Interaction(1 - share, share)


def removed_pairs(asked: Asked, text: Sequence[Sequence[int]], image: Sequence[Sequence[int]]) -> Floats:
    """`[1 + texts, 1 + images, targets]`: the logits without a group of text and without one of image; 0 is with all.

    A grid of the model's answers to one example: `interaction` of it tells how much text and image work together. One
    forward a cell.
    """
    with torch.no_grad():
        rows = [[_without(asked, [*words, *patches]).cpu() for patches in ((), *image)] for words in ((), *text)]
    return to_array(torch.stack([torch.stack(row) for row in rows]))


def _without(asked: Asked, group: Sequence[int]) -> torch.Tensor:
    with replaced_input(asked.model, asked.tokens, _hidden(list(group))):
        return asked.targets()


def _hidden(group: list[int]) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(states: torch.Tensor) -> torch.Tensor:
        if not group:
            return states
        changed = states.clone()
        changed[:, group] = states.mean(dim=1, keepdim=True)
        return changed

    return change
