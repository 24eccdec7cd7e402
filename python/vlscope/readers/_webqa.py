"""WebQA (Chang et al. 2022, arXiv 2109.00590): a question, and the pictures and snippets that answer it.

`WebQA_train_val.json` is an object by guid. All pictures are in `imgs.tsv`, a line each: id, tab, base64; line `n` of
`imgs.lineidx` tells at which byte that of the picture with the id 30000000 + `n` begins.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from PIL import Image

from ._example import Example, ReadError

_FIRST_ID = 10_000_000


def webqa(
    annotations: str | PathLike[str],
    images: str | PathLike[str],
    *,
    split: str | None = None,
    distractors: int = 0,
) -> Iterator[Example]:
    """The examples that pictures answer, with all of these in order; `images` is the folder of `imgs.tsv`.

    `split` is `train` or `val`, both if absent; so many `distractors` (pictures that do not help) come behind. Captions
    are an attribute: the question alone is read.
    """
    path, pictures = Path(annotations), _Pictures(Path(images))
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ReadError(f"{path}: no JSON: {error}") from error
    for guid, fields in entries.items():
        try:
            if not fields["img_posFacts"] or split not in (None, fields["split"]):
                continue
            facts = [*fields["img_posFacts"], *fields["img_negFacts"][:distractors]]
            answers = [_unquoted(answer) for answer in fields["A"]]
        except (KeyError, TypeError) as error:
            raise ReadError(f"{path}: `{guid}` is no entry of WebQA: {error!r}") from error
        yield Example(
            id=f"webqa/{guid}",
            question=_unquoted(fields["Q"]),
            # In the test file all answers are "TBD".
            answer=answers[0] if answers and answers != ["TBD"] else None,
            images=[pictures[int(fact["image_id"])] for fact in facts],
            attributes={
                "category": fields.get("Qcate"),
                "topic": fields.get("topic"),
                "split": fields.get("split"),
                "captions": [fact.get("caption") for fact in facts],
                "distractors": len(facts) - len(fields["img_posFacts"]),
            },
        )


def _unquoted(text: str) -> str:
    return text.strip().removeprefix('"').removesuffix('"')


class _Pictures:
    """The pictures of `imgs.tsv`, by id."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "imgs.tsv"
        self.places = [int(line) for line in (folder / "imgs.lineidx").read_text().split()]

    def __getitem__(self, id: int) -> Any:
        line = id % _FIRST_ID
        if line >= len(self.places):
            raise ReadError(f"{self.path}: picture {id} is line {line}, but `imgs.lineidx` has {len(self.places)}")
        with self.path.open("rb") as file:
            file.seek(self.places[line])
            found, _, data = file.readline().partition(b"\t")
        if found.strip() != str(id).encode():
            raise ReadError(f"{self.path}: line {line} has picture {found.decode(errors='replace')!s}, expected {id}")
        try:
            return Image.open(io.BytesIO(base64.b64decode(data, validate=False)))
        except (binascii.Error, OSError) as error:
            raise ReadError(f"{self.path}: picture {id} cannot be read: {error}") from error
