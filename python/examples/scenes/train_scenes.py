"""Trains the scene model from nothing, on scenes that are drawn as it goes, until the time is up.

A GPU sees about a million pictures in 200 seconds, eight questions each. Beside the answers' words it learns to tell
what lies on each patch, which it needs for every answer. Learning rate and end go by the clock, not by steps, so that
any machine ends in time; what is there so far is saved on the way.

    python train_scenes.py --seconds 220 --out model
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from network import GRID, SceneModel, Shape, Told, load, save
from questions import KIND_OF, KINDS, Questions, draw_questions, is_answer
from render import NOTHING, PATCH, UNCLEAR, render
from scene import COUNTS, Scenes, draw_scenes
from vocabulary import FIRST, ID, PAD

TRAINING_SEED, TEST_SEED = 0, 1
#: Scenes that are drawn at once, for several steps.
DRAWN = 4096
WARM_UP, LAST_RATE = 0.04, 0.01
TOLD_WEIGHT = 0.5
DECAY = 0.03
#: How much faster than the rest Muon moves what it moves.
MUON = 2.0
#: How many steps the processor may be ahead of the GPU.
AHEAD = 3


@dataclass
class Clock:
    """What part of the time has gone."""

    seconds: float
    begun: float = field(default_factory=time.monotonic)

    def gone(self) -> float:
        return time.monotonic() - self.begun

    def part(self) -> float:
        return min(self.gone() / self.seconds, 1.0)


class Batches:
    """Endless batches of scenes with questions, drawn on the device."""

    def __init__(self, size: int, dice: torch.Generator, drawn: int = DRAWN, *, held_out: bool = False) -> None:
        self.size, self.dice, self.drawn, self.held_out = size, dice, max(drawn, size), held_out
        self._at = self.drawn

    def next(self) -> tuple[Scenes, Questions]:
        if self._at + self.size > self.drawn:
            self._scenes = draw_scenes(self.drawn, self.dice, held_out=self.held_out)
            self._questions = draw_questions(self._scenes, self.dice, held_out=self.held_out)
            self._at = 0
        rows = slice(self._at, self._at + self.size)
        self._at += self.size
        return self._scenes[rows], self._questions[rows]


def wanted_words(questions: Questions) -> torch.Tensor:
    """For each token the word to come, `[scenes, asked, length]`; -1 in questions, behind the end, and where none is
    fit."""
    texts = questions.texts
    following = torch.roll(texts, -1, -1)
    following[..., -1] = ID[PAD]
    return torch.where(is_answer(texts) & (following != ID[PAD]) & questions.is_fit[..., None], following, -1)


def patches_loss(told: Told, scenes: Scenes, covered: torch.Tensor) -> torch.Tensor:
    """Of the object on each patch: its attributes, or that there is none; whether its middle is there; and how far the
    middle is."""
    number = covered.clamp(min=0)[..., None]
    there = scenes.attributes.gather(1, number.expand(-1, -1, len(COUNTS)))
    middle, away = told.middles.float().split(2, -1)
    loss = F.cross_entropy(middle.flatten(0, 1), middles(scenes).flatten())
    for attribute, (first, count) in enumerate(zip(FIRST, COUNTS, strict=True)):
        wanted = torch.where(covered == NOTHING, count, there[..., attribute])
        wanted = torch.where(covered == UNCLEAR, -1, wanted)
        none = told.patches[..., ID["none"], None]
        logits = torch.cat((told.patches[..., first : first + count], none), -1).float()
        loss = loss + F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-1)
    steps = PATCH * (torch.arange(GRID, device=away.device) + 0.5)
    patches = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).flatten(0, 1)
    wanted = (scenes.centres.gather(1, number.expand(-1, -1, 2)) - patches) / (2 * PATCH)
    error = F.smooth_l1_loss(away, wanted, reduction="none", beta=0.1).sum(-1) * (covered >= 0)
    return loss / (len(COUNTS) + 1) + error.sum() / (covered >= 0).sum()


def objects_loss(told: Told, scenes: Scenes, questions: Questions) -> torch.Tensor:
    """Of the column and the row where the object lies that a word speaks of."""
    logits = torch.where(is_answer(questions.texts)[..., None], told.meant, told.named).float().unflatten(-1, (2, GRID))
    number = questions.spoken_of.flatten(1)
    places = (scenes.centres / PATCH).long().clamp(0, GRID - 1)
    wanted = places.gather(1, number.clamp(min=0)[..., None].expand(-1, -1, 2))
    wanted = torch.where((number >= 0)[..., None], wanted, -1)
    return F.cross_entropy(logits.flatten(0, 3), wanted.flatten(), ignore_index=-1)


def middles(scenes: Scenes) -> torch.Tensor:
    """Whether the middle of an object lies on a patch, `[scenes, 196]`."""
    column, row = (scenes.centres / PATCH).long().clamp(0, GRID - 1).unbind(-1)
    found = torch.zeros(len(scenes), GRID * GRID, dtype=torch.long, device=row.device)
    return found.scatter_add(1, row * GRID + column, scenes.present.long()).clamp(max=1)


def losses(model: SceneModel, scenes: Scenes, questions: Questions, dtype: torch.dtype) -> torch.Tensor:
    """Of the answers' words, and of what is told of patches and of objects."""
    with torch.no_grad():
        pictures, covered = render(scenes)
        wanted = wanted_words(questions)
    logits, told = model(pictures.to(dtype), questions.texts)
    spoken = F.cross_entropy(logits.flatten(0, 2).float(), wanted.flatten(), ignore_index=-1)
    return torch.stack((spoken, patches_loss(told, scenes, covered), objects_loss(told, scenes, questions)))


