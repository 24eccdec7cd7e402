"""PyTorch's own modules, and modules that are nobody's."""

from __future__ import annotations

from typing import Any

import torch

from ._family import Family, family, ids, pixels


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
