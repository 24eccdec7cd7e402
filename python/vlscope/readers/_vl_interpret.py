"""VL-InterpreT's databases (Aflalo et al., CVPR 2022): LMDB, an example a key, pickled, in MessagePack, in LZ4.

A pickle may run any code as it is read. These are read by an unpickler that makes NumPy arrays and plain values alone.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..trace import AttentionBlock, Box, HeadMetric, Token, Trace
from ._example import ReadError

#: What pickles of NumPy arrays name, whatever NumPy wrote them.
_ADMITTED = {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"), ("numpy.core.numeric", "_frombuffer"),
}  # fmt: skip
#: Where NumPy 2 has what was in `numpy.core`; 1.26 knows both.
_CORE = "numpy._core" if hasattr(np, "_core") else "numpy.core"
_SPECIAL = ("[CLS]", "[SEP]", "[PAD]", "<s>", "</s>", "<pad>")


def vl_interpret(database: str | PathLike[str]) -> Iterator[Trace]:
    """The examples of a database, a trace each; its id is `vl-interpret/` and the example's number.

    Needs the extra `vl-interpret`. Raises `ReadError` for what is no such database.
    """
    import lmdb
    import lz4.frame

    path = Path(database)
    if not path.exists():
        raise ReadError(f"there is no {path}")
    try:
        environment = lmdb.open(str(path), subdir=path.is_dir(), readonly=True, lock=False)
    except lmdb.Error as error:
        raise ReadError(f"not an LMDB database: {error}: {path}") from None
    with environment, environment.begin() as transaction:
        keys = sorted((key for key in transaction.cursor().iternext(values=False) if key.isdigit()), key=int)
        if not keys:
            raise ReadError(f"no database of VL-InterpreT: it has no example, whose key is a number: {path}")
        for key in keys:
            name = f"example {key.decode()} of {path}"
            try:
                packed = lz4.frame.decompress(transaction.get(key))
            except RuntimeError as error:
                raise ReadError(f"{name} is not LZ4: {error}") from None
            yield _trace(unpickled(_unpacked(packed, name), name), key.decode(), name)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        old = module.replace("numpy._core", "numpy.core")
        if (old, name) not in _ADMITTED:
            raise ReadError(f"it holds {module}.{name}, which is no NumPy array and no plain value")
        return super().find_class(old.replace("numpy.core", _CORE), name)


def unpickled(data: bytes, name: str) -> Any:
    """What a pickle of NumPy arrays and plain values holds."""
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except ReadError as error:
        raise ReadError(f"{name} is refused: {error}") from None
    # What a broken pickle raises depends on where it is broken.
    except Exception as error:
        raise ReadError(f"{name} cannot be read: {type(error).__name__}: {error}") from None


def _unpacked(data: bytes, name: str) -> bytes:
    """The bytes that MessagePack holds: a mark of their length's length, their length, they themselves."""
    lengths = {0xC4: 1, 0xC5: 2, 0xC6: 4}
    begin = 1 + lengths.get(data[0] if data else 0, 0)
    if begin == 1 or len(data) != begin + int.from_bytes(data[1:begin], "big"):
        raise ReadError(f"{name} is no bytes in MessagePack")
    return data[begin:]


def _trace(example: Any, key: str, name: str) -> Trace:
    missing = [field for field in ("tokens", "txt_len", "attention", "image") if field not in example]
    if missing:
        raise ReadError(f"{name} has no `{missing[0]}`")
    tokens = [str(token) for token in example["tokens"]]
    text = int(example["txt_len"])
    weights = np.asarray(example["attention"])
    if weights.ndim != 4 or weights.shape[2:] != (len(tokens), len(tokens)):
        raise ReadError(
            f"`attention` of {name} has shape {list(weights.shape)}, expected [layers, heads, {len(tokens)}, "
            f"{len(tokens)}]: it has {len(tokens)} tokens"
        )
    boxes = _boxes(example, len(tokens) - text, name)
    return Trace(
        id=f"vl-interpret/{key}",
        sequences={
            "main": [
                *(Token(token, special=token in _SPECIAL) for token in tokens[:text]),
                *(Token(image=0, box=box) for box in boxes),
            ]
        },
        attention=[AttentionBlock("self", "main", "main", list(weights.astype(np.float32)))],
        hidden={"main": list(np.asarray(example["hidden_states"]).astype(np.float32))}
        if "hidden_states" in example
        else {},
        images=[_rgb(np.asarray(example["image"]))],
        outputs={"correct": bool(example["accuracy"])} if "accuracy" in example else {},
        head_metrics=[
            HeadMetric(metric, "self", np.asarray(values).astype(np.float32))
            for metric, values in (example.get("custom_metrics") or {}).items()
        ],
    )


def _boxes(example: Any, count: int, name: str) -> list[Box]:
    """Those of the patches, whose places `img_coords` has by column and row."""
    coordinates = [tuple(map(int, place)) for place in example.get("img_coords") or []]
    if len(coordinates) != count:
        raise ReadError(f"{name} has {count} image tokens, but {len(coordinates)} `img_coords`")
    if not coordinates:
        return []
    grid = example.get("img_grid_size")
    columns, rows = (
        map(int, grid) if grid is not None else (1 + max(place[axis] for place in coordinates) for axis in (0, 1))
    )
    return [(x / columns, y / rows, (x + 1) / columns, (y + 1) / rows) for x, y in coordinates]


def _rgb(image: np.ndarray) -> np.ndarray:
    """Bytes from bytes of any dtype, or from shares of 1."""
    if image.dtype.kind == "f" and image.size and image.max() <= 1:
        image = image * 255
    return np.ascontiguousarray(np.clip(np.round(image), 0, 255)).astype(np.uint8)
