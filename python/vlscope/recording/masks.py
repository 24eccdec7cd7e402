"""Which keys a query may see: from the tensors that models pass, to the kinds of the trace format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

#: As the trace format has it: a name, or a name with its number or spans.
Kind: TypeAlias = "str | dict[str, Any]"
Allowed: TypeAlias = npt.NDArray[np.bool_]

#: What is added to a score to mask it: -inf, the dtype's least, -1e9, -1e4. Swin's -100 leaves a weight.
MASKED_BELOW = -9000.0
#: Rows that are compared at once.
_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Mask:
    """Which keys are seen: causal from the upper left, or `allowed`, `[batch or 1, queries or 1, keys]`, on the CPU."""

    allowed: torch.Tensor | None = None

    def of(self, example: int, queries: int, keys: int) -> Allowed:
        """`[queries, keys]`."""
        if self.allowed is None:
            return rows("causal", queries, keys, 0, queries)
        one = self.allowed[min(example, len(self.allowed) - 1)]
        return one.expand(queries, keys).numpy()


#: One for all layers, which are known to have the same by it.
CAUSAL = Mask()


class MaskReader:
    """Reads masks; layers are given the same tensor, which is read once."""

    def __init__(self) -> None:
        self._last: tuple[torch.Tensor, int, Mask | None, bool] | None = None

    def read(self, given: torch.Tensor) -> tuple[Mask | None, bool]:
        """The mask that `[batch, heads, queries, keys]` holds, and whether it is all that it holds (no bias)."""
        last = self._last
        if last is not None and _is_same(last[0], given) and last[1] == given._version:
            return last[2], last[3]
        values = _unexpanded(given.detach())
        allowed = values if values.dtype == torch.bool else values > MASKED_BELOW
        per_head = allowed.any(1)
        is_plain = bool((allowed == per_head[:, None]).all())
        if values.dtype != torch.bool:
            is_plain = is_plain and not bool((values * allowed).nan_to_num(0, 0, 0).any())
        mask = None if bool(per_head.all()) else Mask(per_head.cpu())
        self._last = (given, given._version, mask, is_plain)
        return mask, is_plain

    def forget(self) -> None:
        """Lets go of the model's tensor."""
        self._last = None


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return (
        one.data_ptr() == other.data_ptr()
        and one.shape == other.shape
        and one.stride() == other.stride()
        and one.dtype == other.dtype
        and one.device == other.device
    )


def _unexpanded(values: torch.Tensor) -> torch.Tensor:
    """Without the repetitions of `expand` over batch, heads and queries."""
    for axis in range(3):
        if values.stride(axis) == 0 and values.shape[axis] > 1:
            values = values.narrow(axis, 0, 1)
    return values


def rows(kind: Kind, queries: int, keys: int, first: int, last: int) -> Allowed:
    """Rows `first` to `last` of a mask of `kind`, `[last - first, keys]`."""
    query, key = np.arange(first, last)[:, None], np.arange(keys)[None]
    if kind == "full":
        return np.ones((last - first, keys), np.bool_)
    causal: Allowed = key <= query
    if kind == "causal":
        return causal
    assert isinstance(kind, dict)
    ((name, value),) = kind.items()
    if name in ("sliding", "prefix"):
        other: Allowed = causal & (key > query - value) if name == "sliding" else causal | (key < value)
        return other
    span_of = np.full(max(queries, keys), -1)
    for index, (begin, end) in enumerate(value):
        span_of[begin:end] = index
    inside: Allowed = (span_of[query] == span_of[key]) & (span_of[query] >= 0)
    result: Allowed = inside if name == "spans" else causal | inside
    return result


def classify(allowed: Allowed) -> Kind:
    """The kind of the trace format that `allowed`, `[queries, keys]`, is; `"stored"` where it is none."""
    queries, keys = allowed.shape
    candidates: list[Kind] = ["full"]
    if queries == keys and queries > 0:
        candidates += ["causal", {"sliding": int(allowed[-1].sum())}, {"prefix": int(allowed[0].sum())}]
        spans = _spans(allowed)
        candidates += [{"spans": spans}, {"causal_but": [span for span in spans if span[1] - span[0] > 1]}]
    return next((kind for kind in candidates if _is(allowed, kind)), "stored")


def _spans(allowed: Allowed) -> list[list[int]]:
    """Runs of tokens of which the first sees the last."""
    found, begin = [], 0
    while begin < len(allowed):
        seen = np.flatnonzero(allowed[begin])
        end = max(begin, int(seen[-1])) + 1 if len(seen) else begin + 1
        found.append([begin, end])
        begin = end
    return found


def _is(allowed: Allowed, kind: Kind) -> bool:
    queries, keys = allowed.shape
    return all(
        np.array_equal(allowed[first : first + _ROWS], rows(kind, queries, keys, first, min(queries, first + _ROWS)))
        for first in range(0, queries, _ROWS)
    )
