"""A local Ray with several workers, one of which is killed on the way: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from conftest import DEMO, ROOT
from PIL import Image

from vlscope import AttentionBlock, Token, Trace

pytest.importorskip("ray.data")
import ray

from vlscope.distributed import ShardError, capture, index, trace_path

ROWS = 40
WORKERS = 3


class CaptureOne:
    """A trace of a row's seed; dies in the middle, once, where the folder `marks` says so."""

    def __init__(self, marks: Path, killed: int | None = None) -> None:
        self.marks, self.killed = marks, killed

    def __call__(self, row: dict[str, Any]) -> Trace:
        seed = int(row["seed"])
        if seed == self.killed and not (self.marks / "killed").exists():
            (self.marks / "killed").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        with (self.marks / "calls").open("a") as calls:
            calls.write(f"{os.getpid()} {seed}\n")
        if row["text"] == "broken":
            raise ValueError("no such picture")
        weights = np.random.default_rng(seed).random((2, 2, 2), np.float32)
        block = AttentionBlock("self", "main", "main", [weights / weights.sum(-1, keepdims=True)])
        return Trace({"main": [Token(row["text"]), Token("!")]}, [block])


def rows() -> list[dict[str, Any]]:
    return [{"id": f"part {seed % 3}/{seed}", "seed": seed, "text": f"word{seed}"} for seed in range(ROWS)]


def dataset(items: list[dict[str, Any]]) -> ray.data.Dataset:
    return ray.data.from_items(items, override_num_blocks=8)


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def calls(marks: Path) -> list[list[str]]:
    return [line.split() for line in (marks / "calls").read_text().splitlines()]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Workers import this file.
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    ray.init(address="local", num_cpus=WORKERS, include_dashboard=False, object_store_memory=100 << 20)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, bytes]:
    """What one process, undisturbed, writes."""
    (tmp_path / "plain-marks").mkdir()
    capture_one = CaptureOne(tmp_path / "plain-marks")
    for row in rows():
        path = tmp_path / "plain" / trace_path(row["id"])
        path.parent.mkdir(parents=True, exist_ok=True)
        trace = capture_one(row)
        trace.id = row["id"]
        trace.save(path)
    return files(tmp_path / "plain")


