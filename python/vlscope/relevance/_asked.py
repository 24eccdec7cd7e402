"""What is explained: the logits of chosen tokens, and one stack of attention that they come through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Floats: TypeAlias = npt.NDArray[np.float32]


class RelevanceError(RuntimeError):
    """A relevance that cannot be computed of this model, and why."""


@dataclass(frozen=True)
class Asked:
    """Why did `model`, called with `inputs` (one example, the tokens it put out included), give `ids` at `rows`?

    The logit of `ids[i]` is that of row `rows[i]` of `logits`: one before the token that was put out. `layers` are the
    names of the attention modules of one stack of self-attention, in order; `tokens` the module that reads the
    stack's tokens first.
    """

    model: torch.nn.Module
    inputs: Mapping[str, Any]
    rows: Sequence[int]
    ids: Sequence[int]
    layers: Sequence[str]
    tokens: str
    #: Of a decoder with cross-attention: the modules of this, and the self-attention of the encoder that it reads.
    cross: Sequence[str] = ()
    encoder: Sequence[str] = ()

    def targets(self) -> torch.Tensor:
        """`[targets]`, the logits in question."""
        logits: torch.Tensor = self.model(**self.inputs).logits
        # An answer that is chosen from a list has no place in a sequence.
        rows = logits[None] if logits.dim() == 2 else logits
        return rows[0, list(self.rows), list(self.ids)].float()

    @torch.no_grad()
    def embeddings(self) -> torch.Tensor:
        """`[1, tokens, dim]`, what the stack reads."""
        kept: list[torch.Tensor] = []

        def keep(states: torch.Tensor) -> torch.Tensor:
            kept.append(states.detach())
            return states

        with replaced_input(self.model, self.tokens, keep):
            self.targets()
        if not kept:
            raise RelevanceError(f"the model never calls its module `{self.tokens}`")
        return kept[0]


@contextmanager
def replaced_input(model: torch.nn.Module, name: str, change: Any) -> Iterator[None]:
    """Meanwhile the module `name` reads `change(states)` in place of its `states`, `[1, tokens, dim]`."""

    def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and isinstance(args[0], torch.Tensor):
            return (change(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": change(kwargs["hidden_states"])}

    handle = model.get_submodule(name).register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def to_array(values: torch.Tensor) -> Floats:
    """On the CPU, as numpy has it."""
    array: Floats = values.detach().float().cpu().numpy()
    return array
