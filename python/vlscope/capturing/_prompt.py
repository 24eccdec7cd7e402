"""From a question and pictures to what a model is called with, by the processor and its chat template."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
import torch

from .._images import image_of
from ..locate import fed, placeholder_ids
from ._checks import CaptureError

Message = Mapping[str, Any]
_PLURAL = {"image": "pictures", "video": "videos"}


@dataclass
class Prompt:
    """One example, before the processor."""

    #: What the tokenizer reads; None for a model that reads no text.
    text: str | None
    #: Parts of the text that somebody wrote, in order: role and content.
    written: list[tuple[str, str]]
    #: `[height, width, 3]` each: pictures, then the frames of videos.
    pictures: list[Any]
    #: How many of the pictures are stills; the rest are frames, so many of each video.
    stills: int
    frames: list[int] = field(default_factory=list)
    #: The text behind placeholders: for processors without a chat template that put none in front themselves.
    with_placeholders: str | None = None

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each picture."""
        return [picture.shape[:2] for picture in self.pictures]


def prompt_of(
    processor: Any,
    images: Any,
    videos: Sequence[Sequence[Any]],
    text: str | None,
    messages: Sequence[Message] | None,
) -> Prompt:
    """By the chat template where there is one; else the text as it is, behind the pictures' placeholders."""
    if text is not None and messages is not None:
        raise ValueError("give `text`, for one question, or `messages`, for a conversation, not both")
    images, videos = _several(images), [list(video) for video in videos]
    if messages is not None:
        parts = [part for message in messages for part in _parts(message)]
        images = _shown(parts, "image", images)
        videos = [_frames(video) for video in _shown(parts, "video", videos)]
    if (images or videos) and tokenizer_of(processor) is processor:
        raise ValueError("a tokenizer reads no pictures: give the model's processor (AutoProcessor)")
    has_template = bool(getattr(processor, "chat_template", None))
    if messages is None and text is not None and has_template:
        parts = [*[{"type": "image"}] * len(images), *[{"type": "video"}] * len(videos), {"type": "text", "text": text}]
        messages = [{"role": "user", "content": parts}]
    if messages is not None:
        if not has_template:
            raise CaptureError("the processor has no chat template: give `text`, with all that the model shall read")
        written = [
            (str(message["role"]), str(part["text"]))
            for message in messages
            for part in _parts(message)
            if part.get("type") == "text"
        ]
        bare = [{"role": message["role"], "content": _bare(processor, _parts(message))} for message in messages]
        rendered = processor.apply_chat_template(bare, add_generation_prompt=True, tokenize=False)
    else:
        written = [] if text is None else [("user", text)]
        rendered = text
    pictures = [image_of(picture) for picture in images]
    frames = [[image_of(frame) for frame in video] for video in videos]
    return Prompt(
        rendered,
        written,
        [*pictures, *(frame for video in frames for frame in video)],
        len(pictures),
        [len(video) for video in frames],
        None if text is None or has_template else _with_placeholders(processor, text, len(images), len(videos)),
    )


