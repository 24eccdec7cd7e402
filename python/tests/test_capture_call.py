"""`vlscope.capture`: whole traces of tiny models with real processors, against what the models say without us."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_processors
import tiny_vlms
import torch
from PIL import Image

import vlscope
from vlscope import Token, Trace, relevance
from vlscope.capturing import CaptureError
from vlscope.locate import fed

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (100, 150, 3), np.uint8)
OTHER = RNG.integers(0, 256, (150, 90, 3), np.uint8)
QUESTION = "what is this ?"
THREE = {"max_new_tokens": 3, "min_new_tokens": 3}


def main(trace: Trace) -> list[Token]:
    """The longest text sequence: the language model's."""
    return max(trace.sequences.values(), key=lambda tokens: sum(token.text is not None for token in tokens))


def texts(tokens: list[Token], segment: str) -> list[str | None]:
    return [token.text for token in tokens if token.segment == segment]


def test_a_question_about_a_picture(tmp_path: Path) -> None:
    model, processor = tiny_processors.llava()
    trace = vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, generate=THREE, answer="a cat", id="one")
    tokens = main(trace)
    assert texts(tokens, "question") == ["what", "is", "this", "?"]
    assert texts(tokens, "prompt") == ["user", ":", "assistant", ":"]
    boxes = np.array([token.box for token in tokens if token.image is not None])
    crop = ((48 - 32) / 2 / 48, 0, (48 + 32) / 2 / 48, 1)
    np.testing.assert_allclose(boxes, np.array(tiny_vlms.grid(4, 4, crop)), atol=1e-3)
    inputs = processor(images=[fed(PICTURE.astype(float), processor.image_processor)], text=[
        "user : <image> what is this ? assistant : "
    ], return_tensors="pt")  # fmt: skip
    with torch.no_grad():
        ids = model.generate(**inputs, **THREE, do_sample=False)[0]
        out = model(input_ids=ids[None], pixel_values=inputs["pixel_values"], output_hidden_states=True)
    assert texts(tokens, "generated") == processor.tokenizer.convert_ids_to_tokens(ids[-3:].tolist())
    assert len(tokens) == len(ids)
    probabilities = out.logits[0].softmax(-1)
    for step, place in zip(trace.outputs["steps"], range(len(ids) - 3, len(ids)), strict=True):
        assert step["position"] == place
        assert step["probability"] == pytest.approx(float(probabilities[place - 1, ids[place]]), abs=1e-5)
        assert step["top"][0][1] == pytest.approx(float(probabilities[place - 1].max()), abs=1e-5)
    assert trace.outputs["answer"] == "a cat"
    assert not trace.outputs["correct"]
    name = next(name for name, of in trace.sequences.items() if of is tokens)
    for found, expected in zip(trace.hidden[name][:-1], out.hidden_states, strict=False):
        np.testing.assert_allclose(np.asarray(found, np.float32), expected[0].numpy(), atol=2e-3)
    trace.save(tmp_path / "one.safetensors")
    again = Trace.load(tmp_path / "one.safetensors")
    assert again.id == "one"
    assert again.sequences == trace.sequences


def test_an_answer_that_is_given() -> None:
    model, processor = tiny_processors.llava()
    trace = vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, answer="a cat")
    assert texts(main(trace), "answer") == ["a", "cat"]
    assert trace.outputs["prediction"] == "a cat"
    assert [step["token"] for step in trace.outputs["steps"]] == ["a", "cat"]
    assert "correct" not in trace.outputs, "nothing was predicted"


