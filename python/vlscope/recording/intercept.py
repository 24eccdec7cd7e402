"""Sees attention on its way through PyTorch's functions, whoever calls them.

Three ways lead to attention: `scaled_dot_product_attention`; a softmax whose result is multiplied with values (by
matmul, bmm, einsum); `multi_head_attention_forward`, which does one of both inside. What is seen is handed to `hear`;
what the model computes is left as it is. Rejected: a registered attention implementation of transformers. It is given
no mask, some models test for the names of the others, and models that are not of transformers do not know it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from .call import Heard
from .errors import RecordError
from .masks import MASKED_BELOW, Mask, MaskReader
from .shapes import four, heads_of

_SOFTMAX = {F.softmax, torch.softmax, torch.Tensor.softmax}
_MATMUL = {
    torch.matmul, torch.bmm, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.Tensor.bmm, torch.baddbmm,
}  # fmt: skip
_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)


@dataclass(eq=False)
class _Weights:
    """What a softmax put out, until it meets its values."""

    values: torch.Tensor
    #: Which scores were no mask; None where all were.
    allowed: torch.Tensor | None
    #: The axis that sums to 1, from behind.
    axis: int
    has_sink: bool = False
    was_heard: bool = False


class Interceptor(TorchFunctionMode):
    """Calls `hear` with each attention that is computed while `modules` (innermost first) has any."""

    def __init__(
        self,
        modules: Callable[[], Sequence[torch.nn.Module]],
        hear: Callable[[Heard], None],
        project: Callable[[torch.Tensor], None],
    ) -> None:
        super().__init__()
        self._modules = modules
        self._hear = hear
        self._project = project
        self._masks = MaskReader()
        self._weights: dict[int, _Weights] = {}
        #: An id is one tensor's as long as that lives.
        self._alive: list[torch.Tensor] = []

    def forget(self) -> None:
        """Lets go of the model's tensors."""
        self.forget_since(0, None)
        self._masks.forget()

    def mark(self) -> int:
        """Where `forget_since` shall begin."""
        return len(self._alive)

    def forget_since(self, mark: int, result: Any) -> None:
        """A module is through: weights that it made are of no use to others, unless they are its `result`."""
        if len(self._alive) == mark:
            return
        results = result if isinstance(result, (tuple, list)) else (result,)
        kept = [tensor for tensor in self._alive[mark:] if any(tensor is other for other in results)]
        for tensor in self._alive[mark:]:
            if not any(tensor is other for other in kept):
                del self._weights[id(tensor)]
        self._alive[mark:] = kept

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self._modules():
            return func(*args, **kwargs)
        if func is F.multi_head_attention_forward:
            return self._multi_head(func, args, kwargs)
        result = func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            self._scaled_dot_product(*args, **kwargs)
        elif func in _SOFTMAX:
            self._softmax(result, args, kwargs)
        elif func is F.linear and len(args) > 1 and torch.is_tensor(args[1]):
            self._project(args[1])
        elif self._weights and torch.is_tensor(result):
            self._follow(func, args, result)
        return result

    # Queries and keys.

    def _scaled_dot_product(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> None:
        if dropout_p > 0:
            raise RecordError(f"attention drops out {dropout_p:g} of its weights: call `model.eval()` first")
        heads = heads_of(self._modules())
        query, key, value = (four(values.detach(), heads) for values in (query, key, value))
        mask = None if attn_mask is None else self._four_mask(attn_mask.detach(), query)
        groups = getattr(self._modules()[0], "num_key_value_groups", 1)
        if type(groups) is int and groups > 1:
            query, key, value, mask = _ungrouped(query, key, value, mask, groups, heads)
        size = (len(query), query.shape[1], query.shape[2], key.shape[2])
        allowed, bias = Mask() if is_causal else None, None
        if mask is not None:
            read, is_plain = self._masks.read(mask.expand(-1, -1, *size[2:]))
            allowed = read if read is not None else allowed
            bias = None if is_plain else mask
        self._hear(
            Heard(
                key=key.expand(size[0], -1, -1, -1),
                value=value.expand(size[0], -1, -1, -1),
                query=query,
                mask=allowed,
                bias=bias,
                scale=query.shape[-1] ** -0.5 if scale is None else scale,
            )
        )

    @staticmethod
    def _four_mask(mask: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        """`[batch or 1, heads or 1, queries or 1, keys]`."""
        batch, heads = query.shape[:2]
        while mask.dim() < 3:
            mask = mask[None]
        if mask.dim() == 3:
            return mask.reshape(batch, heads, *mask.shape[1:]) if len(mask) == batch * heads else mask[:, None]
        return mask if mask.dim() == 4 else mask.flatten(0, mask.dim() - 4)

    # Weights.

    def _softmax(self, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if not torch.is_tensor(result) or result.dim() < 3 or type(axis) is not int:
            return
        scores = args[0] if args else kwargs["input"]
        allowed = scores.detach() > MASKED_BELOW
        axis = axis - result.dim() if axis >= 0 else axis
        self._tag(result, _Weights(result.detach(), None if bool(allowed.all()) else allowed, axis))

    def _follow(self, func: Any, args: tuple[Any, ...], result: torch.Tensor) -> None:
        """Weights that are viewed, cast, multiplied with a head mask; or with values, and then they are attention."""
        if func is torch.einsum:
            operands = args[1] if len(args) == 2 and isinstance(args[1], (tuple, list)) else args[1:]
            self._einsum(args[0], operands)
            return
        operands = args[1:] if func is torch.baddbmm else args
        for place, operand in enumerate(operands[:2]):
            weights = self._weights.get(id(operand))
            if weights is None:
                continue
            if func in _MATMUL:
                if weights.axis == -1:
                    self._multiplied(weights, operands[1] if place == 0 else None)
            elif func is torch.Tensor.__getitem__ and _is_shortened(operand, result):
                allowed = None if weights.allowed is None else func(weights.allowed, *args[1:])
                self._tag(result, _Weights(result.detach(), allowed, -1, has_sink=True))
            elif result.numel() == operand.numel() and result.is_floating_point():
                self._tag(result, weights)
            return

    def _multiplied(self, weights: _Weights, value: torch.Tensor | None) -> None:
        if weights.was_heard:
            return
        weights.was_heard = True
        heads = heads_of(self._modules())
        rows = four(weights.values, heads)
        allowed = None if weights.allowed is None else four(weights.allowed, heads)
        value = None if value is None or value.dim() < 3 else four(value.detach(), heads)
        self._hear(_heard(rows, allowed, value, weights.has_sink))

    def _einsum(self, equation: Any, operands: Sequence[Any]) -> None:
        if not isinstance(equation, str) or "->" not in equation or len(operands) != 2 or "." in equation:
            return
        inputs, out = equation.replace(" ", "").split("->")
        labels = inputs.split(",")
        for place, operand in enumerate(operands):
            weights = self._weights.get(id(operand))
            if weights is None or weights.was_heard or weights.values.shape != operand.shape:
                continue
            own, other = labels[place], labels[1 - place]
            key = own[weights.axis]
            queries = [label for label in own if label in out and label not in other]
            shared = [label for label in own if label in out and label in other]
            if key in out or key not in other or len(queries) != 1 or len(shared) > 2:
                continue
            weights.was_heard = True
            order = [own.index(label) for label in (*shared, queries[0], key)]
            extra = (None,) * (2 - len(shared))
            rows = weights.values.permute(order)[(slice(None), *extra) if len(shared) == 1 else extra]
            allowed = weights.allowed
            if allowed is not None:
                allowed = allowed.permute(order)[(slice(None), *extra) if len(shared) == 1 else extra]
            self._hear(_heard(rows, allowed, None, weights.has_sink))
            return

    def _tag(self, tensor: torch.Tensor, weights: _Weights) -> None:
        if id(tensor) not in self._weights:
            self._alive.append(tensor)
        self._weights[id(tensor)] = weights

    # torch.nn.MultiheadAttention.

    def _multi_head(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = _MULTI_HEAD.bind(*args, **kwargs).arguments
        if given["training"] and given["dropout_p"] > 0:
            raise RecordError(f"attention drops out {given['dropout_p']:g} of its weights: call `model.eval()` first")
        heads = given["num_heads"]

        def scaled(*inner: Any, **options: Any) -> Any:
            self._scaled_dot_product(*inner, **options)
            return plain_scaled(*inner, **options)

        def softmaxed(*inner: Any, **options: Any) -> torch.Tensor:
            result: torch.Tensor = plain_softmax(*inner, **options)
            allowed = inner[0].detach() > MASKED_BELOW
            self._hear(
                _heard(four(result.detach(), heads), None if bool(allowed.all()) else four(allowed, heads), None, False)
            )
            return result

        with (
            _replaced("scaled_dot_product_attention", scaled) as plain_scaled,
            _replaced("softmax", softmaxed) as plain_softmax,
        ):
            result = func(*args, **kwargs)
        self._project(given["out_proj_weight"])
        return result


def _heard(rows: torch.Tensor, allowed: torch.Tensor | None, value: torch.Tensor | None, has_sink: bool) -> Heard:
    if value is None or value.shape[2] != rows.shape[3] or value.shape[0] != rows.shape[0]:
        value = None
    mask = None if allowed is None else Mask(allowed.any(1).cpu())
    return Heard(
        key=rows.new_empty(rows.shape[0], 1, 0, 0) if value is None else value,
        value=value,
        weights=rows,
        mask=mask,
        has_sink=has_sink,
    )


def _ungrouped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    groups: int,
    heads: int | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Grouped-query attention as it was before transformers packed or repeated it.

    For one query, its heads are packed as if they were queries; for several, keys are repeated.
    """
    batch, count, rows, dim = query.shape
    if rows == groups and count == key.shape[1] and count * groups == heads:
        query = query.reshape(batch, heads, 1, dim)
        if mask is not None and mask.shape[1] != 1:
            mask = mask.reshape(len(mask), heads, 1, -1)
    elif count == key.shape[1] and count % groups == 0 and torch.equal(key[:, 0, :1], key[:, groups - 1, :1]):
        key, value = key[:, ::groups], value[:, ::groups]
    return query, key, value, mask


def _is_shortened(tensor: Any, result: torch.Tensor) -> bool:
    """A part of the last axis: what is left when a sink was cut off."""
    return bool(
        result.dim() == tensor.dim()
        and result.shape[:-1] == tensor.shape[:-1]
        and result.shape[-1] == tensor.shape[-1] - 1
    )


@contextmanager
def _replaced(name: str, other: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Puts `other` in the place of a function of `torch.nn.functional`, which its functions call by that name."""
    plain = getattr(F, name)
    setattr(F, name, other)
    try:
        yield plain
    finally:
        setattr(F, name, plain)