class Learner:
    """Full-precision weights, which Muon moves in layers and AdamW elsewhere, and a copy of `dtype` that computes."""

    def __init__(self, model: SceneModel, dtype: torch.dtype, peak_rate: float) -> None:
        self.weights = list(model.to(memory_format=torch.channels_last).parameters())
        self.model, self.dtype = SceneModel(model.shape), dtype
        self.model.to(self.weights[0].device, dtype).to(memory_format=torch.channels_last)
        self.copies = list(self.model.parameters())
        matrices = [weight for weight in model.layers.parameters() if weight.dim() == 2]
        others = [weight for weight in self.weights if not any(weight is matrix for matrix in matrices)]
        self.optimizers: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(matrices, MUON * peak_rate, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, peak_rate, betas=(0.9, 0.98), weight_decay=DECAY),
        )
        self.peak_rates = (MUON * peak_rate, peak_rate)
        self._copy()

    @torch.no_grad()
    def _copy(self) -> None:
        for weight, copy in zip(self.weights, self.copies, strict=True):
            copy.copy_(weight)

    def step(self, scenes: Scenes, questions: Questions, part: float) -> torch.Tensor:
        """One step at `part` of the time; its losses."""
        parts = losses(self.model, scenes, questions, self.dtype)
        (parts[0] + TOLD_WEIGHT * (parts[1] + parts[2])).backward()
        for weight, copy in zip(self.weights, self.copies, strict=True):
            weight.grad, copy.grad = None if copy.grad is None else copy.grad.float(), None
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        for optimizer, peak in zip(self.optimizers, self.peak_rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate(part)
            optimizer.step()
        self._copy()
        return parts.detach()


def rate(part: float) -> float:
    """The learning rate as a share of the peak: up at once, then down by a cosine."""
    if part < WARM_UP:
        return part / WARM_UP
    down = (part - WARM_UP) / (1 - WARM_UP)
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * down))


@torch.no_grad()
def right(model: SceneModel, batches: Batches, count: int, dtype: torch.dtype) -> dict[str, float]:
    """The share of answers of which every word and the end are right, by kind of question and of all.

    Each word is told behind the right words before it: the whole is right just if it is when the model goes on alone.
    """
    found = torch.zeros(2, len(KIND_OF), device=batches.dice.device)
    for _ in range(count):
        scenes, questions = batches.next()
        wanted = wanted_words(questions)
        logits, _ = model(render(scenes)[0].to(dtype), questions.texts)
        is_right = ((logits.argmax(-1) == wanted) | (wanted == -1)).all(-1) & questions.is_fit
        found += torch.stack((is_right.sum(0), questions.is_fit.sum(0)))
    hits, asked = found.tolist()
    shares = {}
    for kind in KINDS:
        slots = [slot for slot, of in enumerate(KIND_OF) if of == kind]
        shares[kind] = sum(hits[slot] for slot in slots) / max(sum(asked[slot] for slot in slots), 1)
    return shares | {"all": sum(hits) / max(sum(asked), 1)}


