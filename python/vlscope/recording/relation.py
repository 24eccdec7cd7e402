"""How calls of one module follow on each other."""

from __future__ import annotations

from enum import Enum, auto


class Relation(Enum):
    """What a call is to the call before it of the same module."""

    #: The beginning of another matrix.
    NEW = auto()
    #: Further rows, whose keys follow on those before.
    CACHED = auto()
    #: The same, behind a part of the rows so far: a draft was not taken.
    UNDONE = auto()
    #: Further rows on the same keys.
    SAME_KEYS = auto()
    #: Further rows, whose cache holds the keys before only roughly: it is quantised.
    ROUGH = auto()
    #: The same rows computed again, and more of them.
    AGAIN = auto()
    #: Further rows, but rows of the batch have changed their places.
    REORDERED = auto()
