"""What a model puts out behind a prompt, and the inputs with which it reads all of it at once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
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
    model: Any, tokenizer: Any, inputs: Mapping[str, Any], generated: Sequence[int] | None, answer: str | None
) -> Answer:
    """Puts what was generated, or else the answer that was given, behind the prompt."""
    is_encoder_decoder = has_decoder(model)
    name = "decoder_input_ids" if is_encoder_decoder else "input_ids"
    if generated is not None:
        put_out, segment = list(generated), "generated"
    elif answer is not None and can_generate(model) and tokenizer is not None:
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


def can_generate(model: Any) -> bool:
    return hasattr(model, "generate") and (has_decoder(model) or model.get_output_embeddings() is not None)


def check_generate(model: Any, options: Mapping[str, Any]) -> None:
    """What would not give one answer to each question."""
    if not can_generate(model):
        raise CaptureError(f"{type(model).__name__} does not generate: leave `generate` out")
    if (_option(model, options, "num_return_sequences") or 1) != 1:
        raise CaptureError("a trace is of one answer: leave `num_return_sequences` out, and capture several times")


def is_sampled(options: Mapping[str, Any]) -> bool:
    """Whether each run may put out another answer."""
    return bool(getattr(options.get("generation_config"), "do_sample", False) or options.get("do_sample"))


@torch.no_grad()
def generated(model: Any, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> list[list[int]]:
    """What is put out behind each prompt of a batch, up to its end."""
    made = model.generate(**inputs, **_defaults(options), **options)
    rows: list[list[int]] = getattr(made, "sequences", made).tolist()
    if has_decoder(model):
        return rows
    prompts = inputs["input_ids"].tolist()
    # Some give the prompt back, some (that embed it themselves) do not.
    new = [
        row[len(prompt) :] if row[: len(prompt)] == prompt else row for row, prompt in zip(rows, prompts, strict=True)
    ]
    return [_ended(row, _ends(model, options)) for row in new] if len(new) > 1 else new


def _defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Ours, where the caller has none: one of transformers goes before a whole `generation_config`."""
    if options.get("generation_config") is not None:
        return {}
    known = {"max_new_tokens", *options} if "max_length" in options else set(options)
    return {name: value for name, value in _DEFAULTS.items() if name not in known}


def _option(model: Any, options: Mapping[str, Any], name: str) -> Any:
    """As `model.generate` takes it."""
    config = options.get("generation_config") or getattr(model, "generation_config", None)
    return options.get(name, getattr(config, name, None))


def _ends(model: Any, options: Mapping[str, Any]) -> set[int]:
    ends = _option(model, options, "eos_token_id")
    return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)


def _ended(ids: list[int], ends: set[int]) -> list[int]:
    """Without the padding behind the end, where others went on."""
    last = next((place for place, id in enumerate(ids) if id in ends), len(ids))
    return ids[: last + 1]


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