def test_a_conversation() -> None:
    model, processor = tiny_processors.llava()
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "answer shortly"}]},
        {"role": "user", "content": [{"type": "image", "image": PICTURE}, {"type": "text", "text": "what is this ?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "a cat"}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "is this a dog ?"}]},
    ]
    with pytest.raises(ValueError, match="show 2 pictures, but there are 1"):
        vlscope.capture(model, processor, messages=messages)
    messages[1]["content"][0] = {"type": "image"}  # type: ignore[index]
    trace = vlscope.capture(model, processor, images=[PICTURE, OTHER], messages=messages)
    tokens = main(trace)
    assert texts(tokens, "system") == ["answer", "shortly"]
    assert texts(tokens, "answer") == ["a", "cat"]
    assert texts(tokens, "question") == ["what", "is", "this", "?", "is", "this", "a", "dog", "?"]
    assert [token.image for token in tokens if token.image is not None] == [0] * 16 + [1] * 16
    assert [image.shape for image in trace.images] == [PICTURE.shape, OTHER.shape]


QUESTIONS = [QUESTION, "how many red things are there in this ?"]


def without_pictures(model: Any) -> dict[str, Any]:
    """A random model may say that here comes a picture."""
    size = model.config.get_text_config().vocab_size
    return {**THREE, "suppress_tokens": [id for id in (98, 99, 150, 151, 152) if id < size]}


def forwards(model: Any, traces: Any) -> tuple[Any, int]:
    """And how many of them read more than one example."""
    sizes = []
    hook = model.register_forward_pre_hook(
        lambda _, __, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    try:
        return traces(), sum(size > 1 for size in sizes)
    finally:
        hook.remove()


@pytest.mark.parametrize(
    "name", ["llava", "paligemma", "gemma3", "idefics3", "clip", "blip2", "qwen2_vl", "vilt", "blip"]
)
def test_a_batch_is_as_one_by_one(name: str) -> None:
    model, processor = getattr(tiny_processors, name)()
    generate = None if name in ("clip", "vilt") else without_pictures(model)
    options: dict[str, Any] = {"generate": generate}
    if name in ("llava", "idefics3"):
        options |= {"words": 3, "relevance": ["chefer", "contribution_norms", "occlusion", "interaction"]}
    traces, together = forwards(
        model,
        lambda: vlscope.capture(
            model, processor, images=[PICTURE, [PICTURE[::-1]]], text=QUESTIONS, answer=["yes", "red"], id=["a", "b"],
            **options,
        ),
    )  # fmt: skip
    # What is packed or has a decoder of its own is captured one by one; so is ViLT, as soon as it draws patches.
    assert (together > 0) == (name not in ("qwen2_vl", "blip"))
    assert [trace.id for trace in traces] == ["a", "b"]
    pairs = zip([PICTURE, PICTURE[::-1]], QUESTIONS, ["yes", "red"], ["a", "b"], strict=True)
    for trace, (picture, text, answer, id) in zip(traces, pairs, strict=True):
        alone = vlscope.capture(model, processor, images=[picture], text=text, answer=answer, id=id, **options)
        same(trace, alone)


def same(one: Trace, other: Trace) -> None:
    """But for rounding."""
    assert one.sequences == other.sequences
    assert one.outputs.keys() == other.outputs.keys()
    for key in ("confidence", "similarity"):
        assert one.outputs.get(key, 0) == pytest.approx(other.outputs.get(key, 0), abs=1e-4)
    for name in ("prediction", "answer", "correct"):
        assert one.outputs.get(name) == other.outputs.get(name)
    assert [block.name for block in one.attention] == [block.name for block in other.attention]
    for block, expected in zip(one.attention, other.attention, strict=True):
        assert block.layer_numbers == expected.layer_numbers
        np.testing.assert_equal(block.mask, expected.mask)
        for name in ("layers", "queries", "keys", "lse", "value_norms"):
            for found, of in zip(getattr(block, name), getattr(expected, name), strict=True):
                np.testing.assert_allclose(found, of, atol=1e-3)
        for name, values in block.statistics.items():
            np.testing.assert_allclose(values, expected.statistics[name], atol=1e-3, err_msg=name)
    assert one.hidden.keys() == other.hidden.keys()
    for sequence, states in one.hidden.items():
        for found, of in zip(states, other.hidden[sequence], strict=True):
            np.testing.assert_allclose(np.asarray(found, np.float32), np.asarray(of, np.float32), atol=5e-3)
    for relevance_, of in zip(one.relevance, other.relevance, strict=True):
        np.testing.assert_allclose(relevance_.values, of.values, atol=1e-4)
    for key in ("additive_share", "interaction_share"):
        assert one.outputs.get(key, 0) == pytest.approx(other.outputs.get(key, 0), abs=1e-3)
    assert one.words.keys() == other.words.keys()
    for sequence, by_state in one.words.items():
        for state, words in by_state.items():
            np.testing.assert_allclose(words.scores, other.words[sequence][state].scores, atol=2e-2)


def test_answers_of_a_batch_end_where_they_end() -> None:
    model, processor = tiny_processors.llava()
    options = {"max_new_tokens": 6, "do_sample": False}
    alone = [vlscope.capture(model, processor, images=[PICTURE], text=text, generate=options) for text in QUESTIONS]
    # One answer ends with its second token, as if that were the end.
    ended = main(alone[0])[-5].text
    stop = {**options, "eos_token_id": processor.tokenizer.convert_tokens_to_ids(ended)}
    alone = [vlscope.capture(model, processor, images=[PICTURE], text=text, generate=stop) for text in QUESTIONS]
    traces = vlscope.capture(model, processor, images=[PICTURE, PICTURE], text=QUESTIONS, generate=stop)
    for trace, of in zip(traces, alone, strict=True):
        same(trace, of)
    assert len(texts(main(traces[0]), "generated")) <= 2


def test_generation_is_as_the_caller_says() -> None:
    """By options, or by a whole `generation_config`: nothing of ours goes before them."""
    model, processor = tiny_processors.llava()
    free = {"suppress_tokens": [98, 99], "pad_token_id": 0}
    prompt = len(main(vlscope.capture(model, processor, images=[PICTURE], text=QUESTION)))
    trace = vlscope.capture(
        model, processor, images=[PICTURE], text=QUESTION, generate={"max_length": prompt + 2, **free}
    )
    assert len(texts(main(trace), "generated")) == 2
    config = tiny_vlms.hf.GenerationConfig(max_new_tokens=6, min_new_tokens=6, **free)
    alone = vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, generate={"generation_config": config})
    words = texts(main(alone), "generated")
    assert len(words) == 6
    config = tiny_vlms.hf.GenerationConfig(
        max_new_tokens=6, eos_token_id=processor.tokenizer.convert_tokens_to_ids(words[1]), **free
    )
    options: dict[str, Any] = {"text": QUESTIONS, "generate": {"generation_config": config}}
    ended, _ = vlscope.capture(model, processor, images=[PICTURE, PICTURE], **options)
    assert texts(main(ended), "generated") == words[:2], "what follows is padding"
    config.num_return_sequences = 2
    with pytest.raises(CaptureError, match="a trace is of one answer"):
        vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, generate={"generation_config": config})
    # Beams: the best is what comes out, and it is read anew.
    beams = {"num_beams": 3, "max_new_tokens": 4, "min_new_tokens": 4, **free}
    traces = vlscope.capture(model, processor, images=[PICTURE, OTHER], text=QUESTIONS, generate=beams)
    for trace, picture, text in zip(traces, (PICTURE, OTHER), QUESTIONS, strict=True):
        same(trace, vlscope.capture(model, processor, images=[picture], text=text, generate=beams))


def test_pictures_of_a_batch_that_differ() -> None:
    model, processor = tiny_processors.llava()
    with pytest.raises(ValueError, match="2 texts, but 1 in `images`"):
        vlscope.capture(model, processor, images=[PICTURE], text=QUESTIONS)
    traces = vlscope.capture(model, processor, images=[[PICTURE, OTHER], [OTHER]], text=QUESTIONS, generate=THREE)
    for trace, pictures, text in zip(traces, ([PICTURE, OTHER], [OTHER]), QUESTIONS, strict=True):
        same(trace, vlscope.capture(model, processor, images=pictures, text=text, generate=THREE))


def test_wherever_it_is_called(tmp_path: Path) -> None:
    model, processor = tiny_processors.llava()
    file = tmp_path / "cat.png"
    Image.fromarray(PICTURE).save(file)
    asked: dict[str, Any] = {"text": QUESTION, "answer": "a cat", "relevance": ["chefer"]}
    expected = vlscope.capture(model, processor, images=[PICTURE], **asked)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            found = vlscope.capture(model, processor, images=[file], **asked)
        same(found, expected)
    with pytest.raises(ValueError, match=r"https://example\.org/cat\.jpg is an address: load it, and give the picture"):
        vlscope.capture(model, processor, images=["https://example.org/cat.jpg"], text=QUESTION)
    same(vlscope.capture(model, processor, images=file, **asked), expected)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        vlscope.capture(model, processor, images=["nowhere.png"], text=QUESTION)
    with pytest.raises(CaptureError, match="a trace is of one answer: leave `num_return_sequences` out"):
        vlscope.capture(model, processor, images=[file], text=QUESTION, generate={"num_return_sequences": 2})


def test_a_language_model_and_its_tokenizer() -> None:
    """Text alone: no processor is needed."""
    tokenizer = tiny_processors.tokenizer({})
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['role'] }} : {{ message['content'] }} {% endfor %}"
    )
    model = tiny_vlms.hf.LlamaForCausalLM(tiny_vlms.hf.LlamaConfig(**tiny_vlms.TEXT)).eval()
    trace = vlscope.capture(model, tokenizer, text=QUESTION, generate=THREE)
    tokens = main(trace)
    assert texts(tokens, "question") == ["what", "is", "this", "?"]
    assert len(texts(tokens, "generated")) == 3
    assert isinstance(trace.outputs["prediction"], str)
    shown = [{"role": "user", "content": [{"type": "image", "image": PICTURE}, {"type": "text", "text": QUESTION}]}]
    with pytest.raises(ValueError, match=r"a tokenizer reads no pictures: give the model's processor"):
        vlscope.capture(model, tokenizer, messages=shown)
    with pytest.raises(ValueError, match=r"a tokenizer reads no pictures: give the model's processor"):
        vlscope.capture(model, tokenizer, images=PICTURE, text=QUESTION)
    with pytest.raises(CaptureError, match=r"not Linear and \w+: record other models by"):
        vlscope.capture(torch.nn.Linear(1, 1), tokenizer, text=QUESTION)


