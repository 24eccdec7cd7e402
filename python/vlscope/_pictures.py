"""What a trace looks like, and its numbers as tables: the program does it, without a display."""

from __future__ import annotations

import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from . import _program
from ._program import Frames, Option


class Pictured(ABC):
    """A trace that can be looked at. Options are those of the command line, with `_` for `-` (docs/command-line.md)."""

    @abstractmethod
    def save(self, path: str | PathLike[str]) -> None:
        """Writes it."""

    def view(self, **options: Option) -> subprocess.Popen[bytes]:
        """Opens the window on it, which stays when Python ends; `.wait()` of what is returned waits for it."""
        folder = Path(tempfile.mkdtemp(prefix="vlscope-"))
        self.save(folder / "trace.safetensors")
        return _program.start(folder / "trace.safetensors", *_program.flags(options))

    def png(self, view: str = "window", **options: Option) -> bytes:
        """A picture of a view, or of the window, as PNG: `trace.png("image", layer=3, token=4)`."""
        return self._picture(view, ".png", options)

    def svg(self, view: str, **options: Option) -> str:
        """A picture of a view as SVG."""
        return self._picture(view, ".svg", options).decode()

    def pdf(self, view: str, **options: Option) -> bytes:
        """A picture of a view as a PDF of one page with its fonts: `Path("heads.pdf").write_bytes(trace.pdf("heads"))`."""
        return self._picture(view, ".pdf", options)

    def head_stats(self, frames: Frames = None, **options: Option) -> Any:
        """Every statistic of every head, a row each: `trace.head_stats(statistic="entropy")`."""
        return self._table("stats", options, frames)

    def _repr_png_(self) -> bytes:
        return self.png()

    def _table(self, command: str, options: dict[str, Option], frames: Frames) -> Any:
        with self._file() as trace:
            text = _program.run(command, trace, "--csv", *_program.flags(options))
        return _program.table(text, frames)

    def _picture(self, view: str, ending: str, options: dict[str, Option]) -> bytes:
        with self._file() as trace:
            picture = trace.with_name("picture" + ending)
            _program.run("render", trace, f"--view={view}", *_program.flags(options), "--output", picture)
            return picture.read_bytes()

    @contextmanager
    def _file(self) -> Iterator[Path]:
        """The trace in a file, as long as the context lasts."""
        with tempfile.TemporaryDirectory(prefix="vlscope-") as folder:
            path = Path(folder) / "trace.safetensors"
            self.save(path)
            yield path
