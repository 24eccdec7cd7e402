"""Several examples in one forward: the same as one by one, where nothing of one reaches another.

Prompts are generated from with padding on the left, as `generate` wants it, and read with padding on the right, where
tokens have the places that they have alone. What is joined has text of any length; all else is of one shape, so that
each example has the same share of pictures and tiles. Rejected: the processor's own padding, which is on one side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..recording import Tape

Inputs = Mapping[str, Any]


def can_join(inputs: Sequence[Inputs]) -> bool:
    """Whether examples can share a forward; not those of which the pictures' patches are packed behind each other."""
    first = inputs[0]
    if any(of.keys() != first.keys() or "attention_mask" not in of or "input_ids" not in of for of in inputs):
        return False
    return all(
        _is_text(of, name) or (isinstance(value, torch.Tensor) and _is_alike(value, first[name]))
        for of in inputs
        for name, value in of.items()
    )


def is_apart(tape: Tape, count: int) -> bool:
    """Whether each block has as many examples: windows and packed pictures may hold several in one."""
    return all(block.examples == count for block in tape.blocks())


def joined(inputs: Sequence[Inputs], pad: int, *, left: bool) -> dict[str, Any]:
    """One batch: text padded on one side, all else behind each other."""
    length = max(of["input_ids"].shape[1] for of in inputs)

    def padded(of: Inputs, name: str) -> torch.Tensor:
        value: torch.Tensor = of[name]
        missing = length - value.shape[1] if _is_text(of, name) else 0
        sides = (missing, 0) if left else (0, missing)
        return torch.nn.functional.pad(value, sides, value=pad if name == "input_ids" else 0) if missing else value

    return {name: torch.cat([padded(of, name) for of in inputs]) for name in inputs[0]}


def _is_text(inputs: Inputs, name: str) -> bool:
    value = inputs[name]
    return isinstance(value, torch.Tensor) and value.shape == inputs["input_ids"].shape


def _is_alike(value: torch.Tensor, first: torch.Tensor) -> bool:
    """Pictures of one shape; sizes and masks of the same values."""
    if value.shape != first.shape:
        return False
    return value.dim() > 2 if value.is_floating_point() else torch.equal(value, first)
