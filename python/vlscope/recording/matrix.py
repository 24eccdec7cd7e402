"""One layer's attention, put together from its calls: steps, windows, chunks, tiles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .call import Call
from .errors import RecordError
from .masks import Allowed
from .relation import Relation
from .row_sums import Computed, Ready
from .spool import Stored
from .weights import weights_of

#: Rows or columns of the whole: a run of them, or their numbers.
_Span = slice | torch.Tensor


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a matrix of a call's batch lies in the whole."""

    call: Call
    batch: int
    rows: _Span
    keys: _Span
    #: Which of the call's stored rows those are; of a window, which of its keys as well: all but padding.
    own: _Span


class Matrix:
    """The attention of one module: `[heads, rows, keys]` for each example."""

    def __init__(self, calls: list[Call], offsets: list[tuple[int, int]], notes: set[str]) -> None:
        first = calls[0]
        self.path, self.invocation, self.forward = first.path, first.invocation, first.forward
        #: Which attention of several in one run of a module it is.
        self.variant = 0
        self.calls = calls
        self._offsets = offsets
        self.notes = set(notes).union(*(call.notes for call in calls))
        self.has_sink = any(call.has_sink for call in calls)
        if self.has_sink:
            self.notes.add("a sink: rows sum to less than 1")
        given = [call.query if call.weights is None else call.weights for call in calls]
        self.heads = next(stored.shape[1] for stored in given if stored is not None)
        self._tiles = _tiles(first) if len(calls) == 1 else 1
        if self._tiles > 1:
            self.notes.add(f"{self._tiles} tiles in the batch")
        self.examples = self._count_examples(first)
        self._is_windowed = first.tokens is not None
        if self._is_windowed:
            self.rows = self.keys = first.token_count
            self.notes.add(f"{first.batch // self.examples} windows in the batch")
        else:
            self.rows = max(row + call.rows for call, (row, _) in zip(calls, offsets, strict=True)) * self._tiles
            self.keys = self._count_keys() * self._tiles
        if first.batch == 1 and (first.examples or 1) > 1:
            self.notes.add(f"all {first.examples} examples in one, or the same for all")
        if first.before and any(call.follows is Relation.CACHED for call in calls):
            self.notes.add(f"the first {first.before} keys were in the cache before")
        self._has_padding = first.tokens is not None and bool((first.tokens < 0).any())
        if self._has_padding:
            self.notes.add("padding in windows takes its share: rows sum to less than 1")
        self.has_copies = self._is_windowed and _has_copies(first)
        if self.has_copies:
            self.notes.add("tokens that are in several windows: their rows are means")
        #: The numbers of the rows that were kept; None where all were.
        self.kept: list[int] | None = self._kept_rows()

    @property
    def is_weights(self) -> bool:
        """Whether weights are there, or queries and keys of which all rows have the same scale."""
        return (
            self.has_copies
            or self._has_padding
            or any(call.weights is not None for call in self.calls)
            or len({call.scale for call in self.calls}) > 1
        )

    @property
    def scale(self) -> float:
        """What scores are multiplied by."""
        return self.calls[0].scale

    def weights(self, example: int) -> torch.Tensor:
        """`[heads, rows, keys]`, float32; rows that see no key are 0."""
        whole = torch.zeros(self.heads, self._row_count, self.keys, dtype=torch.float32, device="cpu")
        keys = None if all(call.query is None for call in self.calls) else self._keys(example)
        counts = torch.zeros(self._row_count, dtype=torch.float32, device="cpu")
        for place in self._places(example):
            rows = self._row_numbers(place)
            part = self._part(place, keys)
            columns = _numbers(place.keys)
            whole[:, rows[:, None], columns[None]] += part
            counts[rows] += 1
        return whole / counts.clamp_min(1)[:, None] if self.has_copies else whole

    def source(
        self, example: int, queries: npt.NDArray[np.int64], keys: npt.NDArray[np.int64], device: torch.device
    ) -> Computed | Ready:
        """What the weights of some rows and keys come from."""
        if self.is_weights or self.kept is not None:
            return Ready(self.weights(example)[:, queries][:, :, keys], device)
        return Computed(self.queries(example)[:, queries], self.keys_of(example)[:, keys], self.scale, device)

    def allowed(self, example: int) -> Allowed:
        """Which keys each row may see, `[rows, keys]`."""
        whole = np.zeros((self._row_count, self.keys), np.bool_)
        for place in self._places(example):
            rows, columns = self._row_numbers(place).numpy(), _numbers(place.keys).numpy()
            whole[np.ix_(rows, columns)] = self._allowed_of(place)
        return whole

    def mask_key(self, example: int) -> tuple[Any, ...]:
        """Equal for matrices of which `allowed` is equal."""
        parts = ((id(call.mask), call.rows, call.keys, *at) for call, at in zip(self.calls, self._offsets, strict=True))
        return (*parts, id(self.calls[0].tokens), self.rows, self.keys, self._tiles, example)

    def queries(self, example: int) -> torch.Tensor:
        """`[heads, rows, dim]`."""
        return self._scattered(example, "query", rows=True)

    def keys_of(self, example: int) -> torch.Tensor:
        """`[key heads, keys, dim]`."""
        return self._keys(example)

    def value_norm(self, example: int) -> torch.Tensor | None:
        """`[heads, keys]`, or None where it was not computed."""
        if any(call.value_norm is None and call.follows is not Relation.SAME_KEYS for call in self.calls):
            return None
        return self._scattered(example, "value_norm", rows=False)

    # How many.

    @property
    def _row_count(self) -> int:
        return self.rows if self.kept is None else len(self.kept)

    def _count_examples(self, first: Call) -> int:
        if first.examples_of_tokens is not None:
            return int(first.examples_of_tokens.max()) + 1
        return first.batch // self._tiles

    def _count_keys(self) -> int:
        pairs = list(zip(self.calls, self._offsets, strict=True))
        if any(call.follows is Relation.CACHED for call in self.calls):
            # A static cache is longer than what is in it.
            return max(call.before + row + call.rows for call, (row, _) in pairs)
        return max(key + call.keys for call, (_, key) in pairs)

    def _kept_rows(self) -> list[int] | None:
        if all(call.kept_rows is None for call in self.calls):
            return None
        kept = [
            row + own
            for call, (row, _) in zip(self.calls, self._offsets, strict=True)
            for own in (range(call.rows) if call.kept_rows is None else call.kept_rows)
        ]
        if self._tiles > 1 or self._is_windowed:
            raise RecordError(f"`{self.path}` has its queries in tiles or windows: record it without `queries`")
        return kept

    # Where.

    def _places(self, example: int) -> Iterator[_Place]:
        if not 0 <= example < max(1, self.examples):
            raise RecordError(f"`{self.path}` has {self.examples} examples, there is none of number {example}")
        first = self.calls[0]
        if first.tokens is not None and first.examples_of_tokens is not None:
            for batch, (tokens, examples) in enumerate(zip(first.tokens, first.examples_of_tokens, strict=True)):
                own = torch.nonzero((examples == example) & (tokens >= 0)).flatten()
                if len(own):
                    yield _Place(first, batch, tokens[own], tokens[own], own)
            return
        for call, (row, key) in zip(self.calls, self._offsets, strict=True):
            for tile in range(self._tiles):
                batch = example * self._tiles + tile
                rows, keys = row + tile * call.rows, key + tile * call.keys
                last = min(keys + call.keys, self.keys)
                stored = slice(0, call.stored_rows)
                yield _Place(call, batch, slice(rows, rows + call.rows), slice(keys, last), stored)

    def _row_numbers(self, place: _Place) -> torch.Tensor:
        """Which rows of the whole a call's kept rows are."""
        numbers = _numbers(place.rows)
        if self.kept is None:
            return numbers
        own = place.call.kept_rows
        numbers = numbers if own is None else numbers[own]
        return torch.searchsorted(torch.tensor(self.kept, device="cpu"), numbers)

    # What.

    def _part(self, place: _Place, keys: torch.Tensor | None) -> torch.Tensor:
        call, own = place.call, place.own
        allowed = self._allowed_of(place)
        seen = torch.from_numpy(allowed)
        if call.weights is not None:
            part = call.weights.read()[place.batch].float()[:, own]
            part = part[:, :, : seen.shape[1]] if isinstance(own, slice) else part[:, :, own]
            return part.masked_fill(~seen.any(-1)[:, None], 0.0)
        assert call.query is not None and keys is not None
        query = call.query.read()[place.batch][:, own]
        if isinstance(own, torch.Tensor) and call.key is not None:
            # A window's padding takes part in the softmax.
            every = torch.from_numpy(self._seen(place)[own.numpy()])
            return weights_of(query, call.key.read()[place.batch], call.scale, every)[:, :, own]
        return weights_of(query, keys[:, place.keys], call.scale, None if allowed.all() else seen)

    @staticmethod
    def _seen(place: _Place) -> Allowed:
        """Which keys each row of a call may see."""
        call = place.call
        if call.mask is None:
            return np.ones((call.queries, call.keys), np.bool_)
        return call.mask.of(place.batch, call.queries, call.keys)

    def _allowed_of(self, place: _Place) -> Allowed:
        call, own = place.call, place.own
        allowed = self._seen(place)
        allowed = allowed[: call.rows] if call.kept_rows is None else allowed[call.kept_rows]
        if isinstance(own, torch.Tensor):
            allowed = allowed[np.ix_(own.numpy(), own.numpy())]
        return allowed if isinstance(place.keys, torch.Tensor) else allowed[:, : place.keys.stop - place.keys.start]

    def _keys(self, example: int) -> torch.Tensor:
        return self._scattered(example, "key", rows=False)

    def _scattered(self, example: int, name: str, *, rows: bool) -> torch.Tensor:
        """A tensor of the calls, by rows or by keys: `[heads, rows or keys, …]`."""
        whole: torch.Tensor | None = None
        for place in self._places(example):
            stored: Stored | None = getattr(place.call, name)
            if stored is None:
                continue
            own: _Span = place.own if rows or isinstance(place.own, torch.Tensor) else slice(None)
            part = stored.read()[place.batch if stored.shape[0] > 1 else 0][:, own]
            if whole is None:
                whole = part.new_zeros(part.shape[0], self._row_count if rows else self.keys, *part.shape[2:])
            if rows:
                numbers = self._row_numbers(place)
            else:
                numbers = _numbers(place.keys)
                if isinstance(place.own, slice):
                    numbers = numbers[place.call.stored_from :]
            whole[:, numbers] = part[:, : len(numbers)]
        assert whole is not None
        return whole


