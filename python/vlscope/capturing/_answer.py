"""What a model puts out behind a prompt, and the inputs with which it reads all of it at once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ._checks import CaptureError

_TOP = 5
_DEFAULTS = {"max_new_tokens": 64, "do_sample": False}


@dataclass
class Answer:
    """The inputs with what was put out, and where that is: ids `[first:]` of the sequence that the logits are of."""

    inputs: dict[str, Any]
    #: Ids of the sequence that the logits are of; None for a model without such.
    ids: list[int] | None
    first: int
    #: `generated` by the model, or an `answer` that was given.
    segment: str


def answered(
    model: Any, tokenizer: Any, inputs: Mapping[str, Any], generate: Mapping[str, Any] | None, answer: str | None
) -> Answer:
    """Generates, or takes the answer that was given, and puts it behind the prompt."""
    is_encoder_decoder = has_decoder(model)
    name = "decoder_input_ids" if is_encoder_decoder else "input_ids"
    can_generate = hasattr(model, "generate") and (is_encoder_decoder or model.get_output_embeddings() is not None)
    if generate is not None:
        if not can_generate:
            raise CaptureError(f"{type(model).__name__} does not generate: leave `generate` out")
        prompt = None if is_encoder_decoder else inputs["input_ids"][0].tolist()
        put_out = _generated(model, inputs, {**_DEFAULTS, **generate})
        # Some give the prompt back, some (that embed it themselves) do not.
        if prompt is not None and put_out[: len(prompt)] == prompt:
            put_out = put_out[len(prompt) :]
        segment = "generated"
    elif answer is not None and can_generate and tokenizer is not None:
        put_out, segment = tokenizer(answer, add_special_tokens=False)["input_ids"], "answer"
        if is_encoder_decoder:
            put_out = [_start(model), *put_out]
    else:
        if is_encoder_decoder:
            # The decoder begins all the same.
            start = [_start(model)]
            return Answer({**inputs, name: torch.tensor([start], device=model.device)}, start, 1, "")
        ids = inputs.get(name)
        return Answer(dict(inputs), None if ids is None else ids[0].tolist(), len(ids[0]) if ids is not None else 0, "")
    if is_encoder_decoder:
        tensor = torch.tensor([put_out], device=model.device)
        return Answer({**inputs, name: tensor}, put_out, 1, segment)
    return Answer(
        _extended(inputs, put_out), [*inputs["input_ids"][0].tolist(), *put_out], len(inputs["input_ids"][0]), segment
    )


@torch.no_grad()
def _generated(model: Any, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> list[int]:
    made = model.generate(**inputs, **options)
    ids: list[int] = getattr(made, "sequences", made)[0].tolist()
    return ids


def _extended(inputs: Mapping[str, Any], ids: list[int]) -> dict[str, Any]:
    """What is as long as the prompt grows with it: masks by 1, kinds of tokens by 0, which is text."""
    prompt = inputs["input_ids"]
    extended = dict(inputs)
    for name, value in inputs.items():
        if not isinstance(value, torch.Tensor) or value.shape != prompt.shape:
            continue
        tail = torch.tensor([ids]) if value is prompt else torch.full((1, len(ids)), int(name == "attention_mask"))
        extended[name] = torch.cat([value, tail.to(value)], dim=1)
    return extended


def has_decoder(model: Any) -> bool:
    """Whether answers are the sequence of a decoder of their own. BLIP has one, and a config that does not say so."""
    config = model.config
    if getattr(config, "use_decoder_only_language_model", False):
        return False
    return bool(config.is_encoder_decoder) or "decoder_input_ids" in inspect.signature(model.forward).parameters


def _start(model: Any) -> int:
    start = getattr(model.config, "decoder_start_token_id", None)
    if start is None:
        start = getattr(model.config.get_text_config(decoder=True), "bos_token_id", None)
    if start is None:
        raise CaptureError("the config names no token that its decoder starts with: generate the answer")
    return int(start)


def steps_of(logits: torch.Tensor, ids: list[int], first: int, tokenizer: Any) -> list[dict[str, Any]]:
    """Of each token that was put out: its probability in `[tokens, vocabulary]`, and the likeliest alternatives."""
    steps = []
    for place in range(max(first, 1), len(ids)):
        probabilities = logits[place - 1].float().softmax(-1)
        top, numbers = probabilities.topk(min(_TOP, len(probabilities)))
        words = tokenizer.convert_ids_to_tokens(numbers.tolist())
        steps.append(
            {
                "position": place,
                "token": tokenizer.convert_ids_to_tokens([ids[place]])[0],
                "probability": float(probabilities[ids[place]]),
                "top": [[str(word), probability] for word, probability in zip(words, top.tolist(), strict=True)],
            }
        )
    return steps


def chosen_of(logits: torch.Tensor, labels: Mapping[Any, str]) -> dict[str, Any]:
    """Of a model that chooses from a list, `[answers]`: the likeliest; the confidence is the largest of the softmax."""
    probabilities, answers = logits.float().softmax(-1).topk(min(_TOP, len(logits)))
    top = [
        [labels[number], probability]
        for number, probability in zip(answers.tolist(), probabilities.tolist(), strict=True)
    ]
    return {"prediction": top[0][0], "confidence": top[0][1], "top": top}
