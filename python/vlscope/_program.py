"""The program `vlscope`, which draws and counts: where it is, and what it answers."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .error import TraceError

#: What a table may be: `None` takes pandas, else Polars, else columns of numpy, whichever is installed.
Frames = str | None
Option = str | int | float | bool | Path | Sequence[str | int] | None


def program() -> str:
    """`VLSCOPE_BINARY`, else the program that was installed with this package, else the first one on the path."""
    named = os.environ.get("VLSCOPE_BINARY")
    beside = shutil.which("vlscope", path=sysconfig.get_path("scripts"))
    found = named or beside or shutil.which("vlscope")
    if found is None:
        raise FileNotFoundError("the program `vlscope` is not there: `pip install` its wheel, or put it on the path")
    return found


def flags(options: dict[str, Option]) -> list[str]:
    """`layer=3, token=[2, 5], specials=True` is `--layer=3 --token=2 --token=5 --specials`."""
    found: list[str] = []
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        values = value if isinstance(value, (list, tuple, range)) else [value]
        for one in values:
            if one is True:
                found.append(flag)
            elif one is not None and one is not False:
                found.append(f"{flag}={one}")
    return found


def run(command: str, *arguments: str | Path) -> bytes:
    """What the program writes on standard output. Raises `TraceError` with its own words where it refuses."""
    done = subprocess.run([program(), command, *map(str, arguments)], capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise TraceError(said.removeprefix("vlscope: ") or f"`vlscope {command}` ended with {done.returncode}")
    return done.stdout


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """The window, which stays open when Python ends."""
    return subprocess.Popen([program(), *map(str, arguments)], start_new_session=True)


def table(text: bytes, frames: Frames = None) -> Any:
    """A table that the program wrote as CSV: of pandas, of Polars, or a `dict` of numpy columns."""
    for library in (frames,) if frames else ("pandas", "polars", "numpy"):
        if library == "numpy":
            return _columns(text)
        if library not in ("pandas", "polars"):
            raise ValueError(f"frames is {library!r}, expected 'pandas', 'polars' or 'numpy'")
        if frames or importlib.util.find_spec(library):
            return importlib.import_module(library).read_csv(io.BytesIO(text))
    raise AssertionError("numpy comes last")


def _columns(text: bytes) -> dict[str, np.ndarray]:
    names, *rows = csv.reader(io.StringIO(text.decode()))
    return {name: _numbers([row[place] for row in rows]) for place, name in enumerate(names)}


def _numbers(cells: list[str]) -> np.ndarray:
    """Numbers where all cells are, an empty one among them NaN; else the text."""
    try:
        return np.array([int(cell) for cell in cells])
    except ValueError:
        pass
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells, dtype=object)
