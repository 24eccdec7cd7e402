"""A folder of traces: its table of examples, its pictures, the window on it."""

from __future__ import annotations

import subprocess
from os import PathLike
from pathlib import Path
from typing import Any

from . import _program
from ._program import Frames, Option


class Dataset:
    """A folder of traces. Options are those of the command line, with `_` for `-` (docs/command-line.md)."""

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)

    def index(self, **options: Option) -> None:
        """Reads what is new; the tables and pictures below show what is indexed."""
        _program.run("index", self.folder, "--quiet", *_program.flags(options))

    def examples(self, frames: Frames = None, **options: Option) -> Any:
        """The examples, a row each: `dataset.examples(filter="is:wrong", sort="entropy[2.1]:desc", limit=10)`."""
        text = _program.run("examples", self.folder, "--csv", "--quiet", *_program.flags(options))
        return _program.table(text, frames)

    def view(self, **options: Option) -> subprocess.Popen[bytes]:
        """Opens the window on it, which stays when Python ends."""
        return _program.start(self.folder, *_program.flags(options))
