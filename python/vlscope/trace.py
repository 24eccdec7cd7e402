"""What one model did on one input."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from . import _file, _json
from ._check import check
from ._kinds import FORMAT, KINDS
from ._pictures import Pictured
from ._tensor import Array, describe, from_bytes
from .error import TraceError

#: `(x0, y0, x1, y1)`, normalised to the image, origin top left.
Box: TypeAlias = tuple[float, float, float, float]


@dataclass
class Token:
    """One position of a sequence: `text`, or `image` (which one) and the `box` on it."""

    text: str | None = None
    image: int | None = None
    box: Box | None = None
    special: bool = False
    segment: str | None = None


@dataclass(eq=False)
class AttentionBlock:
    """A stack of layers in which the sequence `query` attends to the sequence `key`; the same is self-attention.

    A layer is `[heads, queries, keys]`, each of its rows sums to 1 over keys, and layers may differ in heads.
    """

    name: str
    query: str
    key: str
    layers: list[Array]
    causal: bool = False


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
class Trace(Pictured):
    """Tokens, images, the attention of every layer and head, hidden states.

    Attention and hidden states are float32, float16 or bfloat16: numpy arrays, torch tensors, or numpy arrays of
    ml_dtypes' bfloat16. `hidden[sequence][i]` is `[tokens, dim]`; state 0 is the embedding, state `i` what layer
    `i - 1` put out. Images are `[height, width, 3]`, uint8, RGB. `outputs` and `attributes` are free, as long as they
    are JSON; the dataset table shows them as columns.
    """

    sequences: dict[str, list[Token]]
    attention: list[AttentionBlock]
    hidden: dict[str, list[Array]] = field(default_factory=dict)
    images: list[Array] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    head_metrics: list[HeadMetric] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    id: str | None = None

    def save(self, path: str | PathLike[str]) -> None:
        """Writes one file, which is never half there. Raises `TraceError` for what `load` would refuse."""
        path = Path(path)
        tensors = self._tensors()
        try:
            text = _json.dump(self._document())
            check(text, {name: describe(array) for name, array in tensors.items()})
        except TraceError as error:
            raise TraceError(error.message, path) from None
        except (TypeError, ValueError) as error:
            raise TraceError(f"the trace cannot be written as JSON: {error}", path) from None
        _file.write(path, text, tensors)

    def check(self) -> None:
        """Raises `TraceError` for what `save` would refuse."""
        check(_json.dump(self._document()), {name: describe(array) for name, array in self._tensors().items()})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Trace:
        """Opens one file. Arrays are read-only views of it; bfloat16, which numpy lacks, is given as float32."""
        path = Path(path)
        try:
            file = _file.read(path)
            document, names = check(file.document, file.entries)
        except TraceError as error:
            raise TraceError(error.message, path) from None

        def arrays(kind: str) -> list[list[Array]]:
            return [
                [from_bytes(file.bytes_of(file.entries[name]), file.entries[name]) for name in of] for of in names[kind]
            ]

        return cls(
            sequences={name: list(map(_token, value["tokens"])) for name, value in document["sequences"].items()},
            attention=[
                AttentionBlock(
                    name=block["name"],
                    query=block["query"],
                    key=block["key"],
                    layers=layers,
                    causal=bool(block.get("causal")),
                )
                for block, layers in zip(document["attention"], arrays("attention"), strict=True)
            ],
            hidden={
                entry["sequence"]: states
                for entry, states in zip(document.get("hidden", []), arrays("hidden"), strict=True)
            },
            images=arrays("image")[0],
            regions=[
                Region(label=region["label"], box=tuple(region["box"]), image=region["image"])
                for region in document.get("regions", [])
            ],
            outputs=document.get("outputs") or {},
            attributes=document.get("attributes") or {},
            head_metrics=[
                HeadMetric(name=metric["name"], attention=metric["attention"], values=values)
                for metric, values in zip(document.get("head_metrics", []), arrays("head_metric")[0], strict=True)
            ],
            model=document.get("model") or {},
            id=document.get("id"),
        )

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "format": FORMAT,
            "id": self.id,
            "model": self.model,
            "sequences": {name: {"tokens": list(map(_token_json, tokens))} for name, tokens in self.sequences.items()},
            "attention": [
                {
                    "name": block.name,
                    "query": block.query,
                    "key": block.key,
                    "layers": len(block.layers),
                    "causal": block.causal,
                }
                for block in self.attention
            ],
            "hidden": [{"sequence": sequence, "states": len(states)} for sequence, states in self.hidden.items()],
            "images": len(self.images),
            "outputs": self.outputs,
            "regions": [vars(region) for region in self.regions],
            "head_metrics": [{"name": metric.name, "attention": metric.attention} for metric in self.head_metrics],
            "attributes": self.attributes,
        }
        always = ("format", "sequences", "attention")
        return {key: value for key, value in document.items() if key in always or value not in (None, {}, [], 0)}

    def _tensors(self) -> dict[str, Array]:
        arrays: dict[str, list[list[Array]]] = {
            "attention": [block.layers for block in self.attention],
            "hidden": list(self.hidden.values()),
            "image": [self.images],
            "head_metric": [[metric.values for metric in self.head_metrics]],
        }
        document = self._document()
        return {
            name: array
            for kind in KINDS.values()
            for names, of in zip(kind.names(document), arrays[kind.name], strict=True)
            for name, array in zip(names, of, strict=True)
        }


def _token(fields: dict[str, Any]) -> Token:
    box = fields.get("box") if "image" in fields else None
    return Token(
        text=fields.get("text"),
        image=fields.get("image"),
        box=None if box is None else tuple(box),
        special=bool(fields.get("special")),
        segment=fields.get("segment"),
    )


def _token_json(token: Token) -> dict[str, Any]:
    return {key: value for key, value in vars(token).items() if value is not None and value is not False}
