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

#: The names of the tensors of one kind, of each block, sequence or trace, by the number of the layer, state or image.
Names = list[dict[int, str]]


@dataclass(frozen=True)
class _Owner:
    """A block, a sequence, or the trace: what has a number of tensors of a kind."""

    #: What their names have between the kind and the number.
    name: str
    #: What comes behind that, by the member's place.
    numbers: dict[int, int]
    #: The words of the document that ask for a member.
    wanted_by: dict[int, str]


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
        """Those that a document asks for, or may ask for."""
        return [self._names_of(owner) for owner in self._owners(document)]

    def take(self, document: dict[str, Any], tensors: dict[str, TensorInfo], shapes: dict[str, list[int]]) -> Names:
        """Takes those out of `tensors`, checked. `shapes`: of the tensors that were taken before, by their names."""
        taken = []
        for index, owner in enumerate(self._owners(document)):
            names = self._names_of(owner)
            if not self.is_required and not any(name in tensors for name in names.values()):
                names = {}
            for member, name in names.items():
                if name not in tensors:
                    raise TraceError(f"tensor `{name}` is missing: {owner.wanted_by[member]}")
                info = tensors.pop(name)
                self._check(name, info, self._lengths(document, index, member, shapes))
                shapes[name] = info.shape
            taken.append(names)
        return taken

    def _names_of(self, owner: _Owner) -> dict[int, str]:
        return {member: f"{self.name}.{owner.name}{number}" for member, number in owner.numbers.items()}

    def _owners(self, document: Mapping[str, Any]) -> Iterator[_Owner]:
        if self.each == "layer":
            for index, block in enumerate(document["attention"]):
                numbers = dict(enumerate(layer_numbers(block)))
                members = {member: number for member, number in numbers.items() if self._is_of(block, member)}
                wanted_by = {member: self._layer_wanted_by(block, index, member) for member in members}
                yield _Owner(f"{block['name']}.", members, wanted_by)
        elif self.each == "state":
            for index, hidden in enumerate(document.get("hidden", [])):
                yield _counted(f"{hidden['sequence']}.", hidden["states"], f"`hidden[{index}].states` is {{}}")
        elif self.each == "image":
            yield _counted("", document.get("images") or 0, "`images` is {}")
        elif self.each == "head_metric":
            yield _counted("", len(document.get("head_metrics", [])), "`head_metrics` has {} entries")

    def _is_of(self, block: Mapping[str, Any], member: int) -> bool:
        has_weights = (block.get("stored") or "weights") == "weights"
        has = {
            "all": True,
            "weights": has_weights,
            "queries_keys": not has_weights,
            "sinks": not has_weights and bool(block.get("sink_share")),
            "stored_mask": bool(mask_of(block, member) == "stored"),
        }
        return has[self.of]

    def _layer_wanted_by(self, block: Mapping[str, Any], index: int, member: int) -> str:
        place = f"attention[{index}]"
        if self.of == "queries_keys":
            return f'`{place}.stored` is "queries_keys"'
        if self.of == "sinks":
            return f"`{place}.sink_share` is true"
        if self.of == "stored_mask":
            is_one = not isinstance(block.get("mask"), list) or len(block["mask"]) == 1
            return f'`{place}.mask{"" if is_one else f"[{member}]"}` is "stored"'
        layers = block["layers"]
        if isinstance(layers, list) and layers != list(range(len(layers))):
            return f"`{place}.layers[{member}]` is {layers[member]}"
        return f"`{place}.layers` is {len(layer_numbers(block))}"

    def _lengths(
        self, document: dict[str, Any], owner: int, member: int, shapes: dict[str, list[int]]
    ) -> list[_Length]:
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
            if side in ("same_heads", "query_dim", "key_heads"):
                name, shape = _first_of(block, layer_numbers(block)[member], shapes)
                number = shape[2 if side == "query_dim" else 0] if shape else 0
                return _Length(number, word="dim" if side == "query_dim" else "heads", of=name, side=side)
            if side == "layers":
                return _Length(len(layer_numbers(block)))
            if side == "most_heads":
                found = [_first_of(block, number, shapes)[1] for number in layer_numbers(block)]
                return _Length(max((shape[0] for shape in found if shape), default=0))
            if side == "rgb":
                return _Length(3)
            return _Length(1 if side in ("height", "width") else 0, free=side)

        def tokens_of(sequence: str) -> _Length:
            return _Length(len(document["sequences"][sequence]["tokens"]), sequence=sequence)

        return [length(side) for side in self.shape]

    def _check(self, name: str, found: TensorInfo, lengths: list[_Length]) -> None:
        if found.dtype not in self.dtypes:
            raise TraceError(f"tensor `{name}` has dtype {found.dtype}, expected {one_of(self.dtypes)}")
        # A dimension that is not there fits nothing.
        pairs = list(zip(lengths, found.shape + [-1] * len(lengths), strict=False))
        if len(found.shape) == len(lengths) and all(length.fits(side) for length, side in pairs):
            return
        # Why the first that does not fit should, or the last that has a reason.
        reasons = [length.reason() for length, side in pairs if not length.fits(side)]
        reasons += [length.reason() for length in reversed(lengths)]
        why = next((f": {reason}" for reason in reasons if reason), "")
        expected = ", ".join(map(str, lengths))
        raise TraceError(f"tensor `{name}` has shape {found.shape}, expected [{expected}]{why}")


