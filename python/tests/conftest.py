"""What several tests use: the reference traces, hand-made files, a small trace."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlscope import AttentionBlock, HeadMetric, Region, Token, Trace

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "tests" / "traces"
DEMO = sorted((ROOT / "assets" / "demo").glob("*.safetensors"))
MODEL = ROOT / "assets" / "models" / "easy-vqa-vilt"


@pytest.fixture(scope="session")
def vlscope_binary() -> Path:
    """The program as the Rust tests built it, or what `VLSCOPE_BINARY` names."""
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "vlscope"
    binary = Path(os.environ.get("VLSCOPE_BINARY", built))
    assert binary.exists(), f"{binary} is missing: `cargo build`, or name another by VLSCOPE_BINARY"
    return binary


def write_raw(path: Path, document: Any, tensors: dict[str, np.ndarray], names: dict[str, str] | None = None) -> Path:
    """A file that no check has seen; `names` overrides the dtype of a tensor in the header."""
    header: dict[str, Any] = {"__metadata__": {"vlscope": json.dumps(document)}}
    dtypes = {"float64": "F64", "float32": "F32", "float16": "F16", "uint8": "U8", "int64": "I64"}
    data = b""
    for name, array in tensors.items():
        dtype = (names or {}).get(name, dtypes[array.dtype.name])
        begin = len(data)
        data += array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.fixture
def document() -> dict[str, Any]:
    """A sound document with one of each thing."""
    return {
        "format": 1,
        "images": 1,
        "sequences": {"main": {"tokens": [{"text": "a"}, {"image": 0, "box": [0.0, 0.0, 1.0, 1.0]}]}},
        "attention": [{"name": "self", "query": "main", "key": "main", "layers": 2}],
        "hidden": [{"sequence": "main", "states": 2}],
        "regions": [{"label": "cat", "image": 0, "box": [0.0, 0.0, 0.5, 0.5]}],
        "head_metrics": [{"name": "mine", "attention": "self"}],
    }


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    """What `document` names."""
    return {
        "attention.self.0": np.full((3, 2, 2), 0.5, np.float32),
        "attention.self.1": np.full((3, 2, 2), 0.5, np.float16),
        "hidden.main.0": np.zeros((2, 8), np.float32),
        "hidden.main.1": np.zeros((2, 8), np.float16),
        "image.0": np.zeros((4, 5, 3), np.uint8),
        "head_metric.0": np.zeros((2, 3), np.float32),
    }


@pytest.fixture
def trace() -> Trace:
    """A sound trace with two sequences, ragged layers and one of each thing."""
    rng = np.random.default_rng(0)

    def rows(heads: int, queries: int, keys: int) -> np.ndarray:
        weights: np.ndarray = rng.random((heads, queries, keys), np.float32)
        weights /= weights.sum(-1, keepdims=True)
        return weights

    return Trace(
        id="tests/one",
        model={"name": "none"},
        sequences={
            "text": [Token("[CLS]", special=True), Token("ö", segment="question"), Token("", segment="question")],
            "vision": [Token(image=0, box=(0.0, 0.0, 0.5, 1.0)), Token(image=0, box=(0.5, 0.0, 1.0, 1.0))],
        },
        attention=[
            AttentionBlock("self", "text", "text", [rows(2, 3, 3), rows(4, 3, 3)], causal=True),
            AttentionBlock("cross", "text", "vision", [rows(1, 3, 2).astype(np.float16)]),
        ],
        hidden={"text": [rng.random((3, 5), np.float32), rng.random((3, 5)).astype(np.float16)]},
        images=[rng.integers(0, 256, (7, 9, 3), np.uint8)],
        regions=[Region("left", (0.0, 0.0, 0.5, 1.0))],
        outputs={"prediction": "yes", "top": [["yes", 0.75]], "correct": False},
        attributes={"question_type": "color"},
        head_metrics=[HeadMetric("mine", "self", rng.random((2, 4), np.float32))],
    )
