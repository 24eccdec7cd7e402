"""`vlscope.record` wherever it is called: threads, records in records, autocast, other defaults, patched modules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, TEXT, hf, ids, pixels

import vlscope
from vlscope.recording import RecordError, Tape

TOKENS = ids(1, 2, 3, 4, 5)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def llama() -> Any:
    torch.manual_seed(0)
    return hf.LlamaForCausalLM(hf.LlamaConfig(**TEXT)).eval()


def record(model: torch.nn.Module, *inputs: torch.Tensor, **options: Any) -> Tape:
    with vlscope.record(model, **options) as tape:
        model(*inputs)
    return tape


def in_threads(*works: Any) -> None:
    """Raises what one of them raised."""
    errors: list[BaseException] = []

    def run(work: Any) -> None:
        try:
            with torch.no_grad():
                work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads_record_each_its_own() -> None:
    model, tapes = llama(), {}

    def work(count: int) -> None:
        with vlscope.record(model) as tape:
            for _ in range(10):
                model(torch.arange(count)[None])
        tapes[count] = tape

    in_threads(*(lambda count=count: work(count) for count in (3, 4, 5)))
    assert {count: {call.queries for call in tape.calls} for count, tape in tapes.items()} == {3: {3}, 4: {4}, 5: {5}}
    assert {len(tape.calls) for tape in tapes.values()} == {20}


def test_threads_put_functions_back() -> None:
    """Those that `multi_head_attention_forward` calls are replaced meanwhile."""
    plain = torch.nn.functional.scaled_dot_product_attention, torch.nn.functional.softmax
    states = pixels(1, 5, 8)

    def work(model: torch.nn.Module) -> None:
        for _ in range(50):
            assert len(record(model, states, states, states).calls) == 1

    models = [torch.nn.MultiheadAttention(8, 2, batch_first=True).eval() for _ in range(3)]
    in_threads(*(lambda model=model: work(model) for model in models))
    assert (torch.nn.functional.scaled_dot_product_attention, torch.nn.functional.softmax) == plain


def test_a_model_in_another_thread_is_refused() -> None:
    model = llama()
    message = r"ran in another thread.*into the function that the thread runs"
    with pytest.raises(RecordError, match=message), vlscope.record(model):
        in_threads(lambda: model(TOKENS))


def test_one_record_in_another() -> None:
    for name in ("nn_transformer_encoder", "swin"):
        model, inputs = FAMILIES[name]()
        plain = model(**inputs)
        with vlscope.record(model) as outer, vlscope.record(model) as inner:
            again = model(**inputs)
        plain, again = (of if torch.is_tensor(of) else of[0] for of in (plain, again))
        assert torch.equal(plain, again)
        assert str(inner) == str(outer)
        assert [len(states) for states in inner.states.values()] == [len(states) for states in outer.states.values()]
        assert not any("forward" in vars(module) for module in model.modules())


def test_a_forward_of_others_stays() -> None:
    """accelerate puts its own there."""
    model, inputs = FAMILIES["nn_transformer_encoder"]()
    encoder = model.get_submodule("encoder")
    plain = encoder.forward

    def patched(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    encoder.forward = patched
    with vlscope.record(model) as tape:
        model(**inputs)
    assert vars(encoder)["forward"] is patched
    assert len(tape.blocks()) == 1


def test_nothing_that_ran_is_refused() -> None:
    model = llama()
    with pytest.raises(RecordError, match=r"nothing ran.*Give the very object that is called"), vlscope.record(model):
        llama()(TOKENS)


def test_weights_are_not_those_of_the_callers_precision() -> None:
    model = llama()
    expected = record(model, TOKENS, statistics=True)
    with torch.autocast("cpu", torch.bfloat16):
        cast, ready = record(model, TOKENS, statistics=True), record(model, TOKENS, keep="weights")
        np.testing.assert_allclose(cast.blocks()[0].weights(1), ready.blocks()[0].weights(1), atol=1e-6)
        cast.trace().check()
    query, key = (
        torch.as_tensor(of[1]).double() for of in (cast.trace().attention[0].queries, cast.trace().attention[0].keys)
    )
    scores = (query @ key.repeat_interleave(2, 0).mT / 8**0.5).masked_fill(torch.ones(5, 5).triu(1) > 0, -torch.inf)
    np.testing.assert_allclose(cast.blocks()[0].weights(1), scores.softmax(-1), atol=1e-6)
    try:
        torch.set_default_dtype(torch.bfloat16)
        # A device on which nothing can be read, as the default, in the place of a GPU.
        with torch.device("meta"):
            found = expected.blocks()[0].weights(1)
            expected.trace().check()
        again = record(model, TOKENS, statistics=True)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(found, expected.blocks()[0].weights(1))
    np.testing.assert_array_equal(again.trace().attention[0].lse, expected.trace().attention[0].lse)


def test_other_dtypes_and_modes() -> None:
    for dtype, stored in ((torch.float16, np.float16), (torch.float64, np.float32)):
        model = llama().to(dtype)
        plain = model(TOKENS).logits
        with vlscope.record(model, statistics=True) as tape:
            assert torch.equal(model(TOKENS).logits, plain)
        trace = tape.trace()
        trace.check()
        assert trace.attention[0].queries[0].dtype == stored
    with torch.inference_mode():
        tape = record(llama(), TOKENS, statistics=True)
    tape.trace().check()
    with pytest.raises(RecordError, match="runs on `meta`, where tensors have no values"):
        record(llama().to("meta"), TOKENS.to("meta"))


def test_a_quantised_model() -> None:
    model = torch.ao.quantization.quantize_dynamic(llama(), {torch.nn.Linear}, dtype=torch.qint8).eval()
    plain = model(TOKENS).logits
    with vlscope.record(model, statistics=True) as tape:
        assert torch.equal(model(TOKENS).logits, plain)
    trace = tape.trace(inputs={"input_ids": TOKENS})
    trace.check()
    # Its projections show no weights to take norms with.
    assert trace.attention[0].lse
    assert not trace.attention[0].value_norms


def test_a_tape_that_is_looked_at_on_the_way() -> None:
    model = llama()
    with vlscope.record(model) as tape:
        model(TOKENS[:, :3])
        assert tape.blocks()[0].query_count == 3
        model(TOKENS)
    assert tape.blocks()[0].weights(1).shape == (4, 5, 5)


def test_an_error_in_the_middle_and_another_run() -> None:
    model = llama()

    def fail(*_: Any) -> None:
        raise ValueError("in the middle")

    with vlscope.record(model) as tape:
        hook = model.model.layers[1].mlp.register_forward_pre_hook(fail)
        with pytest.raises(ValueError, match="in the middle"):
            model(TOKENS[:, :3])
        hook.remove()
        model(TOKENS)
    np.testing.assert_array_equal(tape.blocks()[0].weights(1), record(model, TOKENS).blocks()[0].weights(1))


@pytest.mark.parametrize(("tokens", "batch"), [(4, 3), (6, 3), (3, 3), (3, 6)])
def test_states_whose_batch_comes_second(tokens: int, batch: int) -> None:
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32)
    model = torch.nn.TransformerEncoder(layer, 2).eval()
    states = pixels(tokens, batch, 16)
    out = model(states)
    tape = record(model, states)
    for example in range(batch):
        (hidden,) = tape.trace(example=example, dtype="float32").hidden.values()
        np.testing.assert_allclose(hidden[0], states[:, example], atol=1e-6)
        np.testing.assert_allclose(hidden[-1], out[:, example], atol=1e-5)