def test_frames_of_a_video_have_times() -> None:
    model, processor = tiny_processors.qwen2_vl()
    frames = [RNG.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(4)]
    trace = vlscope.capture(model, processor, videos=[frames], times=[0, 0.5, 1, 1.5], text=QUESTION, generate=THREE)
    assert trace.image_times == [0, 0.5, 1, 1.5]
    assert len(trace.images) == 4
    shown = [token for token in main(trace) if token.image is not None]
    assert [token.image for token in shown] == [[0, 1]] * (len(shown) // 2) + [[2, 3]] * (len(shown) // 2)
    assert shown[0].box is not None
    assert shown[0].box[:2] == (0, 0)
    with pytest.raises(ValueError, match="4 frames and pictures, but 2 times"):
        vlscope.capture(model, processor, videos=[frames], times=[0, 1], text=QUESTION)
    for part, videos in (({"type": "video", "video": frames}, []), ({"type": "video"}, [frames])):
        messages = [{"role": "user", "content": [part, {"type": "text", "text": QUESTION}]}]
        options: dict[str, Any] = {"times": [0, 0.5, 1, 1.5], "generate": THREE}
        same(vlscope.capture(model, processor, videos=videos, messages=messages, **options), trace)
    for part, message in (
        ({"type": "video"}, "show 1 videos, but there are 0"),
        ({"type": "video", "path": "a.mp4"}, "its frames"),
    ):
        messages = [{"role": "user", "content": [part, {"type": "text", "text": QUESTION}]}]
        with pytest.raises(ValueError, match=message):
            vlscope.capture(model, processor, messages=messages)


def test_why(tmp_path: Path) -> None:
    model, processor = tiny_processors.llava()
    names = ["chefer", "gradient_attention", "integrated_gradients", "contribution_norms", "logit_contributions",
             "occlusion", "interaction"]  # fmt: skip
    trace = vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, generate=THREE, relevance=names, words=3)
    tokens = main(trace)
    count = len(tokens)
    shapes = {of.name: of.values.shape for of in trace.relevance}
    per_head = (3, 2, 4, count)
    assert shapes == {
        "chefer": (3, count), "gradient_attention": per_head, "integrated_gradients": (3, count),
        "contribution_norms": per_head, "logit_contributions": per_head, "occlusion": (3, count),
    }  # fmt: skip
    assert {of.targets[0] for of in trace.relevance} == {count - 3}
    by_name = {of.name: of for of in trace.relevance}
    # By what the same functions give when they are called directly.
    ids = processor.tokenizer.convert_tokens_to_ids([token.text or "<image>" for token in tokens])
    ids = [tiny_vlms.IMAGE if token.image is not None else id for token, id in zip(tokens, ids, strict=True)]
    pixels = processor.image_processor([fed(PICTURE.astype(float), processor.image_processor)], return_tensors="pt")
    layers = [f"model.language_model.layers.{layer}.self_attn" for layer in range(2)]
    asked = relevance.Asked(
        model,
        {"input_ids": torch.tensor([ids]), **pixels},
        [count - 2],
        [ids[-1]],
        layers,
        layers[0].rpartition(".")[0],
    )
    np.testing.assert_allclose(by_name["chefer"].values[2], relevance.chefer(asked)[0], atol=1e-6)
    word = next(place for place, token in enumerate(tokens) if token.text == "this")
    np.testing.assert_allclose(
        by_name["occlusion"].values[2, word], relevance.occlusion(asked, [[word]])[0, word], atol=1e-5
    )
    shares = trace.outputs["additive_share"], trace.outputs["interaction_share"]
    assert sum(shares) == pytest.approx(1)
    assert 0 <= shares[1] <= 1
    trace.save(tmp_path / "why.safetensors")
    loaded = Trace.load(tmp_path / "why.safetensors")
    assert [of.name for of in loaded.relevance] == [name for name in names if name != "interaction"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_quantised_model_and_one_of_bfloat16() -> None:
    model, processor = tiny_processors.llava()
    options: dict[str, Any] = {"images": [PICTURE], "text": QUESTION, "answer": "a cat", "words": 2}
    gradients = ["chefer", "gradient_attention", "integrated_gradients"]
    whole = vlscope.capture(model, processor, relevance=["chefer"], **options)
    half = copy.deepcopy(model).to(torch.bfloat16)
    trace = vlscope.capture(half, processor, relevance=[*gradients, "contribution_norms", "occlusion"], **options)
    trace.check()
    assert {query.dtype for block in trace.attention for query in block.queries} == {torch.bfloat16}
    np.testing.assert_allclose(trace.relevance[0].values, whole.relevance[0].values, atol=0.02)
    quantised = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8).eval()
    trace = vlscope.capture(quantised, processor, **options)
    trace.check()
    assert trace.outputs["confidence"] == pytest.approx(whole.outputs["confidence"], rel=0.2)
    for name in gradients:
        with pytest.raises(relevance.RelevanceError, match="no gradient comes from the logits"):
            vlscope.capture(quantised, processor, relevance=[name], **options)


