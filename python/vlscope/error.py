"""Why something is not a trace, in the words that the Rust reader uses as well (tests/traces/messages.json)."""

from __future__ import annotations

from pathlib import Path


class TraceError(ValueError):
    """A trace that cannot be read or written. Reads `{message}: {path}`, or `{message}` without a file."""

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message if path is None else f"{message}: {path}")
        self.message = message
        self.path = path
