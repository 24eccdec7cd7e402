"""Windows, video, sound."""

from __future__ import annotations

import torch

from ._family import BART, QWEN_VISION, ROPE, SIZE, SWIN, TEXT, Family, family, hf, ids, pixels, prompt, spread


@family
def swin() -> Family:
    model = spread(hf.SwinModel(hf.SwinConfig(image_size=64, **SWIN)), "relative_position_bias")
    return model, {"pixel_values": pixels(1, 3, 56, 72)}


@family
def swinv2() -> Family:
    return hf.Swinv2Model(hf.Swinv2Config(image_size=64, **SWIN)), {"pixel_values": pixels(1, 3, 64, 64)}


@family
def sam_vision() -> Family:
    config = hf.SamVisionConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=64,
        patch_size=8,
        window_size=3,
        global_attn_indexes=[1],
        output_channels=32,
        mlp_dim=64,
    )
    return spread(hf.SamVisionModel(config), "rel_pos"), {"pixel_values": pixels(1, 3, 64, 64)}


@family
def videomae() -> Family:
    model = hf.VideoMAEModel(hf.VideoMAEConfig(**SIZE, image_size=32, patch_size=16, num_frames=4, tubelet_size=2))
    return model, {"pixel_values": pixels(1, 4, 3, 32, 32)}


@family
def timesformer() -> Family:
    model = hf.TimesformerModel(hf.TimesformerConfig(**SIZE, image_size=32, patch_size=16, num_frames=3))
    return model, {"pixel_values": pixels(1, 3, 3, 32, 32)}


@family
def whisper() -> Family:
    config = hf.WhisperConfig(**BART, vocab_size=100, num_mel_bins=8, max_source_positions=10, pad_token_id=0)
    return hf.WhisperForConditionalGeneration(config), {
        "input_features": pixels(1, 8, 20),
        "decoder_input_ids": ids(1, 4, 5),
    }


@family
def qwen2_5_omni() -> Family:
    audio = {
        "d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64, "num_mel_bins": 16,
        "output_dim": 32, "n_window": 4, "max_source_positions": 50,
    }  # fmt: skip
    vision = {
        **QWEN_VISION, "intermediate_size": 64, "out_hidden_size": 32, "fullatt_block_indexes": [1], "window_size": 32,
    }  # fmt: skip
    config = hf.Qwen2_5OmniThinkerConfig(
        audio_config=audio,
        vision_config=vision,
        text_config={**TEXT, "rope_parameters": ROPE},
        audio_token_index=150,
        image_token_index=151,
        video_token_index=152,
        audio_start_token_id=155,
        vision_start_token_id=153,
        vision_end_token_id=154,
        pad_token_id=0,
    )
    return hf.Qwen2_5OmniThinkerForConditionalGeneration(config), {
        **prompt(1, 155, *[150] * 5, 6, 153, *[151] * 8, 154, 7),
        "pixel_values": pixels(32, 3 * 2 * 64),
        "image_grid_thw": torch.tensor([[1, 8, 4]]),
        "input_features": pixels(1, 16, 20),
        "feature_attention_mask": torch.ones(1, 20, dtype=torch.long),
    }