def test_words_are_those_of_the_model_itself() -> None:
    model, processor = tiny_processors.llava()
    trace = vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, answer="a cat", words=2)
    ((name, words),) = trace.words.items()
    assert list(words) == [0, 1, 2, "logits"]
    # The last state, through norm and head, is the output: of text and of image tokens.
    assert [row[0] for row in words[2].words] == [row[0] for row in words["logits"].words]
    states = torch.tensor(np.asarray(trace.hidden[name][1], np.float32))
    with torch.no_grad():
        expected = model.lm_head(model.model.language_model.norm(states)).log_softmax(-1)
    np.testing.assert_allclose(words[1].scores[:, 0], expected.max(-1).values.numpy(), atol=5e-3)
    best = processor.tokenizer.convert_ids_to_tokens(expected.argmax(-1).tolist())
    assert [row[0] for row in words[1].words] == best


def test_a_model_that_chooses_its_answer() -> None:
    model, processor = tiny_processors.vilt()
    torch.manual_seed(3)
    trace = vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, answer="red")
    (tokens,) = trace.sequences.values()
    cells = {token.box for token in tokens if token.box is not None}
    np.testing.assert_allclose(sorted(cells), sorted(tiny_vlms.grid(4, 6)), atol=1e-6)
    assert trace.outputs["prediction"] in ("red", "blue", "yes")
    assert trace.outputs["correct"] == (trace.outputs["prediction"] == "red")
    with pytest.raises(CaptureError, match="does not generate: leave `generate` out"):
        vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, generate={})


