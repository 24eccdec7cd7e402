"""Held-out questions as traces: patches, objects, queries and keys, words of every state, steps of the answer.

python capture_scenes.py        # the eight of assets/scenes
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from network import GRID, SceneModel, load
from questions import KIND_OF, Questions, draw_questions
from render import render
from scene import ATTRIBUTES, SIDE, Scenes, draw_scenes
from vocabulary import ANSWER, END, ID, PAD, SPECIAL, WORDS, text

import vlscope
from vlscope import Region, Token, Trace, Words

ASSETS = Path(__file__).parents[3] / "assets"
MODEL = ASSETS / "models" / "scenes" / "scenes.safetensors"
#: Training draws from another.
SEED = 2
#: Only these first traces have hidden states, 1 MB each: they would double the folder.
WITH_STATES = 2
#: A scene of fewer objects is not chosen.
MANY = 5
_TOP = 5


@dataclass
class Example:
    """One question about one scene."""

    scene: Scenes  # of length 1
    kind: str
    question: list[int]  # ids from [ASK] to [ANSWER]
    answer: list[int]  # the right one, to [END]
    spoken_of: list[int]  # for each of both the object's number, or -1


def examples_of(scenes: Scenes, questions: Questions, slot: int) -> Iterator[Example]:
    """A scene's question of `slot` in `KIND_OF`, of each scene that has such."""
    for number in range(len(scenes)):
        if questions.is_fit[number, slot]:
            ids = [of for of in questions.texts[number, slot].tolist() if of != ID[PAD]]
            begin = ids.index(ID[ANSWER]) + 1
            spoken_of = questions.spoken_of[number, slot, : len(ids)].tolist()
            yield Example(scenes[number : number + 1], KIND_OF[slot], ids[:begin], ids[begin:], spoken_of)


def draw(count: int, seed: int) -> tuple[Scenes, Questions]:
    dice = torch.Generator().manual_seed(seed)
    scenes = draw_scenes(count, dice)
    return scenes, draw_questions(scenes, dice)


def chosen(scenes: Scenes, questions: Questions) -> list[Example]:
    """For each slot of `KIND_OF` the first scene of many objects that has such a question, each scene once."""
    found: list[Example] = []
    used: set[int] = set()
    for slot in range(len(KIND_OF)):
        for number in range(len(scenes)):
            is_free = number not in used and int(scenes.present[number].sum()) >= MANY
            if is_free and questions.is_fit[number, slot]:
                used.add(number)
                rows = slice(number, number + 1)
                found += examples_of(scenes[rows], questions[rows], slot)
                break
    return found


@torch.no_grad()
def answered(model: SceneModel, picture: torch.Tensor, question: list[int]) -> list[int]:
    """What the model says, word by word, to [END] if it comes to that."""
    ids = list(question)
    while len(ids) < model.shape.length and ids[-1] != ID[END]:
        logits, _ = model(picture, torch.tensor([[ids]]))
        ids.append(int(logits[0, 0, -1].argmax()))
    return ids[len(question) :]


@torch.no_grad()
def capture(model: SceneModel, example: Example, *, has_states: bool, id: str) -> Trace:
    """The trace of one question with the answer that the model gives."""
    picture, _ = render(example.scene)
    said = answered(model, picture, example.question)
    ids = example.question + said
    with vlscope.record(model, where=r"^layers\.", statistics=True) as tape:
        logits, _ = model(picture, torch.tensor([[ids]]))
    (sequence,) = tape.sequences()
    pixels = (255 * picture[0].permute(1, 2, 0)).round().byte().numpy()
    tokens = [*patch_tokens(), *word_tokens(ids, len(example.question))]
    trace = tape.trace(images=[pixels], tokens={sequence.name: tokens}, dtype="float16", id=id)
    trace.words[sequence.name] = words_of(model, trace.hidden[sequence.name])
    if not has_states:
        trace.hidden = {}
    regions = regions_of(example.scene)
    trace.regions = list(regions.values())
    steps = steps_of(logits[0, 0], ids, len(example.question))
    trace.outputs = {
        "prediction": text(said),
        "answer": text(example.answer),
        "correct": said == example.answer,
        "confidence": float(np.prod(np.array([step["probability"] for step in steps], np.float64))),
        "steps": steps,
    }
    trace.attributes = {
        "question": text(example.question),
        "kind": example.kind,
        "objects": len(regions),
        "speaks_of": speaks_of(example, regions),
    }
    trace.model = {"name": "scenes", "architecture": "SceneModel"}
    return trace


