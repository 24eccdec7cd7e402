"""What `generate` does beside greedy steps, as eager has it: drafts, guidance, samples, beams, caches of others."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from families import BART, TEXT, hf, ids

import vlscope
from vlscope import Trace
from vlscope.recording import Block, RecordError, Tape

PROMPT = ids(1, 2, 3, 4)
REPEATED = ids(1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3)


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def llama(**options: Any) -> Any:
    torch.manual_seed(0)
    return hf.LlamaForCausalLM(hf.LlamaConfig(**{**TEXT, **options})).eval()


def generated(model: Any, prompt: torch.Tensor, count: int, **options: Any) -> tuple[torch.Tensor, Tape]:
    """The answer is that of a plain run."""
    options = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False, "pad_token_id": 0, **options}
    torch.manual_seed(1)
    plain = model.generate(prompt, **copy.deepcopy(options))
    torch.manual_seed(1)
    with vlscope.record(model) as tape:
        output = model.generate(prompt, **options)
    assert torch.equal(output, plain)
    return output, tape


def check_eager(block: Block, model: Any, read: torch.Tensor, first: int = 0) -> None:
    """All rows from `first` on, of all examples."""
    eager = copy.deepcopy(model)
    eager.set_attn_implementation("eager")
    attentions = eager(read, output_attentions=True).attentions
    for layer in block.layers:
        for example in range(len(read)):
            expected = attentions[layer][example, :, first:].numpy()
            np.testing.assert_allclose(block.weights(layer, example), expected, atol=1e-6)


def test_drafts_that_were_not_taken_are_no_rows() -> None:
    model = llama()
    for prompt, options in (
        (PROMPT, {"assistant_model": llama(num_hidden_layers=1)}),
        (PROMPT, {"assistant_model": llama()}),
        (REPEATED, {"prompt_lookup_num_tokens": 3}),
    ):
        output, tape = generated(model, prompt, 12, **options)
        (block,) = tape.blocks()
        check_eager(block, model, output[:, :-1])
        states = tape.trace(output=output, dtype="float32").hidden["main"]
        expected = model(output[:, :-1], output_hidden_states=True).hidden_states
        np.testing.assert_allclose(states[1], expected[1][0], atol=1e-6)


def test_drafts_and_what_is_computed_on_the_way() -> None:
    model = llama()
    options = {"max_new_tokens": 12, "min_new_tokens": 12, "do_sample": False, "prompt_lookup_num_tokens": 3}
    with vlscope.record(model, statistics=True) as tape:
        output = model.generate(REPEATED, pad_token_id=0, **options)
    with vlscope.record(model, queries=range(3, 15)) as some:
        model.generate(REPEATED, pad_token_id=0, **options)
    with vlscope.record(model, statistics=True) as whole:
        model(output[:, :-1])
    found, expected = (of.trace(dtype="float32").attention[0] for of in (tape, whole))
    np.testing.assert_allclose(found.lse, expected.lse, atol=1e-5)
    np.testing.assert_allclose(found.value_norms, expected.value_norms, atol=1e-5)
    assert some.blocks()[0].kept == list(range(3, 15))
    np.testing.assert_array_equal(some.blocks()[0].weights(1), tape.blocks()[0].weights(1)[:, 3:15])


def test_guidance_takes_turns() -> None:
    model = llama()
    output, tape = generated(model, PROMPT, 4, guidance_scale=1.5)
    guided, free = tape.blocks()
    check_eager(guided, model, output[:, :-1])
    # Without a prompt: its last token alone, and what followed.
    check_eager(free, model, output[:, 3:-1])


def test_samples_are_examples() -> None:
    model = llama()
    output, tape = generated(model, PROMPT, 6, do_sample=True, num_return_sequences=3)
    check_eager(tape.blocks()[0], model, output[:, :-1])
    tokens = [tape.trace(output=output, example=example).sequences["main"] for example in range(3)]
    assert [[token.text for token in of] for of in tokens] == [list(map(str, row)) for row in output[:, :-1].tolist()]
    for example in (3, -1):
        with pytest.raises(RecordError, match=rf"3 examples were recorded, there is none of number {example}"):
            tape.trace(example=example)


def test_a_prompt_in_chunks() -> None:
    model = llama()
    output, tape = generated(model, ids(*range(1, 10)), 4, prefill_chunk_size=4)
    check_eager(tape.blocks()[0], model, output[:, :-1])


def test_a_cache_that_was_filled_before() -> None:
    model, cache = llama(), hf.DynamicCache()
    model(PROMPT, past_key_values=cache)
    with vlscope.record(model) as tape:
        output = model.generate(
            torch.cat([PROMPT, ids(5, 6, 7)], 1), past_key_values=cache, max_new_tokens=4, min_new_tokens=4,
            do_sample=False, pad_token_id=0,
        )  # fmt: skip
    (block,) = tape.blocks()
    assert "the first 4 keys were in the cache before" in block.notes
    check_eager(block, model, output[:, :-1], first=4)


class _Rounded(hf.cache_utils.QuantizedLayer):  # type: ignore[misc]
    """A quantised cache that needs no other package."""

    def _quantize(self, tensor: torch.Tensor, axis: int) -> torch.Tensor:
        return (tensor * 16).round().to(torch.int8)

    def _dequantize(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.float() / 16


def _rounded(residual: int) -> Any:
    layers = [_Rounded(nbits=4, axis_key=0, axis_value=0, q_group_size=64, residual_length=residual) for _ in range(2)]
    return hf.Cache(layers=layers)


@pytest.mark.parametrize("residual", [2, 3, 128])
def test_a_quantised_cache(residual: int) -> None:
    """Rows are those of the keys as they were when the row was computed."""
    model, eager = llama(), llama()
    eager.set_attn_implementation("eager")
    options = {"max_new_tokens": 8, "min_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    with vlscope.record(model) as tape:
        output = model.generate(PROMPT, past_key_values=_rounded(residual), **options)
    out = eager.generate(
        PROMPT, past_key_values=_rounded(residual), output_attentions=True, return_dict_in_generate=True, **options
    )
    assert torch.equal(output, out.sequences)
    expected = Trace.from_attentions(out.attentions, tokens=[str(id) for id in output[0].tolist()]).attention[0]
    (block,) = tape.blocks()
    np.testing.assert_allclose([block.weights(layer) for layer in (0, 1)], expected.layers, atol=1e-6)
    tape.trace(output=output).check()


@pytest.mark.parametrize("options", [{}, {"cache_implementation": "static"}], ids=["dynamic", "static"])
def test_reordered_beams_are_refused_whatever_the_cache(options: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="beams were reordered"):
        generated(llama(), PROMPT, 6, num_beams=4, **options)
    with pytest.raises(RecordError, match="beams were reordered"):
        generated(hf.BartForConditionalGeneration(hf.BartConfig(**BART, vocab_size=100)).eval(), PROMPT, 6, num_beams=3)


def test_the_best_beam_is_not_taken_for_another() -> None:
    model = llama()
    # Without a cache nothing is reordered, but the first row of the batch is not the beam that came out.
    for seed in range(20):
        prompt = torch.randint(0, 200, (1, 4), generator=torch.Generator().manual_seed(seed))
        output, tape = generated(model, prompt, 4, num_beams=4, use_cache=False)
        read = tape.read[max(tape.read)][0].tolist()
        if read != output[0, :-1].tolist():
            with pytest.raises(RecordError, match=r"the best of several beams came out, which is another.*num_beams=1"):
                tape.trace(output=output)
            return
        tape.trace(output=output)
    raise AssertionError("the first beam was always the best: the test tests nothing")
