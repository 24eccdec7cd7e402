"""Attention from elsewhere: what BertViz takes, what `generate` returns, caches of other tools, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from vlscope import Token, Trace, TraceError

hf: Any = transformers
SIZE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def weights(*shape: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    values: np.ndarray[Any, np.dtype[np.float32]] = np.random.default_rng(seed).random(shape, np.float32)
    values /= values.sum(-1, keepdims=True)
    return values


def test_what_bertviz_takes(tmp_path: Path) -> None:
    layers = tuple(torch.tensor(weights(1, 2, 3, 3, seed=layer)) for layer in range(2))
    trace = Trace.from_attentions(layers, tokens=["[CLS]", "hello", "[SEP]"], id="one")
    assert [token.text for token in trace.sequences["main"]] == ["[CLS]", "hello", "[SEP]"]
    assert not trace.attention[0].causal
    for found, given in zip(trace.attention[0].layers, layers, strict=True):
        np.testing.assert_array_equal(found, given[0])
    trace.save(tmp_path / "one.safetensors")
    assert Trace.load(tmp_path / "one.safetensors").id == "one"


def test_encoder_decoder_and_cross() -> None:
    trace = Trace.from_attentions(
        [weights(1, 2, 3, 3)],
        tokens=list("abc"),
        decoder=[np.eye(2, dtype=np.float64)[None, None].repeat(2, 1)],
        cross=[weights(1, 2, 2, 3)],
        decoder_tokens=["x", Token("y", special=True)],
    )
    assert [(block.name, block.query, block.key, block.causal) for block in trace.attention] == [
        ("encoder", "encoder", "encoder", False),
        ("decoder", "decoder", "decoder", True),
        ("cross", "decoder", "encoder", False),
    ]
    assert trace.sequences["decoder"][1].special
    trace.check()


@pytest.mark.parametrize("cache", [True, False], ids=["cache", "no cache"])
def test_what_generate_returns(cache: bool) -> None:
    torch.manual_seed(0)
    config = hf.LlamaConfig(**SIZE, vocab_size=50, num_key_value_heads=1, attn_implementation="eager")
    model = hf.LlamaForCausalLM(config).eval()
    prompt = torch.tensor([[1, 5, 6, 7]])
    out = model.generate(
        prompt, max_new_tokens=4, min_new_tokens=4, do_sample=False, use_cache=cache, output_attentions=True,
        return_dict_in_generate=True, pad_token_id=0,
    )  # fmt: skip
    words = [str(number) for number in out.sequences[0].tolist()]
    trace = Trace.from_attentions(out.attentions, tokens=words)
    assert [token.text for token in trace.sequences["main"]] == words[:-1]
    assert trace.attention[0].causal
    plain = model(out.sequences[:, :-1], output_attentions=True)
    for found, whole in zip(trace.attention[0].layers, plain.attentions, strict=True):
        np.testing.assert_allclose(found, whole[0].detach().numpy(), atol=1e-5)
    again = Trace.from_attentions(out, tokens=words)
    np.testing.assert_array_equal(again.attention[0].layers[1], trace.attention[0].layers[1])


def test_what_an_encoder_with_a_decoder_generates() -> None:
    torch.manual_seed(0)
    config = hf.BartConfig(
        d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, vocab_size=50, attn_implementation="eager",
    )  # fmt: skip
    model = hf.BartForConditionalGeneration(config).eval()
    prompt = torch.tensor([[0, 5, 6, 2]])
    out = model.generate(
        prompt, max_new_tokens=3, min_new_tokens=3, do_sample=False, num_beams=1, output_attentions=True,
        return_dict_in_generate=True, eos_token_id=49, forced_eos_token_id=None,
    )  # fmt: skip
    trace = Trace.from_attentions(out, tokens=list("abcd"), decoder_tokens=list("wxyz"))
    shapes = {block.name: block.layers[0].shape for block in trace.attention}
    assert shapes == {"encoder": (2, 4, 4), "decoder": (2, 3, 3), "cross": (2, 3, 4)}
    plain = model(prompt, decoder_input_ids=out.sequences[:, :-1], output_attentions=True)
    np.testing.assert_allclose(trace.attention[2].layers[1], plain.cross_attentions[1][0].detach().numpy(), atol=1e-5)
    trace.check()


def test_a_sliding_and_a_static_cache() -> None:
    first = np.tril(np.ones((1, 3, 3), np.float32))
    first /= first.sum(-1, keepdims=True)
    sliding = [[first], [np.full((1, 1, 2), 0.5, np.float32)], [np.full((1, 1, 2), 0.5, np.float32)]]
    # Two keys fewer than rows by now: the last two.
    trace = Trace.from_attentions(sliding, tokens=list("abcde"))
    np.testing.assert_array_equal(trace.attention[0].layers[0][0, 3:], [[0, 0, 0.5, 0.5, 0], [0, 0, 0, 0.5, 0.5]])
    static = [
        [np.pad(first, ((0, 0), (0, 0), (0, 5)))],
        [np.pad(np.full((1, 1, 4), 0.25, np.float32), ((0, 0), (0, 0), (0, 4)))],
    ]
    trace = Trace.from_attentions(static, tokens=list("abcd"))
    np.testing.assert_array_equal(trace.attention[0].layers[0][0, 3], [0.25] * 4)


def test_a_cache_of_transformer_lens() -> None:
    cache = {f"blocks.{layer}.attn.hook_pattern": torch.tensor(weights(1, 2, 3, 3, seed=layer)) for layer in (1, 0)}
    cache["blocks.0.hook_resid_pre"] = torch.zeros(1, 3, 4)
    cache |= {f"blocks.{layer}.hook_resid_post": torch.full((1, 3, 4), layer + 1.0) for layer in range(2)}
    cache["blocks.0.attn.hook_q"] = torch.zeros(1, 3, 2, 4)

    class ActivationCache:
        """As theirs: no mapping, and a pair of name and layer is a key as well."""

        def __init__(self, cache_dict: dict[str, Any]) -> None:
            self.cache_dict = cache_dict

        def __getitem__(self, key: Any) -> Any:
            return self.cache_dict[key if isinstance(key, str) else f"blocks.{key[1]}.attn.hook_{key[0]}"]

        def __iter__(self) -> Any:
            return iter(self.cache_dict)

        def keys(self) -> Any:
            return self.cache_dict.keys()

        def items(self) -> Any:
            return self.cache_dict.items()

    for given in (cache, ActivationCache(cache)):
        trace = Trace.from_attentions(given, tokens=list("abc"))
        np.testing.assert_array_equal(trace.attention[0].layers[1], weights(2, 3, 3, seed=1))
        assert [float(state[0, 0]) for state in trace.hidden["main"]] == [0, 1, 2]
        trace.check()
    # `names_filter` keeps attention alone.
    trace = Trace.from_attentions({name: of for name, of in cache.items() if "pattern" in name}, tokens=list("abc"))
    assert not trace.hidden


def test_an_encoder_with_a_decoder_of_transformer_lens() -> None:
    shapes = {"encoder.{}.attn": (3, 3), "decoder.{}.attn": (2, 2), "decoder.{}.cross_attn": (2, 3)}
    cache = {
        f"{name.format(layer)}.hook_pattern": torch.tensor(weights(1, 2, *shape, seed=layer))
        for name, shape in shapes.items()
        for layer in range(2)
    }
    trace = Trace.from_attentions(cache, tokens=list("abc"), decoder_tokens=list("xy"))
    assert [(block.name, block.layers[1].shape) for block in trace.attention] == [
        ("encoder", (2, 3, 3)), ("decoder", (2, 2, 2)), ("cross", (2, 2, 3)),
    ]  # fmt: skip
    trace.check()


def test_what_nnsight_saved() -> None:
    class Saved:
        def __init__(self, value: Any) -> None:
            self.value = value

    saved = {
        f"model.layers.{layer}.self_attn": Saved(torch.tensor(weights(1, 2, 3, 3, seed=layer))) for layer in (10, 2)
    }
    plain = {name: of.value for name, of in saved.items()}
    for given in (saved, plain, [saved[name] for name in sorted(saved, key=len)], Saved(list(plain.values())[::-1])):
        trace = Trace.from_attentions(given, tokens=list("abc"))
        np.testing.assert_array_equal(trace.attention[0].layers[0], weights(2, 3, 3, seed=2))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_floats(dtype: torch.dtype) -> None:
    trace = Trace.from_attentions([torch.tensor(weights(2, 3, 3)).to(dtype)], tokens=list("abc"))
    assert trace.attention[0].layers[0].dtype == np.float32
    trace.check()


def test_pictures_as_people_have_them() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    photo, chw = Image.fromarray(rgb), rgb.transpose(2, 0, 1)
    pictures = [photo, photo.convert("RGBA"), rgb, chw, torch.tensor(chw / 255), rgb[None].astype(np.float64)]
    trace = Trace.from_attentions([weights(1, 2, 2)], tokens=["a", Token(image=0, box=(0, 0, 1, 1))], images=pictures)
    for image in trace.images:
        np.testing.assert_array_equal(image, rgb)
    trace.check()


A = weights(1, 2, 3, 3)
REFUSED: list[tuple[str, Any, dict[str, Any], str]] = [
    ("none", None, {}, r'attn_implementation="eager"'),
    ("a layer of none", [None, None], {}, r'attn_implementation="eager"'),
    ("a batch", [weights(4, 2, 3, 3)], {}, r"batch of 4 examples: say which one by `example=0`"),
    ("an example too many", [weights(4, 2, 3, 3)], {"example": 4}, r"`example` is 4, expected less than 4"),
    ("one string", [A], {"tokens": "abc"}, r"`tokens` is one string, expected a list"),
    ("ids", [A], {"tokens": [1, 2, 3]}, r"holds 1, expected strings or Token: `tokenizer\.convert_ids_to_tokens"),
    ("too few tokens", [A], {"tokens": ["a"]}, r"`tokens` has 1 tokens, expected 3"),
    ("scores", [A * 3], {}, r"layer 0, head 0, row . sums to 3, expected 1: give the weights behind the softmax"),
    ("integers", [A.astype(np.int64)], {}, r"has dtype int64, expected weights of floats"),
    ("cross as self", [weights(1, 2, 2, 3)], {}, r"2 queries and 3 keys, expected as many: give attention to"),
    ("cross alone", [A], {"cross": [A]}, r"need `decoder_tokens`"),
    ("layers that differ", [A, weights(1, 2, 2, 2)], {}, r"layers of \[2, 2\] and \[3, 3\] queries and keys"),
    ("axes", [weights(1, 1, 2, 3, 3)], {}, r"shape \[1, 1, 2, 3, 3\]|shape \[1, 2, 3, 3\]"),
    ("normalised pictures", [A], {"images": [np.full((4, 5, 3), -1.0)]}, r"it was normalised; give the picture"),
    ("no picture", [A], {"images": [np.zeros((5, 5, 7))]}, r"shape \[5, 5, 7\], expected \[height, width, 3\]"),
    ("no numbers", {"attention": A}, {}, r"`attention` names no layer"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "options", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refusals_say_the_fix(given: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TraceError, match=message):
        Trace.from_attentions(given, **{"tokens": list("abc"), **options})


def test_nan_is_refused_on_save(tmp_path: Path) -> None:
    wrong = weights(2, 3, 3)
    wrong[1, 2, 0] = np.nan
    trace = Trace.from_attentions([weights(2, 3, 3), wrong], tokens=list("abc"))
    with pytest.raises(TraceError, match=r"tensor `attention\.self\.1` is NaN in row 2 of \[1\]"):
        trace.save(tmp_path / "nan.safetensors")
    assert not list(tmp_path.iterdir())