class Processed:
    """The processor, for one prompt: `process` of `vlscope.locate`."""

    def __init__(self, model: torch.nn.Module, processor: Any, prompt: Prompt, options: Mapping[str, Any]) -> None:
        self.model, self.processor, self.prompt, self.options = model, processor, prompt, options
        known = set(inspect.signature(model.forward).parameters)
        #: What the model reads; None if a wrapper around it does not say.
        self._known = known if known & {"input_ids", "pixel_values"} else None

    def __call__(self, pictures: Sequence[Any]) -> dict[str, Any]:
        """What the model is called with, for these pictures in place of the true ones."""
        prompt = self.prompt
        given: dict[str, Any] = {} if prompt.text is None else {"text": [prompt.text]}
        if prompt.stills:
            image_processor = getattr(self.processor, "image_processor", self.processor)
            given["images"] = [
                fed(np.asarray(picture, np.float64), image_processor) for picture in pictures[: prompt.stills]
            ]
        if prompt.frames:
            rest, videos = list(pictures[prompt.stills :]), []
            for count in prompt.frames:
                videos.append(torch.from_numpy(np.stack(rest[:count]).transpose(0, 3, 1, 2).copy()).float())
                rest = rest[count:]
            given |= {"videos": videos, "do_sample_frames": False}
        made = self.processor(**given, return_tensors="pt", **self.options)
        return {name: value for name, value in made.items() if self._known is None or name in self._known}

    def inputs(self) -> dict[str, Any]:
        """For the true pictures, where the model is and as it computes."""
        device, dtype = _device(self.model), _dtype(self.model)
        made = self._made()
        return {
            name: value.to(device, dtype if value.is_floating_point() else value.dtype)
            if isinstance(value, torch.Tensor)
            else value
            for name, value in made.items()
        }

    def _made(self) -> dict[str, Any]:
        """With placeholders in front of the text where the processor needs them to be there."""
        prompt = self.prompt
        placeholders = placeholder_ids(getattr(self.model, "config", None))
        if prompt.with_placeholders in (None, prompt.text) or not placeholders:
            return self(prompt.pictures)
        try:
            made = self(prompt.pictures)
            has_placeholders = bool(torch.isin(made["input_ids"], torch.tensor(sorted(placeholders))).any())
        except (ValueError, IndexError):
            has_placeholders = False
        if has_placeholders:
            return made
        prompt.text = prompt.with_placeholders
        return self(prompt.pictures)


def _device(model: torch.nn.Module) -> Any:
    """Where a model reads its inputs. What accelerate has put away is on `meta` until it is needed."""
    offloaded = getattr(getattr(model, "_hf_hook", None), "execution_device", None)
    if offloaded is not None:
        return offloaded
    return next((of.device for of in model.parameters() if of.device.type != "meta"), None)


def _dtype(model: torch.nn.Module) -> torch.dtype:
    """As what a model computes; weights that are quantised are whole numbers."""
    return next((of.dtype for of in model.parameters() if of.is_floating_point()), torch.float32)


def _parts(message: Message) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _shown(parts: list[dict[str, Any]], kind: str, given: list[Any]) -> list[Any]:
    """The pictures or videos of a conversation: its own, or those that were given beside it."""
    shown = [part for part in parts if part.get("type") == kind]
    own = [part[key] for part in shown for key in (kind, "url", "path") if key in part]
    if own and given:
        raise ValueError(f"{_PLURAL[kind]} are in `messages` and in `{kind}s`: give them once")
    if len(shown) != len(own or given):
        raise ValueError(
            f"`messages` show {len(shown)} {_PLURAL[kind]}, but there are {len(own or given)} in `{kind}s`"
        )
    return own or given


def _frames(video: Any) -> list[Any]:
    if isinstance(video, (str, PathLike)):
        raise ValueError(f"{video} is the name of a video: load it, and give its frames")
    return list(video)


def _bare(processor: Any, parts: list[dict[str, Any]]) -> Any:
    """Without the picture itself, which a template would print or load; a tokenizer's template reads text."""
    if tokenizer_of(processor) is processor:
        return "\n".join(str(part["text"]) for part in parts)
    return [part if part.get("type") == "text" else {"type": part.get("type")} for part in parts]


def _several(images: Any) -> list[Any]:
    """One picture is a list of one."""
    is_one = isinstance(images, (str, PathLike)) or hasattr(images, "convert") or getattr(images, "ndim", 4) < 4
    return [images] if is_one else list(images)


def tokenizer_of(processor: Any) -> Any:
    """The processor's, or itself where it is one; None for a processor of pictures alone."""
    return getattr(processor, "tokenizer", processor if hasattr(processor, "convert_ids_to_tokens") else None)


def _with_placeholders(processor: Any, text: str, images: int, videos: int) -> str:
    """The text behind as many placeholders as there are pictures, unless it has them."""
    for count, name in ((videos, "video_token"), (images, "image_token")):
        token = getattr(processor, name, None)
        if count and isinstance(token, str) and text.count(token) != count:
            if token in text:
                raise ValueError(f"the text has {text.count(token)} times {token}, but there are {count} pictures")
            text = token * count + text
    return text
