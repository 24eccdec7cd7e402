"""Captures test questions of easy-VQA: 32 for the demo, right and wrong answers of each question type, or all.

python capture_demo.py                # assets/demo
python capture_demo.py --all DIR      # the whole test split
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from data import ANSWERS, Split, test_split
from evaluate import MODEL
from shapes import best_head, shape_box, shape_names
from tqdm import tqdm
from train import HERE, correct, keep_patch_order
from transformers import PreTrainedTokenizerFast, ViltForQuestionAnswering

import vlscope.capture
from vlscope import Region, Trace

DEMO = HERE / "../../../assets/demo"
RIGHT, WRONG = 24, 8


def load_model(directory: Path) -> tuple[ViltForQuestionAnswering, PreTrainedTokenizerFast]:
    """The trained model as captures want it, and its tokenizer."""
    model = ViltForQuestionAnswering.from_pretrained(directory, attn_implementation="eager").eval()
    model.config.name_or_path = "vilt-easy-vqa"
    return model, PreTrainedTokenizerFast.from_pretrained(directory)


def capture(
    model: ViltForQuestionAnswering, tokenizer: PreTrainedTokenizerFast, test: Split, row: int, shapes: dict[int, str]
) -> Trace:
    """The trace of one test question, with the shape as a region."""
    length = int(test.masks[row].sum())
    inputs = {
        "input_ids": test.questions[row : row + 1, :length],
        "attention_mask": test.masks[row : row + 1, :length],
        "pixel_values": test.images[test.image_of[row]][None],
    }
    answer = ANSWERS[test.answers[row]]
    trace = vlscope.capture.vilt(model, tokenizer, inputs, answer=answer, id=f"easy-vqa/test/{row}")
    trace.regions = [Region(shapes.get(test.image_ids[row], "shape"), shape_box(trace.images[0]))]
    trace.attributes = {
        "question": test.texts[row],
        "question_type": str(test.kinds[row]),
        "image": test.image_ids[row],
    }
    return trace


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--all", type=Path, metavar="DIR", help="capture the whole test split")
    parser.add_argument("-o", "--output", type=Path, default=DEMO)
    arguments = parser.parse_args()

    model, tokenizer = load_model(arguments.model)
    test = test_split(tokenizer)
    shapes = shape_names(test, [ANSWERS[answer] for answer in test.answers])
    if arguments.all:
        arguments.all.mkdir(parents=True, exist_ok=True)
        for row in tqdm(range(len(test.texts)), desc="capture"):
            capture(model, tokenizer, test, row, shapes).save(arguments.all / f"{row:04}.safetensors")
        return

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
