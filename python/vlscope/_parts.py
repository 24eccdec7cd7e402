"""What a trace is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ._tensor import Array

#: `(x0, y0, x1, y1)`, normalised to the image, origin top left.
Box: TypeAlias = tuple[float, float, float, float]
#: Which keys a query sees: `"full"`, `"causal"`, `{"sliding": n}`, `{"prefix": n}`, `{"spans": [[first, end], …]}`,
#: `{"causal_but": [[first, end], …]}`, or `[queries, keys]`, not 0 where a key is seen.
Mask: TypeAlias = "str | dict[str, Any] | Array"


@dataclass
class Token:
    """One position of a sequence: `text`, or `image` (which one, or which ones) and the `box` on it.

    `modality` (`text`, `image`, `latent`, `audio`) need be named where neither tells; an image token with `padding` saw
    nothing of the picture.
    """

    text: str | None = None
    image: int | list[int] | None = None
    box: Box | None = None
    special: bool = False
    segment: str | None = None
    modality: str | None = None
    padding: bool = False


@dataclass(eq=False)
class AttentionBlock:
    """A stack of layers in which the sequence `query` attends to the sequence `key`; the same is self-attention.

    It holds weights or what they are computed of. `layers`: each `[heads, queries, keys]`, each of its rows sums to 1
    over keys, and layers may differ in heads. Or `queries`, `[heads, queries, dim]` each, and `keys`, `[key heads,
    keys, dim]`, after position embedding: the weights are softmax(mask(softcap · tanh(scale · q·k / softcap))).
    """

    name: str
    query: str
    key: str
    layers: list[Array] = field(default_factory=list)
    causal: bool = False
    queries: list[Array] = field(default_factory=list)
    keys: list[Array] = field(default_factory=list)
    #: The model's own numbers of the layers, ascending; 0 to n - 1 if absent.
    numbers: list[int] | None = None
    #: One for all layers, or a list of one a layer; else `causal` says.
    mask: Mask | list[Mask] | None = None
    #: 1 / √dim if absent.
    scale: float | None = None
    softcap: float | None = None
    #: Rows may sum to less than 1, the rest being a sink's own.
    sink_share: bool = False
    #: The logits of those sinks, `[heads]` each, beside queries and keys.
    sinks: list[Array] = field(default_factory=list)
    #: `[heads, queries]` each, float32: the logarithm of each row's sum of exponentials.
    lse: list[Array] = field(default_factory=list)
    #: `[heads, keys]` each: ‖W_O v‖ (Kobayashi et al. 2020, arXiv 2004.10102).
    value_norms: list[Array] = field(default_factory=list)
    #: By the name of docs/statistics.md, `[layers, heads]` each, float32.
    statistics: dict[str, Array] = field(default_factory=dict)

    @property
    def layer_numbers(self) -> list[int]:
        """The model's own numbers of the layers."""
        return list(range(len(self.layers or self.queries))) if self.numbers is None else list(self.numbers)


@dataclass
class Region:
    """A labelled part of an image."""

    label: str
    box: Box
    image: int = 0


@dataclass(eq=False)
class HeadMetric:
    """A number for each head of the block `attention`: `[layers, heads]`, float32."""

    name: str
    attention: str
    values: Array


@dataclass(eq=False)
class Relevance:
    """How much each token of a sequence mattered for the tokens `targets`, by anybody's measure.

    `values` is `[targets, tokens]`, or `[targets, layers, heads, tokens]` of the block `attention`; float32 or float16.
    The targets are positions of `target_sequence`, of `sequence` itself if that is absent. `signed` if values below 0
    speak against; `source` says whose measure it is.
    """

    name: str
    sequence: str
    targets: list[int]
    values: Array
    signed: bool = False
    source: str | None = None
    attention: str | None = None
    target_sequence: str | None = None


@dataclass(eq=False)
class Words:
    """What one state of each token decodes to through the model's own head: `[tokens, k]` words, and how probable each.

    `scores` are log-probabilities, float32 or float16; the best word is first.
    """

    words: Sequence[Sequence[str]]
    scores: Array
