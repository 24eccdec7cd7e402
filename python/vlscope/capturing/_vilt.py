"""ViLT from inputs that are made: text tokens, an image [CLS] token and patches in one sequence.

The recorder tells attention and states, and `vlscope.capture` could tell the places; here they are taken on the way,
since ViLT draws its patches anew on every forward, and gradients for each would take longer than all else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import ViltForQuestionAnswering, ViltModel, ViltPreTrainedModel

from .._images import image_of
from ..locate import evaluation
from ..recording import record
from ..trace import Box, Token, Trace
from ._answer import chosen_of
from ._checks import CaptureError, check_eager, check_rows, check_same

_DTYPES = ("float32", "float16", "bfloat16")


@dataclass
class _Patches:
    """The patches of one forward, in the order in which the model read them."""

    places: torch.Tensor  # [patches, 2], row and column in the grid
    mask: torch.Tensor  # [patches], whether a patch is of the image, not of its padding


@torch.no_grad()
def vilt(
    model: ViltPreTrainedModel,
    tokenizer: Any,
    inputs: Mapping[str, torch.Tensor],
    *,
    image: Any = None,
    dtype: str = "float16",
    answer: str | None = None,
    id: str | None = None,
) -> Trace:
    """Records one forward of a ViLT model that was loaded with `attn_implementation="eager"`.

    `inputs` is what `ViltProcessor` gives for one text and one image: `input_ids` `[1, text]`, `attention_mask`,
    `pixel_values` `[1, 3, height, width]`, `pixel_mask`. `image`, the picture to show, is a PIL image or
    `[height, width, 3]` in uint8; without it, it is made of `pixel_values`, taken to be from -1 to 1. With `answer`,
    `outputs` says whether the prediction is correct.

    The sequence `main` has the text, then the image's [CLS] token, then the patches in raster order: the model reads
    them in another order each time, and in the trace they are put back. Padding is left out. Attention and hidden
    states are stored in `dtype`.
    """
    if dtype not in _DTYPES:
        raise ValueError(f'dtype is "{dtype}", expected one of {", ".join(_DTYPES)}')
    base: Any = model if isinstance(model, ViltModel) else getattr(model, "vilt", None)
    if base is None:
        raise CaptureError(f"{type(model).__name__} is not a ViLT model")
    check_eager(model.config._attn_implementation)
    inputs = _with_masks(inputs)
    with evaluation(model), torch.no_grad(), torch.random.fork_rng(devices=[]):
        random_state = torch.get_rng_state()
        with _recorded_patches(base.embeddings) as recorded, record(model) as tape:
            forward = model(**inputs)
        # The same random state gives the same choice of patches where there are more than the model takes.
        torch.set_rng_state(random_state)
        plain = model(**inputs)
    if len(recorded) != 1:
        raise CaptureError(f"the model read {len(recorded)} images, expected 1")
    check_same(_result(forward), _result(plain))
    (patches,) = recorded
    (sequence,) = tape.sequences()
    boxes = _boxes(patches.places, inputs["pixel_mask"][0], base.config.patch_size)
    tokens = [
        *_text_tokens(inputs["input_ids"][0], tokenizer),
        Token(image=0, box=(0.0, 0.0, 1.0, 1.0), special=True),
        *(Token(image=0, box=box) for box in boxes),
    ]
    trace = tape.trace(
        tokens={sequence.name: tokens},
        images=[_picture(inputs) if image is None else image_of(image)],
        keep="weights",
        dtype=dtype,
        id=id,
    )
    expected = int(inputs["attention_mask"].sum()) + 1 + int(patches.mask.sum())
    _in_raster_order(trace, sequence.name, expected)
    if isinstance(model, ViltForQuestionAnswering):
        trace.outputs = chosen_of(forward.logits[0], dict(model.config.id2label or {}))
        if answer is not None:
            trace.outputs |= {"answer": answer, "correct": trace.outputs["prediction"] == answer}
    trace.check()
    return trace


def _in_raster_order(trace: Trace, name: str, expected: int) -> None:
    """Patches go behind the image's [CLS], row by row, in the sequence `main`; padding must be gone already."""
    tokens = trace.sequences.pop(name)
    if len(tokens) != expected:
        raise CaptureError(f"{len(tokens)} tokens are attended to, expected {expected}: the others are masked")

    def place(token: int) -> tuple[float, ...]:
        box = tokens[token].box
        return (0, token) if box is None or tokens[token].special else (1, box[1], box[0])

    order = sorted(range(len(tokens)), key=place)
    trace.sequences["main"] = [tokens[token] for token in order]
    (block,) = trace.attention
    block.name, block.query, block.key = "self", "main", "main"
    block.layers = [weights[:, order][:, :, order] for weights in block.layers]
    for number, weights in zip(block.layer_numbers, block.layers, strict=True):
        check_rows(torch.as_tensor(weights), number)
    trace.hidden = {"main": [states[order] for states in trace.hidden.pop(name)]}


