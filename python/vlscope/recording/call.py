"""One attention as it was computed, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from .masks import Mask
from .relation import Relation
from .spool import Stored


@dataclass(eq=False)
class Heard:
    """What one call had, `[batch, heads, tokens, dim]` each: `weights` where they came ready-made, else `query`."""

    key: torch.Tensor
    value: torch.Tensor | None
    query: torch.Tensor | None = None
    weights: torch.Tensor | None = None
    mask: Mask | None = None
    #: Added to the scores, `[batch, heads, queries, keys]` or what broadcasts to it: more than a mask.
    bias: torch.Tensor | None = None
    scale: float = 1.0
    #: A key that is no token takes a part of each row.
    has_sink: bool = False
    #: The model changed its weights behind the softmax.
    is_changed: bool = False
    #: Of values that weights were multiplied with: what they are known by.
    sample: torch.Tensor | None = None
    #: So many rows are of one token: heads that share a key.
    heads_a_row: int = 1

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self._rows.device

    @property
    def batch(self) -> int:
        """How many matrices of each head."""
        return self._rows.shape[0]

    @property
    def heads(self) -> int:
        """How many heads."""
        return self._rows.shape[1]

    @property
    def queries(self) -> int:
        """How many rows."""
        return self._rows.shape[2]

    @property
    def keys(self) -> int:
        """How many columns."""
        return self.weights.shape[3] if self.weights is not None else self.key.shape[2]

    @property
    def _rows(self) -> torch.Tensor:
        rows = self.query if self.weights is None else self.weights
        assert rows is not None
        return rows


@dataclass(eq=False)
class Call:
    """What is kept of a call: queries and keys, or weights."""

    path: str
    #: Which run of the outermost module, and which of this module within it.
    forward: int
    invocation: int
    batch: int
    heads: int
    queries: int
    keys: int
    #: Of the runs of the outermost module: how many examples it was given; None if it does not say.
    examples: int | None
    #: How many tokens the module was given, where it is plain.
    given: int | None = None
    #: How many rows of the same matrix came before, and how many of its first keys this call does not see any more.
    first_row: int = 0
    first_key: int = 0
    follows: Relation = Relation.NEW
    #: How many keys were in a cache before the first row of the matrix.
    before: int = 0
    #: How many of its rows count: a draft that was not taken leaves fewer.
    rows: int = -1
    #: Which of its rows are kept; all where None.
    kept_rows: list[int] | None = None
    query: Stored | None = None
    #: The keys from `stored_from` on, counted in this call; those before were stored with the calls before.
    key: Stored | None = None
    stored_from: int = 0
    weights: Stored | None = None
    sample: torch.Tensor | None = None
    mask: Mask | None = None
    scale: float = 1.0
    has_sink: bool = False
    value_norm: Stored | None = None
    #: `[batch, queries]` each: which token of the layer's input a row of the batch is about, -1 for padding.
    tokens: torch.Tensor | None = None
    examples_of_tokens: torch.Tensor | None = None
    token_count: int = 0
    #: Its layer is through: what is in the batch now is no window.
    is_settled: bool = False
    notes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.rows < 0:
            self.rows = self.queries

    def undo(self, last: int) -> None:
        """Rows of the matrix from `last` on were taken back."""
        self.rows = max(0, min(self.rows, last - self.first_row))
        if self.kept_rows is not None:
            self.kept_rows = [row for row in self.kept_rows if row < self.rows]

    @property
    def stored_rows(self) -> int:
        """How many of the rows that are stored count."""
        return self.rows if self.kept_rows is None else len(self.kept_rows)
