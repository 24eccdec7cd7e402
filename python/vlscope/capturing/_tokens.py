"""From places to the tokens of a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..locate import Place
from ..trace import Token


def tokens_of(
    places: Sequence[Place], ids: Sequence[int], segments: Sequence[str], tokenizer: Any
) -> list[Token] | None:
    """Of one sequence; None where nothing is known of it: no picture, no id.

    `ids` are those of the prompt and what was put out, `segments` what each belongs to.
    """
    if not any(place.kind in ("image", "latent", "text", "padding") for place in places):
        return None
    texts = [] if tokenizer is None else [str(text) for text in tokenizer.convert_ids_to_tokens(list(ids))]
    special = set(getattr(tokenizer, "all_special_ids", ()))
    found = []
    shown = 0
    for place in places:
        if place.images:
            shown = place.images[0]
        if place.kind == "text" and place.text is not None and place.text < len(texts):
            at = place.text
            found.append(Token(texts[at], special=ids[at] in special, segment=segments[at] or None))
        else:
            found.append(_other(place, shown))
    return found


def _other(place: Place, shown: int) -> Token:
    """What is no word; `shown` is the picture of the token before."""
    if place.kind == "image":
        return Token(image=list(place.images) if len(place.images) > 1 else place.images[0], box=place.box)
    if place.kind == "padding":
        return Token(image=shown, padding=True)
    if place.kind == "latent":
        return Token(modality="latent")
    if place.kind == "newline":
        return Token("\n", special=True)
    if place.kind == "learned":
        # A [CLS] or a register: of the picture, and of no place on it.
        return Token(image=shown, special=True)
    return Token("", special=True)