def train(arguments: argparse.Namespace) -> None:
    clock = Clock(arguments.seconds)
    device = torch.device(arguments.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    torch.manual_seed(TRAINING_SEED)
    # Its kernels take long to choose, for each shape anew.
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cudnn.benchmark = True
    shape = Shape(arguments.width, arguments.layers, arguments.heads, 4 * arguments.width)
    model = load(arguments.start).requires_grad_() if arguments.start else SceneModel(shape)
    model.to(device)
    learner = Learner(model, dtype, arguments.rate)
    print(f"{sum(weight.numel() for weight in model.parameters()):,} parameters", flush=True)

    arguments.out.mkdir(parents=True, exist_ok=True)
    batches = Batches(arguments.batch, dice(TRAINING_SEED, device), DRAWN if device.type == "cuda" else arguments.batch)
    training = Clock(arguments.seconds - arguments.evaluate_seconds, clock.begun)
    log: list[dict[str, object]] = []
    pace, report = Pace(device), arguments.report_seconds
    step, begun, total = 0, 0, torch.zeros(3, device=device)
    while (part := training.part()) < 1:
        total += learner.step(*batches.next(), part)
        step += 1
        pace.wait()
        if training.gone() > report:
            means = dict(zip(("words", "patches", "objects"), (total / (step - begun)).tolist(), strict=True))
            row: dict[str, object] = {
                "seconds": round(training.gone(), 1),
                "waited": round(pace.waited, 1),
                "step": step,
            }
            row |= {"losses": means} | evaluate(learner.model, arguments, device, dtype, 2)
            log.append(row)
            print(json.dumps(row), flush=True)
            if not all(map(math.isfinite, means.values())):
                raise SystemExit("the loss is no number any more: a lower --rate is needed")
            save(model, arguments.out / "scenes.safetensors", row)
            total.zero_()
            begun, report = step, training.gone() + arguments.report_seconds
    tested = evaluate(learner.model, arguments, device, dtype, arguments.test_batches)
    facts = {"step": step, "pictures": step * arguments.batch, "seconds": round(clock.gone(), 1), **tested}
    save(model, arguments.out / "scenes.safetensors", facts)
    save(model, arguments.out / "scenes-8-bits.safetensors", facts, is_small=True)
    (arguments.out / "log.json").write_text(json.dumps({"result": facts, "log": log}, indent=1))
    print(json.dumps(facts), flush=True)


class Pace:
    """Keeps the processor at most `AHEAD` steps before the GPU, so that the clock tells how far the training is."""

    def __init__(self, device: torch.device) -> None:
        self.events: deque[torch.cuda.Event] | None = deque() if device.type == "cuda" else None
        #: Seconds in all; if they are few, the processor is what the GPU waits for.
        self.waited = 0.0

    def wait(self) -> None:
        if self.events is None:
            return
        self.events.append(torch.cuda.Event())
        self.events[-1].record()
        if len(self.events) > AHEAD:
            begun = time.monotonic()
            self.events.popleft().synchronize()
            self.waited += time.monotonic() - begun


def evaluate(
    model: SceneModel, arguments: argparse.Namespace, device: torch.device, dtype: torch.dtype, count: int
) -> dict[str, object]:
    """On scenes of another seed, and on those with pairs that training never shows."""
    new = Batches(arguments.batch, dice(TEST_SEED, device), arguments.batch)
    pairs = Batches(arguments.batch, dice(TEST_SEED + 1, device), arguments.batch, held_out=True)
    return {"held_out": right(model, new, count, dtype), "new_pairs": right(model, pairs, count, dtype)}


def dice(seed: int, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=220, help="until the model is saved")
    parser.add_argument("--evaluate-seconds", type=float, default=6, help="of these, for the last evaluation")
    parser.add_argument("--report-seconds", type=float, default=20)
    parser.add_argument("--test-batches", type=int, default=16)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=128, help="pictures a step")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="the highest learning rate")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--start", type=Path, help="a saved model to go on from, in place of nothing")
    parser.add_argument("--out", type=Path, required=True)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
