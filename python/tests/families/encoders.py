"""Q-formers, encoders and decoders."""

from __future__ import annotations

from typing import Any

import torch

from ._family import BART, BERT, DECODER, QFORMER, SWIN, TEXT, VISION, Family, family, hf, ids, pixels, prompt, spread


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
