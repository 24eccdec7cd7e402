"""Vision-language models of two layers with random weights, from their configs, each with its real image processor.

`FAMILIES[name](height, width)` is a `Case`: what the model is called with for a picture of that size, and where its
tokens are, by what the processor's and the model's code say of tiles and patches.
"""

from __future__ import annotations

import math
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


@family
def pixtral(height: int, width: int) -> Case:
    def config() -> Any:
        return hf.LlavaConfig(
            vision_config=hf.PixtralVisionConfig(**{**VISION, "image_size": 64}),
            text_config=hf.MistralConfig(**TEXT).to_dict(), image_token_id=IMAGE, vision_feature_layer=-1,
            vision_feature_select_strategy="full",
        )  # fmt: skip

    processor = hf.PixtralImageProcessor(size={"longest_edge": 64}, patch_size={"height": PATCH, "width": PATCH})

    def rest(out: dict[str, Any]) -> Mapping[str, Any]:
        rows, columns = (int(side) // PATCH for side in out["image_sizes"][0])
        ids = [id for _ in range(rows) for id in (*[IMAGE] * columns, 98)]
        return {**prompt(1, *ids, 5), "image_sizes": torch.as_tensor(out["image_sizes"])}

    process = runner(processor, rest)
    rows, columns = (int(side) // PATCH for side in process([np.zeros((height, width, 3))])["image_sizes"][0])
    return Case(built("pixtral", hf.LlavaForConditionalGeneration, config), process, LAYER, grid(rows, columns))


@family
def siglip2(height: int, width: int) -> Case:
    def config() -> Any:
        vision = {**SIZE, "patch_size": PATCH, "num_patches": 16}
        return hf.Siglip2Config(text_config={**SIZE, "vocab_size": 100}, vision_config=vision)

    processor = hf.Siglip2ImageProcessor(patch_size=PATCH, max_num_patches=30)
    process = runner(processor, lambda _: {"input_ids": torch.tensor([[1, 5, 6, 2]])})
    rows, columns = process([np.zeros((height, width, 3))])["spatial_shapes"][0].tolist()
    others = {"padding": 30 - rows * columns} if rows * columns < 30 else {}
    model = built("siglip2", hf.Siglip2Model, config)
    return Case(model, process, "vision_model.encoder.layers.0", grid(rows, columns), others)


@family
def paligemma(height: int, width: int) -> Case:
    def config() -> Any:
        vision = hf.SiglipVisionConfig(**VISION, vision_use_head=False, projection_dim=32)
        return hf.PaliGemmaConfig(
            vision_config=vision, text_config=hf.GemmaConfig(**TEXT, head_dim=8), image_token_id=151,
            projection_dim=32, hidden_size=32,
        )  # fmt: skip

    processor = hf.SiglipImageProcessor(size={"height": 32, "width": 32})
    ids = prompt(*[151] * 16, 1, 5, 6)
    process = runner(processor, lambda _: {**ids, "token_type_ids": torch.zeros_like(ids["input_ids"])})
    return Case(built("paligemma", hf.PaliGemmaForConditionalGeneration, config), process, LAYER, grid(4, 4))


@family
def blip(height: int, width: int) -> Case:
    def config() -> Any:
        return hf.BlipConfig(text_config=BERT, vision_config=VISION)

    processor = hf.BlipImageProcessor(size={"height": 32, "width": 32})
    process = runner(
        processor, lambda _: {"input_ids": torch.tensor([[1, 5, 6, 2]]), "decoder_input_ids": torch.tensor([[1, 4]])}
    )
    model = built("blip", hf.BlipForQuestionAnswering, config)
    return Case(model, process, "vision_model.encoder.layers.0", grid(4, 4), {"learned": 1})


@family
def vilt(height: int, width: int) -> Case:
    """Its patches come in random order: `boxes` are row by row."""

    def config() -> Any:
        return hf.ViltConfig(**VISION, vocab_size=100, max_image_length=-1)

    processor = hf.ViltImageProcessor(size={"shortest_edge": 32}, size_divisor=PATCH)
    process = runner(processor, lambda _: {**prompt(1, 5, 6, 5, 2)})
    rows, columns = (side // PATCH for side in process([np.zeros((height, width, 3))])["pixel_values"].shape[-2:])
    model = built("vilt", hf.ViltModel, config)
    return Case(model, process, "encoder.layer.0", grid(rows, columns), {"text": 5, "learned": 1})


@family
def blip2(height: int, width: int) -> Case:
    """Six queries of its Q-former stand for the picture: they know of it, and of no place."""

    def config() -> Any:
        # With weights as small as they are by default, the queries know of the picture by less than a rounding.
        large = {"initializer_range": 0.5}
        former = {**SIZE, "vocab_size": 100, "encoder_hidden_size": 32, "cross_attention_frequency": 2, **large}
        text = hf.OPTConfig(
            hidden_size=32,
            ffn_dim=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            vocab_size=200,
            word_embed_proj_dim=32,
        )
        return hf.Blip2Config(
            vision_config={**VISION, **large},
            qformer_config=former,
            text_config=text.to_dict(),
            num_query_tokens=6,
            image_token_id=151,
        )

    processor = hf.BlipImageProcessor(size={"height": 32, "width": 32})
    process = runner(processor, lambda _: prompt(*[151] * 6, 1, 5, 6))
    model = built("blip2", hf.Blip2ForConditionalGeneration, config)
    return Case(model, process, "language_model.model.decoder.layers.0", [], {"latent": 6, "text": 3}, ())


@family
def florence2(height: int, width: int) -> Case:
    """Its tower's convolutions overlap; the first token is the mean of all."""

    def config() -> Any:
        vision = {
            "embed_dim": [16, 32], "num_heads": [2, 4], "num_groups": [2, 4], "depths": [1, 1], "patch_size": [7, 3],
            "patch_stride": [4, 2], "patch_padding": [3, 1], "patch_prenorm": [False, True], "window_size": 4,
            "projection_dim": 32,
        }  # fmt: skip
        text = hf.BartConfig(
            d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
            encoder_ffn_dim=64, decoder_ffn_dim=64, vocab_size=200,
        )  # fmt: skip
        return hf.Florence2Config(
            vision_config=vision, text_config=text.to_dict(), image_token_id=151, is_encoder_decoder=True
        )

    processor = hf.CLIPImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False)
    ids = {**prompt(*[151] * 65, 0, 5, 2), "decoder_input_ids": torch.tensor([[2, 0, 5]])}
    model = built("florence2", hf.Florence2ForConditionalGeneration, config)
    process = runner(processor, lambda _: ids)
    return Case(model, process, "model.language_model.encoder.layers.0", [WHOLE, *grid(8, 8)], {}, ("shared lattice",))


@family
def pix2struct(height: int, width: int) -> Case:
    """Normalises each picture by itself."""

    def config() -> Any:
        text = {"vocab_size": 100, "hidden_size": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
        vision = {
            "hidden_size": 32, "patch_embed_hidden_size": 3 * 64, "d_ff": 64, "d_kv": 8, "num_hidden_layers": 2,
            "num_attention_heads": 4, "seq_len": 64,
        }  # fmt: skip
        return hf.Pix2StructConfig(text_config=text, vision_config=vision)

    processor = hf.Pix2StructImageProcessor(patch_size={"height": PATCH, "width": PATCH}, max_patches=30)
    process = runner(processor, lambda _: {"decoder_input_ids": torch.tensor([[0, 4, 5]])})
    patches = process([np.zeros((height, width, 3))])["flattened_patches"][0]
    rows, columns = int(patches[:, 0].max()), int(patches[:, 1].max())
    model = built("pix2struct", hf.Pix2StructForConditionalGeneration, config)
    others = {"padding": 30 - rows * columns}
    return Case(model, process, "encoder.encoder.layer.0", grid(rows, columns), others, ("rows and columns",))
