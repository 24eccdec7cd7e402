"""Decoders that read image tokens."""

from __future__ import annotations

from typing import Any

import torch

from ._family import QWEN_IDS, QWEN_VISION, ROPE, SIZE, TEXT, VISION, Family, family, hf, pixels, prompt


def _llava(vision: Any, text: Any) -> Any:
    return hf.LlavaConfig(vision_config=vision, text_config=text, image_token_id=99, vision_feature_layer=-1)


@family
def llava() -> Family:
    config = _llava(hf.CLIPVisionConfig(**VISION), hf.LlamaConfig(**TEXT))
    return hf.LlavaForConditionalGeneration(config), {**prompt(1, *[99] * 16, 5, 6, 7), "pixel_values": pixels()}


@family
def llava_next() -> Family:
    model = hf.LlavaNextForConditionalGeneration(
        hf.LlavaNextConfig(
            vision_config=hf.CLIPVisionConfig(**VISION),
            text_config=hf.LlamaConfig(**TEXT),
            image_token_id=99,
            vision_feature_layer=-1,
            image_grid_pinpoints=[[32, 64], [64, 32], [64, 64]],
        )
    )
    # The whole picture and two tiles, with a newline behind each of four rows.
    tokens = 16 + 4 * (8 + 1)
    return model, {
        **prompt(1, *[99] * tokens, 5, 6, 7),
        "pixel_values": pixels(1, 3, 3, 32, 32),
        "image_sizes": torch.tensor([[32, 64]]),
    }


@family
def qwen2_vl() -> Family:
    vision = {**QWEN_VISION, "embed_dim": 32, "mlp_ratio": 2}
    config = hf.Qwen2VLConfig(text_config={**TEXT, "rope_parameters": ROPE}, vision_config=vision, **QWEN_IDS)
    tokens = prompt(1, 153, *[151] * 8, 5, 153, *[151] * 4, 7)
    return hf.Qwen2VLForConditionalGeneration(config), {
        **tokens,
        "pixel_values": pixels(48, 3 * 2 * 64),
        "image_grid_thw": torch.tensor([[1, 8, 4], [1, 4, 4]]),
        "mm_token_type_ids": (tokens["input_ids"] == 151).long(),
    }


@family
def qwen2_5_vl() -> Family:
    vision = {
        **QWEN_VISION, "intermediate_size": 64, "out_hidden_size": 32, "fullatt_block_indexes": [1], "window_size": 32,
    }  # fmt: skip
    config = hf.Qwen2_5_VLConfig(text_config={**TEXT, "rope_parameters": ROPE}, vision_config=vision, **QWEN_IDS)
    return hf.Qwen2_5_VLForConditionalGeneration(config), {
        **prompt(1, 153, *[151] * 12, 5, 6, 7),
        "pixel_values": pixels(48, 3 * 2 * 64),
        "image_grid_thw": torch.tensor([[1, 8, 6]]),
    }


