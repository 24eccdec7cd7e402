"""The norm between the last layer of a stack and what reads the stack: which it is is seen as the model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Norms:
    """What norms outside of layers read and gave, in the order of the calls, between those of the layers."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self._calls: list[tuple[str, Any, torch.Tensor | None, torch.Tensor | None]] = []

    @contextmanager
    def watched(self) -> Iterator[Norms]:
        """Meanwhile norms and layers are heard."""
        handles = []
        for name, module in self.model.named_modules():
            parts = name.split(".")
            if parts[-1].isdigit():
                handles.append(module.register_forward_hook(self._layer(name)))
            elif "norm" in type(module).__name__.lower() and not any(part.isdigit() for part in parts):
                handles.append(module.register_forward_hook(self._norm(name)))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def behind(self, layer: str) -> tuple[Any, torch.Tensor, torch.Tensor] | None:
        """The norm that comes next after the stack of `layer`, what it read and what it gave; None where none does."""
        stack = layer.rpartition(".")[0]
        last = max((at for at, call in enumerate(self._calls) if call[0].rpartition(".")[0] == stack), default=None)
        if last is None or last + 1 == len(self._calls):
            return None
        _, module, before, behind = self._calls[last + 1]
        return None if before is None or behind is None else (module, before, behind)

    def _layer(self, name: str) -> Any:
        return lambda *_: self._calls.append((name, None, None, None))

    def _norm(self, name: str) -> Any:
        return lambda module, args, result: self._calls.append((name, module, args[0], result))
