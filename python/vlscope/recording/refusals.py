"""What is not recorded, since it would not show what the model does; each with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from .errors import RecordError

if TYPE_CHECKING:
    from .blocks import Block
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


def check_values(path: str, device: torch.device) -> torch.device:
    """On `meta` there are none."""
    if device.type == "meta":
        raise RecordError(f"`{path}` runs on `meta`, where tensors have no values: load the model's weights first")
    return device


def check_ran(tape: Tape, *, elsewhere: bool) -> None:
    """A block in which nothing ran shows nothing of the model."""
    if tape.ran:
        return
    if elsewhere:
        raise RecordError(
            "the model ran in another thread, and a thread is recorded that records itself: put `with "
            "vlscope.record(model)` into the function that the thread runs"
        )
    raise RecordError(
        "nothing ran: the model was not called in the block. Give the very object that is called, and call it inside "
        "of `with vlscope.record(model) as tape:`"
    )


def check_chosen(tape: Tape) -> None:
    """`where` and `layers` that fit nothing are a mistake."""
    if tape.left_out and not tape.calls:
        names = ", ".join(f"`{name}`" for name in sorted(tape.left_out)[:_SHOWN])
        raise RecordError(f"`where` and `layers` leave all attention out, that of {names}: choose some of it")


def check_heads(path: str, count: int, heads: Iterable[int] | None) -> None:
    """Heads that a layer does not have."""
    for head in heads or ():
        if not 0 <= head < count:
            raise RecordError(f"`{path}` has {count} heads, there is none of number {head}: choose others with heads=")


def check_heard(tape: Tape, *, refuse: bool) -> None:
    """Attention that ran and showed nothing."""
    tape.unheard = unheard(tape)
    if not refuse:
        return
    if not tape.unheard:
        if tape.ran and not tape.calls:
            raise RecordError(
                "the model ran, and no attention could be seen: it has none, or its weights are no `softmax` of "
                'PyTorch (linear, sigmoid, a fused kernel); record with unheard="note" to go without'
            )
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


def check_example(blocks: Sequence[Block], example: int) -> None:
    """An example that the batch does not have."""
    count = max((block.examples for block in blocks), default=1)
    if not 0 <= example < max(1, count):
        raise RecordError(f"{count} examples were recorded, there is none of number {example}")


def check_output(tape: Tape, output: Any, example: int) -> None:
    """Beam search puts its best beam first, which was another row of the batch."""
    output = getattr(output, "sequences", output)
    if not torch.is_tensor(output) or output.dim() != 2 or output.is_floating_point() or not len(output):
        return
    came = output[min(example, len(output) - 1), :-1].tolist()
    for block in tape.blocks():
        calls = next(iter(block.matrices.values())).calls
        read = [(call, tape.read.get(call.forward)) for call in calls]
        if block.query_count != len(came) or any(ids is None for _, ids in read):
            continue
        found = [ids[min(example, len(ids) - 1), : call.rows].tolist() for call, ids in read if ids is not None]
        rows = [number for step in found for number in step]
        if len(rows) == len(came) and rows != came:
            raise RecordError(
                f"row {example} of the batch read other tokens than row {min(example, len(output) - 1)} of `output` "
                "has: the best of several beams came out, which is another. Generate with num_beams=1, or generate "
                "first, and record `model(...)` on the sequence that came out"
            )


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
    if "norm" in kind or re.search(r"(^|[._])(pre|post)_att(n|ention)$", name):
        return False  # what comes before attention, or behind
    return kind.endswith(("attention", "attn")) or re.search(r"(^|[._])att(n|ention)$", name) is not None


def _is_inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")
