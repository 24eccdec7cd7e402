"""What every capture is held to before it is handed out."""

from __future__ import annotations

from collections.abc import Sequence

import torch

#: How far a row may be from a sum of 1, by the dtype that it is stored in.
ROW_TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-3, torch.bfloat16: 1e-2}
#: What a masked position may still receive.
_MASKED_TOLERANCE = 1e-6
#: How far apart the logits of two forwards may be, as a share of the largest: the order of a sum changes them.
_LOGITS_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
_HALF_LOGITS_TOLERANCE = 2e-2


class CaptureError(RuntimeError):
    """A capture that would not show what the model does."""


def check_eager(implementation: str | None) -> None:
    """Other implementations than `eager` compute no attention weights, or others than they return."""
    if implementation != "eager":
        raise CaptureError(
            f'the model was loaded with attn_implementation="{implementation}", expected "eager": '
            "the others do not give their attention weights"
        )


def check_masked(weights: torch.Tensor, kept: torch.Tensor, layer: int) -> None:
    """Kept queries of `[heads, queries, keys]` must not attend to dropped keys."""
    dropped = torch.ones(weights.shape[-1], dtype=torch.bool, device=weights.device)
    dropped[kept] = False
    received = weights[:, kept][:, :, dropped]
    if received.numel() and received.max() > _MASKED_TOLERANCE:
        raise CaptureError(f"layer {layer} attends to masked tokens with up to {received.max():.2g}, expected 0")


def check_rows(weights: torch.Tensor, layer: int) -> None:
    """Each row of `[heads, queries, keys]` must sum to 1."""
    off = (weights.double().sum(-1) - 1).abs().max().item()
    tolerance = ROW_TOLERANCE[weights.dtype]
    if not off <= tolerance:
        raise CaptureError(f"a row of layer {layer} sums to 1 ± {off:.2g}, expected ± {tolerance:g} in {weights.dtype}")


def check_count(what: str, items: Sequence[torch.Tensor], expected: int) -> None:
    """As many layers as the model has, and so on."""
    if len(items) != expected:
        raise CaptureError(f"the model gave {len(items)} {what}, expected {expected}")


def check_same(captured: torch.Tensor, plain: torch.Tensor) -> None:
    """Both are what the model put out, with and without the capture."""
    tolerance = _LOGITS_TOLERANCE.get(plain.dtype, _HALF_LOGITS_TOLERANCE) * max(1.0, plain.abs().max().item())
    off = (captured - plain).abs().max().item()
    if not off <= tolerance:
        raise CaptureError(f"the capture changes the model's output by {off:.2g}, expected at most {tolerance:.2g}")


def convert(values: torch.Tensor, dtype: torch.dtype, what: str) -> torch.Tensor:
    """`values` in `dtype`, on the CPU, if they fit it."""
    converted = values.to(device="cpu", dtype=dtype)
    if not torch.isfinite(converted).all():
        raise CaptureError(f'{what} reaches {values.abs().max():.3g}, too large for {dtype}: use dtype="float32"')
    return converted
