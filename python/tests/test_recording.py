"""`vlscope.record`: caches, padding, dtypes, masks, what it refuses, and the traces of its tapes."""

from __future__ import annotations

import copy
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, SIZE, TEXT, hf, ids, pixels, prompt

import vlscope
from vlscope import Token, Trace
from vlscope.recording import Block, RecordError, Tape
from vlscope.recording.masks import classify, rows
from vlscope.recording.places import Places, Seen
from vlscope.recording.row_sums import Computed, row_sums
from vlscope.recording.statistics import NAMES, statistics_of


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def record(model: torch.nn.Module, inputs: dict[str, torch.Tensor], **options: Any) -> Tape:
    with vlscope.record(model, **options) as tape:
        model(**inputs)
    return tape


def block_of(tape: Tape, name: str) -> Block:
    return next(block for block in tape.blocks() if block.name == name)


def generated(
    name: str, implementation: str = "sdpa", count: int = 5, **options: Any
) -> tuple[Any, dict[str, Any], torch.Tensor, Tape]:
    """A model that answers in `count` tokens, recorded; the answer is that of a plain run."""
    model: Any
    model, inputs = FAMILIES[name]()
    model.set_attn_implementation(implementation)
    inputs = {key: value for key, value in inputs.items() if key != "decoder_input_ids"}
    options = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False, **options}
    plain = model.generate(**inputs, **options)
    with vlscope.record(model) as tape:
        output = model.generate(**inputs, **options)
    assert torch.equal(output, plain)
    return model, inputs, output, tape


def with_answer(inputs: dict[str, Any], output: torch.Tensor) -> dict[str, Any]:
    """What the model read in all: the last token was never read."""
    whole = {**inputs, "input_ids": output[:, :-1], "attention_mask": torch.ones_like(output[:, :-1])}
    for key in ("token_type_ids", "mm_token_type_ids"):
        if key in whole:
            rest = output.shape[1] - 1 - whole[key].shape[1]
            whole[key] = torch.nn.functional.pad(whole[key], (0, rest))
    return whole


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("name", "count", "options"),
    [
        ("llava", 5, {}),
        ("llava", 5, {"cache_implementation": "static"}),
        ("llava", 5, {"use_cache": False}),
        ("gemma3", 5, {}),
        ("gemma3", 7, {"cache_implementation": "static"}),
        ("qwen2_5_vl", 5, {}),
    ],
)
def test_steps_of_generation_become_whole_rows(
    name: str, count: int, options: dict[str, Any], implementation: str
) -> None:
    model, inputs, output, tape = generated(name, implementation, count, **options)
    steps, whole = (block_of(of, "language_model") for of in (tape, record(model, with_answer(inputs, output))))
    assert steps.query_count == steps.key_count == output.shape[1] - 1
    for layer in steps.layers:
        np.testing.assert_allclose(steps.weights(layer), whole.weights(layer), atol=1e-6)
        np.testing.assert_array_equal(steps.allowed(layer), whole.allowed(layer))
    assert any("step" in note for note in steps.notes)
    assert ("a sliding cache" in steps.notes) == (name == "gemma3" and count > 4)


