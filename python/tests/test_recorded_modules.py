"""Modules that compute attention in ways of their own: more than once, over heads in rows, in parts, over nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from families import hf, pixels

import vlscope
from vlscope.recording import Tape


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


class SelfAttention(torch.nn.Module):
    num_heads = 2

    def __init__(self, attend: Callable[[torch.nn.Linear, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.maps = torch.nn.Linear(8, 24)
        self.attend = attend

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.attend(self.maps, states)


def record(attend: Any, states: torch.Tensor | None = None, **options: Any) -> Tape:
    """Two layers, of which the output is that of a plain run."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(SelfAttention(attend), SelfAttention(attend)).eval()
    states = pixels(2, 5, 8) if states is None else states
    plain = model(states)
    with vlscope.record(model, **options) as tape:
        assert torch.equal(model(states), plain)
    tape.trace().check()
    return tape


def parts(maps: torch.nn.Linear, states: torch.Tensor) -> Any:
    """Queries, keys, values, `[batch, heads, tokens, dim]`."""
    return maps(states).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)


def merged(states: torch.Tensor) -> torch.Tensor:
    return states.transpose(1, 2).flatten(2)


def test_the_same_attention_for_other_values_is_one() -> None:
    def attend(maps: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
        query, key, value = parts(maps, states)
        halves = [F.scaled_dot_product_attention(query, key, of) for of in (value, value.flip(-1))]
        return merged(halves[0] - 0.5 * halves[1])

    tape = record(attend, statistics=True)
    (block,) = tape.blocks()
    assert (block.query_count, block.key_count) == (5, 5)
    assert block.notes == ["computed more than once, for other values"]
    assert not tape.trace().attention[0].value_norms, "they would be those of half the values"


def test_a_model_that_does_so() -> None:
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = hf.DiffLlamaForCausalLM(hf.DiffLlamaConfig(**size, vocab_size=100, num_key_value_heads=2)).eval()
    with vlscope.record(model) as tape:
        output = model.generate(torch.arange(1, 6)[None], max_new_tokens=3, do_sample=False, pad_token_id=0)
    (block,) = tape.blocks()
    assert block.query_count == block.key_count == output.shape[1] - 1


def test_other_queries_of_all_tokens_are_no_chunk() -> None:
    def attend(maps: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
        query, key, value = parts(maps, states)
        return merged(sum(F.scaled_dot_product_attention(of, key, value) for of in (query, query.flip(-1))))  # type: ignore[arg-type]

    one, other = record(attend).blocks()
    assert (one.query_count, other.query_count) == (5, 5)


def _shared_key(maps: torch.nn.Linear, states: torch.Tensor) -> Any:
    """Queries `[batch, tokens, heads, dim]`; a key and a value, `[batch, tokens, dim]`, for all heads."""
    query, key, value, _ = maps(states).split((8, 4, 4, 8), -1)
    return query.unflatten(-1, (2, 4)), key, value


def test_heads_that_share_a_key() -> None:
    def in_rows(maps: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
        """As GPTBigCode's first code has it."""
        query, key, value = _shared_key(maps, states)
        weights = torch.bmm(query.flatten(1, 2), key.mT).view(len(states), -1, 2, states.shape[1]).softmax(-1)
        return torch.bmm(weights.flatten(1, 2), value).view(len(states), -1, 8)

    def in_einsum(order: str) -> Any:
        def attend(maps: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
            query, key, value = _shared_key(maps, states)
            weights = torch.einsum(f"bqhd,bkd->{order}", query, key).softmax(-1)
            return torch.einsum(f"{order},bkd->bqhd", weights, value).flatten(2)

        return attend

    def fused(maps: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
        query, key, value = _shared_key(maps, states)
        return F.scaled_dot_product_attention(query.flatten(1, 2)[:, None], key[:, None], value[:, None], scale=1).view(
            len(states), -1, 8
        )

    states = pixels(2, 5, 8)
    (expected,) = record(in_einsum("bhqk"), states).blocks()
    assert (expected.heads, expected.query_count, expected.key_count) == (2, 5, 5)
    for attend in (in_rows, in_einsum("bqhk")):
        (block,) = record(attend, states).blocks()
        np.testing.assert_allclose(block.weights(1, 1), expected.weights(1, 1), atol=1e-6)
    # Which row is which head nobody can tell here.
    (block,) = record(fused, states).blocks()
    assert block.notes == ["heads share a key and lie in the rows: 2 rows a token"]


def test_parts_that_are_missing_are_noted() -> None:
    def attend(maps: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
        query, key, value = parts(maps, states)
        lost = (key @ query.mT).softmax(-1)[..., :1]
        return merged((query @ key.mT).softmax(-1) @ value + lost * value)

    (block,) = record(attend).blocks()
    assert block.notes == ["parts of its attention are missing: softmaxes that met no values"]


def test_sparse_blocks_are_noted() -> None:
    config = hf.BigBirdConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4, vocab_size=100,
        attention_type="block_sparse", block_size=2, num_random_blocks=1, max_position_embeddings=128,
    )  # fmt: skip
    with vlscope.record(hf.BigBirdModel(config).eval()) as tape:
        tape.model(torch.arange(5, 69)[None])
    blocks = tape.blocks()
    assert [(block.query_count, block.key_count) for block in blocks] == [(2, 64), (2, 10), (2, 10), (2, 64)]
    assert all("parts of its attention are missing" in note for block in blocks for note in block.notes)


def test_what_stands_behind_attention_is_none() -> None:
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = hf.SqueezeBertModel(hf.SqueezeBertConfig(**size, embedding_size=32, vocab_size=100)).eval()
    with vlscope.record(model) as tape:  # `post_attention` is a norm
        model(torch.arange(5)[None])
    assert tape.blocks()[0].layers == [0, 1]


@pytest.mark.parametrize("need_weights", [False, True])
def test_nothing_to_attend_to(need_weights: bool) -> None:
    model, states = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval(), pixels(1, 0, 8)
    with vlscope.record(model, statistics=True) as tape:
        model(states, states, states, need_weights=need_weights)
    assert tape.trace().attention[0].query == "main"
