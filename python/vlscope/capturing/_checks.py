"""What every capture is held to before it is handed out."""

from __future__ import annotations

import torch

#: How far a row may be from a sum of 1, by the dtype that it is stored in.
ROW_TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-3, torch.bfloat16: 1e-2}
#: How far apart the logits of two forwards may be, as a share of the largest: the order of a sum changes them.
_LOGITS_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
_HALF_LOGITS_TOLERANCE = 2e-2


class CaptureError(RuntimeError):
    """A capture that would not show what the model does."""


def check_eager(implementation: str | None) -> None:
    """ViLT's layers compute eager attention whatever the config says, and misread masks of other implementations."""
    if implementation != "eager":
        raise CaptureError(
            f'the model was loaded with attn_implementation="{implementation}", expected "eager": '
            "the others' masks are not those that its layers read"
        )


def check_rows(weights: torch.Tensor, layer: int) -> None:
    """Each row of `[heads, queries, keys]` must sum to 1."""
    off = (weights.double().sum(-1) - 1).abs().max().item()
    tolerance = ROW_TOLERANCE[weights.dtype]
    if not off <= tolerance:
        raise CaptureError(f"a row of layer {layer} sums to 1 ± {off:.2g}, expected ± {tolerance:g} in {weights.dtype}")


def check_same(captured: torch.Tensor, plain: torch.Tensor) -> None:
    """Both are what the model put out, with and without the capture."""
    tolerance = _LOGITS_TOLERANCE.get(plain.dtype, _HALF_LOGITS_TOLERANCE) * max(1.0, plain.abs().max().item())
    off = (captured - plain).abs().max().item()
    if not off <= tolerance:
        raise CaptureError(f"the capture changes the model's output by {off:.2g}, expected at most {tolerance:.2g}")