@pytest.mark.usefixtures("cluster")
def test_killed_worker(tmp_path: Path, marks: Path, plain: dict[str, bytes]) -> None:
    arguments = {"marks": marks, "killed": ROWS // 2}
    workers = (WORKERS, WORKERS)
    summary = capture(dataset(rows()), CaptureOne, tmp_path / "out", concurrency=workers, arguments=arguments)
    killed = (marks / "killed").read_text()
    assert ROWS // 2 not in [int(seed) for worker, seed in calls(marks) if worker == killed]
    assert len({worker for worker, _ in calls(marks)} - {killed}) >= 2
    assert sorted(int(seed) for _, seed in calls(marks)) == list(range(ROWS))
    assert files(tmp_path / "out") == plain
    found = sorted(summary.take_all(), key=lambda row: row["id"])
    assert [row["id"] for row in found] == sorted(row["id"] for row in rows())
    assert all(row["error"] is None for row in found)
    assert {row["path"]: row["bytes"] for row in found} == {path: len(data) for path, data in plain.items()}


@pytest.mark.usefixtures("cluster")
def test_goes_on_where_it_was(tmp_path: Path, marks: Path, plain: dict[str, bytes]) -> None:
    def run(items: list[dict[str, Any]]) -> ray.data.Dataset:
        return capture(dataset(items), CaptureOne, tmp_path / "out", arguments={"marks": marks})

    run(rows()[: ROWS // 4])
    assert run(rows()).count() == ROWS
    assert sorted(int(seed) for _, seed in calls(marks)) == list(range(ROWS))
    assert files(tmp_path / "out") == plain


@pytest.mark.usefixtures("cluster")
def test_as_many_workers_as_processors(tmp_path: Path, marks: Path, plain: dict[str, bytes]) -> None:
    """Whoever reads the rows needs a processor as well."""
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    summary = capture(
        ray.data.read_json(str(questions)),
        CaptureOne,
        tmp_path / "out",
        concurrency=WORKERS,
        arguments={"marks": marks},
    )
    assert summary.count() == ROWS
    assert files(tmp_path / "out") == plain


@pytest.mark.usefixtures("cluster")
def test_error_of_one_row(tmp_path: Path, marks: Path) -> None:
    items = rows()[:6]
    items[2]["text"] = "broken"
    items[4]["id"] = "/4"
    summary = capture(dataset(items), CaptureOne, tmp_path / "out", arguments={"marks": marks}).take_all()
    errors = {row["id"]: row["error"] for row in summary if row["error"]}
    assert errors == {
        "part 2/2": "ValueError: no such picture",
        "/4": 'ValueError: the id "/4" has an empty part, expected a name on both sides of each "/"',
    }
    assert len(files(tmp_path / "out")) == 4


@pytest.mark.usefixtures("cluster")
def test_index_with_a_killed_worker(tmp_path: Path, marks: Path, vlscope_binary: Path) -> None:
    # The first shard to begin kills the worker that started it.
    killer = tmp_path / "vlscope"
    killer.write_text(f'#!/bin/sh\nmkdir {marks}/killed 2>/dev/null && kill -9 $PPID\nexec {vlscope_binary} "$@"\n')
    killer.chmod(0o755)
    demo = ROOT / "assets" / "demo"
    reports = index(demo, 3, binary=killer, index_dir=tmp_path / "sharded", options=["--json"])
    assert (marks / "killed").exists()
    subprocess.run([vlscope_binary, "index", demo, "--quiet", "--index-dir", tmp_path / "plain"], check=True)
    assert len(reports) == 3
    for table in ("examples", "head_stats", "tokens", "thumbnails"):
        assert rows_of(tmp_path / "sharded", table) == rows_of(tmp_path / "plain", table), table
    # Ray reads the parts as they are, too.
    paths = [str(path) for path in (tmp_path / "sharded").glob("part-*/examples.parquet")]
    assert ray.data.read_parquet(paths).count() == len(DEMO)


def rows_of(directory: Path, table: str) -> list[str]:
    """All rows of a table over all parts, in an order of their own."""
    pattern = str(directory / "part-*" / f"{table}.parquet")
    return sorted(map(str, duckdb.execute(f"FROM read_parquet('{pattern}', union_by_name = true)").fetchall()))


@pytest.mark.usefixtures("cluster")
def test_index_that_fails(tmp_path: Path, vlscope_binary: Path) -> None:
    with pytest.raises(ShardError, match=r"^shard 0/2: .*nowhere"):
        index(tmp_path / "nowhere", 2, binary=vlscope_binary)


@pytest.mark.usefixtures("cluster")
def test_the_example_of_the_readme(tmp_path: Path, vlscope_binary: Path) -> None:
    """Word for word, but for its model, its folders, and a cluster that is as small as can be."""
    # Workers that import this file need no torch.
    import tiny_processors

    for part in tiny_processors.llava():
        part.save_pretrained(tmp_path / "model")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "there.png")
    questions = [
        {"id": f"one/{name}", "image": str(tmp_path / f"{name}.png"), "question": "what is this ?", "answer": "a cat"}
        for name in ("there", "nowhere")
    ]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(question) + "\n" for question in questions))
    code = (ROOT / "python" / "README.md").read_text().partition("## Capture and index on many machines")[2]
    code = code.partition("```python\n")[2].partition("```")[0]
    for theirs, ours in (
        ("Qwen/Qwen2.5-VL-3B-Instruct", str(tmp_path / "model")),
        ('ray.init(address="auto")\n', ""),
        ("questions.jsonl", str(tmp_path / "questions.jsonl")),
        ("/shared/traces", str(tmp_path / "traces")),
        ("concurrency=16", "concurrency=1"),
        ("shards=16", f"shards=1, binary={str(vlscope_binary)!r}"),
    ):
        assert theirs in code
        code = code.replace(theirs, ours)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    there, nowhere = sorted(names["summary"].take_all(), key=lambda row: bool(row["error"]))
    assert (nowhere["id"], "FileNotFoundError" in nowhere["error"]) == ("one/nowhere", True)
    trace = Trace.load(tmp_path / "traces" / there["path"])
    assert (trace.id, trace.outputs["answer"]) == ("one/there", "a cat")
    np.testing.assert_array_equal(trace.images[0], pixels)
    assert len(rows_of(tmp_path / "traces" / ".vlscope", "examples")) == 1


def test_paths() -> None:
    assert trace_path("easy-vqa/test/17").as_posix() == "easy-vqa/test/17.safetensors"
    assert trace_path("../a b/.vlscope").as_posix() == "%2E./a%20b/%2Evlscope.safetensors"
    ids = ["a", "a/a", "a%2Fa", "a b", "a%20b", "a_b", ".a", "%2Ea", "ä"]
    assert len({trace_path(id) for id in ids}) == len(ids)
    for id in ("", "/a", "a/", "a//b"):
        with pytest.raises(ValueError, match="empty part"):
            trace_path(id)
