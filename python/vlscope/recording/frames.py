"""Which modules are running: a stack of names, kept by hooks on all modules."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from .errors import RecordError

#: What the outermost module calls the tensors that have one row an example.
_BY_EXAMPLE = ("input_ids", "decoder_input_ids", "inputs_embeds", "attention_mask", "pixel_values", "input_features")
#: PyTorch numbers its hooks without a lock.
_HOOKS = threading.Lock()
#: PyTorch's own, which compute all at once where nobody looks.
_FUSED = (torch.nn.TransformerEncoder, torch.nn.TransformerEncoderLayer, torch.nn.MultiheadAttention)


class _Quiet(threading.local):
    is_on = False


_QUIET = _Quiet()


@contextmanager
def quiet() -> Iterator[None]:
    """Modules that run now are no part of the model's run, for all who record it in this thread."""
    before, _QUIET.is_on = _QUIET.is_on, True
    try:
        yield
    finally:
        _QUIET.is_on = before


@dataclass(eq=False)
class Frame:
    """One module that runs."""

    path: str
    module: torch.nn.Module
    #: Which run of the outermost module, and which of this one within it.
    forward: int
    invocation: int
    #: How many attentions were heard, in all before it and in it alone.
    first_call: int
    calls: int = 0
    mark: int = 0
    #: The batch and the tokens of its first tensor, where that is states: `[batch, tokens, dim]` or `[tokens, dim]`.
    given: tuple[int, int] | None = None


@dataclass(eq=False)
class Frames:
    """The stack, the innermost last; `leave` is told of each module that is through, with its inputs and result.

    It is that of the thread that made it: hooks hear of all threads.
    """

    model: torch.nn.Module
    enter: Callable[[Frame], None]
    leave: Callable[[Frame, tuple[Any, ...], dict[str, Any], Any], None]

    def __post_init__(self) -> None:
        self.stack: list[Frame] = []
        self.forwards = 0
        #: Of the outermost module: how many examples it was given.
        self.examples: int | None = None
        #: And which ids it read, by the number of its run.
        self.read: dict[int, torch.Tensor] = {}
        self.ran: dict[str, torch.nn.Module] = {}
        #: Whether the model ran in a thread in which nobody listens.
        self.ran_elsewhere = False
        self._thread = threading.get_ident()
        self._names = {id(module): name for name, module in self.model.named_modules()}
        self._counts: Counter[str] = Counter()

    def running(self) -> list[Frame]:
        """Innermost first; none while nobody shall listen."""
        return [] if _QUIET.is_on else self.stack[::-1]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """The hooks. They are PyTorch's for all modules: those on a module would turn its fused path off."""
        with _HOOKS:
            handles = [
                register_module_forward_pre_hook(self._push),
                register_module_forward_hook(self._pop, with_kwargs=True, always_call=True),
            ]
        with self._outermost_inputs():
            try:
                yield
            finally:
                for handle in handles:
                    handle.remove()
                self.stack.clear()

    @contextmanager
    def _outermost_inputs(self) -> Iterator[None]:
        """A global hook before a module is not told its keywords; one on the model itself is."""
        with _HOOKS:
            handle = self.model.register_forward_pre_hook(self._count_examples, with_kwargs=True)
        if isinstance(self.model, _FUSED):
            handle.remove()
        try:
            yield
        finally:
            handle.remove()

    def _count_examples(self, _: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        # PyTorch leaves the keywords out where another thread takes this hook away meanwhile.
        if kwargs is None or not self.is_here():
            return
        ids = kwargs.get("decoder_input_ids", kwargs.get("input_ids"))
        if torch.is_tensor(ids) and ids.dim() == 2:
            self.read[self.forwards] = ids.detach().clone()
        tensors = [kwargs.get(name) for name in _BY_EXAMPLE] + list(args) + list(kwargs.values())
        self.examples = next((len(tensor) for tensor in tensors if torch.is_tensor(tensor) and tensor.dim() > 1), None)

    def is_here(self) -> bool:
        """Whether this is the thread that is watched."""
        return threading.get_ident() == self._thread

    def _push(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        path = self._names.get(id(module))
        if path is None:
            return
        if not self.is_here():
            self.ran_elsewhere = True
            return
        if _QUIET.is_on:
            return
        if not self.stack:
            self.forwards += 1
            self._counts.clear()
            if module is not self.model:
                self.examples = next((len(tensor) for tensor in args if torch.is_tensor(tensor)), None)
        frame = Frame(path, module, self.forwards, self._counts[path], 0, given=_given(args))
        self.enter(frame)
        self.stack.append(frame)
        self._counts[path] += 1
        self.ran[path] = module

    def _pop(self, module: torch.nn.Module, args: tuple[Any, ...], *given: Any) -> None:
        if id(module) not in self._names or not self.is_here() or _QUIET.is_on or not self.stack:
            return
        # Where a module raised, those inside of it may have left no word.
        while self.stack and self.stack[-1].module is not module:
            self.stack.pop()
        if self.stack:
            frame = self.stack.pop()
            # PyTorch leaves the keywords out where the module raised.
            if len(given) == 2:
                self.leave(frame, args, *given)


def _given(args: tuple[Any, ...]) -> tuple[int, int] | None:
    states = args[0] if args else None
    if not torch.is_tensor(states) or not states.is_floating_point() or states.dim() not in (2, 3):
        return None
    return (1, len(states)) if states.dim() == 2 else (len(states), states.shape[1])


@contextmanager
def unfused(model: torch.nn.Module, frames: Frames) -> Iterator[None]:
    """PyTorch's transformer modules run twice: once as they would, for their result, and once where they are seen.

    Their fused path computes the same within rounding, and shows nothing. Where a gradient is wanted it is not taken,
    and they run once.
    """
    fused: list[tuple[torch.nn.Module, Any]] = []
    for module in model.modules():
        if isinstance(module, _FUSED) and not any(module in outer.modules() for outer, _ in fused):
            # Others, such as accelerate, have put a forward of their own there.
            own = vars(module).get("forward")
            if isinstance(own, _Twice) and not own.frames.is_here():
                raise RecordError("the model is being recorded in another thread: record in one after the other")
            fused.append((module, own))
    for module, _ in fused:
        module.forward = _Twice(module, module.forward, frames)
    try:
        yield
    finally:
        for module, own in fused:
            if own is None:
                del vars(module)["forward"]
            else:
                module.forward = own


@dataclass(frozen=True, eq=False)
class _Twice:
    """In the place of a module's `forward`."""

    module: torch.nn.Module
    forward: Callable[..., Any]
    frames: Frames

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.frames.is_here():
            return self.forward(*args, **kwargs)
        seen = self.forward(*args, **kwargs)
        if torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.module.parameters()):
            return seen
        with quiet(), torch._C.DisableTorchFunction():
            return self.forward(*args, **kwargs)
