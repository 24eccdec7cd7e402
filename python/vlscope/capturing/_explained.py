"""Relevance of what was put out, as a trace has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from .. import relevance as by
from ..recording import Block
from ..relevance import Asked
from ..trace import Relevance, Token

#: A picture is removed in so many parts a side at most: each costs a forward.
_PARTS = 8


@dataclass(frozen=True)
class _Method:
    compute: Callable[[Asked, Sequence[Token]], Any]
    signed: bool
    source: str


METHODS: Mapping[str, _Method] = {
    "chefer": _Method(lambda asked, _: by.chefer(asked), False, "Chefer et al. 2021"),
    "gradient_attention": _Method(lambda asked, _: by.gradient_attention(asked), True, "gradient × attention"),
    "integrated_gradients": _Method(lambda asked, _: by.integrated_gradients(asked), True, "Sundararajan et al. 2017"),
    "contribution_norms": _Method(lambda asked, _: by.contribution_norms(asked), False, "Kobayashi et al. 2020"),
    "logit_contributions": _Method(lambda asked, _: by.logit_contributions(asked), True, "Gandelsman et al. 2024"),
    "occlusion": _Method(
        lambda asked, tokens: by.occlusion(asked, [*words_in(tokens), *parts_in(tokens)]), True, "MultiViz"
    ),
}
#: Beside these, `interaction` puts two numbers into `outputs`, and a picture's likeness to a text has a measure.
INTERACTION, SIMILARITY = "interaction", "similarity_contributions"


def check_names(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in METHODS and name not in (INTERACTION, SIMILARITY)]
    if unknown:
        raise ValueError(f'relevance has "{unknown[0]}", expected of {", ".join([*METHODS, INTERACTION, SIMILARITY])}')


def explained(
    asked: Asked, names: Sequence[str], block: Block, positions: Sequence[int], tokens: Sequence[Token]
) -> tuple[list[Relevance], dict[str, Any]]:
    """The relevance by each method, for the tokens at `positions`; and what goes to `outputs`."""
    found = []
    for name in names:
        if (method := METHODS.get(name)) is not None:
            values = np.asarray(method.compute(asked, tokens), np.float32)
            per_head = block.name if values.ndim == 4 else None
            found.append(
                Relevance(name, block.query, list(positions), values, method.signed, method.source, attention=per_head)
            )
    outputs: dict[str, Any] = {}
    if INTERACTION in names:
        shares = by.interaction(by.removed_pairs(asked, words_in(tokens), parts_in(tokens)))
        outputs = {"additive_share": shares.additive, "interaction_share": shares.interaction}
    return found, outputs


def of_encoder(asked: Asked, own: Block, blocks: Sequence[Block], positions: Sequence[int]) -> Relevance | None:
    """`chefer` of the tokens of an encoder, for a decoder that reads it; None where there is no such."""
    cross = next((block for block in blocks if not block.is_self and block.query == own.query), None)
    encoder = next(
        (block for block in blocks if block.is_self and cross is not None and block.query == cross.key), None
    )
    if cross is None or encoder is None or len(cross.layers) != len(own.layers):
        return None
    asked = replace(asked, cross=modules_of(cross), encoder=modules_of(encoder))
    # Padding is not in the trace.
    values = by.chefer_encoder(asked)[:, cross.unpadded()[1]]
    source = METHODS["chefer"].source
    return Relevance("chefer_encoder", cross.key, list(positions), values, source=source, target_sequence=own.query)


def likened(model: Any, inputs: Mapping[str, Any], block: Block, tokens: str) -> Relevance:
    """Why a picture is like a text: for the first token of the vision tower, which becomes the picture's vector."""
    values = by.similarity_contributions(model, inputs, modules_of(block), tokens)
    return Relevance(SIMILARITY, block.query, [0], values[None], True, "Gandelsman et al. 2024", attention=block.name)


def modules_of(block: Block) -> list[str]:
    """The names of a block's attention modules, in order."""
    return [block.path.replace("*", str(layer)) for layer in sorted(block.layers)]


def words_in(tokens: Sequence[Token]) -> list[list[int]]:
    """The words of what was asked, as the tokenizer marks their beginnings; special tokens are none."""
    groups: list[list[int]] = []
    for place, token in enumerate(tokens):
        if token.text is None or token.special or token.segment in ("generated", "answer"):
            continue
        goes_on = token.text.startswith("##") or not token.text.startswith(("Ġ", "▁", " "))
        has_marks = any((other.text or "").startswith(("Ġ", "▁", "##")) for other in tokens)
        if groups and groups[-1][-1] == place - 1 and goes_on and has_marks and not _begins(token.text, tokens):
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _begins(text: str, tokens: Sequence[Token]) -> bool:
    """Whether a piece begins a word, where pieces that go on are marked by ##."""
    return any((other.text or "").startswith("##") for other in tokens) and not text.startswith("##")


def parts_in(tokens: Sequence[Token]) -> list[list[int]]:
    """Patches, together where a picture has more than can be removed one by one."""

    def part(place: int) -> tuple[int, int, int]:
        token = tokens[place]
        image = token.image[0] if isinstance(token.image, list) else token.image or 0
        x0, y0, x1, y1 = token.box or (0.0, 0.0, 1.0, 1.0)
        return image, int((y0 + y1) / 2 * _PARTS), int((x0 + x1) / 2 * _PARTS)

    placed = sorted((place for place, token in enumerate(tokens) if token.box is not None), key=part)
    return [list(group) for _, group in groupby(placed, key=part)]
