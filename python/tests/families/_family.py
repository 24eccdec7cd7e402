"""What families are made of: sizes, inputs, and the table of them."""

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
