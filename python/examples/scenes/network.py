"""The model: picture tokens in front of question and answer, one causal transformer over all, as LLaVA is built.

Picture tokens see each other, words see the picture and the words before them. Several questions about one picture
share its tokens: each sees the picture and itself alone, so that the picture is computed once for all of them.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from render import PATCH
from safetensors import safe_open
from safetensors.torch import save_file
from scene import SIDE
from torch import nn
from vocabulary import WORDS

GRID = SIDE // PATCH
#: What follows a matrix's name in a file, where its rows are whole numbers of a step.
_STEPS = ".steps"


@dataclass(frozen=True)
class Shape:
    """How large the model is."""

    width: int = 256
    layers: int = 8
    heads: int = 8
    hidden: int = 1024
    words: int = len(WORDS)
    length: int = 20


class Attention(nn.Module):
    """Softmax attention of several heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.project = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, states: torch.Tensor, is_seen: torch.Tensor) -> torch.Tensor:
        """`[examples, tokens, width]`; `is_seen` is `[1, 1, tokens, tokens]`."""
        query, key, value = self.project(states).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=is_seen)
        result: torch.Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return result


class Layer(nn.Module):
    """Attention and two linear maps, each behind a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.width)
        self.attention = Attention(shape)
        self.map_norm = nn.LayerNorm(shape.width)
        self.map = nn.Sequential(
            nn.Linear(shape.width, shape.hidden, bias=False),
            nn.GELU(),
            nn.Linear(shape.hidden, shape.width, bias=False),
        )

    def forward(self, states: torch.Tensor, is_seen: torch.Tensor) -> torch.Tensor:
        states = states + self.attention(self.attention_norm(states), is_seen)
        result: torch.Tensor = states + self.map(self.map_norm(states))
        return result


@dataclass
class Told:
    """What the model tells on its way, in training alone: answers hang on it, and say too little to learn it soon."""

    patches: torch.Tensor  # [pictures, 196, words]: what is on each patch, in the words themselves
    middles: torch.Tensor  # [pictures, 196, 4]: whether the object's middle is there (no, yes), else how far (x, y)
    named: torch.Tensor  # [pictures, questions, length, 28]: column and row of the object that a phrase names
    meant: torch.Tensor  # the same of the object that the answer will tell of, some layers later


class SceneModel(nn.Module):
    """Reads pictures of 224 × 224 and questions, and tells the next word."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.patches = nn.Sequential(
            nn.Conv2d(3, width // 4, 4, stride=4),
            nn.GELU(),
            nn.Conv2d(width // 4, width // 2, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
        )
        self.rows = nn.Parameter(torch.zeros(GRID, 1, width))
        self.columns = nn.Parameter(torch.zeros(1, GRID, width))
        self.words = nn.Embedding(shape.words, width)
        self.positions = nn.Parameter(torch.zeros(shape.length, width))
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(width)
        self.told_middles = nn.Linear(width, 4)
        self.told_named = nn.Linear(width, 2 * GRID)
        self.told_meant = nn.Linear(width, 2 * GRID)
        self._begin()

    def _begin(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2 or "norm" in name:
                continue
            deviation = 0.5 * self.shape.width**-0.5
            if name.endswith(("attention.out.weight", "map.2.weight")):
                deviation /= (2 * self.shape.layers) ** 0.5
            if "patches" not in name:
                nn.init.normal_(parameter, std=deviation)

    def forward(self, pictures: torch.Tensor, texts: torch.Tensor) -> tuple[torch.Tensor, Told]:
        """Logits of the next words, `[pictures, questions, length, words]`; pictures `[pictures, 3, 224, 224]` from 0
        to 1, texts `[pictures, questions, length]`."""
        _, questions, length = texts.shape
        seen = self.patches(2 * pictures - 1).flatten(2).transpose(1, 2) + (self.rows + self.columns).flatten(0, 1)
        words = (self.words(texts) + self.positions[:length]).flatten(1, 2)
        states = torch.cat((seen, words), 1)
        is_seen = visible(questions, length, states.device)
        behind = []
        for layer in self.layers:
            states = layer(states, is_seen)
            behind.append(states)
        half, later = behind[len(behind) // 2 - 1], behind[3 * len(behind) // 4 - 1]
        patches = GRID * GRID
        told = Told(
            self.norm(half[:, :patches]) @ self.words.weight.T,
            self.told_middles(half[:, :patches]),
            self.told_named(half[:, patches:]).unflatten(1, (questions, length)),
            self.told_meant(later[:, patches:]).unflatten(1, (questions, length)),
        )
        return self.norm(states[:, patches:]).unflatten(1, (questions, length)) @ self.words.weight.T, told


def visible(questions: int, length: int, device: torch.device) -> torch.Tensor:
    """Which tokens each token sees, `[1, 1, tokens, tokens]`: the picture, and of its own question those before it."""
    before = torch.ones(length, length, device=device).tril()
    words = torch.kron(torch.eye(questions, device=device), before)
    picture = torch.ones(GRID * GRID + len(words), GRID * GRID, device=device)
    return torch.cat((picture, F.pad(words, (0, 0, GRID * GRID, 0))), 1).bool()[None, None]


def save(model: SceneModel, path: Path, facts: dict[str, object] | None = None, *, is_small: bool = False) -> None:
    """Weights, the model's shape and `facts` about it in one file, at once or not at all.

    In half precision; with `is_small` matrices in 8 bits, and beside each a step for each of its rows.
    """
    weights = {name: value.detach().half().cpu().contiguous() for name, value in model.state_dict().items()}
    if is_small:
        for name, value in list(weights.items()):
            if value.dim() > 1:
                weights[name], weights[f"{name}{_STEPS}"] = _in_8_bits(value.float())
    metadata = {"shape": json.dumps(asdict(model.shape)), "words": json.dumps(WORDS), "facts": json.dumps(facts or {})}
    part = path.with_suffix(".part")
    save_file(weights, part, metadata)
    os.replace(part, path)


def _in_8_bits(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole numbers from -127 to 127, and the step between two of them, one for each row."""
    largest = values.abs().amax(tuple(range(1, values.dim())), keepdim=True)
    steps = (largest / 127).clamp(min=torch.finfo(torch.float16).tiny).half()
    return (values / steps.float()).round().clamp(-127, 127).to(torch.int8), steps


def load(path: Path) -> SceneModel:
    """A saved model, in single precision and for reading alone."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        stored = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    if json.loads(metadata["words"]) != list(WORDS):
        raise ValueError(f"{path} knows other words than vocabulary.py: train it anew")
    weights = {
        name: value * stored.get(f"{name}{_STEPS}", 1.0) for name, value in stored.items() if not name.endswith(_STEPS)
    }
    model = SceneModel(Shape(**json.loads(metadata["shape"])))
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)
