"""Calls that belong to one matrix: steps of generation, and what a cache holds between them.

A track is one matrix in the making. A call goes on with a track where its keys say so: the last key that the track has
seen is still there (a cache), or all keys are the same (cross-attention). Shapes alone cannot tell a static cache,
which is as long from the start, from cross-attention, nor a second prompt from a model without a cache; a few keys can.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .call import Heard
from .relation import Relation

#: How far recomputed values may be from those before: other shapes add in another order.
_RECOMPUTED = 1e-2


@dataclass(eq=False)
class Track:
    """What is remembered of a matrix to tell whether a call goes on with it."""

    forward: int
    shape: tuple[int, int]
    rows: int = 0
    keys: int = 0
    #: Of the last row: its query, the place of its own key among those that were there, that key, and the one behind.
    last_query: torch.Tensor | None = None
    place: int = 0
    last_key: torch.Tensor | None = None
    next_key: torch.Tensor | None = None
    first_key: torch.Tensor | None = None
    #: Of the last call: how many rows, and the last query or row of weights.
    count: int = 0
    last_row: torch.Tensor | None = None
    #: How the second call followed; all others do likewise.
    follows: Relation | None = None

    @classmethod
    def begin(cls, heard: Heard, forward: int) -> Track:
        """The first call of a matrix."""
        track = cls(forward, (heard.batch, heard.heads))
        track.go_on(heard, forward, 0)
        return track

    def go_on(self, heard: Heard, forward: int, first_key: int) -> None:
        """Takes the rows of a call whose keys begin at `first_key`."""
        self.rows += heard.queries
        self.forward, self.keys = forward, heard.keys
        self.count, self.last_row = heard.queries, _last_row(heard)
        self.last_query = None if heard.query is None else heard.query[:, :, -1:].clone()
        self.place = self.rows - 1 - first_key
        self.first_key, self.last_key, self.next_key = (_key(heard, at) for at in (0, self.place, self.place + 1))

    def relation(self, heard: Heard, forward: int) -> Relation:
        """What `heard` is to the calls so far."""
        if self.shape != (heard.batch, heard.heads) or not heard.key.shape[2]:
            return Relation.NEW
        # Where one token is repeated, values of a first layer are, too: what is known to be a cache stays one.
        if forward != self.forward and self.follows is not Relation.CACHED and self._has_same_keys(heard):
            if heard.queries == self.count > 1 and _equal(_last_row(heard), self.last_row):
                return Relation.NEW  # the same input once more
            return Relation.AGAIN if self._repeats(heard) else Relation.SAME_KEYS
        if self.follows is Relation.SAME_KEYS:
            return Relation.NEW
        place = self.rows - 1 - self.first_key_of(heard)
        if heard.keys >= heard.queries and place >= 0:
            found = _key(heard, place)
            if _equal(found, self.last_key):
                return Relation.CACHED
            if heard.keys == self.rows + heard.queries and _is_permuted(found, self.last_key):
                return Relation.REORDERED
        if forward != self.forward and heard.queries == heard.keys and self._repeats(heard):
            return Relation.AGAIN
        return Relation.NEW

    def first_key_of(self, heard: Heard) -> int:
        """Which key of the matrix is the first that a call with a cache sees: a sliding cache drops the oldest."""
        return max(0, self.rows + heard.queries - heard.keys)

    def _has_same_keys(self, heard: Heard) -> bool:
        places = (0, self.place, self.place + 1)
        before = (self.first_key, self.last_key, self.next_key)
        return heard.keys == self.keys and all(
            key is None or _equal(_key(heard, at), key) for at, key in zip(places, before, strict=True)
        )

    def _repeats(self, heard: Heard) -> bool:
        """Whether the rows so far are computed again, followed by others."""
        if heard.queries <= self.rows:
            return False
        if heard.query is None or self.last_query is None:
            return _is_near(_key(heard, self.rows - 1), self.last_key)
        return _is_near(heard.query[:, :, self.rows - 1 : self.rows], self.last_query)


def _last_row(heard: Heard) -> torch.Tensor | None:
    rows = heard.weights if heard.query is None else heard.query
    return None if rows is None else rows[:, :, -1:].clone()


def _key(heard: Heard, place: int) -> torch.Tensor | None:
    """One key of each head, `[batch, heads, 1, dim]`; None where there are not so many."""
    return heard.key[:, :, place : place + 1].clone() if 0 <= place < heard.key.shape[2] else None


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape and torch.equal(one, other)


def _is_near(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    if one is None or other is None or one.shape != other.shape:
        return False
    return bool((one - other).abs().max() <= _RECOMPUTED * other.abs().max())


def _is_permuted(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    """Whether each row of the batch is some row of the other batch."""
    if one is None or other is None or len(one) < 2:
        return False
    is_same = (one[:, None] == other[None]).flatten(2).all(2)
    return bool(is_same.any(1).all())
