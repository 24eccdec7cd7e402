"""Runs a model once and keeps what happened inside as a trace. Needs the extra `hf` (torch, transformers).

ViLT puts its patches in a new random order on every forward pass and tells nobody: the order is taken from
`visual_embed` while it runs. After each capture the trace is checked against the model: shapes, rows that sum to 1, and
the logits of a plain forward pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from vlscope.trace import Array, Block, Trace

#: How far the sum of a row may be from 1, by the dtype that is written.
SUM_TOLERANCE = {"float32": 1e-4, "float16": 4e-3}


class CaptureError(RuntimeError):
    """The model does not tell what happened inside, or tells something else than it did."""


@torch.no_grad()
def vilt(
    model: Any,
    *,
    tokenizer: Any,
    text: str,
    pixel_values: torch.Tensor,
    image: Array,
    pixel_mask: torch.Tensor | None = None,
    segment: str = "question",
    dtype: str = "float16",
    outputs: Mapping[str, Any] | None = None,
    **more: Any,
) -> Trace:
    """Captures one text and one image through a ViLT of transformers.

    `pixel_values` is `[1, 3, height, width]` as the model wants it, `pixel_mask` `[1, height, width]`; `image` is
    `[height, width, 3]`, uint8, as the trace shows it. `more` goes into the trace (`id`, `attributes`, `regions`, …).

    Raises CaptureError if the model was not loaded with `attn_implementation="eager"`.
    """
    implementation = model.config._attn_implementation
    if implementation != "eager":
        raise CaptureError(
            f'the model runs {implementation} attention, which gives no weights: load it with attn_implementation="eager"'
        )
    model.eval()
    encoded = tokenizer(text, return_tensors="pt")
    if pixel_mask is None:
        pixel_mask = torch.ones((1, *pixel_values.shape[2:]), dtype=torch.long)
    inputs = {
        "input_ids": encoded["input_ids"],
        "attention_mask": encoded["attention_mask"],
        "pixel_values": pixel_values,
        "pixel_mask": pixel_mask,
    }
    with _patch_order(model) as seen:
        result = model(**inputs, output_attentions=True, output_hidden_states=True)
    places, patch_mask = seen[-1]

    ids = encoded["input_ids"][0].tolist()
    words = tokenizer.convert_ids_to_tokens(ids)
    special_ids = set(tokenizer.all_special_ids)
    is_seen = torch.cat([encoded["attention_mask"][0].bool(), patch_mask.bool()]).numpy()
    if len(is_seen) != result.attentions[0].shape[-1]:
        raise CaptureError(f"the model has {result.attentions[0].shape[-1]} tokens, its inputs {len(is_seen)}")
    _check_masked(result.attentions, is_seen)

    text_tokens = [
        {"text": word, "segment": segment, **({"special": True} if number in special_ids else {})}
        for word, number in zip(words, ids, strict=True)
    ]
    rows, columns = (int(side) + 1 for side in places[patch_mask[1:].bool()].max(0).values)
    boxes = [[c / columns, r / rows, (c + 1) / columns, (r + 1) / rows] for r, c in places.tolist()]
    image_tokens: list[dict[str, Any]] = [{"image": 0, "box": [0, 0, 1, 1], "special": True}]
    image_tokens += [{"image": 0, "box": box} for box in boxes]
    tokens = text_tokens + image_tokens
    # Patches in reading order, after the text and the image's own [CLS].
    raster = np.lexsort((places[:, 1].numpy(), places[:, 0].numpy())) + len(text_tokens) + 1
    order = np.concatenate([np.arange(len(text_tokens) + 1), raster])
    order = order[is_seen[order]]

    def as_array(tensor: torch.Tensor) -> Array:
        return np.ascontiguousarray(tensor.float().numpy().astype(dtype))

    trace = Trace(
        sequences={"main": [tokens[i] for i in order]},
        attention=[
            Block("self", "main", "main", [as_array(layer[0][:, order][:, :, order]) for layer in result.attentions])
        ],
        hidden={"main": [as_array(state[0][order]) for state in result.hidden_states]},
        images=[image],
        model={"name": model.config.name_or_path or "vilt", "architecture": type(model).__name__},
        outputs=_answers(model, result) | dict(outputs or {}),
        **more,
    )
    _check_capture(trace, dtype)
    if "logits" in result and not torch.allclose(model(**inputs).logits, result.logits, rtol=1e-3, atol=1e-3):
        raise CaptureError("the logits differ from those of a plain forward pass")
    trace.check()
    return trace


@contextmanager
def _patch_order(model: Any) -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Collects what `visual_embed` does: each patch's row and column `[patches, 2]`, and the mask with the image's own
    [CLS] before the patches `[1 + patches]`."""
    embeddings = next(module for module in model.modules() if hasattr(module, "visual_embed"))
    original = embeddings.visual_embed
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def visual_embed(*arguments: Any, **named: Any) -> Any:
        states, mask, (index, shape) = original(*arguments, **named)
        seen.append((index[0], mask[0]))
        return states, mask, (index, shape)

    embeddings.visual_embed = visual_embed
    try:
        yield seen
    finally:
        del embeddings.visual_embed


def _check_masked(attentions: Sequence[torch.Tensor], is_seen: Array) -> None:
    """What the mask hides has no weight, so to leave it out changes no row."""
    hidden = torch.from_numpy(~is_seen)
    leaked = max((float(layer[0][:, :, hidden].max()) for layer in attentions), default=0.0) if hidden.any() else 0.0
    if leaked > 1e-6:
        raise CaptureError(f"masked tokens get attention: up to {leaked}")


def _check_capture(trace: Trace, dtype: str) -> None:
    tokens = len(trace.sequences["main"])
    block = trace.attention[0]
    for number, layer in enumerate(block.layers):
        if layer.shape[1:] != (tokens, tokens):
            raise CaptureError(f"layer {number} has shape {layer.shape}, expected [heads, {tokens}, {tokens}]")
        off = np.abs(layer.astype(np.float64).sum(-1) - 1).max()
        if not off <= SUM_TOLERANCE[dtype]:
            raise CaptureError(f"a row of layer {number} sums to 1 ± {off}, expected ± {SUM_TOLERANCE[dtype]}")
    if len(trace.hidden["main"]) != len(block.layers) + 1:
        raise CaptureError(f"{len(trace.hidden['main'])} hidden states, expected {len(block.layers) + 1}")


def _answers(model: Any, result: Any) -> dict[str, Any]:
    """The five most probable answers of a model that classifies."""
    names = model.config.id2label
    if "logits" not in result or result.logits.shape[-1] != len(names):
        return {}
    shares = result.logits[0].softmax(-1)
    top = shares.topk(min(5, len(names)))
    ranked = [[names[int(i)], round(float(share), 4)] for share, i in zip(top.values, top.indices, strict=True)]
    return {"prediction": ranked[0][0], "top": ranked}
