"""One test question of easy-VQA as a trace, with the shape as a region."""

from __future__ import annotations

from pathlib import Path

from data import ANSWERS, Split
from shapes import shape_box
from transformers import PreTrainedTokenizerFast, ViltForQuestionAnswering

import vlscope
from vlscope import Region, Trace


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
