"""A trace of attention that was computed elsewhere: what BertViz takes, and what `generate` returns.

Understood are, for each of encoder, decoder and cross-attention: a layer an array, `[heads, queries, keys]`, with or
without a batch axis; one array of all layers; steps of generation, each a tuple of layers, which become whole rows; an
`ActivationCache` of TransformerLens; a mapping from names that hold the layers' numbers, as of what nnsight saved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ._images import image_of
from ._parts import AttentionBlock, Token
from ._tensor import to_numpy
from .error import TraceError

_Trace = TypeVar("_Trace", bound="FromAttentions")
#: How far a row may be from a sum of 1: weights of bfloat16 are that coarse.
_ROW_TOLERANCE = 2e-2
_PATTERN = re.compile(
    r"(?:(?P<part>encoder|decoder)\.|blocks\.)(?:blocks\.)?(?P<layer>\d+)\.(?P<kind>attn|cross_attn)\.hook_pattern$"
)
_RESIDUAL = re.compile(r"blocks\.(?P<layer>\d+)\.hook_resid_(?P<side>pre|post)$")


class FromAttentions:
    """What a trace can be made of beside its own fields."""

    @classmethod
    def from_attentions(
        cls: type[_Trace],
        attentions: Any,
        *,
        tokens: Sequence[Any],
        decoder: Any = None,
        cross: Any = None,
        decoder_tokens: Sequence[Any] | None = None,
        example: int | None = None,
        images: Sequence[Any] = (),
        id: str | None = None,
    ) -> _Trace:
        """A trace of attention that was computed elsewhere.

        `attentions` is what BertViz takes (a layer an array, `[heads, queries, keys]`, with or without a batch axis of
        which `example` is taken), what a model or `generate` returns with `output_attentions=True`, an
        `ActivationCache` of TransformerLens, or a mapping from names with layers' numbers, as of nnsight. `decoder` and
        `cross` are the like, and have `decoder_tokens`. Tokens are strings or `Token`. A `TraceError` tells the fix.
        """
        trace: Callable[..., _Trace] = cls
        given = _Given.of(attentions, decoder, cross)
        parts = _parts(given, tokens, decoder_tokens, example)
        return trace(**parts, images=[image_of(picture) for picture in images], id=id)


def _parts(
    given: _Given, tokens: Sequence[Any], decoder_tokens: Sequence[Any] | None, example: int | None
) -> dict[str, Any]:
    """Sequences, blocks, hidden states."""
    if given.attentions is not None and given.decoder is None and given.cross is None:
        weights = _Stack("attentions", given.attentions, example)
        parts = {
            "sequences": {"main": weights.named(tokens, "tokens")},
            "attention": [weights.block("self", "main", "main")],
        }
    else:
        if decoder_tokens is None:
            raise TraceError("decoder and cross-attention need `decoder_tokens`: what the decoder read")
        sequences: dict[str, list[Token]] = {}
        blocks = []
        if given.attentions is not None:
            stack = _Stack("attentions", given.attentions, example)
            sequences["encoder"] = stack.named(tokens, "tokens")
            blocks.append(stack.block("encoder", "encoder", "encoder"))
        if given.decoder is not None:
            stack = _Stack("decoder", given.decoder, example)
            sequences["decoder"] = stack.named(decoder_tokens, "decoder_tokens")
            blocks.append(stack.block("decoder", "decoder", "decoder"))
        if given.cross is not None:
            stack = _Stack("cross", given.cross, example)
            if "encoder" not in sequences:
                sequences["encoder"] = _tokens(tokens, stack.keys, "tokens", "keys of cross-attention")
            if "decoder" not in sequences:
                sequences["decoder"] = _tokens(decoder_tokens, stack.queries, "decoder_tokens", "queries of `cross`")
            blocks.append(stack.block("cross", "decoder", "encoder"))
        parts = {"sequences": sequences, "attention": blocks}
    if given.hidden and len(parts["sequences"]) == 1:
        parts["hidden"] = {
            name: [_one(state, 2, example, "hidden states") for state in given.hidden] for name in parts["sequences"]
        }
    return parts


@dataclass
class _Given:
    """What was handed in, part by part: layers, or steps of them."""

    attentions: list[Any] | None
    decoder: list[Any] | None
    cross: list[Any] | None
    hidden: list[Any]

    @classmethod
    def of(cls, attentions: Any, decoder: Any, cross: Any) -> _Given:
        for name, value in (("attentions", attentions), ("decoder", decoder), ("cross", cross)):
            if value is None and name == "attentions" and (decoder is None and cross is None):
                raise TraceError(_NOT_EAGER)
        keys = (
            [str(key) for key in attentions]
            if isinstance(attentions, Mapping) or hasattr(attentions, "cache_dict")
            else []
        )
        if any(_PATTERN.search(key) for key in keys):
            return cls._of_cache(attentions)
        if any(key in keys for key in ("attentions", "encoder_attentions", "decoder_attentions")):
            # All that a model put out.
            encoder = attentions.get("encoder_attentions")
            own = attentions.get("decoder_attentions")
            if encoder is None and own is None:
                return cls._checked(attentions.get("attentions"), None, None)
            return cls._checked(encoder, own, attentions.get("cross_attentions"))
        return cls._checked(attentions, decoder, cross)

    @classmethod
    def _checked(cls, attentions: Any, decoder: Any, cross: Any) -> _Given:
        if attentions is None and decoder is None and cross is None:
            raise TraceError(_NOT_EAGER)
        encoder, own, other = (None if value is None else _layers(value) for value in (attentions, decoder, cross))
        return cls(encoder, own, other, [])

    @classmethod
    def _of_cache(cls, cache: Any) -> _Given:
        """Of TransformerLens: `hook_pattern` by layer, and the residual stream where all of it was kept."""
        found: dict[str, dict[int, Any]] = {"attentions": {}, "decoder": {}, "cross": {}}
        states: dict[int, Any] = {}
        for key, value in cache.items():
            if match := _PATTERN.search(str(key)):
                part = (
                    "cross"
                    if match["kind"] == "cross_attn"
                    else "decoder"
                    if match["part"] == "decoder"
                    else "attentions"
                )
                found[part][int(match["layer"])] = value
            elif match := _RESIDUAL.search(str(key)):
                states.setdefault(int(match["layer"]) + (match["side"] == "post"), value)
        parts = {name: [layers[number] for number in sorted(layers)] or None for name, layers in found.items()}
        count = len(parts["attentions"] or ())
        return cls(**parts, hidden=[states[number] for number in range(count + 1)] if len(states) > count else [])


_NOT_EAGER = (
    "there are no attention weights (None): the model was loaded with an implementation that does not give them; load "
    'it with attn_implementation="eager" and call it with output_attentions=True, or record it by `vlscope.record`'
)


def _layers(value: Any) -> list[Any]:
    """The layers (or the steps) of what was given."""
    if isinstance(value, Mapping):
        numbered = [(re.findall(r"\d+", str(key)), of) for key, of in value.items()]
        unnumbered = [str(key) for key, (numbers, _) in zip(value, numbered, strict=True) if not numbers]
        if unnumbered:
            raise TraceError(f"`{unnumbered[0]}` names no layer, expected names with the layers' numbers")
        return [of for _, of in sorted(numbered, key=lambda entry: [int(number) for number in entry[0]])]
    return list(_saved(value))


def _saved(value: Any) -> Any:
    """What nnsight's proxies hold, once their trace is through."""
    return value.value if not hasattr(value, "shape") and hasattr(value, "value") else value


