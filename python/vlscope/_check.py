"""A trace as a whole: its document is sound, and each tensor that it names is there and fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _extras, _schema
from ._kinds import KINDS, Names
from ._tensor import TensorInfo


def check(text: str, tensors: Mapping[str, TensorInfo]) -> tuple[dict[str, Any], dict[str, Names]]:
    """The document that `text` holds, and the names of the tensors of each kind, once all are found sound."""
    document = _schema.parse(text)
    left = dict(tensors)
    shapes: dict[str, list[int]] = {}
    names = {
        kind.name: kind.take(document, left, shapes) for kind in KINDS.values() if kind.since <= document["format"]
    }
    if document["format"] > 1:
        _extras.check(document, left)
    return document, names
