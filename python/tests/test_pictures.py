"""What a trace looks like and its tables, by the program that the Rust tests built."""

from __future__ import annotations

import struct
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pandas
import polars
import pytest
from conftest import DEMO, ROOT

from vlscope import Dataset, Trace, TraceError, _program


@pytest.fixture(autouse=True)
def _program_of_the_tests(vlscope_binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSCOPE_BINARY", str(vlscope_binary))


@pytest.fixture
def demo() -> Trace:
    return Trace.load(DEMO[0])


def size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_picture_is_of_the_view_and_the_size_that_was_asked_for(demo: Trace) -> None:
    picture = demo.png("image", layer=0, token=2, size="400x300", no_crop=True)
    assert picture.startswith(b"\x89PNG") and size(picture) == (400, 300)
    assert picture != demo.png("image", layer=1, token=2, size="400x300", no_crop=True)
    width, height = size(demo.png("image", layer=0, token=2, size="400x300"))
    assert width < 400 and height <= 300, "the edges that are empty are cut off"
    assert "<svg" in demo.svg("heads")
    assert demo.pdf("heads", statistic="entropy").startswith(b"%PDF")


def test_a_notebook_shows_the_window(demo: Trace) -> None:
    assert demo._repr_png_().startswith(b"\x89PNG")


def test_weights_are_those_of_the_trace(demo: Trace) -> None:
    weights = demo.attention(layer=1, head=2, token=3)
    assert isinstance(weights, pandas.DataFrame)
    np.testing.assert_allclose(weights["weight"], demo.attention[0].layers[1][2, 3].astype(np.float64), rtol=1e-5)


def test_a_table_is_of_the_library_that_was_asked_for(demo: Trace) -> None:
    heads = sum(len(layer) for layer in demo.attention[0].layers)
    table = demo.head_stats("polars", statistic="entropy_relative")
    assert isinstance(table, polars.DataFrame) and len(table) == heads
    columns = demo.head_stats("numpy", statistic="entropy_relative")
    np.testing.assert_allclose(columns["value"], table["value"].to_numpy())
    assert columns["layer"].dtype.kind == "i"
    with pytest.raises(ValueError, match="frames is 'arrow'"):
        demo.head_stats("arrow")


def test_a_refusal_has_the_words_of_the_program(demo: Trace) -> None:
    with pytest.raises(TraceError, match="layer"):
        demo.png("image", layer=99)


def test_the_examples_of_a_folder(tmp_path: Path) -> None:
    for file in DEMO[:3]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    dataset = Dataset(tmp_path)
    dataset.index()
    assert len(dataset.examples()) == 3
    assert len(dataset.examples(limit=2)) == 2


def test_options_are_flags() -> None:
    options: dict[str, _program.Option] = {
        "layer": 3,
        "token": [2, 5],
        "specials": True,
        "word": None,
        "gpu_memory": "1G",
    }
    assert _program.flags(options) == ["--layer=3", "--token=2", "--token=5", "--specials", "--gpu-memory=1G"]


def test_without_the_program_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLSCOPE_BINARY")
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(FileNotFoundError, match="pip install"):
        _program.program()


def test_the_notebook_of_the_docs_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert sum("text/html" in output.get("data", {}) for output in outputs) == 3
