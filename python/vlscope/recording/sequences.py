"""What the rows and columns of blocks are: sequences of tokens that modules read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .blocks import Block


@dataclass(eq=False)
class Sequence:
    """An ordered list of tokens that a stack of layers reads."""

    name: str
    #: The module whose input the tokens are, `[examples, tokens, dim]`: the stack's first layer; None if none is known.
    module: str | None
    #: How many tokens, padding included.
    length: int
    #: How many examples.
    examples: int


def sequences_of(blocks: list[Block]) -> list[Sequence]:
    """Names the blocks' queries and keys, and returns what they name."""
    found: list[Sequence] = []
    of_stack: dict[tuple[str, int], Sequence] = {}
    for block in blocks:
        if block.is_self:
            stack = _stack(block)
            if (stack, block.query_count) not in of_stack:
                name = _free(block.name, found)
                sequence = Sequence(name, _first_layer(block), block.query_count, block.examples)
                of_stack[stack, block.query_count] = sequence
                found.append(sequence)
            block.query = block.key = of_stack[stack, block.query_count].name
    for place, block in enumerate(blocks):
        if block.is_self:
            continue
        own = of_stack.get((_stack(block), block.query_count))
        if own is None:
            own = Sequence(
                _free(f"{block.name} queries", found), _first_layer(block), block.query_count, block.examples
            )
            of_stack[_stack(block), block.query_count] = own
            found.append(own)
        block.query = own.name
        # What was read by the stack that ran last before this one, and is as long.
        read = [other.query for other in blocks[:place] if other.is_self and other.query_count == block.key_count]
        read = [name for name in read if name != own.name]
        if not read:
            other = Sequence(_free(f"{block.name} keys", found), None, block.key_count, block.examples)
            found.append(other)
            read = [other.name]
        block.key = read[-1]
    return found


def unpadded(sequence: Sequence, blocks: Iterable[Block], example: int) -> npt.NDArray[np.int64]:
    """The positions that some layer sees; of a sequence that no block has as its key, those that see something."""
    seen = np.zeros(sequence.length, np.bool_)
    sees = np.zeros(sequence.length, np.bool_)
    is_key = False
    for block in blocks:
        queries, keys = block.unpadded(min(example, block.examples - 1))
        if block.key == sequence.name:
            seen[keys] = True
            is_key = True
        if block.query == sequence.name:
            sees[queries if block.kept is None else np.asarray(block.kept)[queries]] = True
    return np.flatnonzero(seen if is_key else sees)


def _stack(block: Block) -> str:
    return block.path.partition("*")[0]


def _first_layer(block: Block) -> str | None:
    before, star, _ = block.path.partition("*")
    return f"{before}{block.layers[0]}" if star else block.path


def _free(name: str, found: list[Sequence]) -> str:
    """`name`, or with a number where another sequence has it."""
    taken = {sequence.name for sequence in found}
    candidates = (name, *(f"{name}.{number}" for number in range(2, len(found) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
