"""Tensors of version 2 that belong to no layer: relevance, what states decode to, statistics of heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._fields import as_list, boolean, check_name, count, each, number, optional, required, string
from ._kinds import layer_numbers, one_of
from ._tensor import TensorInfo
from .error import TraceError

#: The state of `words` that is no hidden state: the output itself.
LOGITS = "logits"
_FLOATS = ["F32", "F16"]
#: What holds for their values; for all others, that they are finite.
VALUES = {"statistics": "finite_or_nan", "word_scores": "finite_or_nothing"}


def check(document: dict[str, Any], tensors: dict[str, TensorInfo]) -> None:
    """Refuses what does not fit."""
    lengths = {name: len(sequence["tokens"]) for name, sequence in document["sequences"].items()}
    times = optional(document, "", "image_times", as_list)
    if times is not None:
        for index, time in enumerate(times):
            if time is not None:
                number(time, f"image_times[{index}]")
        if len(times) != document.get("images", 0):
            raise TraceError(
                f"`image_times` has {len(times)} entries, expected {document.get('images', 0)}: one an image"
            )
    names = []
    for fields, place in each(document, "relevance"):
        name = string(required(fields, place, "name"), f"{place}.name")
        if name in names:
            raise TraceError(f'`{place}.name` is "{name}", which another relevance has')
        names.append(name)
        _check_relevance(fields, place, name, lengths, document["attention"], tensors)
    if document.get("words"):
        _fits(tensors, "vocabulary", ["U8"], ["bytes"], "`words`")
    for fields, place in each(document, "words"):
        _check_words(fields, place, lengths, tensors)
    for index, block in enumerate(document["attention"]):
        statistics = optional(block, f"attention[{index}]", "statistics", as_list)
        if statistics:
            for at, name in enumerate(statistics):
                string(name, f"attention[{index}].statistics[{at}]")
            tensor = f"statistics.{block['name']}"
            shape = [len(layer_numbers(block)), "heads", len(statistics)]
            _fits(tensors, tensor, ["F32"], shape, f"`attention[{index}].statistics`")


def _check_relevance(
    fields: dict[str, Any],
    place: str,
    name: str,
    lengths: dict[str, int],
    blocks: list[dict[str, Any]],
    tensors: dict[str, TensorInfo],
) -> None:
    if fields.get("attention") is not None:
        check_name(fields, place, "attention", "attention", [block["name"] for block in blocks])
    sequence = check_name(fields, place, "sequence", "sequences", list(lengths))
    targets = as_list(required(fields, place, "targets"), f"{place}.targets")
    of = sequence
    if fields.get("target_sequence") is not None:
        of = check_name(fields, place, "target_sequence", "sequences", list(lengths))
    for index, target in enumerate(targets):
        if count(target, f"{place}.targets[{index}]") >= lengths[of]:
            raise TraceError(
                f"`{place}.targets[{index}]` is {target}, expected less than {lengths[of]}: "
                f"sequence `{of}` has {lengths[of]} tokens"
            )
    optional(fields, place, "signed", boolean)
    optional(fields, place, "source", string)
    tensor = f"relevance.{name}"
    heads: list[int | str] = []
    if fields.get("attention") is not None:
        block = next(block for block in blocks if block["name"] == fields["attention"])
        heads = [len(layer_numbers(block)), "heads"]
    _fits(tensors, tensor, _FLOATS, [len(targets), *heads, lengths[sequence]], f"`{place}`")


def _check_words(fields: dict[str, Any], place: str, lengths: dict[str, int], tensors: dict[str, TensorInfo]) -> None:
    sequence = check_name(fields, place, "sequence", "sequences", list(lengths))
    for index, state in enumerate(as_list(required(fields, place, "states"), f"{place}.states")):
        if state != LOGITS:
            count(state, f"{place}.states[{index}]")
        shape = [lengths[sequence], "k"]
        words = _fits(tensors, f"words.{sequence}.{state}", ["I32"], shape, f"`{place}`")
        _fits(tensors, f"word_scores.{sequence}.{state}", _FLOATS, words.shape, f"`{place}`")


def _fits(
    tensors: Mapping[str, TensorInfo], name: str, dtypes: list[str], shape: list[Any], wanted_by: str
) -> TensorInfo:
    """Numbers in `shape` are exact, words are free."""
    if name not in tensors:
        raise TraceError(f"tensor `{name}` is missing: {wanted_by} names it")
    found = tensors[name]
    if found.dtype not in dtypes:
        raise TraceError(f"tensor `{name}` has dtype {found.dtype}, expected {one_of(dtypes)}")
    if len(found.shape) != len(shape) or any(
        isinstance(side, int) and side != length for side, length in zip(shape, found.shape, strict=True)
    ):
        raise TraceError(f"tensor `{name}` has shape {found.shape}, expected [{', '.join(map(str, shape))}]")
    return found
