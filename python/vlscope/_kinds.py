"""The tensors of a trace, one row a kind.

tensor_kinds.json is the table of the Rust reader (src/trace/kinds.rs), whose tests write it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._tensor import TensorInfo
from .error import TraceError

#: The names of the tensors of one kind, of each block, sequence or trace.
Names = list[list[str]]


@dataclass(frozen=True)
class _Owner:
    """A block, a sequence, or the trace: what has a number of tensors of a kind."""

    #: What their names have between the kind and the number.
    name: str
    count: int
    wanted_by: str


@dataclass(frozen=True)
class TensorKind:
    """Tensors of one meaning."""

    name: str
    #: The version of the format that brought it.
    since: int
    each: str
    #: Which layers have it; always "all" if these are not layers.
    of: str
    shape: list[str]
    dtypes: list[str]
    is_required: bool
    values: str

    def names(self, document: Mapping[str, Any]) -> Names:
        """Those that a document asks for."""
        return [self._names_of(owner) for owner in self._owners(document)]

    def take(self, document: dict[str, Any], tensors: dict[str, TensorInfo], heads: dict[str, int]) -> Names:
        """Takes those out of `tensors`, checked. `heads`: the most heads that a layer of each block has."""
        taken = []
        for index, owner in enumerate(self._owners(document)):
            names = self._names_of(owner)
            if not self.is_required and not any(name in tensors for name in names):
                names = []
            for member, name in enumerate(names):
                if name not in tensors:
                    raise TraceError(f"tensor `{name}` is missing: {owner.wanted_by}")
                self._check(name, tensors.pop(name), self._lengths(document, index, member, heads))
            taken.append(names)
        return taken

    def _names_of(self, owner: _Owner) -> list[str]:
        return [f"{self.name}.{owner.name}{member}" for member in range(owner.count)]

    def _owners(self, document: Mapping[str, Any]) -> Iterator[_Owner]:
        if self.each == "layer":
            for index, block in enumerate(document["attention"]):
                yield _Owner(f"{block['name']}.", block["layers"], f"`attention[{index}].layers` is {block['layers']}")
        elif self.each == "state":
            for index, hidden in enumerate(document.get("hidden", [])):
                yield _Owner(
                    f"{hidden['sequence']}.", hidden["states"], f"`hidden[{index}].states` is {hidden['states']}"
                )
        elif self.each == "image":
            images = document.get("images") or 0
            yield _Owner("", images, f"`images` is {images}")
        elif self.each == "head_metric":
            metrics = len(document.get("head_metrics", []))
            yield _Owner("", metrics, f"`head_metrics` has {metrics} entries")

    def _lengths(self, document: dict[str, Any], owner: int, member: int, heads: dict[str, int]) -> list[_Length]:
        """How long each dimension may be."""
        block: dict[str, Any] = {}
        if self.each == "layer":
            block = document["attention"][owner]
        elif self.each == "head_metric":
            name = document["head_metrics"][member]["attention"]
            block = next(block for block in document["attention"] if block["name"] == name)

        def length(side: str) -> _Length:
            if side in ("queries", "keys"):
                return tokens_of(block["query" if side == "queries" else "key"])
            if side == "tokens":
                return tokens_of(document["hidden"][owner]["sequence"])
            if side in ("layers", "most_heads"):
                return _Length(block["layers"] if side == "layers" else heads[block["name"]])
            if side == "rgb":
                return _Length(3)
            return _Length(1 if side in ("height", "width") else 0, free=side)

        def tokens_of(sequence: str) -> _Length:
            return _Length(len(document["sequences"][sequence]["tokens"]), sequence=sequence)

        return [length(side) for side in self.shape]

    def _check(self, name: str, found: TensorInfo, lengths: list[_Length]) -> None:
        if found.dtype not in self.dtypes:
            raise TraceError(f"tensor `{name}` has dtype {found.dtype}, expected {_one_of(self.dtypes)}")
        # A dimension that is not there fits nothing.
        pairs = list(zip(lengths, found.shape + [-1] * len(lengths), strict=False))
        if len(found.shape) == len(lengths) and all(length.fits(side) for length, side in pairs):
            return
        # Whose tokens were counted otherwise: the first that does not fit, or the last.
        counted = [(length, side) for length, side in pairs if length.sequence is not None]
        wrong = [length for length, side in counted if not length.fits(side)] + [length for length, _ in counted[-1:]]
        why = f": sequence `{wrong[0].sequence}` has {wrong[0]} tokens" if wrong else ""
        expected = ", ".join(map(str, lengths))
        raise TraceError(f"tensor `{name}` has shape {found.shape}, expected [{expected}]{why}")


@dataclass(frozen=True)
class _Length:
    """How long a dimension may be: `number`, or from that on where it is free and has a name."""

    number: int
    free: str | None = None
    #: Whose tokens are counted.
    sequence: str | None = None

    def fits(self, side: int) -> bool:
        return side == self.number if self.free is None else side >= self.number

    def __str__(self) -> str:
        return self.free or str(self.number)


def _one_of(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


_TABLE = json.loads((Path(__file__).parent / "tensor_kinds.json").read_text())
#: The versions of the format that the Rust reader reads.
FORMATS: list[int] = _TABLE["formats"]
#: The version of the format that is read and written here.
FORMAT: int = FORMATS[0]
#: By their names, in the order in which they are looked for.
KINDS = {row["name"]: TensorKind(**row) for row in _TABLE["tensors"] if row["since"] <= FORMAT}
