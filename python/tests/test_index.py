"""Others read the index: the queries of docs/datasets.md, as they stand there, beside what the traces say."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from conftest import DEMO, ROOT

from vlscope import Trace

LAYER, HEAD = 3, 1


def blocks(language: str) -> list[str]:
    """The code blocks of one language in the document."""
    text = (ROOT / "docs" / "datasets.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def demo() -> dict[str, Trace]:
    return {path.name: Trace.load(path) for path in DEMO}


@pytest.fixture(scope="module")
def folder(vlscope_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `traces/.vlscope` is the demo's index, in two parts."""
    folder = tmp_path_factory.mktemp("index")
    for shard in ("0/2", "1/2"):
        options = ["--shard", shard, "--quiet", "--index-dir", folder / "traces/.vlscope"]
        subprocess.run([vlscope_binary, "index", ROOT / "assets/demo", *options], check=True)
    assert len(list(folder.glob("traces/.vlscope/part-*"))) == 2
    return folder


@pytest.fixture(autouse=True)
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def rows_and_kinds(trace: Trace, layer: int, head: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """`[queries, keys]` of one head without special tokens, and which of them are text."""
    tokens = trace.sequences["main"]
    kept = [index for index, token in enumerate(tokens) if not token.special]
    weights = trace.attention[0].layers[layer][head].astype(np.float64)[np.ix_(kept, kept)]
    return weights, np.array([tokens[index].text is not None for index in kept])


def entropy(trace: Trace) -> float:
    """In nats, of what remains of each row, mean over rows."""
    weights, _ = rows_and_kinds(trace, LAYER, HEAD)
    weights = weights[weights.sum(-1) > 0]
    shares = weights / weights.sum(-1, keepdims=True)
    return float(-(shares * np.log(np.where(shares > 0, shares, 1))).sum(-1).mean())


def test_narrowest_wrong_answers(demo: dict[str, Trace]) -> None:
    found = duckdb.execute(blocks("sql")[0]).fetchall()
    wrong = {name: trace for name, trace in demo.items() if not trace.outputs["correct"]}
    expected = sorted(wrong, key=lambda name: entropy(wrong[name]))[:10]
    assert [row[0] for row in found] == expected
    for path, text, prediction, answer, value in found:
        trace = wrong[path]
        assert text.replace(" ", "") == trace.attributes["question"].replace(" ", "")
        assert (prediction, answer) == (trace.outputs["prediction"], trace.outputs["answer"])
        assert value == pytest.approx(entropy(trace), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("reader", ["duckdb", "polars"])
def test_mass_by_kind_of_question(demo: dict[str, Trace], reader: str) -> None:
    if reader == "duckdb":
        found = duckdb.execute(blocks("sql")[1]).fetchall()
    else:
        names: dict[str, Any] = {}
        exec(blocks("python")[0], names)
        found = names["masses"].rows()
    masses = defaultdict(list)
    for trace in demo.values():
        for layer, weights in enumerate(trace.attention[0].layers):
            for head in range(len(weights)):
                rows, is_text = rows_and_kinds(trace, layer, head)
                mass = rows[is_text][:, ~is_text].sum(-1).mean()
                masses[trace.attributes["question_type"], layer, head].append(mass)
    assert [tuple(row[:3]) for row in found] == sorted(masses)
    for *key, mass, examples in found:
        assert examples == len(masses[tuple(key)])
        assert mass == pytest.approx(np.mean(masses[tuple(key)]), rel=1e-3, abs=1e-6)


def test_arrow(demo: dict[str, Trace], capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("python")[1]
    names: dict[str, object] = {}
    exec(code, names)
    assert "yes/no shape" in capsys.readouterr().out
    examples = names["examples"]
    right = dict(zip(examples["path"], examples["output_correct"], strict=True))  # type: ignore[index]
    assert right == {name: trace.outputs["correct"] for name, trace in demo.items()}
