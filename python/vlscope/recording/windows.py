"""Windows and frames that lie in the batch axis: which token of the layer's input each row is about.

Swin cuts a picture into windows and stacks them in the batch; a layer of a video model does it with frames or with
places. The layer is run once more, and beside each tensor goes a shadow of the same shape that holds the number of the
token that its values are of: what moves the values (a view, a roll, padding) moves the shadow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from .call import Call, Heard
from .frames import Frame
from .intercept import Interceptor

_T = torch.Tensor
_MOVES = {
    F.pad, torch.cat, torch.chunk, torch.concat, torch.flatten, torch.flip, torch.gather, torch.index_select,
    torch.movedim, torch.permute, torch.reshape, torch.roll, torch.split, torch.squeeze, torch.stack, torch.swapaxes,
    torch.transpose, torch.unbind, torch.unflatten, torch.unsqueeze, _T.__getitem__, _T.chunk, _T.clone, _T.contiguous,
    _T.detach, _T.expand, _T.flatten, _T.flip, _T.gather, _T.index_select, _T.movedim, _T.narrow, _T.permute, _T.repeat,
    _T.reshape, _T.roll, _T.select, _T.split, _T.squeeze, _T.swapaxes, _T.transpose, _T.unbind, _T.unflatten,
    _T.unsqueeze, _T.view,
}  # fmt: skip


class _Shadows(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self._of: dict[int, torch.Tensor] = {}
        self._alive: list[torch.Tensor] = []

    def set(self, tensor: torch.Tensor, shadow: torch.Tensor) -> None:
        self._of[id(tensor)] = shadow
        self._alive.append(tensor)

    def get(self, tensor: torch.Tensor | None) -> torch.Tensor | None:
        return self._of.get(id(tensor))

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        flat = [item for arg in args for item in (arg if isinstance(arg, (tuple, list)) else (arg,))]
        known = [tensor for tensor in flat if torch.is_tensor(tensor) and id(tensor) in self._of]
        if known:
            self._cast(func, args, kwargs, result, known)
        return result

    def _cast(self, func: Any, args: Any, kwargs: Any, result: Any, known: list[torch.Tensor]) -> None:
        if func in _MOVES:
            moved = func(*(self._shadowed(arg) for arg in args), **kwargs)
            pairs = zip(result, moved, strict=True) if isinstance(result, (tuple, list)) else ((result, moved),)
            for tensor, shadow in pairs:
                self.set(tensor, shadow)
        elif torch.is_tensor(result) and result.dim() > 1:
            for tensor in known:
                shadow = self._of[id(tensor)]
                if result.shape == tensor.shape:
                    self.set(result, shadow)
                    return
                if result.shape[:-1] == tensor.shape[:-1]:
                    self.set(result, shadow[..., :1].expand(result.shape))
                    return

    def _shadowed(self, arg: Any) -> Any:
        if isinstance(arg, (tuple, list)) and any(torch.is_tensor(item) for item in arg):
            return [self._shadowed(item) for item in arg]
        if not torch.is_tensor(arg) or not arg.is_floating_point():
            return arg
        return self._of.get(id(arg), torch.zeros(arg.shape, dtype=torch.int32, device=arg.device))


def find_windows(frame: Frame, calls: Sequence[Call], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Tells the calls of a module that is through which tokens their rows are about, where the batch holds windows.

    The module is the first one outwards whose input has another batch; beyond the layer, it would be tiles.
    """
    states = next((value for value in (*args, *kwargs.values()) if _is_states(value)), None)
    wanted = [call for call in calls if call.tokens is None and not call.is_settled]
    if states is None or not wanted or any(map(_is_cache, kwargs.items())):
        return
    _note_channels(states, wanted)
    # Channels are last, or, of a picture, first.
    axes = [axis for axis in ((-1, 1) if states.dim() == 4 else (-1,)) if _may_be_windows(states, axis, wanted)]
    found = [(axis, _rerun(frame, states, axis, args, kwargs)) for axis in axes]
    whole = [(axis, rows) for axis, rows in found if len(rows) == len(calls) and all(map(torch.is_tensor, rows))]
    if whole:
        # With the wrong axis, numbers are missing or there twice.
        axis, rows = min(whole, key=lambda item: _copies(states, *item))
        count = _count(states, axis)
        for call, numbers in zip(calls, rows, strict=True):
            if numbers is not None and call.batch != len(states):
                call.tokens = torch.where(numbers > 0, (numbers - 1) % count, -1)
                call.examples_of_tokens = torch.where(numbers > 0, (numbers - 1) // count, -1)
                call.token_count = count
    if re.search(r"(^|\.)\d+$", frame.path):
        for call in wanted:
            call.is_settled = True


def _note_channels(states: torch.Tensor, calls: list[Call]) -> None:
    """XCiT and DaViT attend from channel to channel."""
    axes = (1, 3) if states.dim() == 4 else (2,)
    for call in calls:
        is_square = call.queries == call.keys not in {_count(states, axis) for axis in axes}
        if (
            is_square
            and call.batch == len(states)
            and call.queries * call.heads in {states.shape[axis] for axis in axes}
        ):
            call.notes.add("over channels, not over tokens")


def _may_be_windows(states: torch.Tensor, axis: int, calls: list[Call]) -> bool:
    """Whether the batch is several times that of the states, and has about as many tokens in all."""
    batch, tokens = len(states), len(states) * _count(states, axis)
    return any(
        call.batch > batch and call.batch % batch == 0 and tokens <= 2 * call.batch * call.queries <= 8 * tokens
        for call in calls
    )


def _count(states: torch.Tensor, channels: int) -> int:
    """How many tokens an example has."""
    return states.numel() // max(1, len(states) * states.shape[channels])


def _copies(states: torch.Tensor, channels: int, rows: list[torch.Tensor | None]) -> int:
    """How many numbers are missing or there more than once."""
    every = len(states) * _count(states, channels)
    found = [numbers[numbers > 0] for numbers in rows if numbers is not None]
    return sum(abs(every - len(numbers.unique())) + len(numbers) - len(numbers.unique()) for numbers in found)


def _is_cache(given: tuple[str, Any]) -> bool:
    """A layer that is run once more would put its keys into it once more."""
    name, value = given
    return ("past" in name or "cache" in name) and value is not None and not isinstance(value, (bool, torch.Tensor))


def _is_states(value: Any) -> bool:
    return torch.is_tensor(value) and value.is_floating_point() and value.dim() in (3, 4)


@torch.no_grad()
def _rerun(
    frame: Frame, states: torch.Tensor, channels: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[torch.Tensor | None]:
    """For each attention, `[batch, queries]`: the token of each row, from 1 on over all examples; 0 for padding."""
    shadows = _Shadows()
    size = list(states.shape)
    size[channels] = 1
    numbers = torch.arange(1, 1 + states.numel() // states.shape[channels], dtype=torch.int32, device=states.device)
    shadows.set(states, numbers.reshape(size).expand(states.shape))
    found: list[torch.Tensor | None] = []

    def hear(heard: Heard) -> None:
        shadow = shadows.get(heard.weights if heard.query is None else heard.query)
        found.append(None if shadow is None else shadow[:, 0, :, 0].cpu().long())

    devices = [states.device] if states.is_cuda else []
    with torch.random.fork_rng(devices), shadows, Interceptor(lambda: [frame], hear, lambda _: None):
        frame.module.forward(*args, **kwargs)
    return found
