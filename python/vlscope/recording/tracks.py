"""Calls that belong to one matrix: steps of generation, and what a cache holds between them.

A track is one matrix in the making. A call goes on with a track where its keys say so: the last key that the track has
seen is still there (a cache), or all keys are the same (cross-attention). Shapes alone cannot tell a static cache,
which is as long from the start, from cross-attention, nor a second prompt from a model without a cache; a few keys can.
They tell drafts that were not taken (assisted generation) as well, of which the cache lets go, and streams that take
turns (classifier-free guidance), which are tracks beside each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from .call import Call, Heard
from .relation import Relation

#: How far recomputed values may be from those before: other shapes add in another order.
_RECOMPUTED = 1e-2
#: And what a quantised cache gives back, as a share of what was put in.
_ROUGH = 0.2
#: How many of the last keys are remembered: drafts are shorter.
_TAIL = 128
#: How many streams may take turns.
_STREAMS = 4


@dataclass(eq=False)
class Track:
    """What is remembered of a matrix to tell whether a call goes on with it."""

    forward: int
    shape: tuple[int, int]
    #: How many keys were in a cache before the first row.
    before: int = 0
    rows: int = 0
    keys: int = 0
    #: Of the last row: its query, the place of its own key among those that were there, that key, and the one behind.
    last_query: torch.Tensor | None = None
    place: int = 0
    last_key: torch.Tensor | None = None
    next_key: torch.Tensor | None = None
    first_key: torch.Tensor | None = None
    #: The keys of the last rows, from the key `tail_key` on, which in the last call is the key `tail_at`.
    tail: torch.Tensor | None = None
    tail_key: int = 0
    tail_at: int = 0
    #: Of the last call: how many rows, and the last query or row of weights.
    count: int = 0
    last_row: torch.Tensor | None = None
    #: Its cache gives back other keys than it was given.
    is_rough: bool = False
    #: How the second call followed; all others do likewise.
    follows: Relation | None = None

    @classmethod
    def begin(cls, heard: Heard, forward: int) -> Track:
        """The first call of a matrix."""
        track = cls(forward, (heard.batch, heard.heads), max(0, _last_seen(heard) + 1 - heard.queries))
        track.go_on(heard, forward, 0)
        return track

    def go_on(self, heard: Heard, forward: int, first_key: int) -> None:
        """Takes the rows of a call whose keys begin at `first_key`."""
        first = self.end - 1
        self.rows += heard.queries
        self.forward, self.keys = forward, heard.keys
        self.count, self.last_row = heard.queries, _last_row(heard)
        self.last_query = None if heard.query is None else heard.query[:, :, -1:].clone()
        self.place = self.end - 1 - first_key
        self.first_key, self.last_key, self.next_key = (_key(heard, at) for at in (0, self.place, self.place + 1))
        self.tail_at = max(0, first - first_key, self.place + 1 - _TAIL)
        self.tail_key = self.tail_at + first_key
        self.tail = heard.key[:, :, self.tail_at : self.place + 1].clone()

    @property
    def end(self) -> int:
        """How many keys the last row may see at most."""
        return self.before + self.rows

    def undo(self, last: int) -> None:
        """The cache lets go of the keys from `last` on."""
        self.rows = last - self.before

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
        place = self.end - 1 - self.first_key_of(heard)
        if heard.keys >= heard.queries and place >= 0:
            found = _key(heard, place)
            if _equal(found, self.last_key):
                return Relation.CACHED
            if self._has_undone(heard):
                return Relation.UNDONE
            if _is_permuted(found, self.last_key):
                return Relation.REORDERED
            if heard.keys == self.end + heard.queries and _is_near(found, self.last_key, _ROUGH):
                return Relation.ROUGH
        if forward != self.forward and heard.queries == heard.keys and self._repeats(heard):
            return Relation.AGAIN
        return Relation.NEW

    def first_key_of(self, heard: Heard) -> int:
        """Which key of the matrix is the first that a call with a cache sees: a sliding cache drops the oldest."""
        return max(0, self.end + heard.queries - heard.keys)

    def _has_same_keys(self, heard: Heard) -> bool:
        if heard.keys != self.keys:
            return False
        ends = ((0, self.first_key), (self.place + 1, self.next_key))
        return all(key is None or _equal(_key(heard, at), key) for at, key in ends) and _equal(
            heard.key[:, :, self.tail_at : self.place + 1], self.tail
        )

    def _has_undone(self, heard: Heard) -> bool:
        """Whether the cache ends in one of the last rows."""
        kept = heard.keys - heard.queries
        place = kept - 1 - self.tail_key
        if self.tail is None or not self.before < kept < self.end or not 0 <= place < self.tail.shape[2]:
            return False
        return _equal(_key(heard, kept - 1), self.tail[:, :, place : place + 1])

    def _repeats(self, heard: Heard) -> bool:
        """Whether the rows so far are computed again, followed by others."""
        if heard.queries <= self.rows:
            return False
        if heard.query is None or self.last_query is None:
            return _is_near(_key(heard, self.rows - 1), self.last_key)
        return _is_near(heard.query[:, :, self.rows - 1 : self.rows], self.last_query)


@dataclass(eq=False)
class Tracks:
    """Those of one module, the one that was gone on with last in front, each with the calls of its matrix."""

    streams: list[tuple[Track, list[Call]]] = field(default_factory=list)

    def find(self, heard: Heard, forward: int) -> tuple[Track | None, list[Call], Relation]:
        """What goes on with `heard`; None where nothing does.

        Streams that take turns have caches: a model without one that reads two prompts, and a third that begins like
        the first, goes on with none.
        """
        relations = [track.relation(heard, forward) for track, _ in self.streams]
        place = next((at for at, relation in enumerate(relations) if relation in (Relation.CACHED, Relation.UNDONE)), 0)
        if not relations or relations[place] is Relation.NEW:
            return None, [], Relation.NEW
        track, calls = self.streams.pop(place)
        self.streams.insert(0, (track, calls))
        return track, calls, relations[place]

    def begin(self, track: Track, calls: list[Call], relation: Relation) -> None:
        """A track in the place of the last one, where its rows are computed again, or in front of it."""
        if relation is Relation.AGAIN:
            del self.streams[0]
        self.streams.insert(0, (track, calls))
        del self.streams[_STREAMS:]


def _last_seen(heard: Heard) -> int:
    """The last key that the last query sees. Where a cache was filled before, there are so many more than queries."""
    if heard.mask is None or heard.mask.allowed is None or not heard.queries:
        return heard.keys - 1
    seen = heard.mask.allowed[:, -1].any(0).nonzero()
    return int(seen[-1]) if len(seen) else -1


def _last_row(heard: Heard) -> torch.Tensor | None:
    rows = heard.weights if heard.query is None else heard.query
    return None if rows is None else rows[:, :, -1:].clone()


def _key(heard: Heard, place: int) -> torch.Tensor | None:
    """One key of each head, `[batch, heads, 1, dim]`; None where there are not so many."""
    return heard.key[:, :, place : place + 1].clone() if 0 <= place < heard.key.shape[2] else None


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape and torch.equal(one, other)


def _is_near(one: torch.Tensor | None, other: torch.Tensor | None, share: float = _RECOMPUTED) -> bool:
    if one is None or other is None or one.shape != other.shape:
        return False
    return bool((one - other).abs().max() <= share * other.abs().max())


def _is_permuted(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    """Whether each row of the batch is some row of the other batch."""
    if one is None or other is None or len(one) < 2:
        return False
    is_same = (one[:, None] == other[None]).flatten(2).all(2)
    return bool(is_same.any(1).all())
