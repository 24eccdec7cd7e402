"""Tensors on disk: written one behind the other while the model runs, read when they are asked for.

A thread writes, so that a GPU goes on meanwhile; at most `_AHEAD` tensors wait for it, which bounds the memory.
"""

from __future__ import annotations

import math
import queue
import tempfile
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

#: How many tensors may wait to be written.
_AHEAD = 2


@dataclass(frozen=True, eq=False)
class Stored:
    """One tensor of a spool."""

    spool: Spool
    place: int
    shape: tuple[int, ...]
    dtype: torch.dtype

    def read(self) -> torch.Tensor:
        """The tensor, on the CPU."""
        return self.spool.read(self)


class Spool:
    """A temporary file, which goes with the last tensor that refers to it."""

    def __init__(self, folder: str | None = None) -> None:
        self._file = tempfile.TemporaryFile(prefix="vlscope-", dir=folder)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._waiting: queue.Queue[torch.Tensor | None] = queue.Queue(_AHEAD)
        self._error: OSError | None = None
        self._writer: threading.Thread | None = None
        self.bytes = 0

    def add(self, tensor: torch.Tensor) -> Stored:
        """Takes a copy of `tensor`."""
        return self.add_parts([tensor], tuple(tensor.shape), tensor.dtype)

    def add_parts(self, parts: Iterable[torch.Tensor], shape: tuple[int, ...], dtype: torch.dtype) -> Stored:
        """Takes a tensor of `shape` as `parts` that follow each other in its memory: it need never be there whole."""
        stored = Stored(self, self.bytes, shape, dtype)
        for part in parts:
            # A copy: the model may write over its own, as static caches do.
            copy = part.detach().to("cpu", dtype, copy=True).contiguous()
            self._put(copy)
            self.bytes += copy.numel() * copy.element_size()
        return stored

    def read(self, stored: Stored) -> torch.Tensor:
        """A tensor that was taken."""
        self.flush()
        count = math.prod(stored.shape)
        if count == 0:
            return torch.empty(stored.shape, dtype=stored.dtype)
        buffer = np.memmap(self._file, np.uint8, "c", stored.place, (count * stored.dtype.itemsize,))
        return torch.from_numpy(buffer).view(stored.dtype).reshape(stored.shape)

    def flush(self) -> None:
        """Waits until all is written; raises `OSError` if the disk did not take it."""
        if self._writer is not None:
            self._waiting.put(None)
            self._writer.join()
            self._writer = None
        if self._error is not None:
            raise self._error

    def _put(self, tensor: torch.Tensor) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, daemon=True)
            self._writer.start()
        self._waiting.put(tensor)

    def _write(self) -> None:
        while (tensor := self._waiting.get()) is not None:
            # After an error the queue is emptied all the same: whoever waits on it must not wait for ever.
            if self._error is None:
                try:
                    self._file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)
                    self._file.flush()
                except OSError as error:
                    self._error = error