def test_the_answer_is_that_of_a_model_that_nobody_watches() -> None:
    model, processor = tiny_processors.qwen2_vl()
    before = torch.get_rng_state()
    trace = vlscope.capture(model, processor, images=[PICTURE, OTHER], text=QUESTION, generate=THREE)
    assert torch.equal(torch.get_rng_state(), before)
    pictures = [fed(picture.astype(float), processor.image_processor) for picture in (PICTURE, OTHER)]
    pad = "<|vision_start|> <|image_pad|> <|vision_end|> "
    inputs = processor(images=pictures, text=[f"user : {pad * 2}{QUESTION} assistant : "], return_tensors="pt")
    ids = model.generate(**inputs, **THREE, do_sample=False)[0]
    words = processor.tokenizer.convert_ids_to_tokens(ids.tolist())
    assert [token.text for token in main(trace) if token.text is not None] == [
        word for word in words if word != "<|image_pad|>"
    ]
    assert {token.image for token in main(trace)} == {None, 0, 1}


def test_what_does_not_fit_is_refused() -> None:
    model, processor = tiny_processors.llava()
    with pytest.raises(ValueError, match=r'relevance has "saliency", expected of chefer'):
        vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, relevance=["saliency"])
    with pytest.raises(ValueError, match="not both"):
        vlscope.capture(model, processor, text=QUESTION, messages=[{"role": "user", "content": QUESTION}])
    with pytest.raises(CaptureError, match="nothing was put out that relevance could explain"):
        vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, relevance=["chefer"])
    with pytest.raises(ValueError, match="is an address"):
        part = {"type": "image", "url": "https://example.org/cat.jpg"}
        vlscope.capture(model, processor, messages=[{"role": "user", "content": [part]}])


