"""Sees attention on its way through PyTorch's functions, whoever calls them.

Three ways lead to attention: `scaled_dot_product_attention`; a softmax whose result is multiplied with values (by
matmul, bmm, einsum); `multi_head_attention_forward`, which does one of both inside. What is seen is handed to `hear`;
what the model computes is left as it is. Rejected: a registered attention implementation of transformers. It is given
no mask, some models test for the names of the others, and models that are not of transformers do not know it.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from .call import Heard
from .errors import RecordError
from .frames import Frame
from .masks import CAUSAL, MASKED_BELOW, Mask, MaskReader
from .shapes import folded, four, heads_of, tokens_of

_T = torch.Tensor
_SOFTMAX = {F.softmax, torch.softmax, torch.Tensor.softmax}
_MATMUL = {
    torch.matmul, torch.bmm, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.Tensor.bmm, torch.baddbmm,
}  # fmt: skip
_MT: Any = inspect.getattr_static(_T, "mT").__get__
#: These move weights to other places.
_TURNS = {
    torch.movedim, torch.permute, torch.swapaxes, torch.transpose, _T.movedim, _MT, _T.permute, _T.swapaxes,
    _T.transpose,
}  # fmt: skip
#: And these leave them as they are, but for their type and shape.
_KEEPS = {
    F.dropout, torch.dropout, torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze,
    _T.bfloat16, _T.clone, _T.contiguous, _T.detach, _T.double, _T.expand, _T.flatten, _T.float, _T.half,
    _T.reshape, _T.squeeze, _T.to, _T.type, _T.type_as, _T.unflatten, _T.unsqueeze, _T.view,
}  # fmt: skip
_MULTI_HEAD = inspect.signature(F.multi_head_attention_forward)
#: Held while functions of PyTorch are replaced: threads would put each other's back.
_REPLACING = threading.RLock()


@dataclass(eq=False)
class _Softmax:
    """One softmax, whatever its weights went through since."""

    #: Of a module's own forward; the number of axes is that of scores of several heads.
    is_of_heads: bool
    was_heard: bool = False


@dataclass(eq=False)
class _Weights:
    """What a softmax put out, until it meets its values."""

    of: _Softmax

    values: torch.Tensor
    #: Which scores were no mask; None where all were.
    allowed: torch.Tensor | None
    #: The axis that sums to 1, from behind.
    axis: int
    has_sink: bool = False
    #: The model changed them: rows may not sum to 1.
    is_changed: bool = False


class Interceptor(TorchFunctionMode):
    """Calls `hear` with each attention that is computed while `frames` (innermost first) has any."""

    def __init__(
        self,
        frames: Callable[[], Sequence[Frame]],
        hear: Callable[[Heard], None],
        project: Callable[[torch.Tensor], None],
    ) -> None:
        super().__init__()
        self._frames = frames
        self._hear = hear
        self._project = project
        self._masks = MaskReader()
        self._weights: dict[int, _Weights] = {}
        #: An id is one tensor's as long as that lives.
        self._alive: list[torch.Tensor] = []
        #: Products of weights and values that are square, as those of linear attention from channel to channel.
        self._contexts: dict[int, torch.Tensor] = {}

    def forget(self) -> None:
        """Lets go of the model's tensors."""
        self.forget_since(0, None)
        self._contexts.clear()
        self._masks.forget()

    def mark(self) -> int:
        """Where `forget_since` shall begin."""
        return len(self._alive)

    def forget_since(self, mark: int, result: Any) -> bool:
        """A module is through: weights that it made are of no use to others, unless they are its `result`.

        Whether there were weights of several heads that met no values.
        """
        self._contexts.clear()
        if len(self._alive) == mark:
            return False
        results = result if isinstance(result, (tuple, list)) else (result,)
        kept, gone = [], []
        for tensor in self._alive[mark:]:
            if any(tensor is other for other in results):
                kept.append(tensor)
            else:
                gone.append(self._weights.pop(id(tensor)).of)
        self._alive[mark:] = kept
        still = {id(self._weights[id(tensor)].of) for tensor in kept}
        return any(of.is_of_heads and not of.was_heard and id(of) not in still for of in gone)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self._frames():
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
            self._follow(func, args, kwargs, result)
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
        frames = self._frames()
        heads = heads_of(frames, query)
        mask = None if attn_mask is None else _four_mask(attn_mask.detach(), query, heads)
        query, key, value = (four(values.detach(), heads) for values in (query, key, value))
        rows = folded(frames, query, heads)
        groups = getattr(frames[0].module, "num_key_value_groups", 1)
        if type(groups) is int and groups > 1:
            query, key, value, mask = _ungrouped(query, key, value, mask, groups, heads)
        size = (len(query), query.shape[1], query.shape[2], key.shape[2])
        allowed, bias = CAUSAL if is_causal else None, None
        if mask is not None:
            read, is_plain = self._masks.read(mask.expand(-1, -1, *size[2:]))
            allowed = read if read is not None else allowed
            bias = None if is_plain else mask
            if bias is not None and bias.dtype == torch.bool:
                bias = bias.new_zeros(bias.shape, dtype=torch.float32).masked_fill(~bias, -torch.inf)
        self._hear(
            Heard(
                key=key.expand(size[0], -1, -1, -1),
                value=value.expand(size[0], -1, -1, -1),
                query=query,
                mask=allowed,
                bias=bias,
                scale=query.shape[-1] ** -0.5 if scale is None else scale,
                heads_a_row=rows,
            )
        )

    # Weights.

    def _softmax(self, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if not torch.is_tensor(result) or result.dim() < 3 or type(axis) is not int:
            return
        scores = args[0] if args else kwargs["input"]
        allowed = scores.detach() > MASKED_BELOW
        axis = axis - result.dim() if axis >= 0 else axis
        of = _Softmax(result.dim() > 3)
        self._tag(result, _Weights(of, result.detach(), None if bool(allowed.all()) else allowed, axis))

    def _follow(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: torch.Tensor) -> None:
        """Weights that are viewed, cast, turned, changed; or multiplied with values, and then they are attention."""
        if func is torch.einsum:
            operands = args[1] if len(args) == 2 and isinstance(args[1], (tuple, list)) else args[1:]
            self._einsum(args[0], operands, result)
            return
        operands = args[1:] if func is torch.baddbmm else args
        for place, operand in enumerate(operands[:2]):
            weights = self._weights.get(id(operand))
            if weights is None:
                continue
            if func in _MATMUL:
                if (place, weights.axis) == (0, -1):
                    self._multiplied(weights, operands[1], result)
                elif (place, weights.axis) == (1, -2):  # values' channels first, as in convolutional models
                    self._multiplied(_turned(weights), operands[0].mT, result)
            elif func is torch.Tensor.__getitem__ and _is_shortened(operand, result):
                allowed = None if weights.allowed is None else func(weights.allowed, *args[1:])
                self._tag(result, _Weights(weights.of, result.detach(), allowed, -1, has_sink=True))
            elif result.numel() == operand.numel() and result.is_floating_point():
                self._tag(result, _moved(weights, func, args, kwargs, result))
            return

    def _multiplied(self, weights: _Weights, value: torch.Tensor, result: torch.Tensor) -> None:
        if weights.of.was_heard:
            return
        weights.of.was_heard = True
        self._check_values(value, result)
        frames = self._frames()
        heads = heads_of(frames, weights.values)
        rows = four(weights.values, heads)
        allowed = None if weights.allowed is None else four(weights.allowed, heads)
        if heads is not None and heads == rows.shape[2] != rows.shape[1] == tokens_of(frames):
            # Heads of one key, `[batch, queries, heads, keys]`.
            rows, allowed = rows.transpose(1, 2), None if allowed is None else allowed.transpose(1, 2)
        heard = _heard(rows, allowed, None if value.dim() < 3 else four(value.detach(), heads), weights)
        self._hear(replace(heard, sample=_sample(value), heads_a_row=folded(frames, rows, heads)))

    def _einsum(self, equation: Any, operands: Sequence[Any], result: torch.Tensor) -> None:
        if not isinstance(equation, str) or "->" not in equation or len(operands) != 2 or "." in equation:
            return
        inputs, out = equation.replace(" ", "").split("->")
        labels = inputs.split(",")
        for place, operand in enumerate(operands):
            weights = self._weights.get(id(operand))
            if weights is None or weights.of.was_heard or weights.values.shape != operand.shape:
                continue
            own, other = labels[place], labels[1 - place]
            key = own[weights.axis]
            queries = [label for label in own if label in out and label not in other]
            shared = [label for label in out if label in own and label in other]
            if key in out or key not in other or not queries or len(shared) + len(queries) > 3:
                continue
            weights.of.was_heard = True
            self._check_values(operands[1 - place], result)
            if len(queries) == 2:  # heads of one key
                heads = heads_of(self._frames(), weights.values)
                shared.append(queries.pop(operand.shape[own.index(queries[1])] == heads))
            order = [own.index(label) for label in (*shared, queries[0], key)]
            extra = (None,) * (2 - len(shared))
            rows = weights.values.permute(order)[(slice(None), *extra) if len(shared) == 1 else extra]
            allowed = weights.allowed
            if allowed is not None:
                allowed = allowed.permute(order)[(slice(None), *extra) if len(shared) == 1 else extra]
            self._hear(replace(_heard(rows, allowed, None, weights), sample=_sample(operands[1 - place])))
            return

    def _check_values(self, value: torch.Tensor, result: torch.Tensor) -> None:
        """Linear attention weighs channels with a softmax of its queries: its values are what keys made of others."""
        if self._contexts.pop(id(value), None) is not None:
            raise RecordError(
                f"`{type(self._frames()[0].module).__name__}` is linear attention: its softmaxes are over channels and "
                "over tokens, and no query has weights over keys; leave the module out with where="
            )
        if result.dim() > 2 and result.shape[-1] == result.shape[-2]:
            self._contexts[id(result)] = result

    def _tag(self, tensor: torch.Tensor, weights: _Weights) -> None:
        if id(tensor) not in self._weights:
            self._alive.append(tensor)
        self._weights[id(tensor)] = weights

    # torch.nn.MultiheadAttention.

    def _multi_head(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = _MULTI_HEAD.bind(*args, **kwargs).arguments
        if given["training"] and given["dropout_p"] > 0:
            raise RecordError(f"attention drops out {given['dropout_p']:g} of its weights: call `model.eval()` first")
        heads, here = given["num_heads"], threading.get_ident()

        def scaled(*inner: Any, **options: Any) -> Any:
            if threading.get_ident() == here:
                self._scaled_dot_product(*inner, **options)
            return plain_scaled(*inner, **options)

        def softmaxed(*inner: Any, **options: Any) -> torch.Tensor:
            result: torch.Tensor = plain_softmax(*inner, **options)
            if threading.get_ident() == here:
                allowed = inner[0].detach() > MASKED_BELOW
                self._hear(_heard(four(result.detach(), heads), None if bool(allowed.all()) else four(allowed, heads)))
            return result

        with (
            _REPLACING,
            _replaced("scaled_dot_product_attention", scaled) as plain_scaled,
            _replaced("softmax", softmaxed) as plain_softmax,
        ):
            result = func(*args, **kwargs)
        self._project(given["out_proj_weight"])
        return result


def _four_mask(mask: torch.Tensor, query: torch.Tensor, heads: int | None) -> torch.Tensor:
    """`[batch or 1, heads or 1, queries or 1, keys]`: axes are those of the scores, counted from behind."""
    mask = mask[(None,) * (query.dim() - mask.dim())]
    if mask.dim() == 4:
        return mask
    lead = query.shape[:-2]
    if all(count == 1 for count in mask.shape[:-2]):
        return mask.reshape(1, 1, *mask.shape[-2:])
    return four(mask.expand(*lead, -1, -1), heads)


def _moved(weights: _Weights, func: Any, args: Any, kwargs: Any, result: torch.Tensor) -> _Weights:
    """What weights are behind a function that keeps their number."""
    if func is F.dropout and _drops_out(*args, **kwargs):
        raise RecordError("attention drops out some of its weights, though the model is in evaluation mode")
    if func in _KEEPS:
        return weights if result.shape == weights.values.shape or weights.axis == -1 else _gone(weights)
    if func in _TURNS:
        probe = torch.empty([1] * result.dim())
        marked = probe.expand(*(2 if axis - result.dim() == weights.axis else 1 for axis in range(result.dim())))
        axis = list(func(marked, *args[1:], **kwargs).shape).index(2) - result.dim()
        if weights.values.dim() != result.dim():
            return _gone(weights)
        allowed = None if weights.allowed is None else func(weights.allowed, *args[1:], **kwargs)
        values = func(weights.values, *args[1:], **kwargs)
        return replace(weights, values=values, allowed=allowed, axis=axis)
    values = result.detach().reshape(weights.values.shape)
    is_changed = weights.is_changed or func not in (torch.nan_to_num, _T.nan_to_num)
    return replace(weights, values=values, is_changed=is_changed)


def _turned(weights: _Weights) -> _Weights:
    allowed = None if weights.allowed is None else weights.allowed.mT
    return replace(weights, values=weights.values.mT, allowed=allowed, axis=-1)


def _gone(weights: _Weights) -> _Weights:
    """Weights of which nobody knows where they are."""
    return replace(weights, of=_Softmax(False, was_heard=True), axis=0)


def _drops_out(_: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> bool:
    return training and p > 0


def _heard(
    rows: torch.Tensor, allowed: torch.Tensor | None, value: torch.Tensor | None = None, weights: _Weights | None = None
) -> Heard:
    if value is None or value.shape[2] != rows.shape[3] or value.shape[0] != rows.shape[0]:
        value = None
    mask = None if allowed is None else Mask(allowed.any(1).cpu())
    return Heard(
        key=rows.new_empty(rows.shape[0], 1, 0, 0) if value is None else value,
        value=value,
        weights=rows,
        mask=mask,
        has_sink=weights is not None and weights.has_sink,
        is_changed=weights is not None and weights.is_changed,
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


def _sample(value: torch.Tensor) -> torch.Tensor:
    """Two numbers by which values are known again."""
    value = value.detach()
    return torch.stack([part.sum(dtype=torch.float32) for part in (value, value[..., :1, :])])


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
