"""The rules of the JSON document: every name that is used exists, every box lies in its image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import _json
from ._kinds import FORMAT, FORMATS
from .error import TraceError


def parse(text: str) -> dict[str, Any]:
    """The document, checked. Keys that we do not know stay in it."""
    try:
        root = _json.parse(text)
    except _json.JsonError as error:
        raise TraceError(f"`vlscope` in `__metadata__` is not valid JSON: {error}") from None
    root = _object(root, "vlscope")
    version = _required(root, "", "format")
    if type(version) is not int or version not in FORMATS:
        first, last = FORMATS[0], FORMATS[-1]
        raise TraceError(
            f"`format` is {_json.dump(version)}, expected {first} or {last}: "
            f"this version of vlscope reads formats {first} and {last}"
        )
    if version != FORMAT:
        raise TraceError(f"`format` is {version}, expected {FORMAT}: the Python package reads format {FORMAT}")
    _optional(root, "", "id", _string)
    _optional(root, "", "model", _object)
    images = _optional(root, "", "images", _count) or 0
    _optional(root, "", "outputs", _object)
    _optional(root, "", "attributes", _object)
    sequences = _object(_required(root, "", "sequences"), "sequences")
    for name, sequence in sequences.items():
        place = f"sequences.{name}"
        tokens = _required(_object(sequence, place), place, "tokens")
        for index, token in enumerate(_list(tokens, f"{place}.tokens")):
            _check_token(token, f"{place}.tokens[{index}]", images)
    _required(root, "", "attention")
    blocks: list[str] = []
    for fields, place in _each(root, "attention"):
        name = _check_block(fields, place, list(sequences))
        if name in blocks:
            raise TraceError(f'`{place}.name` is "{name}", which another block has')
        blocks.append(name)
    for fields, place in _each(root, "hidden"):
        _check_name(fields, place, "sequence", "sequences", list(sequences))
        _count(_required(fields, place, "states"), f"{place}.states")
    for fields, place in _each(root, "regions"):
        _check_image_box(fields, place, images)
        _string(_required(fields, place, "label"), f"{place}.label")
    for fields, place in _each(root, "head_metrics"):
        _string(_required(fields, place, "name"), f"{place}.name")
        _check_name(fields, place, "attention", "attention", blocks)
    return root


def _check_token(value: Any, place: str, images: int) -> None:
    fields = _object(value, place)
    if "text" in fields and "image" in fields:
        raise TraceError(f"`{place}` has both `text` and `image`, expected one of them")
    if "text" in fields:
        _string(fields["text"], f"{place}.text")
    elif "image" in fields:
        _check_image_box(fields, place, images)
    else:
        raise TraceError(f"`{place}` has neither `text` nor `image`, expected one of them")
    _optional(fields, place, "special", _boolean)
    _optional(fields, place, "segment", _string)


def _check_block(fields: dict[str, Any], place: str, sequences: list[str]) -> str:
    if _count(_required(fields, place, "layers"), f"{place}.layers") == 0:
        raise TraceError(f"`{place}.layers` is 0, expected at least 1")
    name = _string(_required(fields, place, "name"), f"{place}.name")
    _check_name(fields, place, "query", "sequences", sequences)
    _check_name(fields, place, "key", "sequences", sequences)
    _optional(fields, place, "causal", _boolean)
    return name


def _check_image_box(fields: dict[str, Any], place: str, images: int) -> None:
    image = _count(_required(fields, place, "image"), f"{place}.image")
    if image >= images:
        raise TraceError(f"`{place}.image` is {image}, expected less than {images}: `images` is {images}")
    box = _required(fields, place, "box")
    if not _is_box(box):
        found = f"[{', '.join(map(_json.dump, box))}]" if isinstance(box, list) else _json.dump(box)
        raise TraceError(
            f"`{place}.box` is {found}, expected [x0, y0, x1, y1] with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1"
        )


def _is_box(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4 or any(type(side) not in (int, float) for side in value):
        return False
    x0, y0, x1, y1 = value
    return bool(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1)


def _check_name(fields: dict[str, Any], place: str, key: str, where: str, names: list[str]) -> None:
    name = _string(_required(fields, place, key), f"{place}.{key}")
    if name not in names:
        raise TraceError(f'`{place}.{key}` is "{name}", expected a name in `{where}`: {", ".join(names)}')


def _each(root: dict[str, Any], key: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of an optional list, each with its place."""
    for index, value in enumerate(_list(root.get(key, []), key)):
        place = f"{key}[{index}]"
        yield _object(value, place), place


def _required(fields: dict[str, Any], place: str, key: str) -> Any:
    if key not in fields:
        raise TraceError(f"`{_inside(place, key)}` is missing")
    return fields[key]


def _optional(fields: dict[str, Any], place: str, key: str, read: Callable[[Any, str], Any]) -> Any:
    value = fields.get(key)
    return None if value is None else read(value, _inside(place, key))


def _inside(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _object(value: Any, place: str) -> dict[str, Any]:
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
    if type(value) is not int or not 0 <= value < 2**64:
        raise _wrong(value, place, "a whole number that is not negative")
    return value


def _wrong(value: Any, place: str, expected: str) -> TraceError:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return TraceError(f"`{place}` is {kinds.get(type(value), 'a number')}, expected {expected}")
