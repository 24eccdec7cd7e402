"""From a tape to a trace of one example: sequences without padding, blocks, hidden states, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from .._images import image_of
from .._tensor import Array
from ..trace import AttentionBlock, Mask, Token, Trace
from .blocks import Block
from .default_tokens import DefaultTokens
from .errors import RecordError
from .places import Places, Seen
from .refusals import check_example, check_output
from .row_sums import row_sums
from .sequences import Sequence, unpadded
from .states import states_of
from .statistics import NAMES, statistics_of

if TYPE_CHECKING:
    from .tape import Tape

_Positions = npt.NDArray[np.int64]
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
#: How far a row of float32 weights may be from a sum of 1.
_ROW_TOLERANCE = 1e-3


def make_trace(
    tape: Tape,
    *,
    processor: Any,
    inputs: Any,
    output: Any,
    images: list[Any],
    example: int,
    tokens: dict[str, list[Token]],
    keep: str,
    dtype: str | None,
    id: str | None,
) -> Trace:
    """See `Tape.trace`."""
    if keep not in ("queries_keys", "weights"):
        raise ValueError(f'keep is "{keep}", expected "queries_keys" or "weights"')
    if dtype is not None and dtype not in _DTYPES:
        raise ValueError(f'dtype is "{dtype}", expected one of {", ".join(_DTYPES)}')
    sequences, blocks = tape.sequences(), tape.blocks()
    check_example(blocks, example)
    check_output(tape, output, example)
    unknown = sorted(tokens.keys() - {sequence.name for sequence in sequences})
    if unknown:
        names = ", ".join(sequence.name for sequence in sequences)
        raise ValueError(f"there are tokens of `{unknown[0]}`, expected a sequence: {names}")
    default = DefaultTokens(tape.model, processor, inputs, output, len(images), example)
    kept = {sequence.name: unpadded(sequence, blocks, example) for sequence in sequences}
    found = {
        sequence.name: _tokens(sequence, kept[sequence.name], tokens.get(sequence.name) or default.of(sequence))
        for sequence in sequences
    }
    number = None if dtype is None else _DTYPES[dtype]
    hidden = {}
    for sequence in sequences:
        states = states_of(tape, sequence, blocks, example)
        if states:
            rows = kept[sequence.name]
            hidden[sequence.name] = [_stored(state[rows], number or _half(state.dtype), "a state") for state in states]
    attention = [
        _block(block, kept[block.query], kept[block.key], example, keep == "weights", number) for block in blocks
    ]
    pictures = list(map(image_of, images))
    if tape.has_statistics:
        places = {name: Places.of(of, pictures, tape.device) for name, of in found.items()}
        for block, result in zip(blocks, attention, strict=True):
            _add_statistics(result, block, kept[block.query], kept[block.key], example, places)
    config = getattr(tape.model, "config", None)
    return Trace(
        id=id,
        model={
            "name": getattr(config, "name_or_path", "") or type(tape.model).__name__,
            "architecture": type(tape.model).__name__,
        },
        sequences=found,
        attention=attention,
        hidden=hidden,
        images=pictures,
    )


def _tokens(sequence: Sequence, kept: _Positions, given: list[Token]) -> list[Token]:
    if len(given) == sequence.length:
        return [given[position] for position in kept]
    if len(given) != len(kept):
        raise RecordError(
            f"`{sequence.name}` was given {len(given)} tokens, but has {sequence.length}, {len(kept)} without padding"
        )
    return given


def _block(
    block: Block, queries: _Positions, keys: _Positions, example: int, as_weights: bool, dtype: torch.dtype | None
) -> AttentionBlock:
    example = min(example, block.examples - 1)
    if block.kept is not None:
        raise RecordError(f"`{block.name}` was recorded with some of its queries: its weights are in `block.weights`")
    numbers = sorted(block.layers)
    masks: dict[Any, Mask] = {}
    keyed = {number: block.matrices[number].mask_key(example) for number in numbers}
    for number in numbers:
        if keyed[number] not in masks:
            masks[keyed[number]] = _mask(block, number, queries, keys, example)
    result = AttentionBlock(block.name, block.query, block.key, numbers=numbers)
    every = [masks[keyed[number]] for number in numbers]
    result.mask = every[0] if all(mask is every[0] or _is_equal(mask, every[0]) for mask in every) else every
    for number in numbers:
        matrix = block.matrices[number]
        name = f"layer {number} of `{block.name}`"
        if as_weights or block.is_weights:
            weights = matrix.weights(example)[:, queries][:, :, keys]
            off = (weights.sum(-1) - 1).abs().max() if weights.numel() else 0
            result.sink_share |= matrix.has_sink or bool(off > _ROW_TOLERANCE)
            result.layers.append(_stored(weights, dtype or torch.float16, name))
        else:
            query, key = matrix.queries(example)[:, queries], matrix.keys_of(example)[:, keys]
            result.queries.append(_stored(query, dtype or _single(query.dtype), name))
            result.keys.append(_stored(key, dtype or _single(key.dtype), name))
            result.scale = matrix.scale
        if (norms := matrix.value_norm(example)) is not None:
            result.value_norms.append(norms[:, keys].numpy())
    if len(result.value_norms) != len(numbers):
        result.value_norms.clear()
    return result


def _add_statistics(
    result: AttentionBlock, block: Block, query: _Positions, key: _Positions, example: int, places: dict[str, Places]
) -> None:
    """To a block, NaN where a layer has fewer heads; and log-sum-exps to one of queries and keys."""
    example = min(example, block.examples - 1)
    queries, keys = places[block.query], places[block.key]
    values = np.full((len(NAMES), len(block.layers), block.heads), np.nan, np.float32)
    masks: dict[object, Seen] = {}
    for place, number in enumerate(sorted(block.layers)):
        matrix = block.matrices[number]
        mask = matrix.mask_key(example)
        if mask not in masks:
            allowed = block.allowed(number, example)[np.ix_(query, key)]
            masks[mask] = Seen(queries, keys, allowed, block.query == block.key)
        sums = row_sums(matrix.source(example, query, key, keys.at.device), masks[mask])
        values[:, place, : sums.heads] = torch.stack(list(statistics_of(sums, masks[mask]).values())).cpu()
        if result.queries:
            result.lse.append(sums.lse.cpu().numpy())
    result.statistics = dict(zip(NAMES, values, strict=True))


def _mask(block: Block, layer: int, queries: _Positions, keys: _Positions, example: int) -> Mask:
    from .masks import classify

    allowed = block.allowed(layer, example)[np.ix_(queries, keys)]
    kind = classify(allowed)
    return allowed.astype(np.uint8) if kind == "stored" else kind


def _is_equal(one: Mask, other: Mask) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return False
    return bool(one == other)


def _half(dtype: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if dtype == torch.bfloat16 else torch.float16


def _single(dtype: torch.dtype) -> torch.dtype:
    """A trace has no float64."""
    return torch.float32 if dtype == torch.float64 else dtype


def _stored(values: torch.Tensor, dtype: torch.dtype, what: str) -> Array:
    """`values` in `dtype` as a trace has them; refuses what does not fit it."""
    converted = values.to(dtype).contiguous()
    if torch.isinf(converted).any() and not torch.isinf(values).any():
        raise RecordError(f'{what} reaches {values.abs().max():.3g}, too large for {dtype}: use dtype="float32"')
    return converted if dtype == torch.bfloat16 else converted.numpy()
