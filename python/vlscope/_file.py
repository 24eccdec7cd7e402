"""The safetensors file: eight bytes of length, a JSON header that says where each tensor lies, the tensors.

The `safetensors` package reads it as well, but its errors name neither the tensor nor what was expected.
"""

from __future__ import annotations

import math
import os
import struct
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import _json
from ._tensor import Array, Bytes, TensorInfo, describe, item_bytes, to_bytes
from .error import TraceError

METADATA_KEY = "vlscope"
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Entry(TensorInfo):
    """One tensor: bytes `begin` to `end` of the file."""

    begin: int
    end: int


@dataclass(frozen=True)
class File:
    """An open file; `data` is mapped, so that values are read when they are used."""

    entries: dict[str, Entry]
    document: str
    data: Bytes

    def bytes_of(self, entry: Entry) -> Bytes:
        """The bytes of one tensor."""
        return self.data[entry.begin : entry.end]


def read(path: Path) -> File:
    """Reads the header."""
    if path.exists() and not path.is_file():
        raise TraceError("cannot read: it is a folder" if path.is_dir() else "cannot read: it is no regular file")
    data: Bytes = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    if len(data) < _LENGTH_BYTES:
        raise TraceError(f"not a safetensors file: it has {len(data)} bytes, expected at least {_LENGTH_BYTES}")
    (length,) = struct.unpack("<Q", data[:_LENGTH_BYTES].tobytes())
    data_begin = _LENGTH_BYTES + length
    if data_begin > len(data):
        raise TraceError(f"not a safetensors file: its header should have {length} bytes, the file has {len(data)}")
    try:
        header = _json.parse(data[_LENGTH_BYTES:data_begin].tobytes())
    except _json.JsonError as error:
        raise TraceError(f"not a safetensors file: its header is not valid JSON: {error}") from None
    if not isinstance(header, dict):
        raise TraceError("not a safetensors file: its header is not valid JSON: line 1, column 0")
    entries = {name: _entry(name, value, data_begin) for name, value in header.items() if name != "__metadata__"}
    _check_layout(entries, data_begin, len(data))
    metadata = header.get("__metadata__")
    document = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(document, str):
        raise TraceError(f"not a vlscope trace: `__metadata__` has no key `{METADATA_KEY}`")
    return File(entries, document, data)


def write(path: Path, document: str, tensors: Mapping[str, Array]) -> None:
    """Writes beside `path`, then renames: who reads `path` meanwhile sees the old file or the new one, whole.

    A folder that is not there is made.
    """
    infos = {name: describe(array) for name, array in tensors.items()}
    # Wide values first: each tensor then begins at a multiple of its item size.
    names = sorted(tensors, key=lambda name: -(item_bytes(infos[name].dtype) or 0))
    blobs = [to_bytes(tensors[name]) for name in names]
    header: dict[str, Any] = {"__metadata__": {METADATA_KEY: document}}
    place = 0
    for name, blob in zip(names, blobs, strict=True):
        info = infos[name]
        header[name] = {"dtype": info.dtype, "shape": info.shape, "data_offsets": [place, place + len(blob)]}
        place += len(blob)
    text = _json.dump(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".vlscope-", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines([struct.pack("<Q", len(text)), text, *blobs])
        # mkstemp makes files for their owner alone.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _entry(name: str, value: Any, data_begin: int) -> Entry:
    fields = value if isinstance(value, dict) else {}
    dtype, shape, offsets = fields.get("dtype"), _counts(fields.get("shape")), _counts(fields.get("data_offsets"))
    if not isinstance(dtype, str):
        raise TraceError(f"tensor `{name}` has no sound `dtype` in the header")
    if shape is None:
        raise TraceError(f"tensor `{name}` has no sound `shape` in the header")
    if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise TraceError(f"tensor `{name}` has no sound `data_offsets` in the header")
    length = offsets[1] - offsets[0]
    size = item_bytes(dtype)
    # An unknown dtype is told later, by whoever wanted another.
    if size is not None and math.prod(shape) * size != length:
        raise TraceError(f"tensor `{name}` has {length} bytes, expected shape {shape} of {dtype}")
    return Entry(dtype, shape, data_begin + offsets[0], data_begin + offsets[1])


def _check_layout(entries: dict[str, Entry], data_begin: int, file_bytes: int) -> None:
    """The tensors must fill the file: in order of place, each begins where the one before ends."""
    place = data_begin
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end, item[0])):
        if entry.begin != place:
            raise TraceError(f"tensor `{name}` begins at byte {entry.begin}, expected {place}")
        place = entry.end
    if file_bytes != place:
        relation = "shorter" if file_bytes < place else "longer"
        raise TraceError(f"the file is {relation} than its header says: it has {file_bytes} bytes, expected {place}")


def _counts(value: Any) -> list[int] | None:
    return value if isinstance(value, list) and all(type(item) is int and item >= 0 for item in value) else None
