"""Vision-language models of two layers with random weights, from their configs, each with its real image processor.

`FAMILIES[name](height, width)` is a `Case`: what the model is called with for a picture of that size, and where its
tokens are, by what the processor's and the model's code say of tiles and patches.
"""

from . import llava, qwen, tiled, whole
from ._case import FAMILIES, IMAGE, TEXT, VISION, Case, built, grid, hf, prompt
from .llava import PINPOINTS

__all__ = [
    "FAMILIES", "IMAGE", "PINPOINTS", "TEXT", "VISION", "Case", "built", "grid", "hf", "llava", "prompt", "qwen",
    "tiled", "whole",
]  # fmt: skip