def _with_masks(inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inputs of one example; where there are no masks, nothing is masked."""
    text, pixels = inputs["input_ids"], inputs["pixel_values"]
    if len(text) != 1 or len(pixels) != 1:
        raise ValueError(f"a trace is of one example: there are {len(text)} texts and {len(pixels)} images")
    whole_image = torch.ones_like(pixels[:, 0], dtype=torch.long)
    return {"attention_mask": torch.ones_like(text), "pixel_mask": whole_image, **inputs}


@contextmanager
def _recorded_patches(embeddings: Any) -> Iterator[list[_Patches]]:
    """`visual_embed` shuffles the patches and its caller drops the order, so it is taken on the way."""
    recorded: list[_Patches] = []
    plain, own = embeddings.visual_embed, "visual_embed" in vars(embeddings)

    def visual_embed(*arguments: Any, **options: Any) -> Any:
        states, mask, (places, grid) = plain(*arguments, **options)
        recorded.append(_Patches(places[0].cpu(), mask[0, 1:].cpu()))
        return states, mask, (places, grid)

    embeddings.visual_embed = visual_embed
    try:
        yield recorded
    finally:
        if own:
            embeddings.visual_embed = plain
        else:
            del embeddings.visual_embed


def _boxes(places: torch.Tensor, pixel_mask: torch.Tensor, patch_size: int) -> list[Box]:
    """Where patches at `places`, `[patches, 2]`, lie on the image that `pixel_mask`, `[height, width]`, leaves."""
    height = int(pixel_mask.any(dim=1).sum())
    width = int(pixel_mask.any(dim=0).sum())
    return [
        (
            column * patch_size / width,
            row * patch_size / height,
            min(1.0, (column + 1) * patch_size / width),
            min(1.0, (row + 1) * patch_size / height),
        )
        for row, column in places.tolist()
    ]


def _text_tokens(ids: torch.Tensor, tokenizer: Any) -> list[Token]:
    special = set(tokenizer.all_special_ids)
    texts = tokenizer.convert_ids_to_tokens(ids.tolist())
    return [
        Token(text=text, special=number in special, segment="question")
        for text, number in zip(texts, ids.tolist(), strict=True)
    ]


def _result(forward: Any) -> torch.Tensor:
    """What the model puts out in the end; its last hidden states are in the order of the patches, so not those."""
    logits: torch.Tensor | None = getattr(forward, "logits", None)
    return forward.pooler_output if logits is None else logits


def _picture(inputs: Mapping[str, torch.Tensor]) -> npt.NDArray[np.uint8]:
    """`[height, width, 3]` without padding."""
    mask = inputs["pixel_mask"][0]
    pixels = inputs["pixel_values"][0, :, mask.any(dim=1)][:, :, mask.any(dim=0)]
    rgb = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(rgb.permute(1, 2, 0).cpu().numpy())
