"""Attention weights that gradients reach, whatever implementation the model was loaded with.

`scaled_dot_product_attention` is computed in two steps, weights and their product with the values, so that the weights
are there to be differentiated; where a model does so itself, its softmax is taken. The first linear map behind an
attention whose width is that of all heads together is its projection: its weights are W_O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from ._asked import RelevanceError

_SOFTMAX = {F.softmax, torch.softmax, torch.Tensor.softmax}
_MATMUL = {torch.matmul, torch.bmm, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.Tensor.bmm}
_SAME_WEIGHTS = {torch.Tensor.to, F.dropout, torch.Tensor.type_as, torch.Tensor.float}


@dataclass
class Attended:
    """One layer, of one example: `weights` `[1, heads, queries, keys]`, `values` `[1, heads, keys, dim]`.

    `projection` is W_O, `[width, heads * dim]`.
    """

    weights: torch.Tensor
    values: torch.Tensor | None = None
    projection: torch.Tensor | None = None


class Attention(TorchFunctionMode):
    """The attention of the modules `layers` of `model`, an `Attended` each, in their order."""

    def __init__(self, model: torch.nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.found: dict[str, Attended] = {}
        self._layers = list(layers)
        self._running: list[str] = []
        self._last: Attended | None = None
        self._of_weights: dict[int, tuple[torch.Tensor, Attended]] = {}

    @contextmanager
    def watched(self) -> Iterator[Attention]:
        """Meanwhile the attention of the layers is kept."""
        with ExitStack() as stack:
            for name in self._layers:
                module = self.model.get_submodule(name)
                enter = module.register_forward_pre_hook(partial(self._enter, name))
                leave = module.register_forward_hook(lambda *_: self._leave(), always_call=True)
                stack.callback(enter.remove)
                stack.callback(leave.remove)
            stack.enter_context(self)
            yield self
        self._of_weights.clear()

    def _enter(self, name: str, *_: Any) -> None:
        self._running.append(name)

    def _leave(self) -> None:
        self._running.pop()

    def layers(self) -> list[Attended]:
        """In order. Raises `RelevanceError` where one showed no weights."""
        silent = [name for name in self._layers if name not in self.found]
        if silent:
            raise RelevanceError(
                f"`{silent[0]}` shows no attention weights to differentiate: load the model with "
                'attn_implementation="sdpa" or "eager"'
            )
        return [self.found[name] for name in self._layers]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.linear:
            self._project(args[1] if len(args) > 1 else kwargs["weight"])
        if not self._running:
            return func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            return self._two_steps(*args, **kwargs)
        result = func(*args, **kwargs)
        if func in _SOFTMAX and result.dim() == 4:
            self._keep(result)
        elif args and (known := self._of_weights.get(id(args[0]))) is not None and known[0] is args[0]:
            if func in _SAME_WEIGHTS:
                self._of_weights[id(result)] = (result, known[1])
            elif func in _MATMUL and known[1].values is None:
                known[1].values = args[1]
                self._last = known[1]
        return result

    def _keep(self, weights: torch.Tensor) -> Attended:
        found = Attended(weights)
        self.found[self._running[-1]] = found
        self._of_weights[id(weights)] = (weights, found)
        return found

    def _project(self, weight: torch.Tensor) -> None:
        if self._last is None or self._last.values is None:
            return
        _, heads, _, dim = self._last.values.shape
        if weight.dim() == 2 and weight.shape[1] == heads * dim:
            self._last.projection = weight
        self._last = None

    def _two_steps(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> torch.Tensor:
        """What `scaled_dot_product_attention` is, by its documentation."""
        groups = query.shape[1] // key.shape[1]
        if groups > 1:
            key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        scores = (query @ key.transpose(-1, -2)).float() * (query.shape[-1] ** -0.5 if scale is None else scale)
        if attn_mask is not None:
            is_kept = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -torch.inf) if is_kept else scores + attn_mask
        if is_causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(future, -torch.inf)
        # A query that sees nothing (padding on the left) has no weights.
        weights = torch.softmax(scores.masked_fill((scores == -torch.inf).all(-1, keepdim=True), 0.0), dim=-1).to(
            value.dtype
        )
        self._last = self._keep(weights)
        self._last.values = value
        return weights @ value
