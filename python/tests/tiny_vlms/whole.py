"""A picture as a whole, in patches of its own size, or read by a decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ._case import BERT, IMAGE, LAYER, PATCH, SIZE, TEXT, VISION, WHOLE, Case, built, family, grid, hf, prompt, runner


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
