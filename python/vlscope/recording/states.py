"""Hidden states of a sequence: what its first layer was given, and what each layer put out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from .blocks import Block
from .call import Call
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
    calls = {call.forward: call for call in next(iter(own.matrices.values())).calls}
    layers = sorted(int(path.rpartition(".")[2]) for path in tape.states if path.rpartition(".")[0] == stack)
    if layers != list(range(len(layers))):
        return []
    states = []
    for layer in layers:
        path = f"{prefix}{layer}"
        is_turned = _is_batch_second(tape.model.get_submodule(path))
        steps = [step for step in tape.states[path] if step[0] in calls]
        sides = [[put_out for _, _, put_out in steps]]
        if layer == 0:
            sides.insert(0, [given for _, given, _ in steps if given is not None])
        for side in sides:
            if len(side) != len(steps):
                return []
            parts = [
                _rows(stored.read(), calls[step[0]], sequence, is_turned)
                for stored, step in zip(side, steps, strict=True)
            ]
            states.append(_joined(parts, sequence, example))
    found = [state for state in states if state is not None and state.shape == getattr(states[0], "shape", None)]
    return found if len(found) == len(states) else []


def _is_batch_second(layer: torch.nn.Module) -> bool:
    """Whether a layer of PyTorch's own takes `[tokens, batch, dim]`."""
    return getattr(getattr(layer, "self_attn", layer), "batch_first", True) is False


def _rows(states: torch.Tensor, call: Call, sequence: Sequence, is_turned: bool) -> torch.Tensor:
    """`[batch, tokens, dim]` of one step, without what was taken back."""
    if states.dim() == 2:
        states = states[None]
    size = tuple(states.shape[:2])
    if size == (call.queries, call.batch) and (is_turned or sequence.examples not in size[:1]):
        states = states.transpose(0, 1)
    return states[:, : call.rows] if call.rows < call.queries else states


def _joined(batches: list[torch.Tensor], sequence: Sequence, example: int) -> torch.Tensor | None:
    """Steps one behind the other, and tiles of one example too."""
    if not batches or len({(len(batch), batch.shape[-1]) for batch in batches}) > 1:
        return None
    whole = torch.cat(batches, 1)
    tiles = max(1, len(whole) // max(1, sequence.examples))
    whole = whole.reshape(len(whole) // tiles, tiles * whole.shape[1], whole.shape[2])
    return whole[min(example, len(whole) - 1)] if whole.shape[1] == sequence.length else None
