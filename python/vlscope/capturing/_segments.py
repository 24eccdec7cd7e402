"""Which part of a conversation each token belongs to: `system`, `question`, `answer`, `generated`, or `prompt`.

The template's own words are `prompt`. What somebody wrote is found in the text of the ids again, run by run between the
pictures: the text of a run is decoded, tokenised again for the places of its tokens, and searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: What roles are called in a trace.
_SEGMENTS = {"system": "system", "user": "question", "assistant": "answer"}


def segments_of(
    tokenizer: Any, ids: Sequence[int], placeholders: set[int], written: Sequence[tuple[str, str]]
) -> list[str]:
    """By token of a prompt."""
    segments = ["prompt"] * len(ids)
    left = [(role, content.strip()) for role, content in written if content.strip()]
    for start, end in _runs(ids, placeholders):
        text, spans = _spans(tokenizer, list(ids[start:end]))
        searched = 0
        while left:
            role, content = left[0]
            found = text.find(content, searched)
            if found < 0:
                break
            searched = found + len(content)
            for token, (first, last) in enumerate(spans, start):
                if first < searched and last > found:
                    segments[token] = _SEGMENTS.get(role, role)
            left.pop(0)
    return segments


def _runs(ids: Sequence[int], placeholders: set[int]) -> list[tuple[int, int]]:
    """Where text stands between pictures."""
    runs: list[tuple[int, int]] = []
    for place, id in enumerate(ids):
        if id in placeholders:
            continue
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs


def _spans(tokenizer: Any, ids: list[int]) -> tuple[str, list[tuple[int, int]]]:
    """The text of ids, and where each of them lies in it."""
    options = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
    text = tokenizer.decode(ids, **options)
    if getattr(tokenizer, "is_fast", False):
        again = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        if list(again["input_ids"]) == ids:
            return text, [(first, last) for first, last in again["offset_mapping"]]
    # Ids that their own text does not give: what each of them adds to the text.
    ends = [len(tokenizer.decode(ids[: count + 1], **options)) for count in range(len(ids))]
    return text, list(zip([0, *ends[:-1]], ends, strict=True))
