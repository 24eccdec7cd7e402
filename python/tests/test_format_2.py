"""What version 2 of the format brought, and that it is written only where it is used."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_roundtrip import assert_same

from vlscope import AttentionBlock, Relevance, Token, Trace, TraceError, Words


@pytest.fixture
def second() -> Trace:
    """A sound trace with one of each thing that the first version lacks."""
    rng = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return rng.random(shape, np.float32)

    def rows(*shape: int) -> np.ndarray:
        weights = some(*shape)
        weights /= weights.sum(-1, keepdims=True)
        return weights

    box = (0.0, 0.0, 0.5, 1.0)
    return Trace(
        sequences={
            "main": [
                Token("ö"),
                Token(image=[0, 1], box=box),
                Token(image=1),
                Token(modality="image", padding=True),
                Token("rest", modality="latent"),
                Token(modality="audio"),
            ],
            "other": [Token("a"), Token("b")],
        },
        attention=[
            AttentionBlock(
                "self",
                "main",
                "main",
                queries=[some(4, 6, 3), some(4, 6, 3)],
                keys=[some(2, 6, 3), some(2, 6, 3)],
                numbers=[3, 7],
                mask=[{"causal_but": [[1, 3]]}, np.tri(6, dtype=np.uint8)],
                scale=0.25,
                softcap=50.0,
                sink_share=True,
                sinks=[some(4), some(4)],
                lse=[some(4, 6), some(4, 6)],
                value_norms=[some(4, 6), some(4, 6)],
                statistics={"entropy": some(2, 4), "largest": some(2, 4)},
            ),
            AttentionBlock("cross", "main", "other", [rows(2, 6, 2)], numbers=[5]),
            AttentionBlock("windows", "other", "other", [rows(2, 2, 2)], mask={"spans": [[0, 2]]}),
        ],
        images=[np.zeros((2, 3, 3), np.uint8)] * 2,
        image_times=[0.0, None],
        relevance=[
            Relevance("chefer", "main", [5], some(1, 6), source="Chefer et al. 2021"),
            Relevance("direct", "other", [4, 1], some(2, 1, 2, 2), True, attention="windows", target_sequence="main"),
        ],
        words={"main": {"logits": Words([["cat", "ö"]] * 6, some(6, 2)), 1: Words([["dog"]] * 6, some(6, 1))}},
    )


def test_every_thing(second: Trace, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    second.save(path)
    loaded = Trace.load(path)
    assert_same(loaded, second)
    assert loaded._document()["format"] == 2
    assert loaded.sequences == second.sequences
    block = loaded.attention[0]
    assert block.layer_numbers == [3, 7]
    assert isinstance(block.mask, list)
    assert block.mask[0] == {"causal_but": [[1, 3]]}
    np.testing.assert_array_equal(block.mask[1], np.tri(6))
    assert loaded.words["main"]["logits"].words[0] == ["cat", "ö"]
    assert loaded.relevance[1].signed
    assert loaded.relevance[1].attention == "windows"
    assert list(loaded.words["main"]) == [1, "logits"]


def test_the_first_version_is_written_where_nothing_of_the_second_is_used(trace: Trace, tmp_path: Path) -> None:
    assert trace._document()["format"] == 1
    trace.attention[0].mask = ["causal", "causal"]
    trace.attention[0].numbers = [0, 1]
    assert trace._document()["format"] == 1
    trace.save(tmp_path / "one.safetensors")
    assert Trace.load(tmp_path / "one.safetensors").attention[0].causal
    for change in (
        lambda trace: setattr(trace.attention[0], "numbers", [1, 2]),
        lambda trace: setattr(trace.attention[0], "mask", {"sliding": 2}),
        lambda trace: setattr(trace.attention[1], "value_norms", [np.ones((1, 2), np.float32)]),
        lambda trace: setattr(trace.sequences["vision"][0], "box", None),
        lambda trace: setattr(trace.sequences["text"][0], "modality", "text"),
        lambda trace: setattr(trace, "image_times", [1.0]),
    ):
        later = copy.deepcopy(trace)
        change(later)  # type: ignore[no-untyped-call]
        assert later._document()["format"] == 2
        later.save(tmp_path / "two.safetensors")
        assert_same(Trace.load(tmp_path / "two.safetensors"), later)


REFUSED: list[tuple[Callable[[Any], None], str]] = [
    (lambda t: t.attention[0].keys.__setitem__(0, np.zeros((3, 6, 3), np.float32)),
     "tensor `key.self.3` has shape [3, 6, 3], expected [a divisor of 4, 6, 3]: `query.self.3` has 4 heads"),
    (lambda t: t.attention[0].keys.__setitem__(1, np.zeros((2, 6, 4), np.float32)),
     "tensor `key.self.7` has shape [2, 6, 4], expected [a divisor of 4, 6, 3]: `query.self.7` has 3 dim"),
    (lambda t: t.attention[0].lse.__setitem__(0, np.zeros((4, 6), np.float16)),
     "tensor `lse.self.3` has dtype F16, expected F32"),
    (lambda t: t.attention[0].mask.__setitem__(0, {"prefix": 7}),
     "`attention[0].mask[0].prefix` is 7, expected at most 6: sequence `main` has 6 tokens"),
    (lambda t: t.attention[0].mask.__setitem__(0, {"spans": [[0, 2], [1, 3]]}),
     "`attention[0].mask[0].spans[1]` is [1, 3], expected [first, end] with 2 <= first < end <= 6: "
     "sequence `main` has 6 tokens"),
    (lambda t: t.attention[0].mask.__setitem__(0, "sliding"),
     '`attention[0].mask[0]` is "sliding", expected "full", "causal", "stored", or an object with `sliding`, `prefix`, '
     "`spans` or `causal_but`"),
    (lambda t: t.attention[0].mask.append("full"), "`attention[0].mask` has 3 entries, expected 2: one a layer"),
    (lambda t: t.attention[0].numbers.reverse(),
     "`attention[0].layers[1]` is 3 behind 7, expected each layer once, in ascending order"),
    (lambda t: setattr(t.attention[0], "softcap", 0.0), "`attention[0].softcap` is 0.0, expected a number above 0"),
    (lambda t: setattr(t.sequences["main"][5], "modality", "smell"),
     '`sequences.main.tokens[5].modality` is "smell", expected "text", "image", "latent" or "audio"'),
    (lambda t: setattr(t.sequences["main"][1], "image", [0, 2]),
     "`sequences.main.tokens[1].image[1]` is 2, expected less than 2: `images` is 2"),
    (lambda t: t.image_times.append(1.0), "`image_times` has 3 entries, expected 2: one an image"),
    (lambda t: setattr(t.relevance[0], "targets", [6]),
     "`relevance[0].targets[0]` is 6, expected less than 6: sequence `main` has 6 tokens"),
    (lambda t: setattr(t.relevance[0], "values", np.zeros((1, 5), np.float32)),
     "tensor `relevance.chefer` has shape [1, 5], expected [1, 6]"),
    (lambda t: setattr(t.words["main"][1], "scores", np.zeros((6, 2), np.float32)),
     "tensor `word_scores.main.1` has shape [6, 2], expected [6, 1]"),
    (lambda t: t.relevance[1].values.__setitem__((1, 0, 1, 0), np.nan),
     "tensor `relevance.direct` is NaN in row 1 of [1, 0], expected finite numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("breaks", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refusal(breaks: Callable[[Any], None], message: str, second: Trace, tmp_path: Path) -> None:
    breaks(second)
    with pytest.raises(TraceError) as caught:
        second.save(tmp_path / "broken.safetensors")
    assert str(caught.value) == f"{message}: {tmp_path / 'broken.safetensors'}"
    assert not list(tmp_path.iterdir())


def test_a_missing_key_is_named(second: Trace, tmp_path: Path) -> None:
    second.save(tmp_path / "one.safetensors")
    second.attention[0].sinks = []
    with pytest.raises((TraceError, ValueError)):
        second.save(tmp_path / "two.safetensors")
