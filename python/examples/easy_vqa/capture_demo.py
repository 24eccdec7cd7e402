"""Captures test questions of easy-VQA through the trained ViLT: 32 of them for the demo, or all.

    python capture_demo.py -o ../../../assets/demo
    python capture_demo.py --all -o /somewhere/easy-vqa-test
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import easy_vqa
import numpy as np
import torch
from data import SHAPES, load_pixels, question_type
from PIL import Image
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, ViltForQuestionAnswering

from vlscope import Trace, capture

MODEL = Path(__file__).parents[3] / "assets" / "models" / "easy-vqa-vilt"
DEMO_SIZE = 32
#: So many of the demo are wrongly answered, if there are as many among the candidates.
DEMO_WRONG = 8
CANDIDATES = 2000


def shape_box(image: np.ndarray) -> list[float]:
    """Where the shape is, found from the pixels `[height, width, 3]`: all that differ from the border's colour."""
    pixels = image.astype(int)
    background = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
    rows, columns = np.nonzero(np.abs(pixels - background).max(-1) > 40)
    height, width, _ = image.shape
    box = [columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height]
    return [round(float(side), 4) for side in box]


def shape_names() -> dict[int, str]:
    """The shape on each test image, from the questions that ask for it."""
    texts, answers, images = easy_vqa.get_test_questions()
    return {image: answer for _, answer, image in zip(texts, answers, images, strict=True) if answer in SHAPES}


class Capturer:
    """Captures questions of the test split by their number."""

    def __init__(self, folder: Path) -> None:
        self.model: Any = ViltForQuestionAnswering.from_pretrained(folder, attn_implementation="eager")
        self.model.config.name_or_path = folder.name
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        self.texts, self.answers, self.images = easy_vqa.get_test_questions()
        self.paths = easy_vqa.get_test_image_paths()
        self.names = shape_names()

    def __call__(self, number: int) -> Trace:
        text, answer, image_id = self.texts[number], self.answers[number], self.images[number]
        path = self.paths[image_id]
        with Image.open(path) as file:
            image = np.array(file.convert("RGB"))
        trace = capture.vilt(
            self.model,
            tokenizer=self.tokenizer,
            text=text,
            pixel_values=load_pixels(path)[None],
            image=image,
            id=f"easy-vqa/test/{number:05}",
            outputs={"answer": answer},
            attributes={"question_type": question_type(text, answer), "image": image_id},
            regions=[{"label": self.names.get(image_id, "shape"), "image": 0, "box": shape_box(image)}],
        )
        trace.outputs = {**trace.outputs, "correct": trace.outputs["prediction"] == answer}
        return trace


def demo_questions(capturer: Capturer) -> list[Trace]:
    """Right and wrong answers to all kinds of questions, each image once."""
    rng = np.random.default_rng(7)
    right: dict[str, list[Trace]] = {}
    wrong: list[Trace] = []
    images = set()
    for number in tqdm(rng.permutation(len(capturer.texts))[:CANDIDATES], desc="candidates"):
        if capturer.images[number] in images:
            continue
        trace = capturer(int(number))
        images.add(capturer.images[number])
        (right.setdefault(trace.attributes["question_type"], []) if trace.outputs["correct"] else wrong).append(trace)
    chosen = wrong[:DEMO_WRONG]
    while len(chosen) < DEMO_SIZE:
        kinds = sorted(kind for kind, traces in right.items() if traces)
        chosen.append(right[kinds[len(chosen) % len(kinds)]].pop())
    return sorted(chosen, key=lambda trace: str(trace.id))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--all", action="store_true", help="the whole test split")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    capturer = Capturer(arguments.model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.all:
        for number in tqdm(range(len(capturer.texts)), desc="captured"):
            capturer(number).save(arguments.output / f"{number:05}.safetensors")
        return
    for trace in demo_questions(capturer):
        trace.save(arguments.output / f"{str(trace.id).rsplit('/', 1)[-1]}.safetensors")


if __name__ == "__main__":
    main()
