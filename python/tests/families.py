"""Tiny models of many families, with random weights from their configs: name → (model, inputs).

`FAMILIES` are those of the table in docs/models.md; the last of them are hard ones: video, sound beside pictures and
text, windows, and modules as remote code has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers

#: Its types know too little of what its configs take.
hf: Any = transformers
Family = tuple[torch.nn.Module, dict[str, torch.Tensor]]

SIZE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION = {**SIZE, "image_size": 32, "patch_size": 8}
TEXT = {**SIZE, "num_key_value_heads": 2, "vocab_size": 200}
ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
BERT = {
    **SIZE, "vocab_size": 100, "encoder_hidden_size": 32, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "sep_token_id": 2,
}  # fmt: skip
QFORMER = {**SIZE, "vocab_size": 100, "encoder_hidden_size": 32, "cross_attention_frequency": 2}
BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
}  # fmt: skip
DECODER = {"vocab_size": 100, "is_decoder": True, "add_cross_attention": True}
SWIN = {"patch_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4}
QWEN_VISION = {
    "depth": 2, "hidden_size": 32, "num_heads": 4, "patch_size": 8, "spatial_merge_size": 2, "temporal_patch_size": 2,
}  # fmt: skip
QWEN_IDS = {"image_token_id": 151, "video_token_id": 152, "vision_start_token_id": 153}

FAMILIES: dict[str, Callable[[], Family]] = {}


def family(make: Callable[[], Family]) -> Callable[[], Family]:
    """One of `FAMILIES`, with its weights and inputs seeded."""

    def seeded() -> Family:
        torch.manual_seed(0)
        model, inputs = make()
        return model.eval(), inputs

    FAMILIES[make.__name__] = seeded
    return seeded


def ids(*numbers: int) -> torch.Tensor:
    """`[1, tokens]`."""
    return torch.tensor([numbers])


def prompt(*numbers: int) -> dict[str, torch.Tensor]:
    """Ids, none of them masked."""
    return {"input_ids": ids(*numbers), "attention_mask": torch.ones(1, len(numbers), dtype=torch.long)}


def pixels(*shape: int) -> torch.Tensor:
    """A random picture; `[1, 3, 32, 32]` if no shape is named."""
    return torch.rand(shape or (1, 3, 32, 32))


def spread(model: torch.nn.Module, name: str) -> torch.nn.Module:
    """Parameters that begin as zeros, and would hide that they are there, get values."""
    for key, parameter in model.named_parameters():
        if name in key:
            torch.nn.init.normal_(parameter)
    return model


# Decoders that read image tokens.


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


# Q-formers, encoders and decoders.


@family
def blip_vqa() -> Family:
    model = hf.BlipForQuestionAnswering(hf.BlipConfig(text_config=BERT, vision_config=VISION))
    return model, {"input_ids": ids(1, 5, 6, 2), "pixel_values": pixels(), "decoder_input_ids": ids(1, 4)}


@family
def blip_itm() -> Family:
    model = hf.BlipForImageTextRetrieval(hf.BlipConfig(text_config=BERT, vision_config=VISION))
    return model, {"input_ids": ids(1, 5, 6, 2), "pixel_values": pixels()}


def _qformer(text: Any) -> dict[str, Any]:
    configs = {"vision_config": VISION, "qformer_config": QFORMER, "text_config": text.to_dict()}
    return {**configs, "num_query_tokens": 6, "image_token_id": 151}


@family
def blip2() -> Family:
    text = hf.OPTConfig(
        hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=200, word_embed_proj_dim=32
    )
    config = hf.Blip2Config(**_qformer(text))
    return hf.Blip2ForConditionalGeneration(config), {**prompt(*[151] * 6, 1, 5, 6), "pixel_values": pixels()}


@family
def instructblip() -> Family:
    config = hf.InstructBlipConfig(**_qformer(hf.LlamaConfig(**TEXT)))
    return hf.InstructBlipForConditionalGeneration(config), {
        **prompt(*[151] * 6, 1, 5, 6),
        "pixel_values": pixels(),
        "qformer_input_ids": ids(1, 4, 5),
    }


@family
def trocr() -> Family:
    decoder = hf.TrOCRConfig(
        d_model=32,
        decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=64,
        cross_attention_hidden_size=32,
        **DECODER,
    )
    model = hf.VisionEncoderDecoderModel(
        encoder=hf.ViTModel(hf.ViTConfig(**VISION)), decoder=hf.TrOCRForCausalLM(decoder)
    )
    return model, {"pixel_values": pixels(), "decoder_input_ids": ids(1, 4, 5)}


@family
def donut() -> Family:
    encoder = spread(hf.DonutSwinModel(hf.DonutSwinConfig(image_size=64, **SWIN)), "relative_position_bias")
    model = hf.VisionEncoderDecoderModel(
        encoder=encoder, decoder=hf.MBartForCausalLM(hf.MBartConfig(**BART, **DECODER))
    )
    return model, {"pixel_values": pixels(1, 3, 64, 64), "decoder_input_ids": ids(1, 4, 5)}


@family
def florence2() -> Family:
    vision = {
        "embed_dim": [16, 32], "num_heads": [2, 4], "num_groups": [2, 4], "depths": [1, 1], "patch_size": [7, 3],
        "patch_stride": [4, 2], "patch_padding": [3, 1], "patch_prenorm": [False, True], "window_size": 4,
        "projection_dim": 32,
    }  # fmt: skip
    text = hf.BartConfig(**BART, vocab_size=200).to_dict()
    config = hf.Florence2Config(vision_config=vision, text_config=text, image_token_id=151, is_encoder_decoder=True)
    return hf.Florence2ForConditionalGeneration(config), {
        **prompt(*[151] * (8 * 8 + 1), 0, 5, 2),
        "pixel_values": pixels(1, 3, 64, 64),
        "decoder_input_ids": ids(2, 0, 5),
    }


@family
def pix2struct() -> Family:
    text = {"vocab_size": 100, "hidden_size": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    vision = {
        "hidden_size": 32, "patch_embed_hidden_size": 3 * 64, "d_ff": 64, "d_kv": 8, "num_hidden_layers": 2,
        "num_attention_heads": 4, "seq_len": 16,
    }  # fmt: skip
    patches, mask = torch.rand(1, 16, 2 + 3 * 64), torch.ones(1, 16)
    patches[0, :, 0], patches[0, :, 1] = torch.arange(16) // 4 + 1, torch.arange(16) % 4 + 1
    patches[0, 12:] = mask[0, 12:] = 0
    return hf.Pix2StructForConditionalGeneration(hf.Pix2StructConfig(text_config=text, vision_config=vision)), {
        "flattened_patches": patches,
        "attention_mask": mask,
        "decoder_input_ids": ids(0, 4, 5),
    }


# Towers side by side, or text and picture in one sequence.


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


# PyTorch's own modules, and modules that are nobody's.


class _Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = torch.nn.TransformerEncoder(layer, 2)

    def forward(self, states: torch.Tensor, padding: torch.Tensor) -> Any:
        return self.encoder(states, src_key_padding_mask=padding)


@family
def nn_transformer_encoder() -> Family:
    padding = torch.arange(10) >= torch.tensor([[10], [7]])
    return _Encoder(), {"states": pixels(2, 10, 32), "padding": padding}


class _Einsum(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = torch.nn.Linear(32, 96)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        query, key, value = self.qkv(states).unflatten(-1, (3, 4, 8)).unbind(2)
        weights = torch.einsum("bqhd,bkhd->bqhk", query, key).mul(8**-0.5).softmax(dim=-1).to(states.dtype)
        return states + torch.einsum("bqhk,bkhd->bqhd", weights, value).flatten(2)


@family
def einsum() -> Family:
    return torch.nn.Sequential(_Einsum(), _Einsum()), {"input": pixels(1, 9, 32)}


class _Remote(torch.nn.Module):
    """As remote code has it: two attentions in one function, shared keys, a bias by distance, queries in chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads = 4
        self.query, self.memory_key = torch.nn.Linear(32, 32), torch.nn.Linear(32, 32)
        self.key, self.value = torch.nn.Linear(32, 16), torch.nn.Linear(32, 16)

    def forward(self, states: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        count = states.shape[1]
        query = self.query(states).unflatten(-1, (2, 2, 8)).permute(0, 2, 3, 1, 4)
        key, value = (of(states).unflatten(-1, (2, 1, 8)).permute(0, 2, 3, 1, 4) for of in (self.key, self.value))
        distance = torch.arange(count) - torch.arange(count)[:, None]
        slopes = torch.tensor([0.5, 0.25, 0.125, 0.0625]).view(2, 2, 1, 1)
        scores = query @ key.transpose(-1, -2) / 8**0.5 + slopes * distance
        weights = torch.softmax(scores.masked_fill(distance > 0, -torch.inf), dim=-1)
        mixed = (weights @ value).permute(0, 3, 1, 2, 4).flatten(2)
        keys = self.memory_key(memory)
        chunks = [
            torch.nn.functional.scaled_dot_product_attention(self.query(chunk), keys, memory)
            for chunk in mixed.split(3, 1)
        ]
        return states + torch.cat(chunks, 1)


class _RemoteModel(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(50, 32)
        self.patches = torch.nn.Conv2d(3, 32, 8, 8)
        self.h = torch.nn.ModuleList([_Remote(), _Remote()])

    def forward(self, input_ids: torch.Tensor, pixel_values: torch.Tensor) -> torch.Tensor:
        states = self.embed(input_ids)
        memory = self.patches(pixel_values).flatten(2).transpose(1, 2)
        for layer in self.h:
            states = layer(states, memory)
        logits: torch.Tensor = states @ self.embed.weight.T
        return logits.softmax(-1)


@family
def remote_code() -> Family:
    return _RemoteModel(), {"input_ids": ids(1, 4, 5, 6, 7, 8, 9), "pixel_values": pixels()}


class _WindowedAttention(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.num_heads = 2
        self.qkv = torch.nn.Linear(16, 48)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        query, key, value = self.qkv(states).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4).unbind(0)
        result: torch.Tensor = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        return result.transpose(1, 2).flatten(2)


class _Windowed(torch.nn.Module):
    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.norm, self.attn = torch.nn.LayerNorm(16), _WindowedAttention()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        batch, height, width, dim = states.shape
        # Padded to whole windows, as Swin does; padding is a key like others.
        right, bottom = -width % 4, -height % 4
        moved = torch.nn.functional.pad(self.norm(states), (0, 0, 0, right, 0, bottom)).roll((-self.shift,) * 2, (1, 2))
        rows, columns = (height + bottom) // 4, (width + right) // 4
        windows = moved.view(batch, rows, 4, columns, 4, dim).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, dim)
        mixed = self.attn(windows).view(batch, rows, columns, 4, 4, dim).permute(0, 1, 3, 2, 4, 5)
        mixed = mixed.reshape(batch, rows * 4, columns * 4, dim).roll((self.shift,) * 2, (1, 2))
        result: torch.Tensor = states + mixed[:, :height, :width]
        return result


class _WindowedModel(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 16, 4, 4)
        self.blocks = torch.nn.Sequential(_Windowed(0), _Windowed(2))

    def forward(self, pixel_values: torch.Tensor) -> Any:
        return self.blocks(self.stem(pixel_values).permute(0, 2, 3, 1)).mean((1, 2))


@family
def windows_nhwc() -> Family:
    return _WindowedModel(), {"pixel_values": pixels(2, 3, 28, 48)}


# Windows, video, sound.


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
