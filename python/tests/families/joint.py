"""Towers side by side, or text and picture in one sequence."""

from __future__ import annotations

import torch

from ._family import SIZE, VISION, Family, family, hf, ids, pixels, prompt


@family
def clip() -> Family:
    config = hf.CLIPConfig(text_config={**SIZE, "vocab_size": 100, "eos_token_id": 2}, vision_config=VISION)
    return hf.CLIPModel(config), {**prompt(1, 5, 6, 2), "pixel_values": pixels()}


@family
def siglip() -> Family:
    config = hf.SiglipConfig(text_config={**SIZE, "vocab_size": 100}, vision_config=VISION)
    return hf.SiglipModel(config), {"input_ids": ids(1, 5, 6, 2), "pixel_values": pixels()}


@family
def siglip2() -> Family:
    config = hf.Siglip2Config(
        text_config={**SIZE, "vocab_size": 100}, vision_config={**SIZE, "patch_size": 8, "num_patches": 16}
    )
    return hf.Siglip2Model(config), {
        "input_ids": ids(1, 5, 6, 2),
        "pixel_values": pixels(1, 16, 3 * 64),
        "pixel_attention_mask": torch.tensor([[1] * 12 + [0] * 4]),
        "spatial_shapes": torch.tensor([[3, 4]]),
    }


@family
def lxmert() -> Family:
    config = hf.LxmertConfig(
        hidden_size=32,
        num_attention_heads=4,
        intermediate_size=64,
        vocab_size=100,
        l_layers=1,
        x_layers=1,
        r_layers=1,
        visual_feat_dim=16,
    )
    return hf.LxmertModel(config), {
        "input_ids": ids(1, 5, 6, 2),
        "visual_feats": pixels(1, 6, 16),
        "visual_pos": pixels(1, 6, 4),
    }


@family
def visual_bert() -> Family:
    model = hf.VisualBertModel(hf.VisualBertConfig(**SIZE, vocab_size=100, visual_embedding_dim=16))
    visual = {"visual_embeds": pixels(1, 6, 16), "visual_attention_mask": torch.ones(1, 6)}
    return model, {**prompt(1, 5, 6, 2), **visual}


@family
def flava() -> Family:
    text = {**SIZE, "vocab_size": 100}
    config = hf.FlavaConfig(
        image_config=VISION, text_config=text, multimodal_config=SIZE, hidden_size=32, projection_dim=32
    )
    return hf.FlavaModel(config), {**prompt(1, 5, 6, 2), "pixel_values": pixels()}


@family
def vilt() -> Family:
    model = hf.ViltForQuestionAnswering(hf.ViltConfig(**VISION, vocab_size=100))
    mask = torch.ones(1, 32, 32, dtype=torch.long)
    return model, {**prompt(1, 5, 6, 2), "pixel_values": pixels(), "pixel_mask": mask}


@family
def dinov2() -> Family:
    return hf.Dinov2Model(hf.Dinov2Config(**VISION)), {"pixel_values": pixels()}
