"""The reference traces, the words of each refusal, and round trips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlscope import Block, Trace, TraceError

TRACES = Path(__file__).parents[2] / "tests" / "traces"
MESSAGES: dict[str, str] = json.loads((TRACES / "messages.json").read_text())
SOUND = ["vl-interpret-0", "vl-interpret-1", "vl-interpret-2", "encoder-decoder", "multi-image"]


@pytest.mark.parametrize("name", MESSAGES)
def test_broken_traces_are_refused_in_the_agreed_words(name: str) -> None:
    path = TRACES / f"{name}.safetensors"
    with pytest.raises(TraceError) as refused:
        Trace.load(path)
    assert str(refused.value) == f"{MESSAGES[name]}: {path}"


@pytest.mark.parametrize("name", [*SOUND, "broken-nan"])
def test_round_trip(name: str, tmp_path: Path) -> None:
    trace = Trace.load(TRACES / f"{name}.safetensors")
    trace.save(tmp_path / "again.safetensors")
    again = Trace.load(tmp_path / "again.safetensors")
    assert again.document() == trace.document()
    for tensor, array in trace.tensors().items():
        np.testing.assert_array_equal(again.tensors()[tensor], array)


def small(**changes: Any) -> Trace:
    """Two words that look at each other."""
    parts: dict[str, Any] = {
        "sequences": {"main": [{"text": "a"}, {"text": "b"}]},
        "attention": [Block("self", "main", "main", [np.full((1, 2, 2), 0.5, np.float32)])],
    }
    return Trace(**(parts | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sequences": {"main": [{"text": "a"}, {}]}},
            "`sequences.main.tokens[1]` has neither `text` nor `image`, expected one of them",
        ),
        ({"hidden": {"main": [np.zeros((3, 8), np.float32)]}},
         "tensor `hidden.main.0` has shape [3, 8], expected [2, dim]: sequence `main` has 2 tokens"),
        ({"images": [np.zeros((4, 4, 3), np.float32)]}, "tensor `image.0` has dtype F32, expected U8"),
        ({"images": [np.zeros((4, 4), np.uint8)]}, "tensor `image.0` has shape [4, 4], expected [height, width, 3]"),
        ({"attention": [Block("self", "main", "main", [])]}, "`attention[0].layers` is 0, expected at least 1"),
        ({"attention": [Block("self", "main", "main", [np.zeros((1, 2, 2))])]},
         "tensor `attention.self.0` has dtype F64, expected F32, F16 or BF16"),
        ({"head_metrics": [("mine", "self", np.zeros((2, 1), np.float32))]},
         "tensor `head_metric.0` has shape [2, 1], expected [1, 1]"),
        ({"regions": [{"label": "x", "image": 0, "box": [0, 0, 1, 1]}]},
         "`regions[0].image` is 0, expected less than 0: `images` is 0"),
    ],
)  # fmt: skip
def test_unsound_traces_are_not_saved(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.safetensors"
    with pytest.raises(TraceError) as refused:
        small(**changes).save(path)
    assert str(refused.value) == f"{message}: {path}"
    assert not list(tmp_path.iterdir())


def test_layers_may_differ_in_their_heads(tmp_path: Path) -> None:
    layers = [np.full((heads, 2, 2), 0.5, np.float16) for heads in (1, 3)]
    small(attention=[Block("self", "main", "main", layers)]).save(tmp_path / "ragged.safetensors")
    assert [len(layer) for layer in Trace.load(tmp_path / "ragged.safetensors").attention[0].layers] == [1, 3]
