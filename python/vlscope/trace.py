"""A trace in memory: what one model did on one input."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlscope import layout, schema
from vlscope.layout import METADATA_KEY, Tensor
from vlscope.schema import FORMAT, Refused

Array = npt.NDArray[Any]
_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "uint8": "U8", "float64": "F64"}


class TraceError(ValueError):
    """A trace that cannot be read or written. Says what was found, what was expected, and last the file."""


@dataclass
class Block:
    """A stack of layers in which the sequence `query` attends to `key`: each layer is `[heads, queries, keys]`."""

    name: str
    query: str
    key: str
    layers: Sequence[Array]
    causal: bool = False


@dataclass
class Trace:
    """Tokens, attention, hidden states and images of one example. Arrays are numpy's, bfloat16 those of `ml_dtypes`.

    A token is `{"text": ...}`, or `{"image": i, "box": [x0, y0, x1, y1]}` with the box normalised to the image;
    `special` and `segment` are optional.
    """

    sequences: Mapping[str, Sequence[Mapping[str, Any]]]
    attention: Sequence[Block]
    #: A list of states, each `[tokens, dim]`, by sequence; state 0 is the embedding.
    hidden: Mapping[str, Sequence[Array]] = field(default_factory=dict)
    #: Each `[height, width, 3]`, uint8, RGB.
    images: Sequence[Array] = ()
    regions: Sequence[Mapping[str, Any]] = ()
    #: `(name, block, [layers, heads])`.
    head_metrics: Sequence[tuple[str, str, Array]] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None

    def document(self) -> dict[str, Any]:
        """The JSON document that goes into the file."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "id": self.id,
            "model": dict(self.model),
            "sequences": {name: {"tokens": [dict(t) for t in tokens]} for name, tokens in self.sequences.items()},
            "attention": [
                {"name": b.name, "query": b.query, "key": b.key, "layers": len(b.layers), "causal": b.causal}
                for b in self.attention
            ],
            "hidden": [{"sequence": name, "states": len(states)} for name, states in self.hidden.items()],
            "images": len(self.images),
            "regions": [dict(region) for region in self.regions],
            "head_metrics": [{"name": name, "attention": block} for name, block, _ in self.head_metrics],
            "outputs": dict(self.outputs),
            "attributes": dict(self.attributes),
        }
        return {key: value for key, value in document.items() if value is not None}

    def tensors(self) -> dict[str, Array]:
        """All arrays by their names in the file."""
        named = {f"attention.{b.name}.{i}": layer for b in self.attention for i, layer in enumerate(b.layers)}
        named |= {f"hidden.{name}.{i}": state for name, states in self.hidden.items() for i, state in enumerate(states)}
        named |= {f"image.{i}": image for i, image in enumerate(self.images)}
        named |= {f"head_metric.{i}": values for i, (_, _, values) in enumerate(self.head_metrics)}
        return {name: np.ascontiguousarray(array) for name, array in named.items()}

    def check(self) -> None:
        """Raises what `save` would."""
        try:
            self._check()
        except Refused as error:
            raise TraceError(str(error)) from error

    def _check(self) -> dict[str, Array]:
        document = self.document()
        schema.check(json.loads(json.dumps(document)))
        tensors = self.tensors()
        described = {
            name: Tensor(_DTYPES.get(array.dtype.name, array.dtype.name), list(array.shape))
            for name, array in tensors.items()
        }
        layout.check_tensors(document, described)
        return tensors

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all.

        Raises TraceError if the trace is not sound.
        """
        path = Path(path)
        try:
            tensors = self._check()
        except Refused as error:
            raise TraceError(f"{error}: {path}") from error
        header: dict[str, Any] = {"__metadata__": {METADATA_KEY: json.dumps(self.document())}}
        place = 0
        for name, array in tensors.items():
            dtype = _DTYPES[array.dtype.name]
            header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [place, place + array.nbytes]}
            place += array.nbytes
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(len(text).to_bytes(8, "little") + text)
                for array in tensors.values():
                    file.write(array.tobytes())
                file.close()
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except BaseException:
                file.close()
                os.unlink(file.name)
                raise

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Reads a file. bfloat16 arrays come as float32, since numpy has no such type.

        Raises TraceError if it is not a sound trace.
        """
        file = memoryview(Path(path).read_bytes())
        try:
            text, tensors = layout.read_header(file)
            document = schema.parse(text)
            layout.check_tensors(document, tensors)
        except Refused as error:
            raise TraceError(f"{error}: {path}") from error

        def array(name: str) -> Array:
            return _decode(file, tensors[name])

        return cls(
            id=document.get("id"),
            model=document.get("model") or {},
            sequences={name: sequence["tokens"] for name, sequence in document["sequences"].items()},
            attention=[
                Block(
                    block["name"],
                    block["query"],
                    block["key"],
                    [array(f"attention.{block['name']}.{layer}") for layer in range(block["layers"])],
                    bool(block.get("causal")),
                )
                for block in document["attention"]
            ],
            hidden={
                hidden["sequence"]: [array(f"hidden.{hidden['sequence']}.{i}") for i in range(hidden["states"])]
                for hidden in document.get("hidden", [])
            },
            images=[array(f"image.{i}") for i in range(document.get("images") or 0)],
            regions=document.get("regions", []),
            head_metrics=[
                (metric["name"], metric["attention"], array(f"head_metric.{i}"))
                for i, metric in enumerate(document.get("head_metrics", []))
            ],
            outputs=document.get("outputs") or {},
            attributes=document.get("attributes") or {},
        )


def _decode(file: memoryview, tensor: Tensor) -> Array:
    raw = file[tensor.begin : tensor.end]
    if tensor.dtype == "BF16":
        upper = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        return upper.view(np.float32).reshape(tensor.shape)
    dtype = {"F32": "<f4", "F16": "<f2", "U8": "u1"}[tensor.dtype]
    return np.frombuffer(raw, dtype).reshape(tensor.shape)