@pytest.mark.parametrize("name", ["trocr", "pix2struct", "blip_vqa"])
def test_cross_attention_of_generation_keeps_its_keys(name: str) -> None:
    start: dict[str, Any] = {"decoder_start_token_id": 1, "pad_token_id": 0} if name != "blip_vqa" else {}
    _, _, output, tape = generated(name, **start)
    cross = next(block for block in tape.blocks() if block.name.endswith("decoder.cross"))
    own = next(block for block in tape.blocks() if block.name.endswith("decoder"))
    tape.sequences()
    assert cross.query == own.query != cross.key
    assert cross.query_count == own.key_count == output.shape[1] - 1
    assert own.mask(0) == "causal"
    for layer in cross.layers:
        np.testing.assert_allclose(cross.weights(layer).sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_reordered_beams_are_refused(implementation: str) -> None:
    with pytest.raises(RecordError, match=r"beams were reordered. Generate with num_beams=1"):
        generated("llava", implementation, num_beams=3)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_left_padding(implementation: str) -> None:
    model: Any
    model, inputs = FAMILIES["llava"]()
    model.set_attn_implementation(implementation)
    row = inputs["input_ids"]
    padded = torch.cat([torch.zeros(1, 3, dtype=torch.long), row], 1)
    longer = torch.cat([torch.full((1, 3), 8), row], 1)
    mask = torch.ones(2, padded.shape[1], dtype=torch.long)
    mask[0, :3] = 0
    batch = {
        "input_ids": torch.cat([padded, longer]),
        "attention_mask": mask,
        "pixel_values": inputs["pixel_values"].expand(2, -1, -1, -1),
    }
    tape, alone = record(model, batch), record(model, inputs)
    block = block_of(tape, "language_model")
    with pytest.raises(RecordError, match=r"3 queries \(0 to 2\) see no key, as padding does: .*drop_padding=True"):
        block.weights(0)
    expected = block_of(alone, "language_model").weights(0)
    np.testing.assert_allclose(block.weights(0, drop_padding=True), expected, atol=1e-6)
    assert block.weights(0, 1).shape == (4, padded.shape[1], padded.shape[1])
    assert block.mask(0) == block.mask(0, 1) == "causal"
    trace = tape.trace(inputs=batch)
    assert [token.text for token in trace.sequences["language_model"][-3:]] == ["5", "6", "7"]
    assert len(trace.sequences["language_model"]) == row.shape[1]


def test_pictures_that_are_not_as_many_for_each_example() -> None:
    model, inputs = FAMILIES["llava"]()
    row, image = inputs["input_ids"][0].tolist(), [99] * 16
    batch = torch.tensor([[0] * 16 + row, image + row])
    pictures = inputs["pixel_values"].expand(3, -1, -1, -1)
    mask = (batch > 0).long()
    with pytest.raises(RecordError, match=r"`vision_tower` has 3 examples and `language_model` 2.*one by one"):
        record(model, {"input_ids": batch, "attention_mask": mask, "pixel_values": pictures}).trace(example=1)
    model, inputs = FAMILIES["qwen2_vl"]()
    # Two pictures of one batch, packed.
    row = [151] * 8 + [5]
    batch = torch.tensor([row, row])
    tape = record(
        model,
        {
            "input_ids": batch,
            "attention_mask": torch.ones_like(batch),
            "pixel_values": pixels(64, 3 * 2 * 64),
            "image_grid_thw": torch.tensor([[1, 8, 4], [1, 8, 4]]),
            "mm_token_type_ids": (batch == 151).long(),
        },
    )
    assert block_of(tape, "visual").notes == ["2 windows", "all 2 examples in one, or the same for all"]


def test_padding_in_the_middle_of_generation() -> None:
    """A batch of two prompts, one padded, that goes on with a cache: the padded one is as if it were alone."""
    model: Any = hf.LlamaForCausalLM(hf.LlamaConfig(**TEXT)).eval()
    short, long = ids(5, 6, 7), ids(1, 2, 3, 4, 5)
    batch = torch.cat([torch.nn.functional.pad(short, (2, 0)), long])
    mask = torch.tensor([[0, 0, 1, 1, 1], [1] * 5])
    options = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False, "pad_token_id": 0}
    with vlscope.record(model) as tape:
        output = model.generate(batch, attention_mask=mask, **options)
    alone = record(model, {"input_ids": output[:1, 2:-1]})
    for layer in range(2):
        expected = alone.blocks()[0].weights(layer)
        np.testing.assert_allclose(tape.blocks()[0].weights(layer, drop_padding=True), expected, atol=1e-6)


