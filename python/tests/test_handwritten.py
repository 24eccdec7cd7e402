"""`vlscope.record` on attention as people write it by hand: what is recorded is what multiplies the values."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import vlscope
from vlscope.recording import RecordError

BATCH, TOKENS, HEADS, DIM = 2, 9, 4, 8
T = torch.Tensor


class Handwritten(torch.nn.Module):
    """Says nothing of its heads; `attend` is given `[batch, heads, tokens, dim]`, and returns values and weights."""

    def __init__(self, attend: Callable[[T, T, T], tuple[T, T]]) -> None:
        super().__init__()
        self.map = torch.nn.Linear(HEADS * DIM, 3 * HEADS * DIM)
        self.attend = attend
        self.weights = torch.empty(0)

    def forward(self, states: T) -> T:
        query, key, value = self.map(3 * states).view(BATCH, TOKENS, 3, HEADS, DIM).permute(2, 0, 3, 1, 4)
        values, self.weights = self.attend(query, key, value)
        return values.transpose(1, 2).reshape(states.shape)


def scores(query: T, key: T) -> T:
    result: T = query @ key.mT * DIM**-0.5
    return result


def shares(logits: T) -> T:
    """A softmax that is none of the model's, so that none is heard that meets no values."""
    exponentials = (logits - logits.amax(-1, keepdim=True)).exp()
    return exponentials / exponentials.sum(-1, keepdim=True)


def bias_of_heads(query: T, key: T, value: T) -> tuple[T, T]:
    bias = torch.linspace(-4, 4, HEADS * TOKENS * TOKENS).sin().view(HEADS, TOKENS, TOKENS)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias), shares(scores(query, key) + bias)


def mask_of_heads(query: T, key: T, value: T) -> tuple[T, T]:
    seen = torch.arange(TOKENS) <= torch.arange(TOKENS)[:, None] + torch.arange(HEADS)[:, None, None]
    weights = shares(scores(query, key).masked_fill(~seen, -torch.inf))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=seen), weights


def heads_before_the_batch(query: T, key: T, value: T) -> tuple[T, T]:
    weights = torch.einsum("bhjd,bhid->hbji", key, query).mul(DIM**-0.5).softmax(2)
    return torch.einsum("hbji,bhjd->bhid", weights, value), weights.permute(1, 0, 3, 2)


def heads_in_the_batch(query: T, key: T, value: T) -> tuple[T, T]:
    weights = torch.bmm(query.flatten(0, 1), key.flatten(0, 1).mT).softmax(-1)
    values = torch.bmm(weights, value.flatten(0, 1)).view(BATCH, HEADS, TOKENS, DIM)
    return values, weights.view(BATCH, HEADS, TOKENS, TOKENS)


def keys_before_queries(query: T, key: T, value: T) -> tuple[T, T]:
    weights = scores(key, query).softmax(-2)
    return weights.mT @ value, weights.mT


def channels_first(query: T, key: T, value: T) -> tuple[T, T]:
    weights = scores(query, key).softmax(-1)
    return (value.mT @ weights.transpose(-1, -2)).mT, weights


def masked_behind_the_softmax(query: T, key: T, value: T) -> tuple[T, T]:
    weights = scores(query, key).softmax(-1).tril()
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ value, weights


def differential(query: T, key: T, value: T) -> tuple[T, T]:
    half = DIM // 2
    weights = scores(query[..., :half], key[..., :half]).softmax(-1)
    weights = weights - 0.4 * scores(query[..., half:], key[..., half:]).softmax(-1)
    return weights @ value, weights


@pytest.mark.parametrize("keep", ["queries_keys", "weights"])
@pytest.mark.parametrize(
    "attend",
    [
        bias_of_heads,
        mask_of_heads,
        heads_before_the_batch,
        heads_in_the_batch,
        keys_before_queries,
        channels_first,
        masked_behind_the_softmax,
        differential,
    ],
)
@torch.no_grad()
def test_weights_are_those_that_the_values_are_multiplied_by(
    attend: Callable[[T, T, T], tuple[T, T]], keep: str
) -> None:
    torch.manual_seed(0)
    model = Handwritten(attend).eval()
    states = torch.randn(BATCH, TOKENS, HEADS * DIM)
    plain = model(states)
    with vlscope.record(model, keep=keep) as tape:  # type: ignore[arg-type]
        assert torch.equal(model(states), plain)
    (block,) = tape.blocks()
    for example in range(BATCH):
        torch.testing.assert_close(
            torch.from_numpy(block.weights(0, example)), model.weights[example], rtol=0, atol=1e-6
        )
    assert bool(block.notes) == (attend in (masked_behind_the_softmax, differential))


