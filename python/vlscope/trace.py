"""What one model did on one input."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from . import _file, _json
from ._attention import ATTENTION, AttentionField
from ._check import check
from ._document import document_of, parts_of, tensors_of
from ._from_attentions import FromAttentions
from ._parts import AttentionBlock, Box, HeadMetric, Mask, Region, Relevance, Token, Words
from ._pictures import Pictured
from ._tensor import Array, describe
from ._values import check_values
from .error import TraceError

__all__ = ["AttentionBlock", "Box", "HeadMetric", "Mask", "Region", "Relevance", "Token", "Trace", "Words"]


@dataclass(eq=False)
class Trace(Pictured, FromAttentions):
    """Tokens, images, the attention of every layer and head, hidden states.

    Attention and hidden states are float32, float16 or bfloat16: numpy arrays, torch tensors, or numpy arrays of
    ml_dtypes' bfloat16. `hidden[sequence][i]` is `[tokens, dim]`; state 0 is the embedding, state `i` what layer
    `i - 1` put out. Images are `[height, width, 3]`, uint8, RGB. `outputs` and `attributes` are free, as long as they
    are JSON; the dataset table shows them as columns. Frames of a video are images with `image_times`, in seconds (None
    for an image that is no frame).
    `attention` is a list of blocks; called, it is a table of what tokens attend to (`trace.attention(token=4)`).
    `words[sequence][state]` is what a hidden state decodes to; the state `"logits"` is the output itself.
    """

    sequences: dict[str, list[Token]]
    attention: AttentionField = ATTENTION
    hidden: dict[str, list[Array]] = field(default_factory=dict)
    images: list[Array] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    head_metrics: list[HeadMetric] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    image_times: list[float | None] = field(default_factory=list)
    relevance: list[Relevance] = field(default_factory=list)
    words: dict[str, dict[int | str, Words]] = field(default_factory=dict)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes one file, which is never half there, and its folder.

        Raises `TraceError` for what `load` would refuse, and for NaN.
        """
        path = Path(path)
        try:
            text, tensors = self._checked()
        except TraceError as error:
            raise TraceError(error.message, path) from None
        except (TypeError, ValueError) as error:
            raise TraceError(f"the trace cannot be written as JSON: {error}", path) from None
        _file.write(path, text, tensors)

    def check(self) -> None:
        """Raises `TraceError` for what `save` would refuse."""
        self._checked()

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Trace:
        """Opens one file. Arrays are read-only views of it; bfloat16, which numpy lacks, is given as float32."""
        path = Path(path)
        try:
            file = _file.read(path)
            document, names = check(file.document, file.entries)
            return cls(**parts_of(file, document, names))
        except TraceError as error:
            raise TraceError(error.message, path) from None

    def _checked(self) -> tuple[str, dict[str, Array]]:
        document = self._document()
        tensors = tensors_of(self, document)
        text = _json.dump(document)
        check(text, {name: describe(array) for name, array in tensors.items()})
        check_values(tensors)
        return text, tensors

    def _document(self) -> dict[str, Any]:
        return document_of(self)

    def _tensors(self) -> dict[str, Array]:
        return tensors_of(self, self._document())
