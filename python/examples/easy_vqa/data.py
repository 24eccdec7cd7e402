"""easy-VQA as tensors: 64×64 images, questions as token numbers, answers as classes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import easy_vqa
import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

ANSWERS: list[str] = sorted(easy_vqa.get_answers())
SHAPES = ("circle", "rectangle", "triangle")


@dataclass
class Split:
    """One official split; row i of `questions` asks about image `image_of[i]`."""

    texts: list[str]
    image_ids: list[int]
    images: torch.Tensor  # [images, 3, 64, 64], from -1 to 1
    image_of: torch.Tensor  # [questions]
    questions: torch.Tensor  # [questions, longest], padded
    masks: torch.Tensor  # [questions, longest]
    answers: torch.Tensor  # [questions]
    kinds: np.ndarray  # [questions], of question_type
    present: np.ndarray  # [questions], whether what a yes/no question names is in the image


def question_type(text: str, answer: str) -> str:
    """`shape`, `color`, or for yes/no questions what decides them: `yes/no shape` or `yes/no color`."""
    if answer in SHAPES:
        return "shape"
    if answer not in ("yes", "no"):
        return "color"
    return "yes/no shape" if any(shape in text for shape in SHAPES) else "yes/no color"


def is_present(text: str, answer: str) -> bool:
    """Whether what a yes/no question names is in the image: `yes`, or `no` to a question that denies it."""
    is_denied = " not " in text or text.startswith("is no ")
    return (answer == "yes") != is_denied


def build_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """One token a word, in the order of the alphabet after the special ones."""
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate(special + words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def load_pixels(path: str) -> torch.Tensor:
    """`[3, 64, 64]`, from -1 to 1."""
    with Image.open(path) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    return pixels.float() / 127.5 - 1


def load(
    asked: tuple[list[str], list[str], list[int]], paths: dict[int, str], tokenizer: PreTrainedTokenizerFast
) -> Split:
    """Reads one split, its questions, answers and image numbers, into memory."""
    texts, answers, image_ids = asked
    ids = sorted(paths)
    row_of = {image: row for row, image in enumerate(ids)}
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    return Split(
        texts=texts,
        image_ids=image_ids,
        images=torch.stack([load_pixels(paths[image]) for image in ids]),
        image_of=torch.tensor([row_of[image] for image in image_ids]),
        questions=encoded["input_ids"],
        masks=encoded["attention_mask"],
        answers=torch.tensor([ANSWERS.index(answer) for answer in answers]),
        kinds=np.array([question_type(text, answer) for text, answer in zip(texts, answers, strict=True)]),
        present=np.array([is_present(text, answer) for text, answer in zip(texts, answers, strict=True)]),
    )


def train_split(tokenizer: PreTrainedTokenizerFast) -> Split:
    """The 38,575 training questions."""
    return load(easy_vqa.get_train_questions(), easy_vqa.get_train_image_paths(), tokenizer)


def test_split(tokenizer: PreTrainedTokenizerFast) -> Split:
    """The 9,673 test questions."""
    return load(easy_vqa.get_test_questions(), easy_vqa.get_test_image_paths(), tokenizer)
