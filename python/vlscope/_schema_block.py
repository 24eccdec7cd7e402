"""Attention blocks: their layers, masks, and what is stored of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from . import _json
from ._fields import as_list, boolean, check_name, count, number, optional, required, spaced, string, word
from ._kinds import one_of
from .error import TraceError

#: How many tokens each sequence has.
Lengths = dict[str, int]
_PLAIN = ["full", "causal", "stored"]
#: Those that have a size, by their keys.
_SIZED = ["sliding", "prefix", "spans", "causal_but"]


def check_first_block(fields: dict[str, Any], place: str, lengths: Lengths) -> str:
    """A block of the first version: weights, causal or not. Its name."""
    _check_layer_count(required(fields, place, "layers"), f"{place}.layers")
    name = _check_named(fields, place, lengths)
    optional(fields, place, "causal", boolean)
    return name


def check_block(fields: dict[str, Any], place: str, lengths: Lengths) -> str:
    """A block of the second version. Its name."""
    layers = _check_layers(required(fields, place, "layers"), f"{place}.layers")
    name = _check_named(fields, place, lengths)
    sequence = min((fields["query"], fields["key"]), key=lambda sequence: lengths[sequence])

    def check_masks(value: Any, place: str) -> None:
        if isinstance(value, list):
            if len(value) != layers:
                raise TraceError(f"`{place}` has {len(value)} entries, expected {layers}: one a layer")
            for index, item in enumerate(value):
                _check_mask(item, f"{place}[{index}]", sequence, lengths[sequence])
        else:
            _check_mask(value, place, sequence, lengths[sequence])

    optional(fields, place, "mask", check_masks)
    causal = optional(fields, place, "causal", boolean)
    if causal is not None and fields.get("mask") is not None:
        raise TraceError(f"`{place}` has both `mask` and `causal`, expected one of them")
    optional(fields, place, "scale", number)
    softcap = optional(fields, place, "softcap", number)
    if softcap is not None and softcap <= 0:
        raise TraceError(f"`{place}.softcap` is {fields['softcap']}, expected a number above 0")
    optional(fields, place, "stored", word(["weights", "queries_keys"]))
    optional(fields, place, "sink_share", boolean)
    return name


def _check_named(fields: dict[str, Any], place: str, lengths: Lengths) -> str:
    name = string(required(fields, place, "name"), f"{place}.name")
    for key in ("query", "key"):
        check_name(fields, place, key, "sequences", list(lengths))
    return name


def _check_layer_count(value: Any, place: str) -> int:
    layers = count(value, place)
    if layers == 0:
        raise TraceError(f"`{place}` is 0, expected at least 1")
    return layers


def _check_layers(value: Any, place: str) -> int:
    """How many, or the list of the model's own numbers."""
    if not isinstance(value, list):
        return _check_layer_count(value, place)
    numbers = [count(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if not numbers:
        raise TraceError(f"`{place}` is [], expected at least 1 layer")
    for index, (before, found) in enumerate(pairwise(numbers)):
        if before >= found:
            raise TraceError(
                f"`{place}[{index + 1}]` is {found} behind {before}, expected each layer once, in ascending order"
            )
    return len(numbers)


def _check_mask(value: Any, place: str, sequence: str, tokens: int) -> None:
    if isinstance(value, str) and value in _PLAIN:
        return
    sized = [key for key in _SIZED if key in value] if isinstance(value, dict) else []
    if len(sized) != 1:
        words = ", ".join(f'"{word}"' for word in _PLAIN)
        keys = one_of([f"`{key}`" for key in _SIZED])
        found = spaced(value) if isinstance(value, list) else _json.dump(value)
        raise TraceError(f"`{place}` is {found}, expected {words}, or an object with {keys}")
    (key,) = sized
    place = f"{place}.{key}"
    if key in ("spans", "causal_but"):
        _check_spans(value[key], place, sequence, tokens)
        return
    size = count(value[key], place)
    if key == "sliding" and size == 0:
        raise TraceError(f"`{place}` is 0, expected at least 1")
    if key == "prefix" and size > tokens:
        raise TraceError(f"`{place}` is {size}, expected at most {tokens}: sequence `{sequence}` has {tokens} tokens")


def _check_spans(value: Any, place: str, sequence: str, tokens: int) -> None:
    """`[first, end]` each, ascending, without overlap."""
    least = 0
    for index, item in enumerate(as_list(value, place)):
        is_pair = isinstance(item, list) and len(item) == 2 and all(type(side) is int for side in item)
        if not is_pair or not least <= item[0] < item[1] <= tokens:
            raise TraceError(
                f"`{place}[{index}]` is {spaced(item)}, expected [first, end] with {least} <= first < end <= {tokens}: "
                f"sequence `{sequence}` has {tokens} tokens"
            )
        least = item[1]
