"""What is not a trace is refused, in the words that the Rust reader has too."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TRACES, write_raw

from vlscope import Region, Token, Trace, TraceError

MESSAGES: dict[str, str] = json.loads((TRACES / "messages.json").read_text())
BOX = "expected [x0, y0, x1, y1] with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1"
Document = dict[str, Any]
Tensors = dict[str, np.ndarray]


@pytest.mark.parametrize("name", MESSAGES)
def test_broken_reference(name: str) -> None:
    path = TRACES / f"{name}.safetensors"
    with pytest.raises(TraceError) as caught:
        Trace.load(path)
    assert str(caught.value) == f"{MESSAGES[name]}: {path}"


def test_every_broken_reference_has_its_words() -> None:
    broken = {path.stem for path in TRACES.glob("broken-*.safetensors")}
    # The values of a trace are not read when it is opened.
    assert broken - {"broken-nan", "broken-word"} == set(MESSAGES)


def test_a_word_beyond_the_vocabulary() -> None:
    with pytest.raises(TraceError, match=r"`words\.main\.8` has the number 9, which is not in the vocabulary"):
        Trace.load(TRACES / "broken-word.safetensors")


def change(*path: str | int, value: Any) -> Callable[[Document, Tensors], None]:
    """Puts a value at a place of the document."""

    def apply(document: Any, _: Tensors) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return apply


def remove(*path: str | int) -> Callable[[Document, Tensors], None]:
    """Takes a place out of the document."""

    def apply(document: Any, _: Tensors) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return apply


def tensor(name: str, value: np.ndarray | None) -> Callable[[Document, Tensors], None]:
    """Replaces a tensor, or leaves it out."""

    def apply(_: Document, tensors: Tensors) -> None:
        if value is None:
            del tensors[name]
        else:
            tensors[name] = value

    return apply


TOKEN = ("sequences", "main", "tokens", 1)
CASES = [
    (tensor("hidden.main.1", None), "tensor `hidden.main.1` is missing: `hidden[0].states` is 2"),
    (tensor("image.0", None), "tensor `image.0` is missing: `images` is 1"),
    (tensor("head_metric.0", None), "tensor `head_metric.0` is missing: `head_metrics` has 1 entries"),
    (
        tensor("hidden.main.1", np.zeros((3, 8), np.float32)),
        "tensor `hidden.main.1` has shape [3, 8], expected [2, dim]: sequence `main` has 2 tokens",
    ),
    (
        tensor("attention.self.1", np.zeros((2, 2), np.float32)),
        "tensor `attention.self.1` has shape [2, 2], expected [heads, 2, 2]: sequence `main` has 2 tokens",
    ),
    (
        tensor("hidden.main.0", np.zeros((2, 8), np.int64)),
        "tensor `hidden.main.0` has dtype I64, expected F32, F16 or BF16",
    ),
    (tensor("image.0", np.zeros((4, 5, 3), np.float32)), "tensor `image.0` has dtype F32, expected U8"),
    (
        tensor("image.0", np.zeros((3, 4, 5), np.uint8)),
        "tensor `image.0` has shape [3, 4, 5], expected [height, width, 3]",
    ),
    (
        tensor("image.0", np.zeros((0, 5, 3), np.uint8)),
        "tensor `image.0` has shape [0, 5, 3], expected [height, width, 3]",
    ),
    (tensor("head_metric.0", np.zeros((2, 3))), "tensor `head_metric.0` has dtype F64, expected F32"),
    (tensor("head_metric.0", np.zeros((3, 2), np.float32)), "tensor `head_metric.0` has shape [3, 2], expected [2, 3]"),
    (change(*TOKEN, value={}), "`sequences.main.tokens[1]` has neither `text` nor `image`, expected one of them"),
    (
        change(*TOKEN, "text", value="b"),
        "`sequences.main.tokens[1]` has both `text` and `image`, expected one of them",
    ),
    (remove(*TOKEN, "box"), "`sequences.main.tokens[1].box` is missing"),
    (change(*TOKEN, "box", value=[0, 0.5, 1]), f"`sequences.main.tokens[1].box` is [0, 0.5, 1], {BOX}"),
    (change(*TOKEN, "box", value="all"), f'`sequences.main.tokens[1].box` is "all", {BOX}'),
    (change(*TOKEN, "special", value=1), "`sequences.main.tokens[1].special` is a number, expected a boolean"),
    (change("regions", 0, "image", value=1), "`regions[0].image` is 1, expected less than 1: `images` is 1"),
    (change("regions", 0, "box", value=[0.0, 0.0, 0.0, 1.0]), f"`regions[0].box` is [0.0, 0.0, 0.0, 1.0], {BOX}"),
    (remove("regions", 0, "label"), "`regions[0].label` is missing"),
    (
        change("hidden", 0, "sequence", value="text"),
        '`hidden[0].sequence` is "text", expected a name in `sequences`: main',
    ),
    (
        change("head_metrics", 0, "attention", value="cross"),
        '`head_metrics[0].attention` is "cross", expected a name in `attention`: self',
    ),
    (
        lambda document, _: document["attention"].append(document["attention"][0]),
        '`attention[1].name` is "self", which another block has',
    ),
    (change("attention", 0, "layers", value=0), "`attention[0].layers` is 0, expected at least 1"),
    (
        change("attention", 0, "layers", value=-1),
        "`attention[0].layers` is a number, expected a whole number that is not negative",
    ),
    (change("images", value=True), "`images` is a boolean, expected a whole number that is not negative"),
    (
        change("format", value="1"),
        '`format` is "1", expected 1 or 2: this version of vlscope reads formats 1 and 2',
    ),
    (remove("format"), "`format` is missing"),
    (remove("sequences"), "`sequences` is missing"),
    (remove("attention"), "`attention` is missing"),
    (remove("attention", 0, "query"), "`attention[0].query` is missing"),
    (change("attention", value={}), "`attention` is an object, expected a list"),
    (change("sequences", value=[]), "`sequences` is a list, expected an object"),
    (change("hidden", value=None), "`hidden` is null, expected a list"),
    (change("id", value=7), "`id` is a number, expected a string"),
    (change("outputs", value="red"), "`outputs` is a string, expected an object"),
]


@pytest.mark.parametrize(("breaks", "message"), CASES, ids=[message for _, message in CASES])
def test_refusal(
    breaks: Callable[[Document, Tensors], None], message: str, document: Document, tensors: Tensors, tmp_path: Path
) -> None:
    breaks(document, tensors)
    path = write_raw(tmp_path / "broken.safetensors", document, tensors)
    with pytest.raises(TraceError) as caught:
        Trace.load(path)
    assert str(caught.value) == f"{message}: {path}"


def test_sound_document_is_read(document: Document, tensors: Tensors, tmp_path: Path) -> None:
    document["later"] = {"addition": 1}
    document["id"] = None
    assert Trace.load(write_raw(tmp_path / "sound.safetensors", document, tensors)).regions[0].label == "cat"


def test_document_that_is_no_object(tensors: Tensors, tmp_path: Path) -> None:
    path = write_raw(tmp_path / "list.safetensors", [], tensors)
    with pytest.raises(TraceError, match=r"^`vlscope` is a list, expected an object"):
        Trace.load(path)


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"{", b"", "not a safetensors file: its header is not valid JSON: line 1, column 1"),
        (b"[]", b"", "not a safetensors file: its header is not valid JSON: line 1, column 0"),
        (b'{"a": 1}', b"", "tensor `a` has no sound `dtype` in the header"),
        (b'{"a": {"dtype": "U8", "shape": [-1]}}', b"", "tensor `a` has no sound `shape` in the header"),
        (
            b'{"a": {"dtype": "U8", "shape": [2], "data_offsets": [2, 0]}}',
            b"",
            "tensor `a` has no sound `data_offsets` in the header",
        ),
        (
            b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
            b"0000",
            "tensor `a` has 4 bytes, expected shape [2] of F32",
        ),
        (
            b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}',
            b"00",
            "tensor `a` begins at byte 69, expected 68",
        ),
        (
            b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}',
            b"00",
            "the file is longer than its header says: it has 70 bytes, expected 69",
        ),
        (b'{"__metadata__": []}', b"", "not a vlscope trace: `__metadata__` has no key `vlscope`"),
    ],
)
def test_broken_header(header: bytes, data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    with pytest.raises(TraceError) as caught:
        Trace.load(path)
    assert str(caught.value) == f"{message}: {path}"


@pytest.mark.parametrize("token", [Token(), Token("a", image=0, box=(0.0, 0.0, 1.0, 1.0)), Token(image=3)])
def test_saving_refuses_the_same(token: Token, trace: Trace, tmp_path: Path) -> None:
    trace.sequences["text"][0] = token
    with pytest.raises(TraceError, match=r"^`sequences\.text\.tokens\[0\]"):
        trace.save(tmp_path / "broken.safetensors")
    assert not list(tmp_path.iterdir())


def test_saving_refuses_what_is_not_json(trace: Trace, tmp_path: Path) -> None:
    trace.outputs["score"] = float("nan")
    with pytest.raises(TraceError, match="cannot be written as JSON"):
        trace.save(tmp_path / "broken.safetensors")
    trace.outputs["score"] = np.float32(1)
    with pytest.raises(TraceError, match="cannot be written as JSON"):
        trace.save(tmp_path / "broken.safetensors")


def test_saving_refuses_float64(trace: Trace, tmp_path: Path) -> None:
    trace.regions.append(Region("right", (0.5, 0.0, 1.0, 1.0)))
    trace.attention[0].layers[1] = trace.attention[0].layers[1].astype(np.float64)
    with pytest.raises(TraceError, match=r"^tensor `attention\.self\.1` has dtype F64, expected F32, F16 or BF16: "):
        trace.save(tmp_path / "broken.safetensors")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.safetensors"
    os.mkfifo(fifo)
    for path, what in ((fifo, "no regular file"), (tmp_path, "a folder")):
        with pytest.raises(TraceError) as caught:
            Trace.load(path)
        assert str(caught.value) == f"cannot read: it is {what}: {path}"