@family
def qwen3_vl() -> Family:
    vision = {
        **QWEN_VISION, "intermediate_size": 64, "out_hidden_size": 32, "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }  # fmt: skip
    text = {**TEXT, "head_dim": 8, "rope_parameters": ROPE}
    config = hf.Qwen3VLConfig(text_config=text, vision_config=vision, vision_end_token_id=154, **QWEN_IDS)
    tokens = prompt(1, 153, *[151] * 8, 154, 6, 7)
    return hf.Qwen3VLForConditionalGeneration(config), {
        **tokens,
        "pixel_values": pixels(32, 3 * 2 * 64),
        "image_grid_thw": torch.tensor([[1, 8, 4]]),
        "mm_token_type_ids": (tokens["input_ids"] == 151).long(),
    }


@family
def paligemma() -> Family:
    config = hf.PaliGemmaConfig(
        vision_config=hf.SiglipVisionConfig(**VISION, vision_use_head=False, projection_dim=32),
        text_config=hf.GemmaConfig(**TEXT, head_dim=8),
        image_token_id=151,
        projection_dim=32,
        hidden_size=32,
    )
    tokens = prompt(*[151] * 16, 1, 5, 6, 7)
    return hf.PaliGemmaForConditionalGeneration(config), {
        **tokens,
        "pixel_values": pixels(),
        "token_type_ids": torch.zeros_like(tokens["input_ids"]),
    }


@family
def gemma3() -> Family:
    text = hf.Gemma3TextConfig(
        **TEXT, head_dim=8, sliding_window=4, layer_types=["sliding_attention", "full_attention"]
    )
    config = hf.Gemma3Config(
        text_config=text,
        vision_config=VISION,
        mm_tokens_per_image=4,
        image_token_index=151,
        boi_token_index=152,
        eoi_token_index=153,
    )
    tokens = prompt(1, 152, *[151] * 4, 153, 5, 6, 7)
    return hf.Gemma3ForConditionalGeneration(config), {
        **tokens,
        "pixel_values": pixels(),
        "token_type_ids": (tokens["input_ids"] == 151).long(),
    }


@family
def smolvlm() -> Family:
    text = hf.LlamaConfig(**TEXT, pad_token_id=0)
    config = hf.SmolVLMConfig(vision_config=VISION, text_config=text.to_dict(), image_token_id=151, scale_factor=2)
    return hf.SmolVLMForConditionalGeneration(config), {
        **prompt(1, *[151] * 8, 5, 6),
        "pixel_values": pixels(1, 2, 3, 32, 32),
        "pixel_attention_mask": torch.ones(1, 2, 32, 32, dtype=torch.long),
    }


@family
def idefics2() -> Family:
    perceiver = {
        "hidden_size": 32, "resampler_n_latents": 4, "resampler_depth": 1, "resampler_n_heads": 4,
        "resampler_head_dim": 8, "num_key_value_heads": 2,
    }  # fmt: skip
    text = hf.MistralConfig(**TEXT, pad_token_id=0).to_dict()
    config = hf.Idefics2Config(vision_config=VISION, perceiver_config=perceiver, text_config=text, image_token_id=151)
    return hf.Idefics2ForConditionalGeneration(config), {
        **prompt(1, *[151] * 4, 5, 6),
        "pixel_values": pixels(1, 1, 3, 32, 32),
        "pixel_attention_mask": torch.ones(1, 1, 32, 32, dtype=torch.long),
    }


@family
def pixtral() -> Family:
    config = _llava(hf.PixtralVisionConfig(**VISION), hf.MistralConfig(**TEXT))
    config.vision_feature_select_strategy = "full"
    return hf.LlavaForConditionalGeneration(config), {
        **prompt(1, *[99] * 12, 5, 6, 7),
        "pixel_values": pixels(),
        "image_sizes": torch.tensor([[24, 32]]),
    }


@family
def internvl() -> Family:
    vision = {**VISION, "image_size": [32, 32], "patch_size": [8, 8]}
    text = hf.Qwen2Config(**TEXT).to_dict()
    config = hf.InternVLConfig(
        vision_config=vision, text_config=text, image_token_id=151, image_seq_length=4, downsample_ratio=0.5
    )
    tiles = {"pixel_values": pixels(2, 3, 32, 32)}
    return hf.InternVLForConditionalGeneration(config), {**prompt(1, *[151] * 8, 5, 6), **tiles}


@family
def mllama() -> Family:
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_global_layers": 1,
        "attention_heads": 4, "image_size": 32, "patch_size": 8, "max_num_tiles": 2,
        "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]], "intermediate_layers_indices": [0],
        "vision_output_dim": 64,
    }  # fmt: skip
    text = {**TEXT, "num_hidden_layers": 3, "cross_attention_layers": [1], "pad_token_id": 0}
    config = hf.MllamaConfig(vision_config=vision, text_config=text, image_token_index=151)
    return hf.MllamaForConditionalGeneration(config), {
        **prompt(151, 1, 5, 6),
        "pixel_values": pixels(1, 1, 2, 3, 32, 32),
        "aspect_ratio_ids": torch.tensor([[2]]),
        "aspect_ratio_mask": torch.ones(1, 1, 2, dtype=torch.long),
        "cross_attention_mask": torch.ones(1, 4, 1, 2, dtype=torch.long),
    }


@family
def git() -> Family:
    config = hf.GitConfig(**SIZE, vocab_size=100, vision_config=VISION)
    return hf.GitForCausalLM(config), {**prompt(1, 5, 6), "pixel_values": pixels()}
