"""The Qwen family: pictures of any size as packed patches, merged by fours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._case import LAYER, PATCH, ROPE, TEXT, Case, built, family, grid, hf, prompt, runner


def _qwen(model: Any, processor: Any, height: int, width: int) -> Case:
    def rest(out: dict[str, Any]) -> Mapping[str, Any]:
        ids = prompt(1, 153, *[151] * (int(out["image_grid_thw"].prod()) // 4), 154, 6, 7)
        return {**ids, "mm_token_type_ids": (ids["input_ids"] == 151).long()}

    process = runner(processor, rest)
    _, rows, columns = process([np.zeros((height, width, 3))])["image_grid_thw"][0].tolist()
    return Case(model, process, LAYER, grid(rows // 2, columns // 2))


def _qwen_processor() -> Any:
    return hf.Qwen2VLImageProcessor(
        patch_size=PATCH, merge_size=2, temporal_patch_size=2, size={"shortest_edge": 16 * 16, "longest_edge": 96 * 96}
    )


def _qwen2_vl() -> Any:
    vision = {
        "depth": 2, "embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2, "num_heads": 4, "patch_size": PATCH,
        "spatial_merge_size": 2, "temporal_patch_size": 2,
    }  # fmt: skip
    return hf.Qwen2VLConfig(
        text_config={**TEXT, "rope_parameters": ROPE}, vision_config=vision,
        image_token_id=151, video_token_id=152, vision_start_token_id=153,
    )  # fmt: skip


def _qwen2_5_vl() -> Any:
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": PATCH,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32, "fullatt_block_indexes": [1],
        "window_size": 32,
    }  # fmt: skip
    return hf.Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": ROPE}, vision_config=vision,
        image_token_id=151, video_token_id=152, vision_start_token_id=153,
    )  # fmt: skip


def _qwen3_vl() -> Any:
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": PATCH,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32, "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }  # fmt: skip
    return hf.Qwen3VLConfig(
        text_config={**TEXT, "head_dim": 8, "rope_parameters": ROPE}, vision_config=vision,
        image_token_id=151, video_token_id=152, vision_start_token_id=153, vision_end_token_id=154,
    )  # fmt: skip


@family
def qwen2_vl(height: int, width: int) -> Case:
    return _qwen(built("qwen2_vl", hf.Qwen2VLForConditionalGeneration, _qwen2_vl), _qwen_processor(), height, width)


@family
def qwen2_5_vl(height: int, width: int) -> Case:
    return _qwen(
        built("qwen2_5_vl", hf.Qwen2_5_VLForConditionalGeneration, _qwen2_5_vl), _qwen_processor(), height, width
    )


@family
def qwen2_5_vl_vision(height: int, width: int) -> Case:
    """The tower itself, whose patches are in the order of its windows."""
    case = _qwen(
        built("qwen2_5_vl", hf.Qwen2_5_VLForConditionalGeneration, _qwen2_5_vl), _qwen_processor(), height, width
    )
    inputs = case.process([np.zeros((height, width, 3))])
    rows, columns = (int(side) for side in inputs["image_grid_thw"][0, 1:])
    cells = grid(rows, columns)
    # Windows of 4 × 4 patches, in them the 2 × 2 that are merged, row by row.
    places = [(r // 4, c // 4, r % 4 // 2, c % 4 // 2, r % 2, c % 2) for r in range(rows) for c in range(columns)]
    order = sorted(range(rows * columns), key=places.__getitem__)
    return Case(case.model, case.process, "model.visual.blocks.0", [cells[cell] for cell in order])


@family
def qwen3_vl(height: int, width: int) -> Case:
    return _qwen(built("qwen3_vl", hf.Qwen3VLForConditionalGeneration, _qwen3_vl), _qwen_processor(), height, width)