def _numbers(span: _Span) -> torch.Tensor:
    return torch.arange(span.start, span.stop, device="cpu") if isinstance(span, slice) else span


def _tiles(call: Call) -> int:
    """How many matrices of the batch belong to one example."""
    if call.tokens is not None or call.examples is None or call.batch <= call.examples or call.batch % call.examples:
        return 1
    return call.batch // call.examples


def _has_copies(call: Call) -> bool:
    assert call.tokens is not None and call.examples_of_tokens is not None
    numbers = (call.tokens + call.examples_of_tokens * call.token_count)[call.tokens >= 0]
    return len(numbers.unique()) < len(numbers)


def matrices(found: list[list[Call]]) -> list[Matrix]:
    """All matrices, in the order in which the model began them: calls of one run of a module are one if they fit."""
    runs: dict[tuple[str, int, int], list[list[Call]]] = defaultdict(list)
    for calls in found:
        if calls:
            runs[calls[0].path, calls[0].forward, calls[0].invocation].append(calls)
    return [matrix for run in runs.values() for matrix in _of_run(run)]


def _of_run(run: list[list[Call]]) -> list[Matrix]:
    """Calls of one run of a module: what belongs together follows on each other."""
    groups: list[list[list[Call]]] = []
    for calls in run:
        if same := next((group[0] for group in groups if len(group) == 1 and _is_same(group[0], calls)), None):
            same[0].notes.add("computed more than once, for other values")
            same[0].value_norm = None
        elif groups and len(calls) == len(groups[-1][0]) == 1 and _join([group[0] for group in groups[-1]], calls[0]):
            groups[-1].append(calls)
        else:
            groups.append([calls])
    result = []
    for variant, group in enumerate(groups):
        if len(group) == 1:
            (calls,) = group
            steps = {f"{len(calls)} steps"} if len(calls) > 1 else set()
            matrix = Matrix(calls, [(call.first_row, call.first_key) for call in calls], steps)
        else:
            parts = [calls[0] for calls in group]
            rows = np.cumsum([0, *(call.queries for call in parts)])[:-1].tolist()
            is_chunked = _has_same_keys(parts[0], parts[1])
            notes = {f"{len(parts)} {'chunks of queries' if is_chunked else 'windows'}"}
            matrix = Matrix(parts, [(row, 0 if is_chunked else row) for row in rows], notes)
        matrix.variant = variant
        result.append(matrix)
    return result


