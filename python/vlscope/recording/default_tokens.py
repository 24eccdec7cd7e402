"""Tokens of sequences by what is at hand: the ids that went in and came out, and the names of modules.

Boxes need more (`vlscope.locate`); image tokens come without. A sequence that is read as text has as many tokens as
some ids; towers of images and sound, and latent queries, are told by their modules' names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ..trace import Token
from .sequences import Sequence

_IMAGE = ("vision", "visual", "image", "patch", "pixel", "visn", "vit", "swin", "backbone")
_AUDIO = ("audio", "speech", "sound")
_LATENT = ("qformer", "q_former", "resampler", "perceiver", "queries", "abstractor")
#: What configurations and processors call the ids that stand for other things than text.
_PLACEHOLDERS = {
    "image": ("image_token_id", "image_token_index", "video_token_id", "video_token_index"),
    "audio": ("audio_token_id", "audio_token_index"),
}


class DefaultTokens:
    """Makes the tokens of one example."""

    def __init__(self, model: Any, processor: Any, inputs: Any, output: Any, images: int, example: int) -> None:
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._special = set(getattr(self._tokenizer, "all_special_ids", ()) or ())
        self._image = 0 if images == 1 else None
        self._ids = list(_candidates(inputs, output, example))
        owners = (getattr(model, "config", None), processor)
        self._modality = {
            number: modality
            for modality, names in _PLACEHOLDERS.items()
            for owner in owners
            for name in names
            if type(number := getattr(owner, name, None)) is int
        }

    def of(self, sequence: Sequence) -> list[Token]:
        """As many as the sequence has, padding included."""
        path = f"{sequence.name}.{sequence.module or ''}".lower()
        other = next(
            (
                modality
                for modality, words in (("audio", _AUDIO), ("latent", _LATENT), ("image", _IMAGE))
                if any(word in path for word in words)
            ),
            None,
        )
        ids = next((ids for ids in self._ids if len(ids) == sequence.length), None)
        if ids is not None and other is None:
            return list(map(self._token, ids, self._texts(ids)))
        if other is None and self._ids and len(self._ids[0]) < sequence.length:
            # Text and image in one sequence, which of them is first depends on the model.
            text = list(map(self._token, self._ids[0], self._texts(self._ids[0])))
            return text + [self._other("image") for _ in range(sequence.length - len(text))]
        return [self._other(other or "latent") for _ in range(sequence.length)]

    def _token(self, number: int, text: str) -> Token:
        modality = self._modality.get(number)
        return Token(text, special=number in self._special) if modality is None else self._other(modality)

    def _other(self, modality: str) -> Token:
        image = self._image if modality == "image" else None
        return Token(image=image, modality=modality if image is None else None)

    def _texts(self, ids: list[int]) -> list[str]:
        if hasattr(self._tokenizer, "convert_ids_to_tokens"):
            # A number that the tokenizer does not know has no text.
            return [str(number) if text is None else text for number, text in zip(ids, self._tokens(ids), strict=True)]
        return list(map(str, ids))

    def _tokens(self, ids: list[int]) -> list[str | None]:
        return list(self._tokenizer.convert_ids_to_tokens(ids))


def _candidates(inputs: Any, output: Any, example: int) -> Iterator[list[int]]:
    """Ids that a sequence may have read, the likeliest first."""
    given = [
        _row(value, example)
        for name, value in (inputs.items() if isinstance(inputs, Mapping) or hasattr(inputs, "items") else ())
        if name.endswith("input_ids") and torch.is_tensor(value) and value.dim() == 2
    ]
    output = getattr(output, "sequences", output)
    if torch.is_tensor(output) and output.dim() == 2 and not output.is_floating_point():
        came = _row(output, example)
        # The last token that came out was never read.
        yield came[:-1]
        yield came
        for ids in given:
            yield ids + came[:-1]
    yield from given


def _row(ids: torch.Tensor, example: int) -> list[int]:
    return [int(number) for number in ids[min(example, len(ids) - 1)].tolist()]
