"""Accuracy on the official test split, by question type, beside that of a guess from the question alone.

python evaluate.py ../../../assets/models/easy-vqa-vilt
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import easy_vqa
import numpy as np
from data import test_split
from train import HERE, correct, keep_patch_order
from transformers import PreTrainedTokenizerFast, ViltForQuestionAnswering

MODEL = HERE / "../../../assets/models/easy-vqa-vilt"


def question_only() -> np.ndarray:
    """`[questions]`: which test questions the most frequent answer to the same words in training answers right."""
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, answer, _ in zip(*easy_vqa.get_train_questions(), strict=True):
        answers[text][answer] += 1
    overall = sum(answers.values(), Counter())
    texts, right, _ = easy_vqa.get_test_questions()
    return np.array(
        [answers.get(text, overall).most_common(1)[0][0] == answer for text, answer in zip(texts, right, strict=True)]
    )


def table(model: np.ndarray, baseline: np.ndarray, kinds: np.ndarray) -> str:
    """A Markdown table, one row a question type."""
    lines = ["| question | questions | model | question only |", "| --- | ---: | ---: | ---: |"]
    for name in [*sorted(set(kinds)), "all"]:
        rows = kinds == name if name != "all" else kinds == kinds
        lines.append(
            f"| {name} | {rows.sum()} | {100 * model[rows].mean():.2f} % | {100 * baseline[rows].mean():.2f} % |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODEL)
    directory = parser.parse_args().model
    model = ViltForQuestionAnswering.from_pretrained(directory, attn_implementation="eager")
    keep_patch_order(model)
    test = test_split(PreTrainedTokenizerFast.from_pretrained(directory))
    print(table(correct(model, test), question_only(), test.kinds))


if __name__ == "__main__":
    main()
