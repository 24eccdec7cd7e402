"""LLaVA and its kin: a picture as a square, or tiles of it whose padding is taken off; CLIP."""

from __future__ import annotations

import math
from typing import Any

from vlscope.trace import Box

from ._case import IMAGE, LAYER, PATCH, SIZE, TEXT, VISION, Case, built, clipped, family, grid, hf, prompt, runner


def _llava() -> Any:
    return hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**VISION), text_config=hf.LlamaConfig(**TEXT), image_token_id=IMAGE,
        vision_feature_layer=-1,
    )  # fmt: skip


def _crop(height: int, width: int) -> Box:
    """The middle of a picture whose shorter side is resized to 32 pixels."""
    scale = 32 / min(height, width)
    rows, columns = int(height * scale), int(width * scale)
    top, left = (rows - 32) // 2, (columns - 32) // 2
    return (left / columns, top / rows, (left + 32) / columns, (top + 32) / rows)


@family
def llava(height: int, width: int) -> Case:
    processor = hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    process = runner(processor, lambda _: prompt(1, *[IMAGE] * 16, 5, 6))
    model = built("llava", hf.LlavaForConditionalGeneration, _llava)
    return Case(model, process, LAYER, grid(4, 4, _crop(height, width)))


@family
def llava_vision(height: int, width: int) -> Case:
    case = llava(height, width)
    return Case(case.model, case.process, "model.vision_tower.encoder.layers.0", case.boxes, {"learned": 1})


@family
def clip(height: int, width: int) -> Case:
    def config() -> Any:
        return hf.CLIPConfig(text_config={**SIZE, "vocab_size": 100, "eos_token_id": 2}, vision_config=VISION)

    processor = hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    process = runner(processor, lambda _: prompt(1, 5, 6, 2))
    model = built("clip", hf.CLIPModel, config)
    return Case(model, process, "vision_model.encoder.layers.0", grid(4, 4, _crop(height, width)), {"learned": 1})


PINPOINTS = [[32, 64], [64, 32], [64, 64]]


def _fitted(height: int, width: int, tall: int, wide: int) -> tuple[int, int]:
    """The size of a picture that is resized into `tall` × `wide` pixels, aspect kept."""
    if wide / width < tall / height:
        return min(math.ceil(height * (wide / width)), tall), wide
    return tall, min(math.ceil(width * (tall / height)), wide)


def _unpadded(height: int, width: int, tall: int, wide: int) -> tuple[list[Box], list[int]]:
    """The tokens of padded tiles, as LLaVA's `unpad_image` keeps them: boxes, and the length of each row."""
    rows, columns = tall // PATCH, wide // PATCH
    new_height, new_width = _fitted(height, width, tall, wide)
    top, left = (tall - new_height) // 2, (wide - new_width) // 2
    cells = [
        ((x - left) / new_width, (y - top) / new_height, (x + PATCH - left) / new_width, (y + PATCH - top) / new_height)
        for y in range(0, tall, PATCH)
        for x in range(0, wide, PATCH)
    ]
    if width / height > columns / rows:
        kept = int(round(height * (columns / width), 7))
        skip = (rows - kept) // 2
        chosen = [cells[r * columns + c] for r in range(skip, rows - skip) for c in range(columns)]
        return clipped(chosen), [columns] * (rows - 2 * skip)
    kept = int(round(width * (rows / height), 7))
    skip = (columns - kept) // 2
    chosen = [cells[r * columns + c] for r in range(rows) for c in range(skip, columns - skip)]
    return clipped(chosen), [columns - 2 * skip] * rows


def _unpadded_grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tokens of padded tiles."""
    _, rows = _unpadded(height, width, *_best(height, width))
    return len(rows), rows[0]


def _best(height: int, width: int) -> tuple[int, int]:
    from transformers.image_processing_utils import select_best_resolution

    tall, wide = select_best_resolution((height, width), PINPOINTS)
    return tall, wide


@family
def llava_next(height: int, width: int) -> Case:
    def config() -> Any:
        return hf.LlavaNextConfig(
            vision_config=hf.CLIPVisionConfig(**VISION), text_config=hf.LlamaConfig(**TEXT), image_token_id=IMAGE,
            vision_feature_layer=-1, image_grid_pinpoints=PINPOINTS,
        )  # fmt: skip

    processor = hf.LlavaNextImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=PINPOINTS
    )
    tiles, rows = _unpadded(height, width, *_best(height, width))
    count = 16 + sum(rows) + len(rows)
    process = runner(processor, lambda _: prompt(1, *[IMAGE] * count, 5, 6))
    model = built("llava_next", hf.LlavaNextForConditionalGeneration, config)
    others = {"newline": len(rows), "padding": sum(rows) - len(tiles)}
    return Case(model, process, LAYER, [*grid(4, 4), *tiles], {name: n for name, n in others.items() if n})


def _onevision(height: int, width: int, ratio: str) -> tuple[Any, Any]:
    def config() -> Any:
        return hf.LlavaOnevisionConfig(
            vision_config=hf.SiglipVisionConfig(**VISION, vision_use_head=False), text_config=hf.Qwen2Config(**TEXT),
            image_token_id=IMAGE, video_token_id=98, vision_feature_layer=-1, image_grid_pinpoints=PINPOINTS,
            vision_aspect_ratio=ratio,
        )  # fmt: skip

    processor = hf.LlavaOnevisionImageProcessor(size={"height": 32, "width": 32}, image_grid_pinpoints=PINPOINTS)
    return built(ratio, hf.LlavaOnevisionForConditionalGeneration, config), processor


@family
def llava_onevision(height: int, width: int) -> Case:
    model, processor = _onevision(height, width, "anyres_max_9")
    tiles, rows = _unpadded(height, width, *_best(height, width))
    process = runner(processor, lambda _: prompt(1, *[IMAGE] * (16 + sum(rows) + len(rows)), 5, 6))
    others = {"newline": len(rows), "padding": sum(rows) - len(tiles)}
    return Case(model, process, LAYER, [*grid(4, 4), *tiles], {name: n for name, n in others.items() if n})


@family
def llava_onevision_pooled(height: int, width: int) -> Case:
    """More tiles than it takes: their tokens are pooled to the nearest number, bilinearly."""
    model, processor = _onevision(height, width, "anyres_max_1")
    rows, columns = _unpadded_grid(height, width)
    ratio = math.sqrt(rows * columns / 16)
    if ratio > 1.1:
        rows, columns = int(rows // ratio), int(columns // ratio)
    process = runner(processor, lambda _: prompt(1, *[IMAGE] * (16 + rows * (columns + 1)), 5, 6))
    boxes = [*grid(4, 4), *grid(rows, columns)]
    # Two to one, bilinear pooling takes the mean of four, which share nothing.
    rules = ("exact",) if ratio == 2 else ("exact", "shared lattice")
    # The rows that are padding in part are not told from the others.
    return Case(model, process, LAYER, boxes, {"newline": rows}, rules, tolerance=2.0)
