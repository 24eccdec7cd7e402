"""Visual Commonsense Reasoning (Zellers et al. 2019, arXiv 1811.10830): a picture, its people and things, a question.

`train.jsonl`, `val.jsonl` and `test.jsonl` have an object a line. Words of questions and answers are strings, or lists
of numbers of `objects`; the objects' boxes are in a file beside the picture, in pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from ..trace import Region
from ._example import Example, ReadError


def vcr(
    annotations: str | PathLike[str], images: str | PathLike[str], task: Literal["answer", "rationale"] = "answer"
) -> Iterator[Example]:
    """The examples of a `.jsonl` file, with pictures in the folder `images` (`vcr1images`).

    An object is `[person1]` in text and `person1` among the regions, counted from 1 over all objects of a picture. The
    choices go behind the question, by letters, and the answer is a letter; with the task `rationale` the right answer
    stands behind the question, and the choices are reasons for it.
    """
    path = Path(annotations)
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _example(json.loads(line), Path(images), task)
            except (KeyError, IndexError, TypeError, json.JSONDecodeError) as error:
                raise ReadError(f"{path}: line {number} is no annotation of VCR: {error!r}") from error


def _example(fields: dict[str, Any], folder: Path, task: str) -> Example:
    names = [f"{kind}{number}" for number, kind in enumerate(fields["objects"], 1)]
    question = _text(fields["question"], names)
    is_rationale = task == "rationale"
    if is_rationale:
        question += f" {_text(fields['answer_choices'][fields['answer_label']], names)} Why?"
    choices = [_text(choice, names) for choice in fields["rationale_choices" if is_rationale else "answer_choices"]]
    label = fields.get("rationale_label" if is_rationale else "answer_label")
    lettered = [f"{chr(ord('A') + number)}. {choice}" for number, choice in enumerate(choices)]
    return Example(
        id=f"vcr/{fields['annot_id']}" + ("/rationale" if is_rationale else ""),
        question="\n".join([question, *lettered]),
        answer=None if label is None else chr(ord("A") + label),
        images=[Image.open(folder / fields["img_fn"])],
        regions=_regions(folder / fields["metadata_fn"], names),
        attributes={
            "movie": fields.get("movie"),
            "people": sum(kind == "person" for kind in fields["objects"]),
            "objects": len(names),
        },
    )


def _text(words: list[Any], names: list[str]) -> str:
    """Words as they are read: no space in front of what ends a sentence, objects by their names."""
    text = ""
    for word in words:
        shown = " and ".join(f"[{names[number]}]" for number in word) if isinstance(word, list) else str(word)
        joined = not text or shown in ("'s", "n't", "'re", "'ve", "'m", "'ll", "'d") or shown[:1] in ".,?!;:"
        text += shown if joined else f" {shown}"
    return text


def _regions(path: Path, names: list[str]) -> list[Region]:
    """The boxes of all objects, which have no area outside of the picture."""
    metadata = json.loads(path.read_text(encoding="utf-8"))
    if len(metadata["boxes"]) != len(names):
        raise ReadError(f"{path}: there are {len(metadata['boxes'])} boxes, expected {len(names)}: one for each object")
    width, height = metadata["width"], metadata["height"]
    regions = []
    for name, (left, top, right, bottom, *_) in zip(names, metadata["boxes"], strict=True):
        x0, x1 = (min(max(side / width, 0.0), 1.0) for side in (left, right))
        y0, y1 = (min(max(side / height, 0.0), 1.0) for side in (top, bottom))
        if x0 < x1 and y0 < y1:
            regions.append(Region(name, (x0, y0, x1, y1)))
    return regions
