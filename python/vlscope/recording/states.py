"""Hidden states of a sequence: what its first layer was given, and what each layer put out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from .blocks import Block
from .sequences import Sequence

if TYPE_CHECKING:
    from .tape import Tape


def states_of(tape: Tape, sequence: Sequence, blocks: Iterable[Block], example: int) -> list[torch.Tensor]:
    """`[tokens, dim]` each, padding included; none where some layer's are not known.

    Of a stack whose layers are numbered from 0: a gap would make state `i` another than what layer `i - 1` put out.
    """
    if sequence.module is None or not sequence.module.rpartition(".")[2].isdigit():
        return []
    stack = sequence.module.rpartition(".")[0]
    prefix = f"{stack}." if stack else ""
    own = next((block for block in blocks if block.query == sequence.name and block.is_self), None)
    if own is None:
        return []
    forwards = {call.forward for call in next(iter(own.matrices.values())).calls}
    layers = sorted(int(path.rpartition(".")[2]) for path in tape.states if path.rpartition(".")[0] == stack)
    if layers != list(range(len(layers))):
        return []
    states = []
    for layer in layers:
        steps = [step for step in tape.states[f"{prefix}{layer}"] if step[0] in forwards]
        if layer == 0:
            before = [given.read() for _, given, _ in steps if given is not None]
            if len(before) != len(steps):
                return []
            states.append(_joined(before, sequence, example))
        states.append(_joined([put_out.read() for _, _, put_out in steps], sequence, example))
    found = [state for state in states if state is not None and state.shape == getattr(states[0], "shape", None)]
    return found if len(found) == len(states) else []


def _joined(steps: list[torch.Tensor], sequence: Sequence, example: int) -> torch.Tensor | None:
    """Steps one behind the other, and tiles of one example too."""
    if not steps or len({step.shape[-1] for step in steps}) > 1:
        return None
    batches = [step if step.dim() == 3 else step[None] for step in steps]
    if len({len(batch) for batch in batches}) > 1:
        return None
    whole = torch.cat(batches, 1)
    tiles = len(whole) // max(1, sequence.examples)
    whole = whole.reshape(-1, max(1, tiles) * whole.shape[1], whole.shape[2])
    return whole[min(example, len(whole) - 1)] if whole.shape[1] == sequence.length else None
