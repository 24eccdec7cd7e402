"""Values of the JSON document, each with its place, which the message of a refusal names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from . import _json
from ._kinds import one_of
from .error import TraceError


def check_name(fields: dict[str, Any], place: str, key: str, where: str, names: list[str]) -> str:
    """One of `names`, which `where` has."""
    name = string(required(fields, place, key), f"{place}.{key}")
    if name not in names:
        raise TraceError(f'`{place}.{key}` is "{name}", expected a name in `{where}`: {", ".join(names)}')
    return name


def each(root: dict[str, Any], key: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of an optional list, each with its place."""
    for index, value in enumerate(as_list(root.get(key, []), key)):
        place = f"{key}[{index}]"
        yield as_object(value, place), place


def required(fields: dict[str, Any], place: str, key: str) -> Any:
    """What must be there."""
    if key not in fields:
        raise TraceError(f"`{inside(place, key)}` is missing")
    return fields[key]


def optional(fields: dict[str, Any], place: str, key: str, read: Callable[[Any, str], Any]) -> Any:
    """What may be missing or null."""
    value = fields.get(key)
    return None if value is None else read(value, inside(place, key))


def inside(place: str, key: str) -> str:
    """A key of what is at a place."""
    return f"{place}.{key}" if place else key


def as_object(value: Any, place: str) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise _wrong(value, place, "an object")
    return value


def as_list(value: Any, place: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise _wrong(value, place, "a list")
    return value


def string(value: Any, place: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise _wrong(value, place, "a string")
    return value


def boolean(value: Any, place: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(value, place, "a boolean")
    return value


def count(value: Any, place: str) -> int:
    """A whole number."""
    if type(value) is not int or not 0 <= value < 2**64:
        raise _wrong(value, place, "a whole number that is not negative")
    return value


def number(value: Any, place: str) -> float:
    """A finite number."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _wrong(value, place, "a finite number")
    return float(value)


def word(words: list[str]) -> Callable[[Any, str], str]:
    """One of these strings."""

    def read(value: Any, place: str) -> str:
        if value not in words:
            expected = one_of([f'"{word}"' for word in words])
            raise TraceError(f"`{place}` is {_json.dump(value)}, expected {expected}")
        return str(value)

    return read


def spaced(value: Any) -> str:
    """A list with a space behind each comma."""
    return f"[{', '.join(map(_json.dump, value))}]" if isinstance(value, list) else _json.dump(value)


def _wrong(value: Any, place: str, expected: str) -> TraceError:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return TraceError(f"`{place}` is {kinds.get(type(value), 'a number')}, expected {expected}")