def patch_tokens() -> list[Token]:
    """A token's box is the patch of which it is taught to tell."""
    return [
        Token(image=0, box=(column / GRID, row / GRID, (column + 1) / GRID, (row + 1) / GRID))
        for row in range(GRID)
        for column in range(GRID)
    ]


def word_tokens(ids: list[int], first: int) -> list[Token]:
    """Question and, from `first`, answer."""
    return [
        Token(WORDS[of], special=WORDS[of] in SPECIAL, segment="question" if place < first else "generated")
        for place, of in enumerate(ids)
    ]


def regions_of(scene: Scenes) -> dict[int, Region]:
    """By number, each object in the square around it."""
    found = {}
    for number in scene.present[0].nonzero().flatten().tolist():
        label = " ".join(names[of] for names, of in zip(ATTRIBUTES, scene.attributes[0, number].tolist(), strict=True))
        (x, y), radius = scene.centres[0, number].tolist(), float(scene.radii[0, number])
        found[number] = Region(
            label, ((x - radius) / SIDE, (y - radius) / SIDE, (x + radius) / SIDE, (y + radius) / SIDE)
        )
    return found


def speaks_of(example: Example, regions: dict[int, Region]) -> list[list[int | str]]:
    """The tokens of the right sentence that speak of one object: `[position, label]`."""
    return [
        [GRID * GRID + place, regions[number].label] for place, number in enumerate(example.spoken_of) if number >= 0
    ]


def words_of(model: SceneModel, states: list[object]) -> dict[int | str, Words]:
    """The logit lens: what each state of each token says through the model's own norm and words."""
    found: dict[int | str, Words] = {}
    for number, state in enumerate(states):
        logits = model.norm(torch.as_tensor(state).float()) @ model.words.weight.T
        best = logits.log_softmax(-1).topk(_TOP)
        words = [[WORDS[of] for of in row] for row in best.indices.tolist()]
        found[number] = Words(words, best.values.half().numpy())
    found["logits"] = found[len(states) - 1]
    return found


def steps_of(logits: torch.Tensor, ids: list[int], first: int) -> list[dict[str, object]]:
    """Of each word that was put out: how probable it was, and what else."""
    steps: list[dict[str, object]] = []
    for place in range(first, len(ids)):
        probabilities = logits[place - 1].softmax(-1)
        top = probabilities.topk(_TOP)
        steps.append(
            {
                "position": GRID * GRID + place,
                "token": WORDS[ids[place]],
                "probability": float(probabilities[ids[place]]),
                "top": [
                    [WORDS[of], share] for of, share in zip(top.indices.tolist(), top.values.tolist(), strict=True)
                ],
            }
        )
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("-o", "--output", type=Path, default=ASSETS / "scenes")
    arguments = parser.parse_args()
    model = load(arguments.model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for number, example in enumerate(chosen(*draw(64, SEED))):
        question = text(example.question)
        slug = re.sub(r"\W+", "-", question).strip("-")
        path = arguments.output / f"{number}-{slug}.safetensors"
        trace = capture(model, example, has_states=number < WITH_STATES, id=f"scenes/{number}")
        trace.save(path)
        said = json.dumps([trace.outputs["prediction"], trace.outputs["answer"], trace.outputs["confidence"]])
        print(f"{question}  {said}  {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
