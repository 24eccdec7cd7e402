"""A trace's blocks of attention, which are a table as well: `trace.attention[0]`, `trace.attention(token=4)`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._parts import AttentionBlock
from ._pictures import Pictured
from ._program import Frames, Option


class Attention(list[AttentionBlock]):
    """The blocks, in order."""

    def __init__(self, blocks: Iterable[AttentionBlock]) -> None:
        super().__init__(blocks)
        self.trace: Pictured | None = None

    def __call__(self, frames: Frames = None, **options: Option) -> Any:
        """What tokens attend to, a row a token of the other side: `trace.attention(token=4, layer=3, head="mean")`.

        Options are those of `vlscope attention`. A table of pandas or Polars, where they are there, else of numpy.
        """
        assert self.trace is not None
        return self.trace._table("attention", options, frames)


class AttentionField:
    """The field of a trace: any blocks are taken."""

    def __get__(self, trace: Any, owner: Any) -> Attention:
        if trace is None:
            raise AttributeError("no trace has blocks by default")
        blocks: Attention = vars(trace)["attention"]
        # A shallow copy of a trace shares its blocks.
        blocks.trace = trace
        return blocks

    def __set__(self, trace: Any, blocks: Iterable[AttentionBlock]) -> None:
        vars(trace)["attention"] = Attention(blocks)


ATTENTION = AttentionField()
