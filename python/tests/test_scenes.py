"""The scene model's questions against a reader of sentences that knows nothing of how they are made; its pictures,
and what one step of training needs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from network import SceneModel, Shape, load, save
from questions import ASKED, KIND_OF, KINDS, draw_questions
from render import NOTHING, UNCLEAR, render
from scene import COLOURS, HELD_OUT, SHAPES, SIDE, SIZES, TEXTURES, Scenes, draw_scenes
from train_scenes import Batches, Learner, right, wanted_words
from vocabulary import ANSWER, END, ID, NUMBERS, WORDS

import vlscope

SCENES = 300
SMALL = Shape(width=32, layers=2, heads=2, hidden=64)


@dataclass(frozen=True)
class Object:
    """One object, in words."""

    words: tuple[str, str, str, str]
    x: float
    y: float


def objects_of(scenes: Scenes, number: int) -> list[Object]:
    found = []
    for attributes, (x, y), present in zip(
        scenes.attributes[number].tolist(),
        scenes.centres[number].tolist(),
        scenes.present[number].tolist(),
        strict=True,
    ):
        size, texture, colour, shape = attributes
        if present:
            found.append(Object((SIZES[size], TEXTURES[texture], COLOURS[colour], SHAPES[shape]), x, y))
    return found


def meant(objects: list[Object], phrase: str) -> list[Object]:
    """What a phrase such as `small red things` may be said of."""
    words = [re.sub(r"(?<=[^s])s$|(?<=ss)es$", "", word) for word in phrase.split()]
    return [of for of in objects if all(word == "thing" or word in of.words for word in words)]


def one(objects: list[Object], phrase: str) -> Object:
    (found,) = meant(objects, phrase)
    return found


def is_at(other: Object, direction: str, anchor: Object) -> bool:
    """In the quarter of that direction, by the angle."""
    angle = math.degrees(math.atan2(anchor.y - other.y, other.x - anchor.x)) % 360
    return abs((angle - {"right": 0, "above": 90, "left": 180, "below": 270}[direction] + 180) % 360 - 180) < 45


def answer_to(question: str, objects: list[Object]) -> str:
    """The one right answer; raises where there is none or more than one."""
    if told := re.fullmatch(r"(what|which (.+)) is (left|right|above|below)(?: of)? the (.+) \?", question):
        _, kind, direction, phrase = told.groups()
        anchor = one(objects, phrase)
        (found,) = [of for of in meant(objects, kind or "thing") if of != anchor and is_at(of, direction, anchor)]
        return f"a {' '.join(found.words)}"
    if told := re.fullmatch(r"how many (.+) are there \?", question):
        count = len(meant(objects, told[1]))
        plain = re.sub(r"(?<=[^s])s$|(?<=ss)es$", "", told[1])
        return f"{NUMBERS[count]} {plain if count == 1 else told[1]}"
    if told := re.fullmatch(r"are there more (.+) than (.+) \?", question):
        first, second = (len(meant(objects, phrase)) for phrase in told.groups())
        names = ["none", *NUMBERS[1:]]
        return f"{'yes' if first > second else 'no'} , {names[first]} and {names[second]}"
    if told := re.fullmatch(r"is the (.+) larger than the (.+) \?", question):
        of, than = (one(objects, phrase).words[0] for phrase in told.groups())
        if of == than:
            return f"no , both are {of}"
        return f"{'yes' if of == 'large' else 'no'} , {of} and {than}"
    if told := re.fullmatch(r"what (size|texture|colour|shape) is the (.+) \?", question):
        which = ("size", "texture", "colour", "shape").index(told[1])
        return f"it is {'a ' if which == 3 else ''}{one(objects, told[2]).words[which]}"
    told = re.fullmatch(r"where is the (.+) \?", question)
    assert told is not None, question
    found = one(objects, told[1])
    return f"at the {'upper' if found.y < SIDE / 2 else 'lower'} {'left' if found.x < SIDE / 2 else 'right'}"


def sentences(ids: list[int]) -> tuple[str, str]:
    words = [WORDS[number] for number in ids]
    answer, end = words.index(ANSWER), words.index(END)
    assert {*words[end + 1 :]} <= {"[PAD]"} and words[0] == "[ASK]"
    return " ".join(words[1:answer]), " ".join(words[answer + 1 : end])


@pytest.mark.parametrize("held_out", [False, True])
def test_every_answer_is_the_one_right_answer(held_out: bool) -> None:
    dice = torch.Generator().manual_seed(5)
    scenes = draw_scenes(SCENES, dice, held_out=held_out)
    questions = draw_questions(scenes, dice, held_out=held_out)
    asked = dict.fromkeys(KINDS, 0)
    for number in range(SCENES):
        objects = objects_of(scenes, number)
        for slot in range(ASKED):
            if questions.is_fit[number, slot]:
                question, answer = sentences(questions.texts[number, slot].tolist())
                assert answer == answer_to(question, objects), (number, question, objects)
                asked[KIND_OF[slot]] += 1
    assert min(asked[kind] / KINDS[kind] for kind in KINDS) > 0.75 * SCENES


def test_held_out_pairs_are_neither_seen_nor_named() -> None:
    dice = torch.Generator().manual_seed(6)
    scenes = draw_scenes(SCENES, dice)
    questions = draw_questions(scenes, dice)
    pairs = {f"{colour} {shape}" for colour, shape in HELD_OUT}
    for number in range(SCENES):
        said = [" ".join(of.words[2:]) for of in objects_of(scenes, number)]
        said += [
            " ".join(sentences(ids))
            for ids, fit in zip(questions.texts[number].tolist(), questions.is_fit[number], strict=True)
            if fit
        ]
        assert not any(pair in words for pair in pairs for words in said)
    scenes = draw_scenes(SCENES, dice, held_out=True)
    assert all(" ".join(objects_of(scenes, number)[0].words[2:]) in pairs for number in range(SCENES))


def test_scenes_have_three_to_six_objects_that_differ_and_do_not_touch() -> None:
    scenes = draw_scenes(SCENES, torch.Generator().manual_seed(7))
    counts = scenes.present.sum(1)
    assert counts.min() == 3 and counts.max() == 6
    for number in range(SCENES):
        objects = objects_of(scenes, number)
        assert len({of.words for of in objects}) == len(objects)
        radii = scenes.radii[number][scenes.present[number]].tolist()
        for first in range(len(objects)):
            for second in range(first):
                away = math.hypot(objects[first].x - objects[second].x, objects[first].y - objects[second].y)
                assert away > radii[first] + radii[second]


def test_a_picture_shows_what_its_scene_has() -> None:
    scenes = draw_scenes(40, torch.Generator().manual_seed(8))
    pictures, covered = render(scenes)
    assert pictures.shape == (40, 3, SIDE, SIDE) and pictures.min() >= 0 and pictures.max() <= 1
    one_by_one = torch.cat([render(scenes[number : number + 1])[0] for number in range(40)])
    torch.testing.assert_close(pictures, one_by_one, rtol=0, atol=1e-5)
    for number in range(40):
        seen = {of for of in covered[number].tolist() if of not in (NOTHING, UNCLEAR)}
        assert seen == set(scenes.present[number].nonzero().flatten().tolist())
        for place in seen:
            x, y = scenes.centres[number, place].long().tolist()
            # Marks are white, and the colour between them is far from the light background.
            around = pictures[number, :, y - 6 : y + 7, x - 6 : x + 7]
            assert (around.max(0).values - around.min(0).values).max() > 0.3


def test_an_answers_words_are_wanted_and_no_others() -> None:
    dice = torch.Generator().manual_seed(9)
    questions = draw_questions(draw_scenes(20, dice), dice)
    wanted = wanted_words(questions)
    for number in range(20):
        for slot in range(ASKED):
            words = [WORDS[of] for of in wanted[number, slot].tolist() if of >= 0]
            if not questions.is_fit[number, slot]:
                assert not words
                continue
            ids = questions.texts[number, slot].tolist()
            assert " ".join(words) == f"{sentences(ids)[1]} {END}"
            first = int((wanted[number, slot] >= 0).nonzero()[0])
            assert ids[first] == ID[ANSWER]


def test_questions_that_share_a_picture_are_answered_as_alone(tmp_path: Path) -> None:
    dice = torch.Generator().manual_seed(10)
    scenes = draw_scenes(2, dice)
    texts = draw_questions(scenes, dice).texts
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    save(SceneModel(SMALL), path)
    model = load(path)
    pictures, _ = render(scenes)
    together, _ = model(pictures, texts)
    for slot in range(ASKED):
        alone, _ = model(pictures, texts[:, slot : slot + 1, :12])
        torch.testing.assert_close(alone[:, 0], together[:, slot, :12], rtol=0, atol=1e-5)
    with vlscope.record(model) as tape:
        model(pictures[:1], texts[:1, :1])
    (block,) = tape.blocks()
    assert block.layers == [0, 1] and block.query_count == block.key_count == 196 + texts.shape[-1]


def test_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    dice = torch.Generator().manual_seed(11)
    batches = Batches(4, dice, 4)
    scenes, questions = batches.next()
    learner = Learner(SceneModel(SMALL), torch.float32, 3e-3)
    first = learner.step(scenes, questions, 0.04)
    for _ in range(30):
        last = learner.step(scenes, questions, 0.04)
    assert (last < 0.95 * first).all() and last[0] < 0.7 * first[0]
    shares = right(learner.model, batches, 1, torch.float32)
    assert set(shares) == {*KINDS, "all"} and all(0 <= share <= 1 for share in shares.values())
