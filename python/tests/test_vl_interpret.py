"""VL-InterpreT's databases become traces, and what is hidden in a pickle is not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import lmdb
import lz4.frame
import numpy as np
import pytest

from vlscope import Trace
from vlscope.__main__ import main
from vlscope.readers import ReadError, vl_interpret


def example(number: int) -> dict[str, Any]:
    """As VL-InterpreT stores one: two words between special tokens, 2 × 2 patches."""
    rng = np.random.default_rng(number)
    return {
        "ex_id": number,
        "image": rng.integers(0, 256, (6, 8, 3)),
        "tokens": ["[CLS]", "a", "b", "[SEP]", *(np.str_(f"IMG_{patch}") for patch in range(4))],
        "txt_len": 4,
        "img_coords": [(0, 0), (1, 0), (0, 1), (1, 1)],
        "img_grid_size": np.array([2, 2]),
        "accuracy": number == 0,
        "attention": rng.random((2, 3, 8, 8)),
        "hidden_states": rng.random((3, 8, 5)),
        "custom_metrics": {"mine": rng.random((2, 3))},
    }


def packed(data: bytes) -> bytes:
    return lz4.frame.compress(b"\xc6" + len(data).to_bytes(4, "big") + data)  # type: ignore[no-any-return]


def write(folder: Path, values: dict[bytes, bytes]) -> Path:
    path = folder / "data.mdb"
    with lmdb.open(str(path), subdir=False) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    return path


def test_examples_become_traces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples = {str(number).encode(): packed(pickle.dumps(example(number))) for number in (0, 1, 10)}
    write(tmp_path, {**examples, b"n_layers": lz4.frame.compress(b"\x02"), b"faiss": b"never read"})
    # The folder will do, as the file does.
    assert main(["import", "vl-interpret", str(tmp_path), str(tmp_path / "out")]) == 0
    files = [str(tmp_path / "out" / f"{number}.safetensors") for number in (0, 1, 10)]
    assert capsys.readouterr().out.split() == files
    trace, wanted = Trace.load(files[1]), example(1)
    assert trace.id == "vl-interpret/1"
    tokens = trace.sequences["main"]
    assert [(token.text, token.special) for token in tokens[:4]] == [
        ("[CLS]", True), ("a", False), ("b", False), ("[SEP]", True)
    ]  # fmt: skip
    assert tokens[5].box == (0.5, 0.0, 1.0, 0.5)
    assert trace.outputs == {"correct": False}
    np.testing.assert_allclose(trace.attention[0].layers[1], wanted["attention"][1], rtol=1e-6)
    np.testing.assert_allclose(trace.hidden["main"][2], wanted["hidden_states"][2], rtol=1e-6)
    np.testing.assert_array_equal(trace.images[0], wanted["image"])
    np.testing.assert_allclose(trace.head_metrics[0].values, wanted["custom_metrics"]["mine"], rtol=1e-6)


class _Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("touch exploded",)


def test_pickles_that_would_run_something_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, {b"0": packed(pickle.dumps({**example(0), "tsne": _Bomb()}))})
    with pytest.raises(ReadError, match=r"example 0 of .* is refused: it holds \w+\.system, which is no NumPy array"):
        list(vl_interpret(path))
    assert main(["import", "vl-interpret", str(path), "out"]) == 1
    assert "is refused" in capsys.readouterr().err
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"nothing", "is not LZ4"),
        (lz4.frame.compress(b"\x03"), "is no bytes in MessagePack"),
        (packed(pickle.dumps(example(0))[:-20]), "cannot be read: "),
        (packed(pickle.dumps({"tokens": []})), "has no `txt_len`"),
        (packed(pickle.dumps({**example(0), "img_coords": [(0, 0)]})), "has 4 image tokens, but 1 `img_coords`"),
        (packed(pickle.dumps({**example(0), "attention": np.ones((2, 3, 8, 7))})), "has shape .* it has 8 tokens"),
    ],
)
def test_refusals_name_the_example(value: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=f"example 3 of .*{message}|of example 3 .*{message}"):
        list(vl_interpret(write(tmp_path, {b"3": value})))


def test_what_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="there is no "):
        list(vl_interpret(tmp_path / "data.mdb"))
    (tmp_path / "text").write_text("nothing" * 10000)
    with pytest.raises(ReadError, match="not an LMDB database"):
        list(vl_interpret(tmp_path / "text"))
    with pytest.raises(ReadError, match="it has no example, whose key is a number"):
        list(vl_interpret(write(tmp_path, {b"n_layers": b"\x02"})))
