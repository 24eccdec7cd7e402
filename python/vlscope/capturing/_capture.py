"""`vlscope.capture`: prompt, answer, one recorded forward over both, and what is told of it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch

from ..locate import Cache, LocateError, Place, locate, placeholder_ids
from ..recording import Block, Tape, record
from ..recording import Sequence as Recorded
from ..relevance import Asked, Norms
from ..trace import Region, Token, Trace
from ._answer import Answer, answered, check_generate, chosen_of, generated, has_decoder, is_sampled, steps_of
from ._batch import can_join, is_apart, joined
from ._checks import CaptureError
from ._explained import SIMILARITY, check_names, explained, likened, modules_of, of_encoder
from ._prompt import Message, Processed, Prompt, prompt_of, tokenizer_of
from ._segments import segments_of
from ._tokens import tokens_of
from ._words import words_of

#: Places by model and by what identifies its processor: pictures of one size are located once.
_PLACES: WeakKeyDictionary[torch.nn.Module, dict[int, Cache]] = WeakKeyDictionary()


def capture_one(
    model: Any,
    processor: Any,
    *,
    images: Any = (),
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
    processing: Mapping[str, Any] | None = None,
    id: Any = None,
    regions: Sequence[Region] = (),
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """A trace of what a model of transformers makes of a question and pictures.

    - `images`: PIL pictures or arrays; `videos`: lists of frames, which become images with `times` in seconds, a number
      for each frame of all videos. The processor takes all frames that it is given.
    - `text` goes through the chat template where there is one; `messages` is a conversation, with its pictures in it or
      in `images`. A list of texts (of conversations) is a batch: with a list of pictures for each, answers and ids in
      lists, the result is a list of traces, as if each were captured by itself. They are generated and read together
      where the pictures have one shape and nothing is drawn at random, else one by one.
    - `generate`: options of `model.generate`; what comes out is the segment `generated`. Without, an `answer` is put
      behind the prompt as the segment `answer`; with, it is what `outputs["correct"]` compares.
    - `relevance`: of `chefer`, `gradient_attention`, `integrated_gradients`, `contribution_norms`,
      `logit_contributions`, `occlusion`, for each token put out; `interaction` puts two shares into `outputs`.
    - `processing`: options of the processor, such as `{"do_pan_and_scan": True}`.
    - `words`: the logit lens, so many words a state (True: 5).
    - `keep`, `statistics`, `where`: as in `vlscope.record`; `dtype`: as in `Tape.trace`; `regions`, `attributes`: as in
      `Trace`.

    The prompt and what was put out are read in one recorded forward. Segments are `system`, `prompt` (the template's
    words), `question`, `answer`, `generated`. Image tokens have their boxes (`vlscope.locate`). Raises `CaptureError`
    for what would not show what the model does, `ValueError` for what does not fit together.
    """
    options: dict[str, Any] = {
        "generate": generate, "relevance": relevance, "words": words, "keep": keep, "statistics": statistics,
        "dtype": dtype, "where": where, "processing": processing, "attributes": attributes, "regions": regions,
    }  # fmt: skip
    if not hasattr(model, "config") or not callable(processor):
        raise CaptureError(
            f"`capture` takes a model of transformers and its processor or tokenizer, not {type(model).__name__} and "
            f"{type(processor).__name__}: record other models by `vlscope.record`"
        )
    batch = _batch(text, messages)
    check_names(relevance)
    if generate is not None:
        check_generate(model, generate)
    if batch is None:
        prompt = prompt_of(processor, images, videos, text, messages)  # type: ignore[arg-type]
        return _one(_Capture(model, processor, prompt, times, answer, id, options))
    if videos:
        raise ValueError("videos are captured one at a time: give one text, or one conversation")
    for name, value in (("images", images), ("answer", answer), ("id", id)):
        if value and len(value) != len(batch):
            raise ValueError(f"there are {len(batch)} texts, but {len(value)} in `{name}`: expected one for each")
    nothing = [None] * len(batch)
    shown = images or [()] * len(batch)
    captures = [
        _Capture(model, processor, prompt_of(processor, pictures, (), **read), times, expected, name, options)
        for pictures, read, expected, name in zip(shown, batch, answer or nothing, id or nothing, strict=True)
    ]
    return _together(captures) or [_one(capture) for capture in captures]


def _batch(text: Any, messages: Any) -> list[dict[str, Any]] | None:
    """The text and the messages of each example; None if there is one example."""
    if text is not None and not isinstance(text, str):
        return [{"text": one, "messages": None} for one in text]
    if messages and not isinstance(messages[0], Mapping):
        return [{"text": None, "messages": one} for one in messages]
    return None


@dataclass(frozen=True)
class _Run:
    """One recorded forward, of one example or several."""

    tape: Tape
    norms: Norms
    out: Any
    #: Whether random numbers were drawn.
    is_random: bool


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
        self.tokenizer = tokenizer_of(processor)
        self.times, self.expected, self.id, self.options = list(times), expected, id, options
        if self.times and len(self.times) != len(prompt.pictures):
            raise ValueError(f"there are {len(prompt.pictures)} frames and pictures, but {len(self.times)} times")

    @cached_property
    def process(self) -> Processed:
        return Processed(self.model, self.processor, self.prompt, self.options["processing"] or {})

    @cached_property
    def inputs(self) -> dict[str, Any]:
        return self.process.inputs()

    def answer(self, generated: list[int] | None) -> Answer:
        return answered(self.model, self.tokenizer, self.inputs, generated, self.expected)

    def run(self, inputs: Mapping[str, Any]) -> _Run:
        """The recorded forward."""
        recorded = record(self.model, where=self.options["where"], statistics=self.options["statistics"])
        norms = Norms(self.model)
        with _same_again(self.model), torch.no_grad(), norms.watched(), recorded as tape:
            before = _random_state(self.model)
            out = self.model(**inputs, **self._plain())
            is_random = not torch.equal(before, _random_state(self.model))
        return _Run(tape, norms, out, is_random)

    def trace(self, run: _Run, answer: Answer, example: int = 0) -> Trace:
        """Of one example of the forward."""
        tokens = self._tokens(run.tape, answer, example)
        # A sequence that nothing is known of has what the tape makes of it.
        given = {name: found for name, found in tokens.items() if found is not None}
        trace = run.tape.trace(
            processor=self.processor,
            inputs=answer.inputs,
            images=self.prompt.pictures,
            example=example,
            tokens=given,
            keep=self.options["keep"],
            dtype=self.options["dtype"],
            id=self.id,
        )
        trace.image_times = list(self.times)
        trace.attributes = dict(self.options["attributes"] or {})
        trace.regions = list(self.options["regions"])
        self._tell(trace, run, answer, example)
        trace.check()
        return trace

    def _plain(self) -> dict[str, Any]:
        """No cache: there is no next step."""
        return {"use_cache": False} if "use_cache" in inspect.signature(self.model.forward).parameters else {}

    def _tokens(self, tape: Tape, answer: Answer, example: int) -> dict[str, list[Token] | None]:
        read = answer.inputs.get("input_ids")
        ids: list[int] = [] if read is None else read[0].tolist()
        placeholders = placeholder_ids(self.model.config)
        segments = segments_of(self.tokenizer, ids, placeholders, self.prompt.written) if self.tokenizer and ids else []
        if answer.ids == ids and answer.segment:
            segments[answer.first :] = [answer.segment] * (len(ids) - answer.first)
        found: dict[str, list[Token] | None] = {}
        for sequence in tape.sequences():
            lengths = (sequence.length, tape.length(sequence, example))
            places = self._places(sequence, lengths, answer.inputs)
            tokens = places and tokens_of(places, ids, segments, self.tokenizer)
            found[sequence.name] = tokens or self._decoder_tokens(sequence, answer)
        return found

    def _decoder_tokens(self, sequence: Recorded, answer: Answer) -> list[Token] | None:
        """What a decoder put out, if this is what it read."""
        is_decoder = has_decoder(self.model) and "decoder" in str(sequence.module)
        if not is_decoder or answer.ids is None or len(answer.ids) != sequence.length or self.tokenizer is None:
            return None
        special = set(self.tokenizer.all_special_ids)
        texts = self.tokenizer.convert_ids_to_tokens(answer.ids)
        return [
            Token(str(text), special=id in special, segment=(answer.segment or None) if place >= answer.first else None)
            for place, (id, text) in enumerate(zip(answer.ids, texts, strict=True))
        ]

    def _places(self, sequence: Recorded, lengths: tuple[int, int], inputs: Mapping[str, Any]) -> Any:
        """Of a sequence of so many tokens, with padding or without."""
        if not self.prompt.pictures:
            count = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
            is_text = count in lengths and not (has_decoder(self.model) and "decoder" in str(sequence.module))
            return [Place("text", text=at) for at in range(count)] if is_text else None
        if sequence.module is None:
            return None
        cache = _PLACES.setdefault(self.model, {}).setdefault(_number(self.processor, self.options["processing"]), {})
        try:
            located = locate(self.model, inputs, self.process, self.prompt.sizes, sequence.module, cache=cache)
        except LocateError as error:
            raise CaptureError(f"the tokens of `{sequence.name}` cannot be located: {error}") from error
        return located.places if len(located.places) in lengths else None

    def _tell(self, trace: Trace, run: _Run, answer: Answer, example: int) -> None:
        """What was put out, and why."""
        tape = run.tape
        logits = self._logits(run, answer, example)
        labels = getattr(self.model.config, "id2label", None) or {}
        similarity = getattr(run.out, "logits_per_image", None)
        if similarity is not None:
            trace.outputs = {"similarity": float(similarity[example, example])}
            if SIMILARITY in self.options["relevance"]:
                block = next(block for block in tape.blocks() if "vision" in block.path and block.is_self)
                tokens = next(str(of.module) for of in tape.sequences() if of.name == block.query)
                trace.relevance.append(likened(self.model, answer.inputs, block, tokens))
            return
        if logits is not None and logits.dim() == 2 and len(logits) == 1 and len(labels) == logits.shape[-1]:
            chosen = chosen_of(logits[0], labels)
            trace.outputs = {**chosen, **self._compared(chosen["prediction"])}
        if answer.ids is None or self.tokenizer is None or (logits is not None and logits.dim() == 2):
            return
        put_out = answer.ids[answer.first :]
        is_told = logits is not None and logits.shape[1] == len(answer.ids)
        if put_out:
            said = self.tokenizer.decode(put_out, skip_special_tokens=True).strip()
            # An answer that was given is the model's own neither right nor wrong.
            compared = self._compared(said) if answer.segment == "generated" else {"answer": said}
            trace.outputs = {"prediction": said, **compared}
        if put_out and logits is not None and is_told:
            steps = steps_of(logits[0], answer.ids, answer.first, self.tokenizer)
            confidence = float(torch.tensor([step["probability"] for step in steps], dtype=torch.float64).prod())
            trace.outputs |= {"confidence": confidence, "steps": steps}
        if self.options["relevance"] or self.options["words"]:
            if logits is None or not is_told:
                raise CaptureError(
                    f"{type(self.model).__name__} gives no logits of each token: leave `relevance` and `words` out"
                )
            self._explain(trace, run, answer, logits)

    def _compared(self, said: str) -> dict[str, Any]:
        if self.expected is None:
            return {}
        return {"answer": self.expected, "correct": said == self.expected}

    def _logits(self, run: _Run, answer: Answer, example: int) -> torch.Tensor | None:
        """Of one example, `[1, tokens, vocabulary]` without padding, or `[1, answers]`."""
        logits: torch.Tensor | None = getattr(run.out, "logits", None)
        if logits is None or len(logits) == 1:
            return logits
        one = logits[example : example + 1]
        return one if one.dim() == 2 or answer.ids is None else one[:, : len(answer.ids)]

    def _explain(self, trace: Trace, run: _Run, answer: Answer, logits: torch.Tensor) -> None:
        """Words and relevance, of the sequence that the logits are of."""
        assert answer.ids is not None
        tape = run.tape
        names, words = list(self.options["relevance"]), self.options["words"]
        found = self._main(tape, run.out.logits.shape[1])
        if found is None or len(trace.sequences[found[1].name]) != len(answer.ids):
            raise CaptureError(
                "no stack of self-attention reads the tokens that the logits are of: leave `relevance` out"
            )
        block, sequence = found
        if words:
            top = 5 if words is True else int(words)
            states = trace.hidden.get(sequence.name, [])
            found_norm = run.norms.behind(str(sequence.module))
            norm, head = found_norm and found_norm[0], self.model.get_output_embeddings()
            trace.words[sequence.name] = words_of(head, norm, states, logits[0], self.tokenizer, top)
        positions = list(range(max(answer.first, 1), len(answer.ids)))
        if names and not positions:
            raise CaptureError("nothing was put out that relevance could explain: give `generate` or `answer`")
        if names:
            asked = Asked(
                self.model,
                {**answer.inputs, **self._plain()},
                [position - 1 for position in positions],
                [answer.ids[position] for position in positions],
                modules_of(block),
                str(sequence.module),
            )
            relevance, outputs = explained(asked, names, block, positions, trace.sequences[sequence.name])
            if "chefer" in names and (read := of_encoder(asked, block, tape.blocks(), positions)) is not None:
                relevance.append(read)
            trace.relevance += relevance
            trace.outputs |= outputs

    def _main(self, tape: Tape, length: int) -> tuple[Block, Recorded] | None:
        """The last stack of self-attention that reads as many tokens, and these."""
        sequences = {sequence.name: sequence for sequence in tape.sequences()}
        blocks = [block for block in tape.blocks() if block.is_self and block.query_count == length]
        if not blocks or sequences[blocks[-1].query].module is None:
            return None
        return blocks[-1], sequences[blocks[-1].query]


@torch.inference_mode(False)
@torch.enable_grad()
def _one(capture: _Capture) -> Trace:
    """By itself."""
    options = capture.options["generate"]
    with _same_again(capture.model):
        put_out = None if options is None else generated(capture.model, capture.inputs, options)[0]
    answer = capture.answer(put_out)
    return capture.trace(capture.run(answer.inputs), answer)


@torch.inference_mode(False)
@torch.enable_grad()
def _together(captures: Sequence[_Capture]) -> list[Trace] | None:
    """All in one forward; None where they would not be as they are by themselves."""
    model, options = captures[0].model, captures[0].options["generate"]
    is_alone = len(captures) < 2 or has_decoder(model) or is_sampled(options or {})
    if is_alone or not can_join([capture.inputs for capture in captures]):
        return None
    pad = getattr(captures[0].tokenizer, "pad_token_id", None) or 0
    put_out: Sequence[list[int] | None] = [None] * len(captures)
    if options is not None:
        prompts = joined([capture.inputs for capture in captures], pad, left=True)
        put_out = generated(model, prompts, {"pad_token_id": pad, **options})
    answers = [capture.answer(ids) for capture, ids in zip(captures, put_out, strict=True)]
    run = captures[0].run(joined([answer.inputs for answer in answers], pad, left=False))
    if run.is_random or not is_apart(run.tape, len(captures)):
        return None
    pairs = zip(captures, answers, strict=True)
    return [capture.trace(run, answer, example) for example, (capture, answer) in enumerate(pairs)]


def _number(processor: Any, options: Any) -> int:
    """Of a processor, by its options: one that was changed makes other tokens."""
    return hash((repr(getattr(processor, "image_processor", processor)), repr(options)))


def _random_state(model: torch.nn.Module) -> torch.Tensor:
    """Of the generators that a forward may draw from."""
    device = next((of.device for of in model.parameters()), None)
    states = [torch.get_rng_state()]
    if device is not None and device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return torch.cat(states)


def _same_again(model: torch.nn.Module) -> Any:
    """Whoever draws random numbers (ViLT's order of patches) draws the same each time."""
    device = next((of.device for of in model.parameters()), None)
    return torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else [])


__all__ = ["Message", "capture_one"]
