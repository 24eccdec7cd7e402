"""`vlscope.capture`: prompt, answer, one recorded forward over both, and what is told of it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch

from ..locate import Cache, LocateError, locate, placeholder_ids
from ..recording import Block, Tape, record
from ..recording import Sequence as Recorded
from ..relevance import Asked
from ..trace import Token, Trace
from ._answer import Answer, answered, chosen_of, steps_of
from ._checks import CaptureError
from ._explained import check_names, explained
from ._prompt import Message, Processed, Prompt, prompt_of
from ._segments import segments_of
from ._tokens import tokens_of
from ._words import words_of

#: Places by model and by what identifies its processor: pictures of one size are located once.
_PLACES: WeakKeyDictionary[torch.nn.Module, dict[int, Cache]] = WeakKeyDictionary()


def capture_one(
    model: Any,
    processor: Any,
    *,
    images: Sequence[Any] = (),
    text: str | Sequence[str] | None = None,
    messages: Sequence[Any] | None = None,
    videos: Sequence[Sequence[Any]] = (),
    times: Sequence[float] = (),
    generate: Mapping[str, Any] | None = None,
    answer: Any = None,
    relevance: Sequence[str] = (),
    words: bool | int = False,
    keep: Literal["queries_keys", "weights"] = "queries_keys",
    statistics: bool = True,
    dtype: str | None = None,
    where: str | None = None,
    id: Any = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """A trace of what a model of transformers makes of a question and pictures.

    - `images`: PIL pictures or arrays; `videos`: lists of frames, which become images with `times` in seconds, a number
      for each frame of all videos. The processor takes all frames that it is given.
    - `text` goes through the chat template where there is one; `messages` is a conversation, with its pictures in it or
      in `images`. A list of texts (of conversations) is a batch: with a list of pictures for each, answers and ids in
      lists, the result is a list of traces. Each is read by itself, so that no padding is between.
    - `generate`: options of `model.generate`; what comes out is the segment `generated`. Without, an `answer` is put
      behind the prompt as the segment `answer`; with, it is what `outputs["correct"]` compares.
    - `relevance`: of `chefer`, `gradient_attention`, `integrated_gradients`, `contribution_norms`,
      `logit_contributions`, `occlusion`, for each token put out; `interaction` puts two shares into `outputs`.
    - `words`: the logit lens, so many words a state (True: 5).
    - `keep`, `statistics`, `where`: as in `vlscope.record`; `dtype`: as in `Tape.trace`.

    The prompt and what was put out are read in one recorded forward. Segments are `system`, `prompt` (the template's
    words), `question`, `answer`, `generated`. Image tokens have their boxes (`vlscope.locate`). Raises `CaptureError`
    for what would not show what the model does, `ValueError` for what does not fit together.
    """
    options: dict[str, Any] = {
        "generate": generate, "relevance": relevance, "words": words, "keep": keep, "statistics": statistics,
        "dtype": dtype, "where": where, "attributes": attributes,
    }  # fmt: skip
    batch = _batch(text, messages)
    if batch is None:
        check_names(relevance)
        prompt = prompt_of(processor, images, videos, text, messages)  # type: ignore[arg-type]
        return _Capture(model, processor, prompt, times, answer, id, options).trace()
    if videos:
        raise ValueError("videos are captured one at a time: give one text, or one conversation")
    for name, value in (("images", images), ("answer", answer), ("id", id)):
        if value and len(value) != len(batch):
            raise ValueError(f"there are {len(batch)} texts, but {len(value)} in `{name}`: expected one for each")
    nothing = [None] * len(batch)
    shown = [one if isinstance(one, (list, tuple)) else [one] for one in images or [()] * len(batch)]
    return [
        capture_one(model, processor, images=pictures, answer=expected, id=name, **read, **options)
        for pictures, read, expected, name in zip(shown, batch, answer or nothing, id or nothing, strict=True)
    ]


def _batch(text: Any, messages: Any) -> list[dict[str, Any]] | None:
    """One set of arguments for each example; None if there is one example."""
    if text is not None and not isinstance(text, str):
        return [{"text": one} for one in text]
    if messages and not isinstance(messages[0], Mapping):
        return [{"messages": one} for one in messages]
    return None


class _Capture:
    """One example."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        prompt: Prompt,
        times: Sequence[float],
        expected: str | None,
        id: str | None,
        options: Mapping[str, Any],
    ) -> None:
        self.model, self.processor, self.prompt = model, processor, prompt
        self.tokenizer = getattr(processor, "tokenizer", None)
        self.times, self.expected, self.id, self.options = list(times), expected, id, options
        if self.times and len(self.times) != len(prompt.pictures):
            raise ValueError(f"there are {len(prompt.pictures)} frames and pictures, but {len(self.times)} times")

    def trace(self) -> Trace:
        process = Processed(self.model, self.processor, self.prompt)
        inputs = process.inputs()
        with _same_again(self.model):
            answer = answered(self.model, self.tokenizer, inputs, self.options["generate"], self.expected)
        where = self.options["where"]
        recorded = record(self.model, where=where, statistics=self.options["statistics"])
        with _same_again(self.model), torch.no_grad(), recorded as tape:
            out = self.model(**answer.inputs, **self._plain())
        tokens = self._tokens(tape, process, answer)
        # A sequence that nothing is known of has what the tape makes of it.
        given = {name: found for name, found in tokens.items() if found is not None}
        trace = tape.trace(
            processor=self.processor,
            inputs=answer.inputs,
            images=self.prompt.pictures,
            tokens=given,
            keep=self.options["keep"],
            dtype=self.options["dtype"],
            id=self.id,
        )
        trace.image_times = list(self.times)
        trace.attributes = dict(self.options["attributes"] or {})
        self._tell(trace, tape, answer, out)
        trace.check()
        return trace

    def _plain(self) -> dict[str, Any]:
        """No cache: there is no next step."""
        return {"use_cache": False} if "use_cache" in inspect.signature(self.model.forward).parameters else {}

    def _tokens(self, tape: Tape, process: Processed, answer: Answer) -> dict[str, list[Token] | None]:
        read = answer.inputs.get("input_ids")
        ids: list[int] = [] if read is None else read[0].tolist()
        placeholders = placeholder_ids(self.model.config)
        segments = segments_of(self.tokenizer, ids, placeholders, self.prompt.written) if self.tokenizer and ids else []
        if answer.ids == ids and answer.segment:
            segments[answer.first :] = [answer.segment] * (len(ids) - answer.first)
        found: dict[str, list[Token] | None] = {}
        for sequence in tape.sequences():
            places = self._places(sequence, process, answer.inputs)
            found[sequence.name] = places and tokens_of(places, ids, segments, self.tokenizer)
        return found

    def _places(self, sequence: Recorded, process: Processed, inputs: Mapping[str, Any]) -> Any:
        if sequence.module is None or not self.prompt.pictures:
            return None
        cache = _PLACES.setdefault(self.model, {}).setdefault(_number(self.processor), {})
        try:
            located = locate(self.model, inputs, process, self.prompt.sizes, sequence.module, cache=cache)
        except LocateError as error:
            raise CaptureError(f"the tokens of `{sequence.name}` cannot be located: {error}") from error
        return located.places if len(located.places) == sequence.length else None

    def _tell(self, trace: Trace, tape: Tape, answer: Answer, out: Any) -> None:
        """What was put out, and why."""
        logits = getattr(out, "logits", None)
        if logits is None:
            return
        if logits.dim() == 2 or answer.ids is None or self.tokenizer is None:
            labels = getattr(self.model.config, "id2label", None)
            if logits.dim() == 2 and len(logits) == 1 and labels and len(labels) == logits.shape[-1]:
                trace.outputs = {
                    **chosen_of(logits[0], labels),
                    **self._compared(chosen_of(logits[0], labels)["prediction"]),
                }
            return
        put_out = answer.ids[answer.first :]
        steps = steps_of(logits[0], answer.ids, answer.first, self.tokenizer) if put_out else []
        if put_out:
            said = self.tokenizer.decode(put_out, skip_special_tokens=True).strip()
            confidence = float(torch.tensor([step["probability"] for step in steps], dtype=torch.float64).prod())
            trace.outputs = {"prediction": said, "confidence": confidence, "steps": steps, **self._compared(said)}
        self._explain(trace, tape, answer, logits)

    def _compared(self, said: str) -> dict[str, Any]:
        if self.expected is None:
            return {}
        return {"answer": self.expected, "correct": said == self.expected}

    def _explain(self, trace: Trace, tape: Tape, answer: Answer, logits: torch.Tensor) -> None:
        """Words and relevance, of the sequence that the logits are of."""
        assert answer.ids is not None
        names, words = list(self.options["relevance"]), self.options["words"]
        if not names and not words:
            return
        found = self._main(tape, len(answer.ids))
        if found is None or len(trace.sequences[found[1].name]) != len(answer.ids):
            raise CaptureError(
                "no stack of self-attention reads the tokens that the logits are of: leave `relevance` out"
            )
        block, sequence = found
        if words:
            top = 5 if words is True else int(words)
            states = trace.hidden.get(sequence.name, [])
            trace.words[sequence.name] = words_of(self.model, states, logits[0], self.tokenizer, top)
        positions = list(range(max(answer.first, 1), len(answer.ids)))
        if names and not positions:
            raise CaptureError("nothing was put out that relevance could explain: give `generate` or `answer`")
        if names:
            asked = Asked(
                self.model,
                {**answer.inputs, **self._plain()},
                [position - 1 for position in positions],
                [answer.ids[position] for position in positions],
                [block.path.replace("*", str(layer)) for layer in sorted(block.layers)],
                str(sequence.module),
            )
            relevance, outputs = explained(asked, names, block, positions, trace.sequences[sequence.name])
            trace.relevance += relevance
            trace.outputs |= outputs

    def _main(self, tape: Tape, length: int) -> tuple[Block, Recorded] | None:
        """The last stack of self-attention that reads as many tokens, and these."""
        sequences = {sequence.name: sequence for sequence in tape.sequences()}
        blocks = [block for block in tape.blocks() if block.is_self and block.query_count == length]
        if not blocks or sequences[blocks[-1].query].module is None:
            return None
        return blocks[-1], sequences[blocks[-1].query]


def _number(processor: Any) -> int:
    """Of a processor, by its options: one that was changed makes other tokens."""
    return hash(repr(getattr(processor, "image_processor", processor)))


def _same_again(model: torch.nn.Module) -> Any:
    """Whoever draws random numbers (ViLT's order of patches) draws the same each time."""
    device = next((of.device for of in model.parameters()), None)
    return torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else [])


__all__ = ["Message", "capture_one"]
