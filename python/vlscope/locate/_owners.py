"""Which token each element of a pixel tensor reaches, while no token learns of another.

Tokens are numbered; the gradient of the sum of the tokens whose number has bit `b` set is non-zero exactly at the
elements that reach one of them. So 2 log2(tokens) backward passes tell the token of every element at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

Inputs: TypeAlias = Mapping[str, Any]

#: No token is reached; more than one is.
NONE, SEVERAL = -1, -2
_SOFTMAX = {F.softmax, torch.softmax, torch.Tensor.softmax}


class NoMixing(TorchFunctionMode):
    """Attention gives nothing: `scaled_dot_product_attention`, multi-head attention, a softmax over the last axis."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            query = args[0] if args else kwargs["query"]
            value = args[2] if len(args) > 2 else kwargs["value"]
            return query.new_zeros(*query.shape[:-1], value.shape[-1])
        if func is F.multi_head_attention_forward:
            return torch.zeros_like(args[0]), None
        result = func(*args, **kwargs)
        if func in _SOFTMAX and result.dim() >= 3:
            axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
            return torch.zeros_like(result) if axis in (-1, result.dim() - 1) else result
        return result


@contextmanager
def first_layers(model: torch.nn.Module) -> Iterator[None]:
    """Of each stack only the first layer is computed; those behind it give back what they read.

    With attention off a layer makes of each token another vector, and of no token another's: which elements reach it
    is told by one layer as well as by thirty, in a thirtieth of the time.
    """
    handed_on: list[tuple[torch.nn.Module, Any]] = []
    for stack in model.modules():
        if isinstance(stack, torch.nn.ModuleList) and len(stack) > 2 and len({type(layer) for layer in stack}) == 1:
            first, form = stack[0], _Form()
            handle = first.register_forward_hook(form.learn, with_kwargs=True)
            handed_on.append((first, handle.remove))
            for layer in list(stack)[1:]:
                own = vars(layer).get("forward")
                layer.forward = partial(form.hand_on, layer.forward)
                handed_on.append((layer, partial(_restore, layer, own)))
    try:
        yield
    finally:
        for _, restore in handed_on:
            restore()


def _restore(layer: torch.nn.Module, own: Any) -> None:
    del layer.forward
    if own is not None:
        layer.forward = own


class _Form:
    """In which form the layers of a stack give back their tokens."""

    def __init__(self) -> None:
        self._rest: tuple[Any, ...] | None = None
        self._is_known = False

    def learn(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Of the first layer: what it gives beside the tokens, if it gives as many of them as it read."""
        given = args[0] if args else kwargs.get("hidden_states")
        states, self._rest = (result[0], tuple(result[1:])) if isinstance(result, tuple) and result else (result, None)
        self._is_known = torch.is_tensor(given) and torch.is_tensor(states) and given.shape == states.shape

    def hand_on(self, forward: Any, *args: Any, **kwargs: Any) -> Any:
        """In place of a later layer's `forward`."""
        given = args[0] if args else kwargs.get("hidden_states")
        if not self._is_known or not isinstance(given, torch.Tensor):
            return forward(*args, **kwargs)
        return given if self._rest is None else (given, *self._rest)


class _Reached(BaseException):
    """The module was called: the rest of the forward is not needed. No model may take it for an error of its own."""


@contextmanager
def evaluation(model: torch.nn.Module) -> Iterator[None]:
    """Without dropout, and with gradients where they are asked for, whatever the caller has set."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module in training:
            module.training = True


def states_at(model: torch.nn.Module, inputs: Inputs, module: str) -> torch.Tensor | None:
    """What the module named `module` reads when it is called first, `[…, tokens, dim]`; None if it is not called."""
    kept: list[torch.Tensor] = []

    def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        kept.extend(
            value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor) and value.dim() >= 2
        )
        raise _Reached

    handle = model.get_submodule(module).register_forward_pre_hook(hook, with_kwargs=True)
    try:
        model(**inputs)
    except _Reached:
        pass
    finally:
        handle.remove()
    return kept[0] if kept else None


class Gradients:
    """Gradients from the tokens that a module reads to the pixel tensors, with attention off."""

    def __init__(self, model: torch.nn.Module, inputs: Inputs, pixels: list[str], module: str) -> None:
        leaves = {name: inputs[name].detach().clone().requires_grad_() for name in pixels}
        with torch.enable_grad(), first_layers(model), NoMixing():
            states = states_at(model, {**inputs, **leaves}, module)
        #: `[…, tokens]`; empty where the module was not called.
        self.shape: tuple[int, ...] = () if states is None else tuple(states.shape[:-1])
        self.pixels = list(leaves.values())
        self._sums: torch.Tensor | None = None
        if states is not None and states.requires_grad:
            flat = states.reshape(-1, states.shape[-1])
            # Drawn on the CPU, so that it is the same everywhere; a plain sum is constant behind a layer norm.
            direction = torch.randn(flat.shape[-1], generator=torch.Generator().manual_seed(1))
            self._sums = flat @ direction.to(flat)

    def of(self, tokens: torch.Tensor) -> list[torch.Tensor]:
        """The gradient of the sum of `tokens`, `[all tokens]` of 0 and 1, to each pixel tensor, in its shape."""
        if self._sums is None:
            return [torch.zeros_like(values) for values in self.pixels]
        found = torch.autograd.grad(
            self._sums, self.pixels, tokens.to(self._sums), retain_graph=True, allow_unused=True
        )
        return [torch.zeros_like(of) if it is None else it for it, of in zip(found, self.pixels, strict=True)]

    def owners(self) -> list[npt.NDArray[np.int64]]:
        """By pixel tensor, in its shape: the token that an element reaches, `NONE` or `SEVERAL`."""
        count = int(np.prod(self.shape))
        numbers = torch.arange(count)
        code = [torch.zeros(values.shape, dtype=torch.int64) for values in self.pixels]
        several = [torch.zeros(values.shape, dtype=torch.bool) for values in self.pixels]
        reached = [torch.zeros(values.shape, dtype=torch.bool) for values in self.pixels]
        for bit in range(max(1, (count - 1).bit_length()) if self._sums is not None else 0):
            set_bit = (numbers >> bit) & 1
            for index, (one, zero) in enumerate(zip(self.of(set_bit), self.of(1 - set_bit), strict=True)):
                has_one, has_zero = one.cpu() != 0, zero.cpu() != 0
                code[index] += has_one.long() << bit
                several[index] |= has_one & has_zero
                reached[index] |= has_one | has_zero
        return [
            torch.where(many, SEVERAL, torch.where(any_token, number, NONE)).numpy()
            for number, many, any_token in zip(code, several, reached, strict=True)
        ]
