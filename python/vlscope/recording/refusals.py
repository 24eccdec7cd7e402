"""What is not recorded, since it would not show what the model does; each with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from .errors import RecordError

if TYPE_CHECKING:
    from .tape import Tape

_SHOWN = 5


def check_evaluation(model: torch.nn.Module) -> None:
    """Dropout would be recorded as if it were attention."""
    if any(module.training for module in model.modules()):
        raise RecordError(
            "the model is in training mode, where dropout changes its attention: call `model.eval()` first"
        )


def reordered(path: str) -> RecordError:
    """Beam search has moved rows of the batch, and those recorded before are another beam's."""
    return RecordError(
        f"`{path}` goes on with other rows of its batch than before: beams were reordered. Generate with num_beams=1, "
        "or generate first, and record `model(...)` on the sequence that came out"
    )


def check_heard(tape: Tape, *, refuse: bool) -> None:
    """Attention that ran and showed nothing."""
    tape.unheard = unheard(tape)
    if not tape.unheard or not refuse:
        return
    names = ", ".join(f"`{name}`" for name in tape.unheard[:_SHOWN])
    more = f" and {len(tape.unheard) - _SHOWN} more" if len(tape.unheard) > _SHOWN else ""
    raise RecordError(
        f"{names}{more} ran, but no attention of theirs could be seen: it is flash, flex, deformable or linear. "
        'Load the model with attn_implementation="sdpa" or "eager", or record with unheard="note" to go without them'
    )


def unheard(tape: Tape) -> list[str]:
    """The innermost modules that are named attention, ran, and are in nothing that was heard."""
    heard = {call.path for call in tape.calls} | tape.left_out
    names = [
        name
        for name, module in tape.ran.items()
        if _is_attention(name, module) and not any(_is_inside(name, path) or _is_inside(path, name) for path in heard)
    ]
    return [name for name in names if not any(other != name and _is_inside(other, name) for other in names)]


def empty_rows(name: str, layer: int, rows: Iterable[int]) -> RecordError:
    """Queries that see no key have no weights."""
    found = list(rows)
    what = f"query {found[0]} sees" if len(found) == 1 else f"{len(found)} queries ({found[0]} to {found[-1]}) see"
    return RecordError(
        f"layer {layer} of `{name}`: {what} no key, as padding does: take its weights with drop_padding=True, or "
        "record without padding"
    )


def _is_attention(name: str, module: torch.nn.Module) -> bool:
    if type(module).__module__.startswith("torch.nn.") and not isinstance(module, torch.nn.MultiheadAttention):
        return False  # a map or a norm beside attention
    kind = type(module).__name__.lower()
    return kind.endswith(("attention", "attn")) or re.search(r"(^|[._])att(n|ention)$", name) is not None


def _is_inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")
