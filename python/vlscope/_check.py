"""The rules of the tensors: each that the document names is there, with a dtype and a shape that fit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _schema
from ._tensor import TensorInfo
from .error import TraceError

_WEIGHTS = ("F32", "F16", "BF16")


def check(text: str, tensors: Mapping[str, TensorInfo]) -> dict[str, Any]:
    """The document that `text` holds, once it and the tensors are found sound."""
    document = _schema.parse(text)
    left = dict(tensors)

    def take(name: str, wanted_by: str, dtypes: tuple[str, ...]) -> list[int]:
        if name not in left:
            raise TraceError(f"tensor `{name}` is missing: {wanted_by}")
        info = left.pop(name)
        if info.dtype not in dtypes:
            raise TraceError(f"tensor `{name}` has dtype {info.dtype}, expected {_one_of(dtypes)}")
        return info.shape

    length = {name: len(sequence["tokens"]) for name, sequence in document["sequences"].items()}
    heads: dict[str, int] = {}
    for index, block in enumerate(document["attention"]):
        query, key = block["query"], block["key"]
        for layer in range(block["layers"]):
            name = f"attention.{block['name']}.{layer}"
            shape = take(name, f"`attention[{index}].layers` is {block['layers']}", _WEIGHTS)
            expected = [length[query], length[key]]
            if len(shape) != 3 or shape[1:] != expected:
                culprit = key if len(shape) > 1 and shape[1] == length[query] else query
                raise TraceError(
                    f"tensor `{name}` has shape {shape}, expected [heads, {length[query]}, {length[key]}]: "
                    f"sequence `{culprit}` has {length[culprit]} tokens"
                )
            heads[block["name"]] = max(heads.get(block["name"], 0), shape[0])
    for index, hidden in enumerate(document.get("hidden", [])):
        sequence = hidden["sequence"]
        for state in range(hidden["states"]):
            name = f"hidden.{sequence}.{state}"
            shape = take(name, f"`hidden[{index}].states` is {hidden['states']}", _WEIGHTS)
            if len(shape) != 2 or shape[0] != length[sequence]:
                raise TraceError(
                    f"tensor `{name}` has shape {shape}, expected [{length[sequence]}, dim]: "
                    f"sequence `{sequence}` has {length[sequence]} tokens"
                )
    images = document.get("images") or 0
    for image in range(images):
        name = f"image.{image}"
        shape = take(name, f"`images` is {images}", ("U8",))
        if len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise TraceError(f"tensor `{name}` has shape {shape}, expected [height, width, 3]")
    metrics = document.get("head_metrics", [])
    layers = {block["name"]: block["layers"] for block in document["attention"]}
    for index, metric in enumerate(metrics):
        name = f"head_metric.{index}"
        shape = take(name, f"`head_metrics` has {len(metrics)} entries", ("F32",))
        expected = [layers[metric["attention"]], heads[metric["attention"]]]
        if shape != expected:
            raise TraceError(f"tensor `{name}` has shape {shape}, expected {expected}")
    return document


def _one_of(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
