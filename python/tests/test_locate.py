"""Where tokens lie, by what the processors' code says, and by a patch that is painted and the token that it changes."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tiny_vlms
import torch
from tiny_vlms import FAMILIES, Case

from vlscope.locate import Cache, Located, LocateError, Place, locate
from vlscope.trace import Box

#: Wide, about square, tall; no side a multiple of anything.
SIZES = [(117, 305), (211, 203), (331, 137)]
BY_RULE = {"llava_onevision_pooled", "florence2", "pix2struct"}
EXACT = [name for name in FAMILIES if name not in BY_RULE | {"blip2"}]


def picture(height: int, width: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(60, 190, (height, width, 3)).astype(np.float64)


def located(case: Case, size: tuple[int, int]) -> Located:
    inputs = case.process([picture(*size)])
    return locate(case.model, inputs, case.process, [size], case.module)


def boxes(places: list[Place]) -> list[Box]:
    found = [place.box for place in places if place.kind == "image"]
    assert None not in found
    return [box for box in found if box is not None]


@pytest.mark.parametrize("size", SIZES, ids=["wide", "square", "tall"])
@pytest.mark.parametrize("name", FAMILIES)
def test_boxes_are_those_of_the_processor(name: str, size: tuple[int, int]) -> None:
    case = FAMILIES[name](*size)
    found = located(case, size)
    got = boxes(found.places)
    if name == "vilt":
        got.sort(key=lambda box: (round(box[1], 6), box[0]))
    pixels = np.array([size[1], size[0]] * 2)
    np.testing.assert_allclose(
        np.array(got).reshape(-1, 4) * pixels, np.array(case.boxes).reshape(-1, 4) * pixels, atol=case.tolerance, rtol=0
    )
    assert found.rules == case.rules
    others = Counter(place.kind for place in found.places if place.kind != "image")
    assert {kind: others[kind] for kind in others if kind != "text" or kind in case.others} == case.others


class NoAttention:
    """The model with attention that adds nothing, by weights that are zero: not by what `locate` does."""

    NAMES = ("o_proj", "out_proj", "proj", "projection", "dense")

    def __init__(self, case: Case) -> None:
        self.model, self.module = case.model, case.module
        self.zeroed = [
            weights
            for name, module in case.model.named_modules()
            if any(part in name.lower() for part in ("attn.", "attention.")) and name.rsplit(".", 1)[-1] in self.NAMES
            for weights in module.parameters()
        ]
        assert self.zeroed

    def __enter__(self) -> NoAttention:
        self.kept = [weights.detach().clone() for weights in self.zeroed]
        with torch.no_grad():
            for weights in self.zeroed:
                weights.zero_()
        return self

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for weights, kept in zip(self.zeroed, self.kept, strict=True):
                weights.copy_(kept)

    def states(self, inputs: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """`[tokens, dim]` of what the module reads."""
        kept: list[torch.Tensor] = []

        def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            kept.append(args[0] if args else kwargs["hidden_states"])

        handle = self.model.get_submodule(self.module).register_forward_pre_hook(hook, with_kwargs=True)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            self.model(**inputs)
        handle.remove()
        states: np.ndarray[Any, Any] = kept[0].reshape(-1, kept[0].shape[-1]).numpy()
        return states


def middle(box: Box, size: tuple[int, int]) -> tuple[slice, slice] | None:
    """The pixels in the middle quarter of a box; None if there is none."""
    (x0, y0, x1, y1), (height, width) = box, size
    rows, columns = (
        (round((low * 5 + high * 3) / 8 * side), round((low * 3 + high * 5) / 8 * side))
        for low, high, side in ((y0, y1, height), (x0, x1, width))
    )
    return (slice(*rows), slice(*columns)) if rows[0] < rows[1] and columns[0] < columns[1] else None


def overlap(box: Box, rows: slice, columns: slice, size: tuple[int, int]) -> float:
    """The share of a rectangle of pixels that lies in a box."""

    def inside(low: float, high: float, part: slice) -> float:
        length: int = part.stop - part.start
        return float(max(0.0, min(high, part.stop) - max(low, part.start)) / length)

    (x0, y0, x1, y1), (height, width) = box, size
    return inside(y0 * height, y1 * height, rows) * inside(x0 * width, x1 * width, columns)


@pytest.mark.parametrize("size", SIZES, ids=["wide", "square", "tall"])
@pytest.mark.parametrize("name", EXACT)
def test_a_painted_patch_changes_its_token(name: str, size: tuple[int, int]) -> None:
    case = FAMILIES[name](*size)
    plain = picture(*size)
    torch.manual_seed(5)
    places = located(case, size).places
    placed = [(token, place.box) for token, place in enumerate(places) if place.box is not None]
    with NoAttention(case) as model:
        before = model.states(case.process([plain]))
        marked = 0
        for token, box in placed[:: max(1, len(placed) // 8)]:
            if (pixels := middle(box, size)) is None:
                continue
            painted = plain.copy()
            painted[pixels] = (255, 0, 0)
            changed = np.abs(model.states(case.process([painted])) - before).max(axis=1)
            # A tile, a thumbnail, a crop: tokens of each may show the place. A resize lets it seep into neighbours.
            shares = {other: overlap(of, *pixels, size) for other, of in placed}
            assert shares[token] == pytest.approx(1)
            elsewhere = [changed[other] for other, share in shares.items() if share == 0]
            assert max(elsewhere, default=0) < 0.6 * changed[token]
            assert all(changed[other] > 0 for other, share in shares.items() if share > 0.9)
            assert (
                changed[[other for other in range(len(changed)) if places[other].kind != "image"]].max(initial=0) == 0
            )
            marked += 1
    assert marked >= min(len(placed), 5)


def test_of_a_deep_tower_one_layer_is_computed() -> None:
    size = SIZES[0]
    case = FAMILIES["llava"](*size)
    hf = tiny_vlms.hf
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**{**tiny_vlms.VISION, "num_hidden_layers": 5}),
        text_config=hf.LlamaConfig(**tiny_vlms.TEXT), image_token_id=tiny_vlms.IMAGE, vision_feature_layer=-1,
    )  # fmt: skip
    torch.manual_seed(0)
    model = hf.LlavaForConditionalGeneration(config).eval()
    layers = model.model.vision_tower.encoder.layers
    computed = Counter[int]()
    for number, layer in enumerate(layers):
        layer.mlp.register_forward_hook(lambda *_, number=number: computed.update([number]))
    inputs = case.process([picture(*size)])
    before = model(**inputs).logits
    computed.clear()
    for module in (case.module, "model.vision_tower.encoder.layers.4"):
        found = locate(model, inputs, case.process, [size], module)
        np.testing.assert_allclose(boxes(found.places), case.boxes, atol=1e-3)
    assert computed[0] > 0
    # What is no question of places, as which tokens know of the picture at all, is asked of the whole model.
    assert computed[3] < computed[0]
    assert torch.equal(model(**inputs).logits, before)
    assert "forward" not in vars(layers[3])


def test_boxes_in_half_precision() -> None:
    size, case = SIZES[2], FAMILIES["qwen2_5_vl"](*SIZES[2])
    model = copy.deepcopy(case.model).to(torch.bfloat16)
    inputs = dict(case.process([picture(*size)]))
    inputs["pixel_values"] = inputs["pixel_values"].bfloat16()
    np.testing.assert_allclose(boxes(locate(model, inputs, case.process, [size], case.module).places), case.boxes)


def test_several_pictures_are_told_from_each_other() -> None:
    sizes = [(117, 305), (331, 137)]
    one, other = (FAMILIES["qwen2_vl"](*size) for size in sizes)

    def process(pictures: list[Any]) -> Mapping[str, Any]:
        made = [case.process([shown]) for case, shown in zip((one, other), pictures, strict=True)]
        return {
            name: torch.cat([made[0][name], made[1][name]], dim=1 if name[:5] not in ("pixel", "image") else 0)
            for name in made[0]
        }

    found = locate(one.model, process([picture(*size) for size in sizes]), process, sizes, one.module)
    shown = [place for place in found.places if place.kind == "image"]
    assert [place.images for place in shown] == [(0,)] * len(one.boxes) + [(1,)] * len(other.boxes)
    np.testing.assert_allclose(boxes(found.places), one.boxes + other.boxes, atol=1e-3)


def test_frames_that_are_merged_are_of_both() -> None:
    """Qwen2-VL reads a video two frames at a time: here of four, by its own order of patches."""
    size, case = (64, 96), FAMILIES["qwen2_vl"](64, 96)

    def process(frames: list[Any]) -> Mapping[str, Any]:
        # The image processor repeats a still along time: each pair is half of one, half of the other.
        patches = [case.process([frame])["pixel_values"].reshape(-1, 3, 2, 64) for frame in frames]
        merged = [
            torch.stack([a[:, :, 0], b[:, :, 1]], dim=2).flatten(1)
            for a, b in zip(patches[::2], patches[1::2], strict=True)
        ]
        made = case.process([frames[0]])
        rows, columns = (int(side) for side in made["image_grid_thw"][0, 1:])
        ids = tiny_vlms.prompt(1, 153, *[152] * (2 * rows * columns // 4), 154, 6)
        return {
            **ids,
            "pixel_values_videos": torch.cat(merged),
            "video_grid_thw": torch.tensor([[2, rows, columns]]),
            "mm_token_type_ids": 2 * (ids["input_ids"] == 152).long(),
        }

    found = locate(case.model, process([picture(*size)] * 4), process, [size] * 4, case.module)
    shown = [place for place in found.places if place.kind == "image"]
    half = len(shown) // 2
    assert [place.images for place in shown] == [(0, 1)] * half + [(2, 3)] * half
    np.testing.assert_allclose(boxes(found.places), case.boxes * 2, atol=1e-3)


def test_a_batch_with_padding_on_the_left() -> None:
    size, case = SIZES[0], FAMILIES["llava"](*SIZES[0])

    def process(pictures: list[Any]) -> Mapping[str, Any]:
        made = [case.process([shown]) for shown in pictures]
        ids = torch.cat([values["input_ids"] for values in made])
        ids = torch.cat([torch.tensor([[0, 0], [1, 5]]), ids], dim=1)
        mask = torch.ones_like(ids)
        mask[0, :2] = 0
        pixels = torch.cat([values["pixel_values"] for values in made])
        return {"input_ids": ids, "attention_mask": mask, "pixel_values": pixels}

    found = locate(case.model, process([picture(*size)] * 2), process, [size] * 2, case.module)
    assert found.shape == (2, 21)
    for example in (0, 1):
        row = found.places[example * 21 : (example + 1) * 21]
        assert [place.kind for place in row] == ["text"] * 3 + ["image"] * 16 + ["text"] * 2
        assert {place.images for place in row if place.kind == "image"} == {(example,)}
        np.testing.assert_allclose(boxes(row), case.boxes, atol=1e-3)
    assert [place.text for place in found.places if place.kind == "text"][:4] == [0, 1, 2, 19]


def test_what_has_the_same_shapes_is_located_once() -> None:
    size, case, cache = SIZES[0], FAMILIES["llava_next"](*SIZES[0]), Cache()
    inputs = dict(case.process([picture(*size)]))
    first = locate(case.model, inputs, case.process, [size], case.module, cache=cache)

    def never(_: list[Any]) -> Mapping[str, Any]:
        raise AssertionError("the processor is not needed")

    # A longer question, and words in front of the picture.
    inputs["input_ids"] = torch.cat([torch.tensor([[7, 8]]), inputs["input_ids"], torch.tensor([[9]])], dim=1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    again = locate(case.model, inputs, never, [size], case.module, cache=cache)
    assert [place for place in again.places if place.kind != "text"] == [
        place for place in first.places if place.kind != "text"
    ]
    assert [place.text for place in again.places if place.kind == "text"][:3] == [0, 1, 2]
    with pytest.raises(AssertionError, match="not needed"):
        locate(case.model, inputs, never, [(300, 100)], case.module, cache=cache)
    cache |= dict.fromkeys(range(100), first)
    other = case.process([picture(*size)])
    locate(
        case.model, {**other, "image_sizes": other["image_sizes"] * 1.0}, case.process, [size], case.module, cache=cache
    )
    assert len(cache) == 64


def test_patches_in_random_order_are_never_taken_from_the_cache() -> None:
    size, case, cache = SIZES[0], FAMILIES["vilt"](*SIZES[0]), Cache()
    inputs = case.process([picture(*size)])
    orders = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        orders.append(boxes(locate(case.model, inputs, case.process, [size], case.module, cache=cache).places))
        assert torch.equal(torch.get_rng_state(), state)
    assert orders[0] != orders[1]
    assert not cache


def test_what_cannot_be_located_is_said() -> None:
    size, case = SIZES[0], FAMILIES["llava"](*SIZES[0])
    inputs = case.process([picture(*size)])
    case.model.add_module("unused", torch.nn.Identity())
    try:
        with pytest.raises(LocateError, match=r"never calls its module `unused`"):
            locate(case.model, inputs, case.process, [size], "unused")
    finally:
        # Other tests have the same model.
        del case.model.unused
    with pytest.raises(LocateError, match=r"`pixel_values` of the inputs is \(1, 3, 16, 16\), but the processor makes"):
        small = {**inputs, "pixel_values": torch.rand(1, 3, 16, 16)}
        locate(case.model, small, case.process, [size], case.module)