@torch.no_grad()
def test_heads_that_are_computed_one_by_one_are_no_windows() -> None:
    def one_by_one(query: T, key: T, value: T) -> tuple[T, T]:
        weights = [scores(query[:, head], key[:, head]).softmax(-1) for head in range(HEADS)]
        return torch.stack([one @ value[:, head] for head, one in enumerate(weights)], 1), torch.stack(weights, 1)

    model = Handwritten(one_by_one).eval()
    with vlscope.record(model) as tape:
        model(torch.randn(BATCH, TOKENS, HEADS * DIM))
    for head, block in enumerate(tape.blocks()):
        torch.testing.assert_close(torch.from_numpy(block.weights(0, 1)), model.weights[1, head : head + 1])
    assert len(tape.blocks()) == HEADS


def linear(query: T, key: T, value: T) -> tuple[T, T]:
    query, key = F.elu(query) + 1, F.elu(key) + 1
    return query @ (key.mT @ value), query


def efficient(query: T, key: T, value: T) -> tuple[T, T]:
    return query.softmax(-1) @ (key.softmax(-2).mT @ value), query


def efficient_einsum(query: T, key: T, value: T) -> tuple[T, T]:
    context = torch.einsum("bhnd,bhne->bhde", key.softmax(-2), value)
    return torch.einsum("bhnd,bhde->bhne", query.softmax(-1), context), query


def sigmoid(query: T, key: T, value: T) -> tuple[T, T]:
    return scores(query, key).sigmoid() @ value, query


def dropped(query: T, key: T, value: T) -> tuple[T, T]:
    return F.dropout(scores(query, key).softmax(-1), 0.5) @ value, query


@pytest.mark.parametrize(
    ("attend", "message"),
    [
        (linear, "no attention could be seen"),
        (sigmoid, "no attention could be seen"),
        (efficient, "is linear attention"),
        (efficient_einsum, "is linear attention"),
        (dropped, "drops out"),
    ],
)
@torch.no_grad()
def test_what_has_no_weights_is_refused(attend: Callable[[T, T, T], tuple[T, T]], message: str) -> None:
    model = torch.nn.Sequential(Handwritten(attend)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an error in a hook of ours is a warning of PyTorch's
        with pytest.raises(RecordError, match=message), vlscope.record(model):
            model(torch.randn(BATCH, TOKENS, HEADS * DIM))


def recorded(model: torch.nn.Module, states: T, runs: int = 1, **options: Any) -> vlscope.recording.Tape:
    with torch.no_grad(), vlscope.record(model, **options) as tape:
        for _ in range(runs):
            model(states)
    return tape


@pytest.mark.parametrize("attend", [bias_of_heads, keys_before_queries])
def test_the_same_input_twice_is_two_runs(attend: Callable[[T, T, T], tuple[T, T]]) -> None:
    model = Handwritten(attend).eval()
    first, second = recorded(model, torch.randn(BATCH, TOKENS, HEADS * DIM), 2).blocks()
    assert (first.query_count, second.query_count) == (TOKENS, TOKENS)
    assert (first.weights(0) == second.weights(0)).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"where": "nowhere"}, RecordError, "leave all attention out, that of `0`"),
        ({"layers": [7]}, RecordError, "leave all attention out"),
        ({"heads": [HEADS]}, RecordError, "`0` has 4 heads, there is none of number 4"),
        ({"heads": [-1]}, RecordError, "none of number -1"),
        ({"heads": 2}, TypeError, r"heads is 2, expected numbers, such as \[2\]"),
        ({"layers": 2}, TypeError, "layers is 2"),
    ],
)
def test_a_choice_of_nothing_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    model = torch.nn.Sequential(Handwritten(bias_of_heads)).eval()
    with pytest.raises(error, match=message):
        recorded(model, torch.randn(BATCH, TOKENS, HEADS * DIM), **options)


def test_what_is_no_model_or_was_used_is_refused() -> None:
    with pytest.raises(TypeError, match="not str"):
        vlscope.record("llava")  # type: ignore[arg-type]
    model = Handwritten(bias_of_heads).eval()
    block = vlscope.record(model)
    with block:
        model(torch.randn(BATCH, TOKENS, HEADS * DIM))
    with pytest.raises(RecordError, match="used before"), block:
        pass
