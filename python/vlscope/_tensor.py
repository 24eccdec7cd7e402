"""Arrays and their dtypes in a safetensors file: numpy's, torch tensors, and bfloat16 from torch or ml_dtypes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

#: A numpy array, or a torch tensor where torch is present.
Array: TypeAlias = Any
Bytes: TypeAlias = npt.NDArray[np.uint8]

#: Little endian, as the file has them; bfloat16, which numpy lacks, is read as its bits.
_NUMPY = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip
_NAMES = {np.dtype(code): name for name, code in _NUMPY.items() if name != "BF16"}


@dataclass(frozen=True)
class TensorInfo:
    """What a header says of a tensor."""

    dtype: str
    shape: list[int]


def item_bytes(dtype: str) -> int | None:
    """How many bytes a value has; None for a dtype that we do not know."""
    return np.dtype(_NUMPY[dtype]).itemsize if dtype in _NUMPY else None


def describe(array: Array) -> TensorInfo:
    """Dtype and shape as a header has them."""
    if _is_torch_bfloat16(array) or str(array.dtype) == "bfloat16":
        return TensorInfo("BF16", list(array.shape))
    dtype = to_numpy(array).dtype
    return TensorInfo(_NAMES.get(dtype.newbyteorder("<"), dtype.name), list(array.shape))


def to_bytes(array: Array) -> bytes:
    """The values in row order, little endian."""
    if _is_torch_bfloat16(array):
        torch = sys.modules["torch"]
        return to_bytes(array.detach().cpu().contiguous().view(torch.int16))
    values = to_numpy(array)
    if values.dtype.name == "bfloat16":
        values = values.view(np.uint16)
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def from_bytes(data: Bytes, info: TensorInfo) -> npt.NDArray[Any]:
    """A view of `data`, read-only if `data` is; bfloat16 becomes float32."""
    values = data.view(_NUMPY[info.dtype]).reshape(info.shape)
    return (values.astype(np.uint32) << 16).view(np.float32) if info.dtype == "BF16" else values


def to_numpy(array: Array) -> npt.NDArray[Any]:
    """The array itself, or a torch tensor's values."""
    return np.asarray(array.detach().cpu().numpy() if is_torch(array) else array)


def is_array(value: object) -> bool:
    """Whether it is numpy's or a torch tensor."""
    return isinstance(value, np.ndarray) or is_torch(value)


def is_torch(array: Array) -> bool:
    """Whether it is a torch tensor."""
    # A torch tensor can only come from a torch that was imported: no need to import it here.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def _is_torch_bfloat16(array: Array) -> bool:
    return is_torch(array) and bool(array.dtype == sys.modules["torch"].bfloat16)
