"""The whole test split as traces: a part of it, stopped and gone on with."""

from __future__ import annotations

from pathlib import Path

import capture_all
import pytest

from vlscope import Trace


def run(monkeypatch: pytest.MonkeyPatch, directory: Path, *arguments: str) -> list[str]:
    monkeypatch.setattr("sys.argv", ["capture_all.py", "-o", str(directory), *arguments])
    capture_all.main()
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, tmp_path, "--limit", "5", "--shard", "1/2") == ["0/0001.safetensors", "0/0003.safetensors"]
    (tmp_path / "0/0003.safetensors").unlink()
    first = (tmp_path / "0/0001.safetensors").stat().st_mtime_ns
    paths = run(monkeypatch, tmp_path, "--limit", "5")
    assert paths == [f"0/{row:04}.safetensors" for row in range(5)]
    assert (tmp_path / "0/0001.safetensors").stat().st_mtime_ns == first

    trace = Trace.load(tmp_path / "0/0003.safetensors")
    assert trace.id == "easy-vqa/test/3"
    assert trace.outputs.keys() == {"prediction", "confidence", "top", "answer", "correct"}
    assert trace.attributes.keys() == {"question", "question_type", "image"}
    assert len(trace.regions) == 1


def test_places() -> None:
    places = {capture_all.place(row) for row in range(9673)}
    assert len(places) == 9673
    assert len({place.split("/")[0] for place in places}) == 10


@pytest.mark.parametrize("text", ["2/2", "-1/2", "1", "a/b", "0/0"])
def test_no_shard(text: str) -> None:
    with pytest.raises(Exception, match="expected i/n"):
        capture_all.shard(text)
