"""Which heads look at the object that a word speaks of, on questions that training never asked.

python look.py        # a table of the best heads
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from capture_scenes import MODEL, SEED, Example, draw, examples_of, regions_of
from network import GRID, SceneModel, load
from questions import KIND_OF
from render import render
from vocabulary import ANSWER, ID, PAD

import vlscope
from vlscope.trace import Box

PATCHES = GRID * GRID
_BATCH = 20
#: A question's last word of a phrase, and from the mark before an answer on all words of which another follows.
ROLES = ("noun", "answer")
_Floats = npt.NDArray[np.float64]


def inside(box: Box) -> _Floats:
    """Which share of each patch lies in a box, `[196]`."""
    edges = np.arange(GRID + 1) / GRID
    shares = [
        np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * GRID
        for low, high in ((box[0], box[2]), (box[1], box[3]))
    ]
    return np.outer(shares[1], shares[0]).ravel()


def shares_on(weights: npt.NDArray[np.floating], box: Box) -> _Floats:
    """Of the attention to patches in `[…, keys]`, the share that lies in a box, `[…]`."""
    seen = weights[..., :PATCHES].astype(np.float64)
    shares: _Floats = seen @ inside(box) / np.maximum(seen.sum(-1), np.finfo(np.float16).tiny)
    return shares


def roles_of(ids: list[int], spoken_of: list[int]) -> list[tuple[int, str, int]]:
    """Word, role and object."""
    begin = ids.index(ID[ANSWER])
    return [
        (place, ROLES[place >= begin], number)
        for place, number in enumerate(spoken_of)
        if number >= 0 and place < len(ids) - 1
    ]


@torch.no_grad()
def measure(model: SceneModel, examples: list[Example]) -> tuple[dict[str, _Floats], dict[str, float], dict[str, int]]:
    """By role: the mean share on the object and the mean share of attention on the picture, `[2, layers, heads]`; the
    mean share of the picture that the object's box has; how many words there were."""
    looks: dict[str, list[_Floats]] = {role: [] for role in ROLES}
    areas: dict[str, list[float]] = {role: [] for role in ROLES}
    for begin in range(0, len(examples), _BATCH):
        part = examples[begin : begin + _BATCH]
        sentences = [example.question + example.answer for example in part]
        length = max(map(len, sentences))
        texts = torch.tensor([[[*ids, *[ID[PAD]] * (length - len(ids))]] for ids in sentences])
        pictures = torch.cat([render(example.scene)[0] for example in part])
        with vlscope.record(model, where=r"^layers\.") as tape:
            model(pictures, texts)
        (block,) = tape.blocks()
        for number, (example, ids) in enumerate(zip(part, sentences, strict=True)):
            weights = np.stack([block.weights(layer, number)[:, PATCHES:] for layer in block.layers])
            regions = regions_of(example.scene)
            for place, role, of in roles_of(ids, example.spoken_of):
                row = weights[:, :, place]
                looks[role].append(np.stack((shares_on(row, regions[of].box), row[..., :PATCHES].sum(-1))))
                areas[role].append(float(inside(regions[of].box).mean()))
    return (
        {role: np.mean(looks[role], 0) for role in ROLES},
        {role: float(np.mean(areas[role])) for role in ROLES},
        {role: len(areas[role]) for role in ROLES},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--scenes", type=int, default=70, help="each is asked one question of three kinds")
    parser.add_argument("--heads", type=int, default=5, help="how many of the best are told")
    arguments = parser.parse_args()
    scenes, questions = draw(arguments.scenes, SEED + 1)
    slots = [KIND_OF.index(kind) for kind in ("relation", "attribute", "place")]
    examples = [example for slot in slots for example in examples_of(scenes, questions, slot)]
    looks, areas, counts = measure(load(arguments.model), examples)
    for role in ROLES:
        print(
            f"{role}: {counts[role]} words of {len(examples)} questions; the object has {areas[role]:.1%} of the area"
        )
        on_object, on_picture = looks[role]
        for place in np.argsort(-on_object, axis=None)[: arguments.heads]:
            layer, head = np.unravel_index(place, on_object.shape)
            print(
                f"  layer {layer} head {head}: {on_object[layer, head]:.1%} of its image attention is on the object,"
                f" {on_picture[layer, head]:.1%} of its attention is on the image"
            )


if __name__ == "__main__":
    main()
