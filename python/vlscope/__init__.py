"""Writes and reads the traces that vlscope shows: what one model did on one input.

    from vlscope import Block, Trace

The format is specified in docs/trace-format.md. `vlscope.capture` (extra `hf`) makes traces of transformers' models.
"""

from vlscope.trace import Block, Trace, TraceError

__all__ = ["Block", "Trace", "TraceError"]
