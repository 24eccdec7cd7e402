"""A real forward of a random ViLT: where each patch was, what it attended to, and that watching changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import ViltConfig, ViltForQuestionAnswering, ViltModel

from vlscope import AttentionBlock, Token, Trace
from vlscope.capturing import vilt
from vlscope.capturing._checks import CaptureError, check_rows, check_same
from vlscope.capturing._vilt import _in_raster_order
from vlscope.recording import RecordError

PATCH = 8
ROWS, COLUMNS = 3, 4
TEXT, PADDED_TEXT = 5, 7


class Words:
    """As much of a tokenizer as a capture needs."""

    all_special_ids = (0, 1)

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [f"word{number}" for number in ids]


def make(kind: type[Any] = ViltForQuestionAnswering, **options: Any) -> Any:
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=20,
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=PATCH,
        max_position_embeddings=16,
        initializer_range=0.5,
        id2label={0: "red", 1: "blue", 2: "yes"},
        label2id={"red": 0, "blue": 1, "yes": 2},
        **options,
    )
    config._attn_implementation = "eager"
    model = kind(config)
    # Else every place of the grid has the same position, zero.
    torch.nn.init.normal_((model if kind is ViltModel else model.vilt).embeddings.position_embeddings)
    return model


@pytest.fixture
def inputs() -> dict[str, torch.Tensor]:
    """Two padded text positions; an image of 22 × 30 pixels, padded to 32 × 40."""
    generator = torch.Generator().manual_seed(1)
    height, width = ROWS * PATCH - 2, COLUMNS * PATCH - 2
    pixel_mask = torch.zeros(1, 32, 40, dtype=torch.long)
    pixel_mask[:, :height, :width] = 1
    pixels = torch.rand(1, 3, 32, 40, generator=generator) * 2 - 1
    ids = torch.tensor([[1, 5, 6, 7, 1, 0, 0]])
    return {
        "input_ids": ids,
        "attention_mask": torch.tensor([[1] * TEXT + [0] * (PADDED_TEXT - TEXT)]),
        "pixel_values": pixels * pixel_mask[:, None],
        "pixel_mask": pixel_mask,
    }


def patch_states(model: Any, inputs: dict[str, torch.Tensor]) -> np.ndarray:
    """Every patch of the image embedded from its own pixels and its place, `[patches, dim]`, in raster order."""
    embeddings = model.vilt.embeddings
    grid = embeddings.position_embeddings[0, 1:].T.reshape(1, -1, 4, 4)
    places = torch.nn.functional.interpolate(grid, size=(ROWS, COLUMNS), mode="bilinear", align_corners=True)
    states = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            y, x = row * PATCH, column * PATCH
            pixels = inputs["pixel_values"][:, :, y : y + PATCH, x : x + PATCH]
            state = embeddings.patch_embeddings.projection(pixels).flatten() + places[0, :, row, column]
            states.append(state + embeddings.token_type_embeddings.weight[1])
    return torch.stack(states).detach().numpy()


@pytest.mark.parametrize("seed", range(3))
def test_patches_are_where_their_boxes_are(seed: int, inputs: dict[str, torch.Tensor]) -> None:
    model = make()
    torch.manual_seed(seed)
    trace = vilt(model, Words(), inputs, dtype="float32")
    tokens = trace.sequences["main"]
    assert [token.text for token in tokens[:TEXT]] == ["word1", "word5", "word6", "word7", "word1"]
    assert [token.special for token in tokens[: TEXT + 1]] == [True, False, False, False, True, True]
    assert tokens[TEXT].box == (0, 0, 1, 1)
    height, width = ROWS * PATCH - 2, COLUMNS * PATCH - 2
    assert [token.box for token in tokens[TEXT + 1 :]] == [
        pytest.approx((x / width, y / height, min(1, (x + PATCH) / width), min(1, (y + PATCH) / height)))
        for y in range(0, ROWS * PATCH, PATCH)
        for x in range(0, COLUMNS * PATCH, PATCH)
    ]
    np.testing.assert_allclose(trace.hidden["main"][0][TEXT + 1 :], patch_states(model, inputs), atol=1e-4)
    assert trace.images[0].shape == (height, width, 3)
    pixels = inputs["pixel_values"][0, :, :height, :width].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(trace.images[0] / 127.5 - 1, pixels, atol=1 / 127)


def test_order_of_the_patches_changes_nothing(inputs: dict[str, torch.Tensor]) -> None:
    model = make()
    first, second = (vilt(model, Words(), inputs, dtype="float32") for _ in range(2))
    for one, other in zip(first.attention[0].layers, second.attention[0].layers, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(first.hidden["main"], second.hidden["main"], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_attention_follows_from_the_hidden_states(inputs: dict[str, torch.Tensor]) -> None:
    model = make()
    trace = vilt(model, Words(), inputs, dtype="float32")
    for layer, weights, states in zip(
        model.vilt.encoder.layer, trace.attention[0].layers, trace.hidden["main"], strict=False
    ):
        attention, read = layer.attention.attention, layer.layernorm_before(torch.tensor(states))
        query, key = (
            projection(read).reshape(len(read), 2, -1).transpose(0, 1)
            for projection in (attention.query, attention.key)
        )
        expected = (query @ key.transpose(1, 2) / query.shape[-1] ** 0.5).softmax(-1)
        np.testing.assert_allclose(weights, expected.detach().numpy(), atol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float16", 1e-3), ("bfloat16", 1e-2)])
def test_rows_sum_to_one(dtype: str, tolerance: float, inputs: dict[str, torch.Tensor], tmp_path: Path) -> None:
    vilt(make(), Words(), inputs, dtype=dtype, id="one").save(tmp_path / "one.safetensors")
    trace = Trace.load(tmp_path / "one.safetensors")
    tokens = len(trace.sequences["main"])
    assert tokens == TEXT + 1 + ROWS * COLUMNS
    assert len(trace.hidden["main"]) == 4
    for weights in trace.attention[0].layers:
        assert weights.shape == (2, tokens, tokens)
        np.testing.assert_allclose(weights.astype(np.float64).sum(-1), 1, atol=tolerance)


def test_outputs_are_those_of_a_plain_forward(inputs: dict[str, torch.Tensor]) -> None:
    model = make(hidden_dropout_prob=0.5).train()
    trace = vilt(model, Words(), inputs, answer="red")
    assert model.training
    assert "visual_embed" not in vars(model.vilt.embeddings)
    with torch.no_grad():
        probabilities = model.eval()(**inputs).logits[0].softmax(-1)
    best = int(probabilities.argmax())
    assert trace.outputs["prediction"] == model.config.id2label[best]
    assert trace.outputs["correct"] == (trace.outputs["prediction"] == "red")
    assert [name for name, _ in trace.outputs["top"]] == [
        model.config.id2label[number] for number in probabilities.argsort(descending=True).tolist()
    ]
    assert trace.outputs["top"][0][1] == pytest.approx(float(probabilities[best]), abs=1e-4)
    assert trace.outputs["confidence"] == trace.outputs["top"][0][1]


def test_random_state_of_the_caller_is_kept(inputs: dict[str, torch.Tensor]) -> None:
    model = make()
    before = torch.get_rng_state()
    vilt(model, Words(), inputs)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_choice_of_patches(inputs: dict[str, torch.Tensor]) -> None:
    model = make(max_image_length=7)
    trace = vilt(model, Words(), inputs, dtype="float32")
    boxes = [token.box for token in trace.sequences["main"][TEXT + 1 :] if token.box is not None]
    assert len(boxes) == 7 == len(set(boxes))
    assert boxes == sorted(boxes, key=lambda box: (box[1], box[0]))
    height, width = ROWS * PATCH - 2, COLUMNS * PATCH - 2
    places = [round(y * height / PATCH) * COLUMNS + round(x * width / PATCH) for x, y, _, _ in boxes]
    np.testing.assert_allclose(trace.hidden["main"][0][TEXT + 1 :], patch_states(model, inputs)[places], atol=1e-4)


def test_patches_that_fill_up_are_left_out(inputs: dict[str, torch.Tensor]) -> None:
    inputs["pixel_mask"][:, (ROWS - 1) * PATCH :, (COLUMNS - 1) * PATCH :] = 0
    model = make()
    trace = vilt(model, Words(), inputs, dtype="float32")
    patches = trace.sequences["main"][TEXT + 1 :]
    assert len(patches) == ROWS * COLUMNS - 1
    np.testing.assert_allclose(trace.hidden["main"][0][TEXT + 1 :], patch_states(model, inputs)[:-1], atol=1e-4)


def test_without_masks_nothing_is_masked(inputs: dict[str, torch.Tensor]) -> None:
    picture = np.zeros((50, 60, 3), np.uint8)
    inputs = {name: inputs[name] for name in ("input_ids", "pixel_values")}
    trace = vilt(make(), Words(), inputs, image=picture)
    assert len(trace.sequences["main"]) == PADDED_TEXT + 1 + 4 * 5
    assert trace.images[0].shape == (50, 60, 3)


def test_a_model_without_a_head(inputs: dict[str, torch.Tensor]) -> None:
    trace = vilt(make(ViltModel), Words(), inputs)
    assert trace.outputs == {}
    assert trace.model["architecture"] == "ViltModel"


@pytest.mark.parametrize("implementation", ["sdpa", None])
def test_error_without_eager(implementation: str | None, inputs: dict[str, torch.Tensor]) -> None:
    model = make()
    model.config._attn_implementation_internal = implementation
    with pytest.raises(CaptureError, match=f'attn_implementation="{implementation}", expected "eager"'):
        vilt(model, Words(), inputs)


def test_errors_that_name_the_mistake(inputs: dict[str, torch.Tensor]) -> None:
    model = make()
    with pytest.raises(ValueError, match='dtype is "float64", expected one of float32, float16, bfloat16'):
        vilt(model, Words(), inputs, dtype="float64")
    with pytest.raises(ValueError, match="2 texts and 2 images"):
        vilt(model, Words(), {name: torch.cat([value, value]) for name, value in inputs.items()})
    with pytest.raises(CaptureError, match="Linear is not a ViLT model"):
        vilt(torch.nn.Linear(1, 1), Words(), inputs)  # type: ignore[arg-type]


def test_checks_find_what_is_wrong() -> None:
    weights = torch.full((1, 2, 2), 0.5)
    check_rows(weights, 0)
    with pytest.raises(CaptureError, match="a row of layer 3 sums to 1"):
        check_rows(weights * 1.01, 3)
    block = AttentionBlock("vilt", "vilt", "vilt", [weights.numpy()])
    with pytest.raises(CaptureError, match="2 tokens are attended to, expected 1: the others are masked"):
        _in_raster_order(Trace({"vilt": [Token("a"), Token("b")]}, [block]), "vilt", 1)
    with pytest.raises(CaptureError, match=r"changes the model's output by 0\.01"):
        check_same(torch.ones(1, 2), torch.full((1, 2), 1.01))


def test_states_that_do_not_fit_their_dtype(inputs: dict[str, torch.Tensor]) -> None:
    model = make()
    with torch.no_grad():
        model.vilt.embeddings.token_type_embeddings.weight.fill_(1e6)
    with pytest.raises(RecordError, match=r"a state reaches 1e\+06, too large for torch\.float16"):
        vilt(model, Words(), inputs)
    vilt(model, Words(), inputs, dtype="float32")
