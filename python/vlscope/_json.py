"""JSON as the standard has it: no `NaN`, and an error that knows its place."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class JsonError(ValueError):
    """Malformed JSON."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}")


def parse(text: str | bytes) -> Any:
    """The value that `text` holds."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        # Where the text ends too early, the place is that of its last character, as the Rust reader has it.
        raise JsonError(error.lineno, error.colno - (error.pos >= len(error.doc))) from None
    except UnicodeDecodeError as error:
        raise JsonError(1, error.start + 1) from None
    except (ValueError, RecursionError):
        raise JsonError(1, 1) from None


def dump(value: Any) -> str:
    """`value` as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
