"""Captures 32 test questions of easy-VQA for assets/demo, right and wrong answers of each question type."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from captures import capture, load_model
from data import ANSWERS, Split, test_split
from evaluate import MODEL
from shapes import best_head, shape_names
from train import HERE, correct, keep_patch_order

DEMO = HERE / "../../../assets/demo"
RIGHT, WRONG = 24, 8


def choose(right: np.ndarray, test: Split) -> list[int]:
    """Rows of the demo in the order of the test: as equally many of each question type as there are, on 32 images."""
    shuffled = np.random.default_rng(0).permutation(len(right))
    images: set[int] = set()
    # Wrong answers are rare, so they choose first; of types without enough of them, others fill the gap.
    wrong_rows = _first(_take_turns(shuffled[~right[shuffled]], test), WRONG, test, images)
    right_rows = _first(_take_turns(shuffled[right[shuffled]], test), RIGHT, test, images)
    return sorted(wrong_rows + right_rows)


def _take_turns(rows: np.ndarray, test: Split) -> Iterator[int]:
    by_kind = [rows[test.kinds[rows] == kind] for kind in sorted(set(test.kinds))]
    return (int(row) for turn in zip_longest(*by_kind) for row in turn if row is not None)


def _first(rows: Iterable[int], count: int, test: Split, images: set[int]) -> list[int]:
    chosen: list[int] = []
    for row in rows:
        if len(chosen) < count and test.image_ids[row] not in images:
            images.add(test.image_ids[row])
            chosen.append(row)
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("-o", "--output", type=Path, default=DEMO)
    arguments = parser.parse_args()

    model, tokenizer = load_model(arguments.model)
    test = test_split(tokenizer)
    shapes = shape_names(test, [ANSWERS[answer] for answer in test.answers])

    keep_patch_order(model)
    rows = choose(correct(model, test), test)
    del model.vilt.embeddings.visual_embed
    torch.manual_seed(0)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for old in arguments.output.glob("*.safetensors"):
        old.unlink()
    traces = []
    for number, row in enumerate(rows):
        trace = capture(model, tokenizer, test, row, shapes)
        slug = re.sub(r"\W+", "-", test.texts[row]).strip("-")
        trace.save(arguments.output / f"{number:02}-{slug}.safetensors")
        traces.append(trace)
        print(f"{number:02}  {test.texts[row]:45} {trace.outputs['prediction']:10} {trace.outputs['answer']}")
    layer, head, ratio = best_head(traces)
    print(f"[CLS] looks at the shape most in layer {layer}, head {head}: {ratio:.2f} times the share of its area")


if __name__ == "__main__":
    main()
