"""ViLT: text tokens, an image [CLS] token and patches in one sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import ViltForQuestionAnswering, ViltModel, ViltPreTrainedModel

from .._tensor import Array
from ..trace import AttentionBlock, Box, Token, Trace
from ._checks import CaptureError, check_count, check_eager, check_masked, check_rows, check_same, convert

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_TOP = 5


@dataclass
class _Patches:
    """The patches of one forward, in the order in which the model read them."""

    places: torch.Tensor  # [patches, 2], row and column in the grid
    mask: torch.Tensor  # [patches], whether a patch is of the image, not of its padding

    def raster(self) -> list[int]:
        """Indices of the patches of the image, from the top left, row by row."""
        valid = self.mask.nonzero().flatten().tolist()
        return sorted(valid, key=lambda index: self.places[index].tolist())


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
    with _evaluation(model), torch.random.fork_rng(devices=[]):
        random_state = torch.get_rng_state()
        with _recorded_patches(base.embeddings) as recorded:
            forward = model(**inputs, output_attentions=True, output_hidden_states=True)
        # The same random state gives the same choice of patches where there are more than the model takes.
        torch.set_rng_state(random_state)
        plain = model(**inputs)
    if len(recorded) != 1:
        raise CaptureError(f"the model read {len(recorded)} images, expected 1")
    (patches,) = recorded
    check_same(_result(forward), _result(plain))

    text = inputs["attention_mask"][0].nonzero().flatten().tolist()
    image_cls = inputs["input_ids"].shape[1]
    raster = patches.raster()
    kept = torch.tensor([*text, image_cls, *(image_cls + 1 + patch for patch in raster)])
    boxes = _boxes(patches.places[raster], inputs["pixel_mask"][0], base.config.patch_size)
    trace = Trace(
        id=id,
        model={"name": model.config.name_or_path or type(model).__name__, "architecture": type(model).__name__},
        sequences={
            "main": [
                *_text_tokens(inputs["input_ids"][0, text], tokenizer),
                Token(image=0, box=(0.0, 0.0, 1.0, 1.0), special=True),
                *(Token(image=0, box=box) for box in boxes),
            ]
        },
        attention=[AttentionBlock("self", "main", "main", _attention(forward, base.config, kept, _DTYPES[dtype]))],
        hidden={"main": _hidden(forward, base.config, kept, _DTYPES[dtype])},
        images=[_picture(inputs) if image is None else _rgb(image)],
    )
    if isinstance(model, ViltForQuestionAnswering):
        trace.outputs = _outputs(forward.logits[0], model.config.id2label, answer)
    trace.check()
    return trace


def _with_masks(inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inputs of one example; where there are no masks, nothing is masked."""
    text, pixels = inputs["input_ids"], inputs["pixel_values"]
    if len(text) != 1 or len(pixels) != 1:
        raise ValueError(f"a trace is of one example: there are {len(text)} texts and {len(pixels)} images")
    whole_image = torch.ones_like(pixels[:, 0], dtype=torch.long)
    return {"attention_mask": torch.ones_like(text), "pixel_mask": whole_image, **inputs}


@contextmanager
def _evaluation(model: torch.nn.Module) -> Iterator[None]:
    """Without dropout, which would change the weights."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


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


def _attention(forward: Any, config: Any, kept: torch.Tensor, dtype: torch.dtype) -> list[Array]:
    """`[heads, queries, keys]` of each layer, of the positions `kept`."""
    check_count("layers of attention", forward.attentions or (), config.num_hidden_layers)
    layers = []
    for layer, (weights,) in enumerate(forward.attentions):
        check_masked(weights, kept, layer)
        layers.append(convert(weights[:, kept][:, :, kept], dtype, f"attention in layer {layer}"))
        check_rows(layers[-1], layer)
    return [_stored(weights) for weights in layers]


def _hidden(forward: Any, config: Any, kept: torch.Tensor, dtype: torch.dtype) -> list[Array]:
    """`[tokens, dim]` of each state, of the positions `kept`."""
    check_count("hidden states", forward.hidden_states or (), config.num_hidden_layers + 1)
    return [
        _stored(convert(values[kept], dtype, f"hidden state {state}"))
        for state, (values,) in enumerate(forward.hidden_states)
    ]


def _stored(values: torch.Tensor) -> Array:
    return values if values.dtype == torch.bfloat16 else values.numpy()


def _result(forward: Any) -> torch.Tensor:
    """What the model puts out in the end; its last hidden states are in the order of the patches, so not those."""
    logits: torch.Tensor | None = getattr(forward, "logits", None)
    return forward.pooler_output if logits is None else logits


def _outputs(logits: torch.Tensor, labels: Any, answer: str | None) -> dict[str, Any]:
    """`logits` is `[answers]`, `labels` maps their numbers to words; the confidence is the largest of their softmax."""
    probabilities, answers = logits.float().softmax(-1).topk(min(_TOP, len(logits)))
    top = [
        [labels[number], probability]
        for number, probability in zip(answers.tolist(), probabilities.tolist(), strict=True)
    ]
    outputs: dict[str, Any] = {"prediction": top[0][0], "confidence": top[0][1], "top": top}
    if answer is not None:
        outputs |= {"answer": answer, "correct": outputs["prediction"] == answer}
    return outputs


def _picture(inputs: Mapping[str, torch.Tensor]) -> npt.NDArray[np.uint8]:
    """`[height, width, 3]` without padding."""
    mask = inputs["pixel_mask"][0]
    pixels = inputs["pixel_values"][0, :, mask.any(dim=1)][:, :, mask.any(dim=0)]
    rgb = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(rgb.permute(1, 2, 0).cpu().numpy())


def _rgb(image: Any) -> npt.NDArray[np.uint8]:
    return np.array(image.convert("RGB") if hasattr(image, "convert") else image)