GENERATED = {"generated": 3}
ASKED = {"question": 4, **GENERATED}
#: What the tokens of each sequence are: image tokens with a box, words by their segment, …
FAMILIES: dict[str, dict[str, dict[str, int]]] = {
    "paligemma": {"vision_tower": {"box": 16}, "language_model": {"box": 16, "prompt": 1, **ASKED}},
    "gemma3": {
        "vision_tower": {"box": 48},
        # Two crops beside the whole, each between two marks, and the sentence about them.
        "language_model": {"box": 12, "prompt": 25, **ASKED},
        "vision_tower.cross queries": {"latent": 3},
    },
    "idefics3": {"vision_model": {"box": 112}, "text_model": {"prompt": 19, "box": 28, **ASKED}},
    "llava_next": {
        "vision_tower": {"special image": 5, "box": 64, "padding": 16},
        "language_model": {"prompt": 4, "box": 64, "newline": 6, **ASKED},
    },
    "blip": {
        "vision_model": {"special image": 1, "box": 16},
        "text_encoder": {"question": 4},
        "text_decoder": {"newline": 1, **GENERATED},
    },
    "blip2": {
        "vision_model": {"special image": 1, "box": 16},
        "qformer": {"latent": 6},
        "language_model": {"latent": 6, **ASKED},
    },
    "pix2struct": {"encoder": {"box": 24}, "decoder": {"newline": 1, **GENERATED}},
    "clip": {"vision_model": {"special image": 1, "box": 16}, "text_model": {"question": 4}},
}