def test_bfloat16() -> None:
    model, inputs = FAMILIES["llava"]()
    model = model.bfloat16()
    inputs = {key: value.bfloat16() if value.is_floating_point() else value for key, value in inputs.items()}
    eager: Any = copy.deepcopy(model)
    eager.set_attn_implementation("eager")
    tape, other = record(model, inputs), record(eager, inputs)
    for block, expected in zip(tape.blocks(), other.blocks(), strict=True):
        for layer in block.layers:
            np.testing.assert_allclose(block.weights(layer), expected.weights(layer), atol=1e-3)
    assert tape.trace().attention[0].queries[0].dtype == torch.bfloat16


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_masks_become_kinds(implementation: str) -> None:
    gemma2: Any = hf.Gemma2ForCausalLM(hf.Gemma2Config(**TEXT, head_dim=8, sliding_window=4)).eval()
    (block,) = record(gemma2, {"input_ids": torch.arange(9)[None]}).blocks()
    assert [block.mask(layer) for layer in block.layers] == [{"sliding": 4}, "causal"]
    expected: dict[str, dict[str, Any]] = {
        "llava_next": {"vision_tower": {"spans": [[0, 17], [17, 34], [34, 51]]}, "language_model": "causal"},
        "qwen2_vl": {"visual": {"spans": [[0, 32], [32, 48]]}},
        "git": {"git": {"prefix": 17}},
        "clip": {"text_model": "causal", "vision_model": "full"},
    }
    for name, kinds in expected.items():
        model: Any
        model, inputs = FAMILIES[name]()
        if implementation == "eager":
            model.set_attn_implementation(implementation)
        tape = record(model, inputs)
        assert {block: block_of(tape, block).mask(0) for block in kinds} == kinds
    model, inputs = FAMILIES["gemma3"]()
    assert block_of(record(model, inputs), "language_model").mask(1) == {"causal_but": [[2, 6]]}


@pytest.mark.parametrize(
    "kind",
    ["full", "causal", {"sliding": 3}, {"prefix": 2}, {"spans": [[0, 4], [4, 7]]}, {"causal_but": [[1, 3], [4, 7]]}],
)
def test_kinds_are_told_apart(kind: Any) -> None:
    allowed = rows(kind, 7, 7, 0, 7)
    assert classify(allowed) == kind
    allowed[6, 3] ^= True
    assert classify(allowed) == "stored"


def test_sinks() -> None:
    config = hf.GptOssConfig(**TEXT, head_dim=8, num_local_experts=2, num_experts_per_tok=1)
    model: Any = hf.GptOssForCausalLM(config).eval()
    tape = record(model, {"input_ids": torch.arange(9)[None]})
    (block,) = tape.blocks()
    assert (block.weights(0).sum(-1) < 0.99).all()
    trace = tape.trace()
    assert trace.attention[0].sink_share
    assert trace.attention[0].causal or trace.attention[0].mask == "causal"


def test_training_is_refused() -> None:
    model, inputs = FAMILIES["llava"]()
    with pytest.raises(RecordError, match=r"in training mode.*call `model.eval\(\)`"):
        record(model.train(), inputs)