class _Stack:
    """One block: all its layers, whole."""

    def __init__(self, name: str, layers: list[Any], example: int | None) -> None:
        self.name = name
        layers = [_saved(layer) for layer in layers]
        if any(layer is None for layer in layers):
            raise TraceError(_NOT_EAGER)
        if not layers:
            raise TraceError(f"`{name}` has no layers")
        self.has_steps = isinstance(layers[0], (list, tuple))
        if self.has_steps:
            steps = [[self._weights(layer, example) for layer in step] for step in layers]
            self.layers = [self._whole([step[layer] for step in steps]) for layer in range(len(steps[0]))]
        else:
            self.layers = [self._weights(layer, example) for layer in layers]
        shapes = {layer.shape[1:] for layer in self.layers}
        if len(shapes) > 1:
            raise TraceError(
                f"`{name}` has layers of {' and '.join(str(list(shape)) for shape in sorted(shapes))} queries and "
                "keys, expected the same: give each kind of attention by itself"
            )
        self.queries, self.keys = self.layers[0].shape[1:]
        for number, layer in enumerate(self.layers):
            self._check_rows(layer, number)

    def block(self, name: str, query: str, key: str) -> AttentionBlock:
        causal = query == key and all(not np.triu(layer, 1).any() for layer in self.layers) and self.queries > 1
        return AttentionBlock(name, query, key, list(self.layers), causal=causal)

    def named(self, tokens: Sequence[Any], argument: str) -> list[Token]:
        """The tokens of self-attention."""
        if self.queries != self.keys:
            raise TraceError(
                f"`{self.name}` has {self.queries} queries and {self.keys} keys, expected as many: give attention to "
                "another sequence as `cross`"
            )
        # The token that was generated last was never read: it has no row.
        if self.has_steps and len(tokens) == self.keys + 1:
            tokens = tokens[:-1]
        return _tokens(tokens, self.keys, argument, f"keys of `{self.name}`")

    def _weights(self, layer: Any, example: int | None) -> npt.NDArray[np.float32]:
        return _one(_saved(layer), 3, example, f"`{self.name}`")

    def _whole(self, steps: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """`[heads, all queries, keys]` of the steps of one layer."""
        last = steps[-1]
        if len(steps) == 1 or all(step.shape[1] > before.shape[1] for before, step in pairwise(steps)):
            # Without a cache each step has all rows.
            return last
        is_self = self.name != "cross"
        rows = sum(step.shape[1] for step in steps)
        keys = rows if is_self else last.shape[2]
        whole = np.zeros((len(last), rows, keys), np.float32)
        row = 0
        for step in steps:
            end = row + step.shape[1]
            # A sliding cache has the last keys alone, a static one has room for more than there are.
            shift = max(0, end - step.shape[2]) if is_self else 0
            width = min(step.shape[2], keys - shift)
            whole[:, row:end, shift : shift + width] = step[:, :, :width]
            row = end
        return whole

    def _check_rows(self, layer: npt.NDArray[np.float32], number: int) -> None:
        off = np.abs(layer.sum(axis=-1, dtype=np.float64) - 1)
        # Where NaN is, `save` says it.
        if np.isfinite(off).all() and off.size and off.max() > _ROW_TOLERANCE:
            head, row = np.unravel_index(int(off.argmax()), off.shape)
            raise TraceError(
                f"`{self.name}`: layer {number}, head {head}, row {row} sums to {layer[head, row].sum():.3g}, expected "
                "1: give the weights behind the softmax, of a model in evaluation (`model.eval()`)"
            )


def _one(values: Any, axes: int, example: int | None, what: str) -> npt.NDArray[np.float32]:
    """One example, as float32."""
    if not hasattr(values, "shape") and not isinstance(values, (list, tuple)):
        raise TraceError(f"{what} holds a {type(values).__name__}, expected arrays")
    # numpy has no bfloat16.
    array = to_numpy(values.detach().float() if hasattr(values, "detach") else values)
    if array.dtype.kind not in "fV":
        raise TraceError(f"{what} has dtype {array.dtype}, expected weights of floats")
    if array.ndim == axes - 1:
        array = array[None]
    if array.ndim == axes + 1:
        if example is None and len(array) > 1:
            raise TraceError(f"{what} has a batch of {len(array)} examples: say which one by `example=0`")
        if not 0 <= (example or 0) < len(array):
            raise TraceError(f"`example` is {example}, expected less than {len(array)}")
        array = array[example or 0]
    if array.ndim != axes:
        shape = "[heads, queries, keys]" if axes == 3 else "[tokens, dim]"
        raise TraceError(
            f"{what} has shape {list(array.shape)}, expected {shape}, with or without a batch axis in front"
        )
    return np.ascontiguousarray(array, np.float32)


def _tokens(given: Sequence[Any], count: int, argument: str, what: str) -> list[Token]:
    """Strings become text."""
    if isinstance(given, str):
        raise TraceError(
            f"`{argument}` is one string, expected a list of tokens: `tokenizer.convert_ids_to_tokens(ids)`"
        )
    tokens = [item if isinstance(item, Token) else Token(str(item)) for item in given]
    numbers = [item for item in given if not isinstance(item, (str, Token))]
    if numbers:
        raise TraceError(
            f"`{argument}` holds {numbers[0]!r}, expected strings or Token: `tokenizer.convert_ids_to_tokens(ids)` "
            "gives the words of ids"
        )
    if len(tokens) != count:
        raise TraceError(f"`{argument}` has {len(tokens)} tokens, expected {count}: one for each of the {what}")
    return tokens
