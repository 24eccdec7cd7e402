"""What a case is, and what cases are made of: sizes, prompts, processors that are run, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import transformers

from vlscope.locate import fed
from vlscope.trace import Box

#: Its types know too little of what its configs take.
hf: Any = transformers
PATCH = 8
IMAGE = 99
SIZE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION = {**SIZE, "image_size": 32, "patch_size": PATCH}
TEXT = {**SIZE, "num_key_value_heads": 2, "vocab_size": 200}
ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
BERT = {
    **SIZE, "vocab_size": 100, "encoder_hidden_size": 32, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "sep_token_id": 2,
}  # fmt: skip
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass
class Case:
    """One model, one picture."""

    model: Any
    #: Pictures, `[height, width, 3]` from 0 to 255 → what the model is called with.
    process: Callable[[list[Any]], Mapping[str, Any]]
    #: The module whose tokens are looked for.
    module: str
    #: The boxes of the image tokens, in the model's order.
    boxes: list[Box]
    #: What stands where there is no picture: kind → how many.
    others: dict[str, int] = field(default_factory=dict)
    rules: tuple[str, ...] = ("exact",)
    #: How far a side may be off, in pixels of the picture.
    tolerance: float = 0.5


def grid(rows: int, columns: int, of: Box = WHOLE) -> list[Box]:
    """The cells of a part of a picture, row by row."""
    x0, y0, x1, y1 = of
    x, y = np.linspace(x0, x1, columns + 1).tolist(), np.linspace(y0, y1, rows + 1).tolist()
    return [(x[c], y[r], x[c + 1], y[r + 1]) for r in range(rows) for c in range(columns)]


def clipped(boxes: list[Box]) -> list[Box]:
    """What of them is on the picture."""
    inside = [(max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)) for x0, y0, x1, y1 in boxes]
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in inside if x0 < x1 and y0 < y1]


def prompt(*ids: int) -> dict[str, torch.Tensor]:
    values = torch.tensor([ids])
    return {"input_ids": values, "attention_mask": torch.ones_like(values)}


def runner(processor: Any, rest: Callable[[dict[str, Any]], Mapping[str, Any]], unused: str = "") -> Any:
    """`process` of an image processor; `rest` makes what else the model is called with, without `unused`."""

    def process(pictures: list[Any]) -> Mapping[str, Any]:
        images = [fed(picture, processor) for picture in pictures]
        out = dict(processor(images=images, return_tensors="pt"))
        out.pop(unused, None)
        return {**out, **rest(out)}

    return process


_BUILT: dict[str, Any] = {}


def built(name: str, kind: Any, config: Callable[[], Any]) -> Any:
    """A model, made once, with weights that are nowhere zero: some are from the start, until they are trained."""
    if name not in _BUILT:
        torch.manual_seed(0)
        model = kind(config()).eval()
        for weights in model.parameters():
            if not weights.any():
                torch.nn.init.normal_(weights, std=0.1)
        _BUILT[name] = model
    return _BUILT[name]


FAMILIES: dict[str, Callable[[int, int], Case]] = {}
LAYER = "model.language_model.layers.0"


def family(make: Callable[[int, int], Case]) -> Callable[[int, int], Case]:
    FAMILIES[make.__name__] = make
    return make