def _join(group: list[Call], call: Call) -> bool:
    """Whether a call goes on with those before it: further queries on the same keys, or another window."""
    last = group[-1]
    if (call.batch, call.heads, call.scale) != (last.batch, last.heads, last.scale) or call.tokens is not None:
        return False
    if _has_same_keys(last, call):
        if call.given is not None and sum(one.queries for one in group) + call.queries > call.given:
            return False  # no part of the queries, but others
        return len(group) == 1 or _has_same_keys(group[0], last)
    # A window is a part of the tokens: what sees all of them is another attention, such as a head.
    return all(one.queries == one.keys and one.queries != one.given for one in (*group, call))


def _has_same_keys(one: Call, other: Call) -> bool:
    if one.keys != other.keys:
        return False
    if one.key is None or other.key is None:
        # Of weights nothing tells but the counts, since windows are square, and the values.
        has_same_values = one.sample is None or other.sample is None or torch.equal(one.sample, other.sample)
        return has_same_values and (one.queries != one.keys or other.queries != other.keys)
    return torch.equal(one.key.read(), other.key.read())


def _is_same(one: list[Call], other: list[Call]) -> bool:
    """Whether all queries of a module have met all its keys once more."""
    if len(one) != len(other) or one[0].queries not in (one[0].keys, one[0].given):
        return False
    return all(
        (call.batch, call.heads, call.queries, call.keys, call.scale)
        == (again.batch, again.heads, again.queries, again.keys, again.scale)
        and all(_is_equal(*pair) for pair in zip(_stored(call), _stored(again), strict=True))
        for call, again in zip(one, other, strict=True)
    )


def _stored(call: Call) -> tuple[Stored | None, ...]:
    return call.weights, call.query, call.key


def _is_equal(one: Stored | None, other: Stored | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.equal(one.read(), other.read())
