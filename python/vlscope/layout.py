"""The safetensors header, and which tensors a document wants. The same checks in the same order as the Rust reader."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlscope.schema import Refused

METADATA_KEY = "vlscope"
DTYPE_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "U8": 1, "I8": 1, "BOOL": 1,
}  # fmt: skip
WEIGHT_DTYPES = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Tensor:
    """What the header says of a tensor; its bytes are `begin` to `end` of the file."""

    dtype: str
    shape: list[int]
    begin: int = 0
    end: int = 0


def read_header(file: bytes | memoryview) -> tuple[str, dict[str, Tensor]]:
    """The JSON text of the document, and all tensors by name."""
    if len(file) < 8:
        raise Refused(f"not a safetensors file: it has {len(file)} bytes, expected at least 8")
    (length,) = struct.unpack("<Q", file[:8])
    if length > len(file) - 8:
        raise Refused(f"not a safetensors file: its header should have {length} bytes, the file has {len(file)}")
    try:
        header = json.loads(bytes(file[8 : 8 + length]))
    except json.JSONDecodeError as error:
        raise Refused(
            f"not a safetensors file: its header is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from error
    metadata = header.pop("__metadata__", {})
    tensors = {name: _tensor(name, entry, 8 + length) for name, entry in header.items()}
    place = 8 + length
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end, item[0])):
        if tensor.begin != place:
            raise Refused(f"tensor `{name}` begins at byte {tensor.begin}, expected {place}")
        place = tensor.end
    if len(file) != place:
        differs = "shorter" if len(file) < place else "longer"
        raise Refused(f"the file is {differs} than its header says: it has {len(file)} bytes, expected {place}")
    if METADATA_KEY not in metadata:
        raise Refused(f"not a vlscope trace: `__metadata__` has no key `{METADATA_KEY}`")
    return str(metadata[METADATA_KEY]), tensors


def _tensor(name: str, entry: Any, data_begin: int) -> Tensor:
    try:
        dtype, shape = str(entry["dtype"]), [int(side) for side in entry["shape"]]
        begin, end = (data_begin + int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"tensor `{name}` has no sound entry in the header") from error
    expected = DTYPE_BYTES.get(dtype)
    for side in shape:
        expected = expected * side if expected is not None else None
    if expected is not None and expected != end - begin:
        raise Refused(f"tensor `{name}` has {end - begin} bytes, expected shape {shape} of {dtype}")
    return Tensor(dtype, shape, begin, end)


def check_tensors(document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """All tensors that the (checked) document wants are there, with their shapes and dtypes."""
    tokens = {name: len(sequence["tokens"]) for name, sequence in document["sequences"].items()}

    def take(name: str, wanted_by: str, dtypes: tuple[str, ...]) -> list[int]:
        if name not in tensors:
            raise Refused(f"tensor `{name}` is missing: {wanted_by}")
        if tensors[name].dtype not in dtypes:
            expected = "F32, F16 or BF16" if dtypes == WEIGHT_DTYPES else dtypes[0]
            raise Refused(f"tensor `{name}` has dtype {tensors[name].dtype}, expected {expected}")
        return tensors[name].shape

    heads: dict[str, int] = {}
    for index, block in enumerate(document["attention"]):
        queries, keys = tokens[block["query"]], tokens[block["key"]]
        for layer in range(block["layers"]):
            name = f"attention.{block['name']}.{layer}"
            shape = take(name, f"`attention[{index}].layers` is {block['layers']}", WEIGHT_DTYPES)
            if len(shape) != 3 or shape[1:] != [queries, keys]:
                culprit = block["key"] if shape[1:2] == [queries] else block["query"]
                raise Refused(
                    f"tensor `{name}` has shape {shape}, expected [heads, {queries}, {keys}]: "
                    f"sequence `{culprit}` has {tokens[culprit]} tokens"
                )
            heads[block["name"]] = max(heads.get(block["name"], 0), shape[0])
    for index, hidden in enumerate(document.get("hidden", [])):
        sequence, states = hidden["sequence"], hidden["states"]
        for state in range(states):
            name = f"hidden.{sequence}.{state}"
            shape = take(name, f"`hidden[{index}].states` is {states}", WEIGHT_DTYPES)
            if len(shape) != 2 or shape[0] != tokens[sequence]:
                raise Refused(
                    f"tensor `{name}` has shape {shape}, expected [{tokens[sequence]}, dim]: "
                    f"sequence `{sequence}` has {tokens[sequence]} tokens"
                )
    images = document.get("images") or 0
    for index in range(images):
        shape = take(f"image.{index}", f"`images` is {images}", ("U8",))
        if len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise Refused(f"tensor `image.{index}` has shape {shape}, expected [height, width, 3]")
    metrics = document.get("head_metrics", [])
    layers = {block["name"]: block["layers"] for block in document["attention"]}
    for index, metric in enumerate(metrics):
        shape = take(f"head_metric.{index}", f"`head_metrics` has {len(metrics)} entries", ("F32",))
        expected = [layers[metric["attention"]], heads[metric["attention"]]]
        if shape != expected:
            raise Refused(f"tensor `head_metric.{index}` has shape {shape}, expected {expected}")
