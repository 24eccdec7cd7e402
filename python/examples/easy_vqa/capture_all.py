"""Captures the whole test split of easy-VQA: 9,673 traces, about 2.7 GB.

python capture_all.py -o DIR                # stopped, it goes on where it was
python capture_all.py -o DIR --shard 0/2    # one of two machines, or processes, at once
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from captures import capture, load_model
from data import ANSWERS, test_split
from evaluate import MODEL
from shapes import shape_names
from tqdm import tqdm

#: How many traces a folder holds.
FOLDER = 1000


def place(row: int) -> str:
    """The path of a question's trace in the dataset; it depends on the question alone."""
    return f"{row // FOLDER}/{row:04}.safetensors"


def shard(text: str) -> tuple[int, int]:
    """`i/n`, of which `i` counts from 0."""
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise argparse.ArgumentTypeError(f'"{text}", expected i/n with i from 0 to n - 1')
    return int(index), int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--limit", type=int, help="only the first questions")
    parser.add_argument("--shard", type=shard, default=(0, 1), metavar="i/n", help="only every n-th question, from i")
    parser.add_argument("--threads", type=int, help="of one forward; by default as many as torch takes")
    arguments = parser.parse_args()

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    model, tokenizer = load_model(arguments.model)
    test = test_split(tokenizer)
    shapes = shape_names(test, [ANSWERS[answer] for answer in test.answers])
    index, count = arguments.shard
    rows = range(len(test.texts))[: arguments.limit][index::count]
    missing = [row for row in rows if not (arguments.output / place(row)).exists()]
    progress = tqdm(missing, initial=len(rows) - len(missing), total=len(rows), desc="capture", unit="trace")
    for row in progress:
        path = arguments.output / place(row)
        path.parent.mkdir(parents=True, exist_ok=True)
        capture(model, tokenizer, test, row, shapes).save(path)


if __name__ == "__main__":
    main()