class _Kernel(torch.nn.Module):
    """What a kernel of one's own looks like from outside."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states.cumsum(1)


class _Flash(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = _Kernel()
        self.proj_attn = torch.nn.Linear(8, 8)
        self.heard = torch.nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.heard(states, states, states)[0]
        return self.proj_attn(self.self_attn(result))  # type: ignore[no-any-return]


def test_attention_that_shows_nothing_is_refused_or_noted() -> None:
    model, states = _Flash().eval(), pixels(1, 5, 8)
    message = r"^`self_attn` ran, but no attention of theirs could be seen.*attn_implementation=\"sdpa\""
    with pytest.raises(RecordError, match=message):
        record(model, {"states": states})
    tape = record(model, {"states": states}, unheard="note")
    assert tape.unheard == ["self_attn"]
    assert str(tape).endswith("not seen: self_attn")
    record(model, {"states": states}, where="heard")
    flex: Any
    flex, inputs = FAMILIES["llava"]()
    flex.set_attn_implementation("flex_attention")
    with pytest.raises(RecordError, match=r"layers\.0\.self_attn`, .* ran, but"):
        record(flex, inputs)


def test_an_error_of_the_model_is_its_own_and_nothing_stays_behind() -> None:
    model, inputs = FAMILIES["llava"]()
    model(**inputs)  # transformers has hooks of its own, from the first run on
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    with pytest.raises(ValueError, match="exactly one of input_ids"), vlscope.record(model):
        model(unexpected=1)
    plain = torch.nn.functional.scaled_dot_product_attention
    tape = record(model, inputs)
    assert torch.nn.functional.scaled_dot_product_attention is plain
    assert len(tape.blocks()) == 2
    assert hooks == [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    encoder, given = FAMILIES["nn_transformer_encoder"]()
    record(encoder, given)
    assert not any("forward" in vars(module) for module in encoder.modules())


def test_compiled_models_run_uncompiled_meanwhile() -> None:
    model, inputs = FAMILIES["einsum"]()
    compiled = torch.compile(model, backend="eager")
    tape, expected = record(compiled, inputs), record(model, inputs)  # type: ignore[arg-type]
    np.testing.assert_array_equal(tape.blocks()[0].weights(1), expected.blocks()[0].weights(1))


def test_what_is_kept_can_be_chosen() -> None:
    model, inputs = FAMILIES["llava"]()
    whole = block_of(record(model, inputs), "language_model").weights(1)
    tape = record(model, inputs, where="language", layers=[1], heads=[3, 0], queries=range(17, 20))
    (block,) = tape.blocks()
    assert (block.layers, block.heads, block.kept) == ([1], 2, [17, 18, 19])
    np.testing.assert_allclose(block.weights(1), whole[[3, 0], 17:], atol=1e-6)
    weights = record(model, inputs, keep="weights", heads=[2], where=lambda name: "vision" not in name)
    np.testing.assert_allclose(weights.blocks()[0].weights(1), whole[[2]], atol=1e-6)
    with pytest.raises(RecordError, match=r"`language_model` was recorded with some of its queries"):
        tape.trace()
    with pytest.raises(RecordError, match=r"`language_model` has no layer 0, but 1"):
        block.weights(0)


def test_several_runs_are_blocks_of_their_own() -> None:
    model, inputs = FAMILIES["clip"]()
    with vlscope.record(model) as tape:
        model(**inputs)
        model(**{**inputs, **prompt(1, 7, 8, 9, 2)})
    assert [block.name for block in tape.blocks() if "text" in block.name] == ["text_model.4x4", "text_model.5x5"]


def test_print_says_what_there_is() -> None:
    model, inputs = FAMILIES["mllama"]()
    text = str(record(model, inputs))
    assert "language_model: layers 0, 2, 4 heads, 4 queries × 4 keys" in text
    assert re.search(r"language_model.cross: .*layer 1, 4 heads, 4 queries × 34 keys", text)


def test_a_row_that_is_not_finite_is_in_no_statistic() -> None:
    boxes = [(x / 4, 0.0, (x + 1) / 4, 1.0) for x in range(4)]
    tokens = [Token("a"), Token("b"), *(Token(image=0, box=box) for box in boxes)]
    places = Places.of(tokens, [], torch.device("cpu"))
    query, key = torch.randn(2, 6, 8), torch.randn(1, 6, 8)
    kept = [0, 1, 2, 4, 5]
    broken = query.clone()
    broken[1, 3] = torch.nan
    found = []
    for of, numbers in ((broken, list(range(6))), (query, kept)):
        seen = Seen(
            Places.of([tokens[row] for row in numbers], [], torch.device("cpu")),
            places,
            np.ones((len(numbers), 6), np.bool_),
            False,
        )
        found.append(statistics_of(row_sums(Computed(of[:, numbers], key, 0.5, torch.device("cpu")), seen), seen))
    for name in NAMES:
        torch.testing.assert_close(found[0][name][1], found[1][name][1], equal_nan=True, msg=name)


def test_statistics_on_the_way() -> None:
    model, inputs = FAMILIES["llava"]()
    tape = record(model, inputs, statistics=True)
    trace = tape.trace(dtype="float32")
    language = next(block for block in trace.attention if block.name == "language_model")
    query, key = language.queries[1], np.repeat(language.keys[1], 2, 0)
    scores = np.where(np.tri(20, dtype=bool), query @ key.transpose(0, 2, 1) * language.scale, -np.inf)
    np.testing.assert_allclose(language.lse[1], np.log(np.exp(scores).sum(-1)), atol=1e-5)
    # ‖W_O v‖ by its definition.
    attention: Any = model.get_submodule("model.language_model.layers.1")
    states = attention.input_layernorm(torch.from_numpy(trace.hidden["language_model"][1].astype(np.float32)))
    value = attention.self_attn.v_proj(states).unflatten(-1, (2, 8)).repeat_interleave(2, 1)
    output = attention.self_attn.o_proj.weight.unflatten(1, (4, 8))
    expected = torch.einsum("khd,ohd->hko", value, output).norm(dim=-1)
    np.testing.assert_allclose(language.value_norms[1], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("strip", "keep", "window"), [(1, "weights", None), (100, "queries_keys", 7), (1 << 19, "queries_keys", None)]
)
def test_statistics_are_those_of_the_program(
    vlscope_binary: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strip: int, keep: Any, window: int | None
) -> None:
    """Whether a strip has one row, a few, or all."""
    monkeypatch.setattr("vlscope.recording.row_sums._SCORES", strip)
    monkeypatch.setenv("VLSCOPE_BINARY", str(vlscope_binary))
    model, inputs = FAMILIES["llava"]()
    if window is not None:
        config: Any = copy.deepcopy(model.config)
        config.text_config = hf.MistralConfig(**TEXT, sliding_window=window)
        model = hf.LlavaForConditionalGeneration(config).eval()
    tape = record(model, inputs, statistics=True)
    boxes = [(x / 4, y / 4, (x + 1) / 4, (y + 1) / 4) for y in range(4) for x in range(4)]
    image = [Token(image=0, box=box) for box in boxes]
    text = [Token("a", special=True), *image, *(Token(word) for word in "bcd")]
    whole = Token(image=0, box=(0.0, 0.0, 1.0, 1.0), special=True)
    tokens = {"language_model": text, "vision_tower": [whole, *image]}
    picture = np.zeros((24, 32, 3), np.uint8)
    trace = tape.trace(tokens=tokens, images=[picture], keep=keep, dtype="float32")
    trace.save(tmp_path / "one.safetensors")
    assert trace.attention[1].mask == ("causal" if window is None else {"sliding": window})
    assert list(Trace.load(tmp_path / "one.safetensors").attention[0].statistics) == NAMES
    for block in trace.attention:
        block.statistics, expected = {}, block.statistics
        block.numbers = None
        table = trace.head_stats(frames="numpy")
        for name, values in expected.items():
            rows = (table["block"] == block.name) & (table["statistic"] == name)
            found = np.full(values.shape, np.nan)
            for layer, head, value in zip(*(table[key][rows] for key in ("layer", "head", "value")), strict=True):
                found[int(layer), int(head)] = value
            np.testing.assert_allclose(values, found, rtol=1e-4, atol=1e-5, err_msg=f"{name} of {block.name}")
        assert np.isfinite(expected["entropy"]).all()


@pytest.mark.parametrize("name", [*FAMILIES])
def test_traces(name: str, vlscope_binary: Path, tmp_path: Path) -> None:
    """What is saved holds the same weights: half precision of them, or what they are computed from."""
    model, inputs = FAMILIES[name]()
    tape = record(model, inputs, statistics=True)
    path = tmp_path / "one.safetensors"
    tape.trace(inputs=inputs, id=name).save(path)
    checked = subprocess.run([vlscope_binary, "check", path], capture_output=True, text=True, check=False)
    assert checked.stdout.strip() == f"{path}: sound", checked.stdout + checked.stderr
    trace = Trace.load(path)
    assert [block.name for block in trace.attention] == [block.name for block in tape.blocks()]
    for stored, block in zip(trace.attention, tape.blocks(), strict=True):
        assert stored.layer_numbers == sorted(block.layers)
        queries, keys = (len(trace.sequences[name]) for name in (stored.query, stored.key))
        for place, layer in enumerate(stored.layer_numbers):
            weights = block.matrices[layer].weights(0).numpy()
            if stored.queries:
                query, key = torch.from_numpy(stored.queries[place]), torch.from_numpy(stored.keys[place])
                key = key.repeat_interleave(len(query) // len(key), 0)
                scores = query @ key.transpose(-1, -2) * (stored.scale or query.shape[-1] ** -0.5)
                scores.masked_fill_(~torch.from_numpy(_allowed(stored, place, queries, keys)), -torch.inf)
                found = scores.softmax(-1).nan_to_num(0).numpy()
            else:
                found = stored.layers[place].astype(np.float32)
            if weights.shape == found.shape:
                np.testing.assert_allclose(found, weights, atol=1e-3)
            else:
                assert name in ("pix2struct", "nn_transformer_encoder", "siglip2", "mllama"), "padding was dropped"
    for sequence, states in trace.hidden.items():
        assert {state.shape[0] for state in states} == {len(trace.sequences[sequence])}


def _allowed(block: Any, place: int, queries: int, keys: int) -> np.ndarray:
    mask = block.mask[place] if isinstance(block.mask, list) else block.mask
    mask = ("causal" if block.causal else "full") if mask is None else mask
    return mask.astype(bool) if isinstance(mask, np.ndarray) else rows(mask, queries, keys, 0, queries)


def test_hidden_states_are_those_of_the_model() -> None:
    model, inputs = FAMILIES["llava"]()
    model, inputs, output, tape = generated("llava")
    trace = tape.trace(output=output, inputs=inputs, dtype="float32")
    whole = model(**with_answer(inputs, output), output_hidden_states=True)
    states = trace.hidden["language_model"]
    # The model's last one has gone through the final norm; ours is what the last layer put out.
    for state, expected in zip(states[:-1], whole.hidden_states[:-1], strict=True):
        np.testing.assert_allclose(state, expected[0], atol=1e-5)
    last = model.model.language_model.norm(torch.from_numpy(states[-1]))
    np.testing.assert_allclose(last, whole.hidden_states[-1][0], atol=1e-5)


class Words:
    """As much of a tokenizer as a trace needs."""

    all_special_ids = (1,)

    def convert_ids_to_tokens(self, numbers: list[int]) -> list[str]:
        return [f"word{number}" for number in numbers]


def test_tokens_come_from_ids_and_names() -> None:
    _, inputs, output, tape = generated("llava")
    picture = np.zeros((4, 6, 3), np.uint8)
    trace = tape.trace(processor=Words(), inputs=inputs, output=output, images=[picture])
    tokens = trace.sequences["language_model"]
    assert tokens[0] == Token("word1", special=True)
    assert tokens[1:17] == [Token(image=0)] * 16
    assert [token.text for token in tokens[17:20]] == ["word5", "word6", "word7"]
    assert [token.text for token in tokens[20:]] == [f"word{number}" for number in output[0, 20:-1].tolist()]
    assert trace.sequences["vision_tower"] == [Token(image=0)] * 17
    named = [Token(image=0, box=(0.0, 0.0, 1.0, 1.0))] * 17
    assert tape.trace(images=[picture], tokens={"vision_tower": named}).sequences["vision_tower"] == named
    with pytest.raises(RecordError, match="`vision_tower` was given 2 tokens, but has 17"):
        tape.trace(tokens={"vision_tower": named[:2]})
    with pytest.raises(ValueError, match="tokens of `vision`, expected a sequence: vision_tower, language_model"):
        tape.trace(tokens={"vision": named})


def test_a_gradient_goes_through() -> None:
    model = hf.BertModel(hf.BertConfig(**SIZE, vocab_size=100)).eval()
    with torch.enable_grad():
        with vlscope.record(model) as tape:
            model(input_ids=ids(1, 2, 3)).last_hidden_state.sum().backward()
        assert model.embeddings.word_embeddings.weight.grad is not None
    assert tape.blocks()[0].weights(0).shape == (4, 3, 3)
