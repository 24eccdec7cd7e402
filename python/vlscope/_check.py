"""A trace as a whole: its document is sound, and each tensor that it names is there and fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _schema
from ._kinds import KINDS, Names
from ._tensor import TensorInfo


def check(text: str, tensors: Mapping[str, TensorInfo]) -> tuple[dict[str, Any], dict[str, Names]]:
    """The document that `text` holds, and the names of the tensors of each kind, once all are found sound."""
    document = _schema.parse(text)
    left = dict(tensors)
    names: dict[str, Names] = {}
    heads: dict[str, int] = {}
    for kind in KINDS.values():
        names[kind.name] = kind.take(document, left, heads)
        if kind.name == "attention":
            for block, layers in zip(document["attention"], names[kind.name], strict=True):
                heads[block["name"]] = max(tensors[layer].shape[0] for layer in layers)
    return document, names
