"""Checks the JSON document of a trace. Refuses what the Rust reader refuses, with the same words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

FORMAT = 1


class Refused(ValueError):
    """The message says what was found and what was expected, without the file."""


def parse(text: str) -> dict[str, Any]:
    """Reads and checks a document."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Refused(
            f"`vlscope` in `__metadata__` is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from error
    check(document)
    return dict(document)


def check(document: Any) -> None:
    """Every name that is used exists, every box lies in its image."""
    root = _object(document, "vlscope")
    version = _required(root, "", "format")
    if version != FORMAT or isinstance(version, bool):
        raise Refused(
            f"`format` is {json.dumps(version)}, expected {FORMAT}: this version of vlscope reads format {FORMAT}"
        )
    for key, read in {
        "id": _string,
        "model": _object,
        "images": _count,
        "outputs": _object,
        "attributes": _object,
    }.items():
        if root.get(key) is not None:
            read(root[key], key)
    images = root.get("images") or 0
    sequences = _object(_required(root, "", "sequences"), "sequences")
    for name, sequence in sequences.items():
        place = f"sequences.{name}"
        tokens = _list(_required(_object(sequence, place), place, "tokens"), f"{place}.tokens")
        for index, token in enumerate(tokens):
            _check_token(_object(token, f"{place}.tokens[{index}]"), f"{place}.tokens[{index}]", images)
    blocks: list[str] = []
    for index, value in enumerate(_list(_required(root, "", "attention"), "attention")):
        place = f"attention[{index}]"
        block = _object(value, place)
        layers = _count(_required(block, place, "layers"), f"{place}.layers")
        if layers == 0:
            raise Refused(f"`{place}.layers` is 0, expected at least 1")
        name = _string(_required(block, place, "name"), f"{place}.name")
        for side in ("query", "key"):
            _check_name(block, place, side, "sequences", list(sequences))
        if block.get("causal") is not None:
            _boolean(block["causal"], f"{place}.causal")
        if name in blocks:
            raise Refused(f'`{place}.name` is "{name}", which another block has')
        blocks.append(name)
    for place, hidden in _each(root, "hidden"):
        _check_name(hidden, place, "sequence", "sequences", list(sequences))
        _count(_required(hidden, place, "states"), f"{place}.states")
    for place, region in _each(root, "regions"):
        _check_image_area(region, place, images)
        _string(_required(region, place, "label"), f"{place}.label")
    for place, metric in _each(root, "head_metrics"):
        _string(_required(metric, place, "name"), f"{place}.name")
        _check_name(metric, place, "attention", "attention", blocks)


def _check_token(token: Mapping[str, Any], place: str, images: int) -> None:
    if "text" in token and "image" in token:
        raise Refused(f"`{place}` has both `text` and `image`, expected one of them")
    if "text" in token:
        _string(token["text"], f"{place}.text")
    elif "image" in token:
        _check_image_area(token, place, images)
    else:
        raise Refused(f"`{place}` has neither `text` nor `image`, expected one of them")
    if token.get("special") is not None:
        _boolean(token["special"], f"{place}.special")
    if token.get("segment") is not None:
        _string(token["segment"], f"{place}.segment")


def _check_image_area(fields: Mapping[str, Any], place: str, images: int) -> None:
    image = _count(_required(fields, place, "image"), f"{place}.image")
    if image >= images:
        raise Refused(f"`{place}.image` is {image}, expected less than {images}: `images` is {images}")
    box = _required(fields, place, "box")
    numbers = isinstance(box, list) and len(box) == 4 and all(_is_number(side) for side in box)
    if numbers:
        x0, y0, x1, y1 = box
        if 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1:
            return
    raise Refused(
        f"`{place}.box` is {json.dumps(box)}, expected [x0, y0, x1, y1] with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1"
    )


def _check_name(fields: Mapping[str, Any], place: str, key: str, where: str, names: Sequence[str]) -> None:
    name = _string(_required(fields, place, key), f"{place}.{key}")
    if name not in names:
        raise Refused(f'`{place}.{key}` is "{name}", expected a name in `{where}`: {", ".join(names)}')


def _each(root: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
    items = _list(root[key], key) if key in root else []
    return [(f"{key}[{index}]", _object(item, f"{key}[{index}]")) for index, item in enumerate(items)]


def _required(fields: Mapping[str, Any], place: str, key: str) -> Any:
    if key not in fields:
        raise Refused(f"`{place}.{key}` is missing" if place else f"`{key}` is missing")
    return fields[key]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _wrong(value: Any, place: str, expected: str) -> Refused:
    kinds = {type(None): "null", bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return Refused(f"`{place}` is {kinds.get(type(value), 'a number')}, expected {expected}")


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, place, "an object")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(value, place, "a list")
    return value


def _string(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, place, "a string")
    return value


def _boolean(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, place, "a boolean")
    return value


def _count(value: Any, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(value, place, "a whole number that is not negative")
    return value
