"""`record`: the block in which a model is watched."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Literal

import torch

from .errors import RecordError
from .frames import Frame, Frames, quiet, unfused
from .intercept import Interceptor
from .refusals import check_chosen, check_evaluation, check_heard, check_ran
from .tape import Tape
from .windows import find_windows

Where = str | Callable[[str], bool] | None


class record(AbstractContextManager[Tape]):
    """`with record(model) as tape: model(**inputs)`: the attention of any PyTorch model, as it was loaded.

    - `where`: a regular expression that is found in the names of attention modules, or a function of a name; others
      are left out.
    - `layers`, `heads`, `queries`: which numbers are kept; all if absent. Queries are counted over all steps.
    - `keep`: `"queries_keys"`, from which weights are computed when they are asked for; or `"weights"`. A layer of
      which the model computes the weights itself, or adds a bias to them, has them kept either way.
    - `statistics`: the norms of the projected values are computed as layers go by; the logarithm of each row's sum and
      the statistics of docs/statistics.md when the trace is made, since they ask for its tokens. All of it on the
      model's device.
    - `hidden`: what each layer puts out is kept as well.
    - `unheard`: attention that shows nothing (flash, flex, deformable, linear) is refused, or a note.
    - `folder`: where the temporary file lies.

    The model's output is that of a run that nobody watched, bit for bit; a compiled model runs uncompiled meanwhile.
    Raises `RecordError` for what would not show what the model does.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        where: Where = None,
        layers: Container[int] | None = None,
        heads: list[int] | None = None,
        queries: Container[int] | None = None,
        keep: Literal["queries_keys", "weights"] = "queries_keys",
        statistics: bool = False,
        hidden: bool = True,
        unheard: Literal["refuse", "note"] = "refuse",
        folder: str | None = None,
    ) -> None:
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"`record` takes a model of PyTorch (torch.nn.Module), not {type(model).__name__}")
        for name, numbers in (("layers", layers), ("heads", heads), ("queries", queries)):
            if isinstance(numbers, int):
                raise TypeError(f"{name} is {numbers}, expected numbers, such as [{numbers}]")
        if keep not in ("queries_keys", "weights"):
            raise ValueError(f'keep is "{keep}", expected "queries_keys" or "weights"')
        if unheard not in ("refuse", "note"):
            raise ValueError(f'unheard is "{unheard}", expected "refuse" or "note"')
        self._model = model
        self._unheard = unheard
        self._has_filter = where is not None or layers is not None
        self._tape = Tape(model, where, layers, heads, queries, keep, statistics, hidden, folder)
        self._stack = ExitStack()
        self._is_used = False

    def __enter__(self) -> Tape:
        check_evaluation(self._model)
        tape = self._tape
        if self._is_used:
            raise RecordError("this `record` was used before: each block has one of its own")
        self._is_used = True
        frames = Frames(self._model, enter=self._enter, leave=self._leave)
        self._frames = frames
        self._interceptor = Interceptor(
            frames.running, lambda heard: tape.hear(heard, frames), lambda weight: tape.project(weight, frames)
        )
        with self._stack as stack:
            stack.enter_context(frames.watched())
            stack.enter_context(unfused(self._model, frames))
            stack.enter_context(_uncompiled())
            stack.enter_context(self._interceptor)
            self._stack = stack.pop_all()
        return tape

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._stack.__exit__(kind, error, trace)
        self._interceptor.forget()
        self._tape.finish(self._frames)
        if kind is not None:
            return
        check_ran(self._tape, elsewhere=self._frames.ran_elsewhere)
        if self._has_filter:
            check_chosen(self._tape)
        else:
            check_heard(self._tape, refuse=self._unheard == "refuse")

    def _enter(self, frame: Frame) -> None:
        frame.first_call = len(self._tape.calls)
        frame.mark = self._interceptor.mark()

    def _leave(self, frame: Frame, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        is_leaf = next(frame.module.children(), None) is None
        calls = self._tape.calls[frame.first_call :]
        if (not is_leaf or frame.calls) and self._interceptor.forget_since(frame.mark, result):
            for call in calls:
                if call.path == frame.path:
                    call.notes.add("parts of its attention are missing: softmaxes that met no values")
        if calls:
            with quiet():
                find_windows(frame, calls, args, kwargs)
            self._tape.put_out(frame, args, kwargs, result)
        if not self._frames.stack:
            self._interceptor.forget()


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Compiled code calls nothing that could be seen."""
    with torch.compiler.set_stance("force_eager"):
        yield


__all__ = ["RecordError", "record"]