@dataclass(frozen=True)
class _Length:
    """How long a dimension may be: `number`, or from that on where it is free and has a name."""

    number: int
    free: str | None = None
    #: Whose tokens are counted.
    sequence: str | None = None
    #: Of which other tensor it is, and what is counted there.
    of: str | None = None
    word: str = ""
    side: str = ""

    def fits(self, side: int) -> bool:
        if self.side == "key_heads":
            return side == self.number or (side > 0 and self.number % side == 0)
        return side == self.number if self.free is None else side >= self.number

    def reason(self) -> str | None:
        """Where it is from."""
        if self.sequence is not None:
            return f"sequence `{self.sequence}` has {self.number} tokens"
        return None if self.of is None else f"`{self.of}` has {self.number} {self.word}"

    def __str__(self) -> str:
        return self.free or (f"a divisor of {self.number}" if self.side == "key_heads" else str(self.number))


def layer_numbers(block: Mapping[str, Any]) -> list[int]:
    """The model's own numbers of a block's layers."""
    layers = block["layers"]
    return list(layers) if isinstance(layers, list) else list(range(layers))


def mask_of(block: Mapping[str, Any], member: int) -> Any:
    """The mask of one layer, as the document has it."""
    mask = block.get("mask")
    if mask is None:
        return "causal" if block.get("causal") else "full"
    return mask[member if len(mask) > 1 else 0] if isinstance(mask, list) else mask


def one_of(names: list[str]) -> str:
    """`a, b or c`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _counted(name: str, count: int, words: str) -> _Owner:
    return _Owner(name, {member: member for member in range(count)}, dict.fromkeys(range(count), words.format(count)))


def _first_of(block: Mapping[str, Any], number: int, shapes: dict[str, list[int]]) -> tuple[str, list[int] | None]:
    """The tensor that gives a layer its heads and its dim."""
    names = [f"{kind}.{block['name']}.{number}" for kind in ("attention", "query")]
    name = next((name for name in names if name in shapes), names[0])
    return name, shapes.get(name)


#: What there is one tensor of each of; _extras has the kinds that belong to none of these.
_EACH = ("layer", "state", "image", "head_metric")
_TABLE = json.loads((Path(__file__).parent / "tensor_kinds.json").read_text())
#: The versions of the format that are read. What is written has the first one that can hold it.
FORMATS: list[int] = _TABLE["formats"]
#: By their names, in the order in which they are looked for.
KINDS = {row["name"]: TensorKind(**row) for row in _TABLE["tensors"] if row["each"] in _EACH}