def kind_of(token: Token) -> str:
    if token.padding:
        return "padding"
    if token.text is not None:
        return token.segment or "newline"
    if token.box is not None:
        return "box"
    return token.modality or ("special image" if token.special else "image")


#: What processors are told beside their own defaults.
PROCESSING: dict[str, dict[str, Any]] = {
    "gemma3": {
        "do_pan_and_scan": True, "pan_and_scan_min_crop_size": 50, "pan_and_scan_max_num_crops": 4,
        "pan_and_scan_min_ratio_to_activate": 1.2,
    },
    "pix2struct": {"max_patches": 30},
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_what_tokens_are(name: str, tmp_path: Path) -> None:
    model, processor = getattr(tiny_processors, name)()
    generate = without_pictures(model)
    trace = vlscope.capture(
        model,
        processor,
        images=[PICTURE],
        text=None if name == "pix2struct" else QUESTION,
        generate=None if name == "clip" else generate,
        processing=PROCESSING.get(name),
    )
    found = {of: dict(Counter(map(kind_of, tokens))) for of, tokens in trace.sequences.items()}
    assert found == FAMILIES[name]
    assert "similarity" in trace.outputs if name == "clip" else isinstance(trace.outputs["prediction"], str)
    trace.save(tmp_path / "one.safetensors")
    assert Trace.load(tmp_path / "one.safetensors").sequences == trace.sequences


def test_why_a_picture_is_like_a_text(tmp_path: Path) -> None:
    model, processor = tiny_processors.clip()
    names = ["similarity_contributions"]
    trace = vlscope.capture(model, processor, images=[PICTURE], text=QUESTION, relevance=names)
    (found,) = trace.relevance
    assert found.values.shape == (1, 2, 4, 17)
    assert (found.sequence, found.targets, found.signed) == ("vision_model", [0], True)
    inputs = processor(
        images=[fed(PICTURE.astype(float), processor.image_processor)], text=[QUESTION], return_tensors="pt"
    )
    with torch.no_grad():
        assert trace.outputs["similarity"] == pytest.approx(float(model(**inputs).logits_per_image[0, 0]), abs=1e-5)
    trace.save(tmp_path / "like.safetensors")


def test_what_of_a_picture_mattered_to_a_decoder(tmp_path: Path) -> None:
    model, processor = tiny_processors.pix2struct()
    trace = vlscope.capture(
        model, processor, images=[PICTURE], generate=THREE, relevance=["chefer"], processing={"max_patches": 30}
    )
    own, read = trace.relevance
    assert (own.sequence, own.values.shape) == ("decoder", (3, 4))
    assert (read.name, read.sequence, read.target_sequence) == ("chefer_encoder", "encoder", "decoder")
    assert read.values.shape == (3, 24)
    assert (read.values > 0).any()
    trace.save(tmp_path / "read.safetensors")
    assert Trace.load(tmp_path / "read.safetensors").relevance[1].targets == [1, 2, 3]
