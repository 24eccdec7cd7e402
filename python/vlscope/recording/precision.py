"""What is computed of a model is computed as it says, whatever the caller set up for the model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def in_full(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Without autocast, which would multiply float32 as bfloat16."""

    @functools.wraps(function)
    def without_autocast(first: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        with torch.autocast(first.device.type, enabled=False):
            return function(first, *args, **kwargs)

    return without_autocast
