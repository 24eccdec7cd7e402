"""A picture in tiles, crops or splits, beside the whole of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vlscope.locate import fed
from vlscope.trace import Box

from ._case import IMAGE, LAYER, PATCH, SIZE, TEXT, VISION, WHOLE, Case, built, family, grid, hf, prompt, runner


@family
def internvl(height: int, width: int) -> Case:
    def config() -> Any:
        return hf.InternVLConfig(
            vision_config={**SIZE, "image_size": [32, 32], "patch_size": [PATCH, PATCH]},
            text_config=hf.Qwen2Config(**TEXT).to_dict(), image_token_id=IMAGE, downsample_ratio=0.5,
        )  # fmt: skip

    from transformers.models.got_ocr2 import image_processing_pil_got_ocr2 as pil

    processor = hf.GotOcr2ImageProcessor(size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=4)
    columns, rows = pil.get_optimal_tiled_canvas((height, width), (32, 32), 1, 4)
    tiles = grid(rows, columns) + ([WHOLE] if rows * columns > 1 else [])

    process = runner(processor, lambda _: prompt(1, *[IMAGE] * (4 * len(tiles)), 5, 6), unused="num_patches")

    model = built("internvl", hf.InternVLForConditionalGeneration, config)
    return Case(model, process, LAYER, [box for tile in tiles for box in grid(2, 2, tile)])


def _gemma3(height: int, width: int, crops: list[Box], **options: Any) -> Case:
    def config() -> Any:
        text = {**TEXT, "head_dim": 8, "sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]}
        return hf.Gemma3Config(
            text_config=text, vision_config=VISION, mm_tokens_per_image=4, image_token_index=151,
            boi_token_index=152, eoi_token_index=153,
        )  # fmt: skip

    processor = hf.Gemma3ImageProcessor(size={"height": 32, "width": 32}, **options)
    ids = prompt(1, *[id for _ in crops for id in (152, *[151] * 4, 153)], 5, 6)

    rest = {**ids, "token_type_ids": (ids["input_ids"] == 151).long()}
    process = runner(processor, lambda _: rest, unused="num_crops")
    model = built("gemma3", hf.Gemma3ForConditionalGeneration, config)
    return Case(model, process, LAYER, [box for crop in crops for box in grid(2, 2, crop)])


@family
def gemma3(height: int, width: int) -> Case:
    return _gemma3(height, width, [WHOLE])


@family
def gemma3_pan_and_scan(height: int, width: int) -> Case:
    crops: list[Box] = [WHOLE]
    long, short = max(height, width), min(height, width)
    if long / short >= 1.2:
        count = max(2, min(4, math.floor(long / short + 0.5), math.floor(long / 64)))
        size = math.ceil(long / count)
        ends = [(at * size / long, min(long, (at + 1) * size) / long) for at in range(count)]
        if min(size, short) >= 64:
            crops += [(a, 0.0, b, 1.0) if width > height else (0.0, a, 1.0, b) for a, b in ends]
    return _gemma3(
        height, width, crops, do_pan_and_scan=True, pan_and_scan_min_crop_size=64, pan_and_scan_max_num_crops=4,
        pan_and_scan_min_ratio_to_activate=1.2,
    )  # fmt: skip


def _idefics3(kind: Any, config_kind: Any, processor: Any, name: str, height: int, width: int) -> Case:
    def config() -> Any:
        return config_kind(
            vision_config=VISION, text_config=hf.LlamaConfig(**TEXT, pad_token_id=0).to_dict(), image_token_id=151,
            scale_factor=2,
        )  # fmt: skip

    def run(pictures: list[Any]) -> dict[str, Any]:
        images = [[fed(picture, processor) for picture in pictures]]
        return dict(processor(images=images, return_tensors="pt", return_row_col_info=True))

    first = run([np.zeros((height, width, 3))])
    ((rows,),), ((columns,),) = first["rows"], first["cols"]
    tiles = [*grid(rows, columns), WHOLE] if rows else [WHOLE]
    ids = prompt(1, *[id for _ in tiles for id in (150, *[151] * 4)], 5, 6)

    def process(pictures: list[Any]) -> Mapping[str, Any]:
        return {**{name: value for name, value in run(pictures).items() if name not in ("rows", "cols")}, **ids}

    model = built(name, kind, config)
    return Case(model, process, "model.text_model.layers.0", [box for tile in tiles for box in grid(2, 2, tile)])


@family
def idefics3(height: int, width: int) -> Case:
    processor = hf.Idefics3ImageProcessor(size={"longest_edge": 96}, max_image_size={"longest_edge": 32})
    return _idefics3(hf.Idefics3ForConditionalGeneration, hf.Idefics3Config, processor, "idefics3", height, width)


@family
def smolvlm(height: int, width: int) -> Case:
    processor = hf.SmolVLMImageProcessor(size={"longest_edge": 96}, max_image_size={"longest_edge": 32})
    return _idefics3(hf.SmolVLMForConditionalGeneration, hf.SmolVLMConfig, processor, "smolvlm", height, width)
