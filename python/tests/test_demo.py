"""The demo: whole, of both kinds, and its attention finds the shape that the question is about."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import DEMO, MODEL, ROOT
from shapes import best_head, shape_area, share_in_shape

from vlscope import Trace

KINDS = {"shape", "color", "yes/no shape", "yes/no color"}


@pytest.fixture(scope="module")
def demo() -> list[Trace]:
    return [Trace.load(path) for path in DEMO]


def test_demo_is_whole(demo: list[Trace]) -> None:
    assert len(demo) == 32
    assert sum(path.stat().st_size for path in DEMO) <= 10e6
    assert len({trace.id for trace in demo}) == 32
    assert {trace.attributes["question_type"] for trace in demo} == KINDS
    right = [trace for trace in demo if trace.outputs["correct"]]
    assert 20 <= len(right) <= 28
    assert {trace.attributes["question_type"] for trace in right} == KINDS


def test_examples_hold_together(demo: list[Trace]) -> None:
    for trace in demo:
        assert trace.outputs["correct"] == (trace.outputs["prediction"] == trace.outputs["answer"])
        assert trace.outputs["top"][0][0] == trace.outputs["prediction"]
        words = [token.text for token in trace.sequences["main"] if token.text is not None and not token.special]
        assert "".join(words) == trace.attributes["question"].replace(" ", "")
        assert sum(token.image is not None and not token.special for token in trace.sequences["main"]) == 64
        assert trace.images[0].shape == (64, 64, 3)
        for weights in trace.attention[0].layers:
            assert weights.dtype == np.float16
            np.testing.assert_allclose(weights.astype(np.float64).sum(-1), 1, atol=1e-3)


def test_region_is_the_shape(demo: list[Trace]) -> None:
    for trace in demo:
        (region,) = trace.regions
        assert region.label in ("circle", "rectangle", "triangle", "shape")
        assert 0.01 <= shape_area(trace) <= 0.4
        x0, y0, x1, y1 = (round(side * 64) for side in region.box)
        shape = np.zeros((64, 64), bool)
        shape[y0:y1, x0:x1] = True
        far = np.abs(trace.images[0].astype(int) - trace.images[0][0, 0]).max(-1)
        assert far[~shape].max() <= 8
        # A triangle fills half of its box or less, if it is turned.
        assert (far[shape] > 8).mean() > 0.25


def test_answer_looks_at_the_shape(demo: list[Trace]) -> None:
    layer, head, ratio = best_head(demo)
    assert ratio >= 4
    # Not an average of a few small shapes: the shares themselves, over the areas themselves.
    shares = np.mean([share_in_shape(trace)[layer, head] for trace in demo])
    assert shares / np.mean([shape_area(trace) for trace in demo]) >= 4


def test_model_answers_as_stored(demo: list[Trace]) -> None:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    model = transformers.ViltForQuestionAnswering.from_pretrained(MODEL, attn_implementation="eager").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    for trace in demo[::8]:
        encoded = tokenizer(trace.attributes["question"], return_tensors="pt")
        pixels = torch.tensor(trace.images[0]).permute(2, 0, 1)[None] / 127.5 - 1
        with torch.no_grad():
            logits = model(
                input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"], pixel_values=pixels
            ).logits[0]
        probabilities = logits.softmax(-1)
        assert model.config.id2label[int(probabilities.argmax())] == trace.outputs["prediction"]
        assert float(probabilities.max()) == pytest.approx(trace.outputs["top"][0][1], abs=1e-3)


def test_sizes() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 8e6
    assert json.loads((MODEL / "config.json").read_text())["architectures"] == ["ViltForQuestionAnswering"]
    assert (ROOT / "assets" / "models" / "easy-vqa-vilt" / "README.md").exists()
