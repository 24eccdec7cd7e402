"""Tiny models of many families, with random weights from their configs: name → (model, inputs).

`FAMILIES` are those of the table in docs/models.md; the last of them are hard ones: video, sound beside pictures and
text, windows, and modules as remote code has them.
"""

from . import decoders, encoders, joint, modules, windows
from ._family import BART, FAMILIES, SIZE, TEXT, hf, ids, pixels, prompt

__all__ = [
    "BART", "FAMILIES", "SIZE", "TEXT", "decoders", "encoders", "hf", "ids", "joint", "modules", "pixels", "prompt",
    "windows",
]  # fmt: skip
