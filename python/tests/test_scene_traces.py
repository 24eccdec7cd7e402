"""The scene model that is kept, and what its traces in assets/scenes show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from capture_scenes import ASSETS, MANY, MODEL, WITH_STATES, capture, chosen, draw, examples_of
from look import PATCHES, ROLES, inside, measure, shares_on
from network import GRID, SceneModel, Shape, load, save
from questions import KIND_OF
from vocabulary import ANSWER, END

from vlscope import Trace

FILES = sorted((ASSETS / "scenes").glob("*.safetensors"))
#: The head that look.py finds the best for answers.
LAYER, HEAD = 5, 4


def row(trace: Trace, layer: int, head: int, position: int) -> npt.NDArray[np.float32]:
    """What a word attends to: the patches, and words up to itself."""
    (block,) = trace.attention
    assert block.scale is not None
    query: Any = np.asarray(block.queries[layer])[head, position].astype(np.float32)
    keys = np.asarray(block.keys[layer])[head, : position + 1].astype(np.float32)
    logits = keys @ query * block.scale
    weights: npt.NDArray[np.float32] = np.exp(logits - logits.max())
    shares: npt.NDArray[np.float32] = weights / weights.sum()
    return shares


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:1])
def test_attention_finds_the_object_that_the_answer_tells_of(path: Path) -> None:
    trace = Trace.load(path)
    tokens = trace.sequences["main"]
    assert trace.outputs["correct"] and tokens[-1].text == END
    boxes = {region.label: region.box for region in trace.regions}
    assert len(boxes) == trace.attributes["objects"] >= MANY
    mark = [token.text for token in tokens].index(ANSWER)
    told = [(place, label) for place, label in trace.attributes["speaks_of"] if mark <= place < len(tokens) - 1]
    if trace.attributes["kind"] in ("count", "more", "larger"):
        assert not told
        return
    for place, label in told:
        share = float(shares_on(row(trace, LAYER, HEAD, place), boxes[label]))
        assert share > 0.85, (place, label)
        assert all(share > shares_on(row(trace, LAYER, HEAD, place), box) for of, box in boxes.items() if of != label)


def test_patches_read_as_what_is_on_them() -> None:
    """Half-way through the layers, through the model's own words: all over an object its own attributes, and beside
    all objects that there is none."""
    for path in FILES:
        trace = Trace.load(path)
        middle = trace.words["main"][4].words
        covers = [(region, inside(region.box)) for region in trace.regions]
        for region, _ in covers:
            x, y = ((region.box[axis] + region.box[axis + 2]) / 2 for axis in (0, 1))
            patch = int(y * GRID) * GRID + int(x * GRID)
            assert middle[patch][0] in region.label.split(), (path.stem, region.label, middle[patch])
        far = np.flatnonzero(sum(cover for _, cover in covers) == 0)
        assert np.mean([middle[patch][0] == "none" for patch in far.tolist()]) > 0.9


def test_the_traces_are_those_of_the_model_that_is_kept() -> None:
    """One for each slot of `KIND_OF`; a model trained anew needs them captured anew."""
    assert [Trace.load(path).attributes["kind"] for path in FILES] == list(KIND_OF)
    assert [bool(Trace.load(path).hidden) for path in FILES] == [number < WITH_STATES for number in range(len(KIND_OF))]
    assert sum(path.stat().st_size for path in FILES) < 20e6 and MODEL.stat().st_size < 7e6
    model = load(MODEL)
    example = chosen(*draw(64, 2))[6]
    kept = Trace.load(FILES[6])
    again = capture(model, example, has_states=False, id="again")
    assert again.outputs["prediction"] == kept.outputs["prediction"] == "it is dotted"
    for one, other in zip(again.attention[0].queries, kept.attention[0].queries, strict=True):
        np.testing.assert_allclose(np.asarray(one, np.float32), np.asarray(other, np.float32), rtol=0.01, atol=0.05)


def test_a_model_in_8_bits_is_nearly_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = SceneModel(Shape(width=32, layers=2, heads=2, hidden=64))
    sizes = []
    for is_small in (False, True):
        path = tmp_path / f"{is_small}.safetensors"
        save(model, path, is_small=is_small)
        sizes.append(path.stat().st_size)
        again = load(path).state_dict()
        for name, value in model.state_dict().items():
            largest = float(value.abs().max())
            torch.testing.assert_close(again[name], value, rtol=0, atol=largest / 200 + 1e-6)
    assert sizes[1] < 0.75 * sizes[0]


def test_shares_of_what_is_looked_at() -> None:
    assert inside((0, 0, 1, 1)) == pytest.approx(1) and inside((0, 0, 1, 1)).shape == (PATCHES,)
    half = inside((0, 0, 1.5 / GRID, 1 / GRID))
    assert half[:3] == pytest.approx([1, 0.5, 0]) and half.sum() == pytest.approx(1.5)
    weights = np.zeros(PATCHES + 3)
    weights[[0, 1, 5, PATCHES]] = 0.2, 0.2, 0.1, 0.5
    assert shares_on(weights, (0, 0, 1.5 / GRID, 1 / GRID)) == pytest.approx(0.6)
    torch.manual_seed(0)
    model = SceneModel(Shape(width=32, layers=2, heads=2, hidden=64)).eval()
    scenes, questions = draw(4, 12)
    examples = list(examples_of(scenes, questions, KIND_OF.index("place")))
    looks, areas, counts = measure(model, examples)
    assert counts["noun"] == len(examples) and counts["answer"] == 5 * len(examples)
    for role in ROLES:
        # Who has learnt nothing looks everywhere.
        assert looks[role].shape == (2, 2, 2) and looks[role][0] == pytest.approx(areas[role], rel=0.3)
