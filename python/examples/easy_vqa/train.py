"""Trains a small ViLT from scratch on easy-VQA: shapes first, then everything, then colours.

Colours are learnt at once, shapes late, and last of all the comparison of the colour that a question names with the
colour of the image: the named colour is absent seven times of eight, and to say so without looking is right in 88 %.
So there are three stages, each of which draws its batches in another way (see `STAGES`). Images undergo quarter turns,
flips and shifts. Stops and goes on where it was.

    python train.py -o ../../../assets/models/easy-vqa-vilt
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import easy_vqa
import numpy as np
import torch
from data import ANSWERS, Split, build_tokenizer, test_split, train_split
from tqdm import tqdm
from transformers import ViltConfig, ViltForQuestionAnswering

SHIFT = 6
WARM_UP = 200
PEAK_RATE = 1e-3
BATCH = 128
SEED = 0
#: Where each stage ends: batches rich in shapes, batches as they come, batches rich in colours that are really there.
STAGES = (2500, 4000, 6500)
HERE = Path(__file__).parent


def build_model(vocabulary: int) -> ViltForQuestionAnswering:
    """4 layers × 4 heads, 128 dimensions, 8×8 patches."""
    config = ViltConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=512,
        image_size=64,
        patch_size=8,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(ANSWERS)),
        label2id={answer: number for number, answer in enumerate(ANSWERS)},
    )
    config._attn_implementation = "eager"
    return ViltForQuestionAnswering(config)


def keep_patch_order(model: ViltForQuestionAnswering) -> None:
    """Replaces `visual_embed`, which shuffles the patches sample by sample: on images of one size the order means
    nothing to the model, and the loops cost more than a layer."""
    embeddings = model.vilt.embeddings

    def visual_embed(
        pixel_values: torch.Tensor, pixel_mask: torch.Tensor, max_image_length: int = 200
    ) -> tuple[torch.Tensor, torch.Tensor, None]:
        patches = embeddings.patch_embeddings(pixel_values).flatten(2).transpose(1, 2)
        cls = embeddings.cls_token.expand(len(patches), -1, -1)
        states = torch.cat((cls, patches), dim=1) + embeddings.position_embeddings
        return embeddings.dropout(states), torch.ones(states.shape[:2], dtype=torch.long), None

    embeddings.visual_embed = visual_embed  # type: ignore[method-assign]


def augment(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Quarter turns, flips and shifts of at most `SHIFT` pixels, with the border repeated; `[n, 3, 64, 64]`."""
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (SHIFT,) * 4, mode="replicate")
    top, left = torch.from_numpy(rng.integers(0, 2 * SHIFT + 1, (2, n)))
    rows = (top[:, None] + torch.arange(height))[:, None, :, None]
    columns = (left[:, None] + torch.arange(width))[:, None, None, :]
    out = padded[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns]
    symmetry = rng.integers(0, 8, n)
    for kind in range(8):
        chosen = torch.from_numpy(np.flatnonzero(symmetry == kind))
        turned = torch.rot90(out[chosen], kind % 4, (2, 3))
        out[chosen] = turned.flip(3) if kind >= 4 else turned
    return out


def draw_batch(split: Split, step: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of `split` for a step."""
    everything = np.arange(len(split.kinds))
    if step < STAGES[0]:
        pools = [split.kinds == "shape", split.kinds == "shape", split.kinds == "yes/no shape", everything >= 0]
    elif step < STAGES[1]:
        pools = [everything >= 0]
    else:
        color = split.kinds == "yes/no color"
        pools = [color & split.present, color & ~split.present, everything >= 0, everything >= 0]
    return np.concatenate([rng.choice(np.flatnonzero(pool), BATCH // len(pools)) for pool in pools])


def rate(step: int) -> float:
    """The learning rate as a share of the peak: one cosine over the first two stages, another over the third."""
    if step < STAGES[1]:
        return min(step / WARM_UP, 0.5 * (1 + math.cos(math.pi * step / (2 * STAGES[0]))))
    begun = step - STAGES[1]
    return 0.7 * min(begun / WARM_UP, 0.5 * (1 + math.cos(math.pi * begun / (STAGES[2] - STAGES[1]))))


@torch.no_grad()
def correct(model: ViltForQuestionAnswering, split: Split, batch: int = 256) -> np.ndarray:
    """Which questions are answered right, `[questions]`."""
    model.eval()
    right = []
    for start in tqdm(range(0, len(split.texts), batch), desc="test", leave=False):
        rows = slice(start, start + batch)
        logits = model(
            input_ids=split.questions[rows],
            attention_mask=split.masks[rows],
            pixel_values=split.images[split.image_of[rows]],
        ).logits
        right.append((logits.argmax(-1) == split.answers[rows]).numpy())
    model.train()
    return np.concatenate(right)


def accuracy_table(right: np.ndarray, kinds: np.ndarray) -> str:
    """One line a question type, and all of them."""
    rows = {kind: right[kinds == kind] for kind in sorted(set(kinds))} | {"all": right}
    return "  ".join(f"{kind} {100 * values.mean():.2f} %" for kind, values in rows.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-every", type=int, default=500)
    parser.add_argument("--checkpoint", type=Path, default=HERE / "checkpoints" / "last.pt")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "../../../assets/models/easy-vqa-vilt")
    arguments = parser.parse_args()

    torch.manual_seed(SEED)
    tokenizer = build_tokenizer(easy_vqa.get_train_questions()[0])
    training, test = train_split(tokenizer), test_split(tokenizer)
    model = build_model(len(tokenizer))
    keep_patch_order(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    first = 0
    if arguments.checkpoint.exists():
        state = torch.load(arguments.checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        first = state["step"]
        print(f"goes on at step {first} of {arguments.checkpoint}")

    bar = tqdm(range(first, STAGES[-1]), initial=first, total=STAGES[-1], desc="train")
    for step in bar:
        rng = np.random.default_rng((SEED, step))
        rows = draw_batch(training, step, rng)
        length = int(training.masks[rows].sum(1).max())
        logits = model(
            input_ids=training.questions[rows, :length],
            attention_mask=training.masks[rows, :length],
            pixel_values=augment(training.images[training.image_of[rows]], rng),
        ).logits
        loss = torch.nn.functional.cross_entropy(logits, training.answers[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")
        if (step + 1) % arguments.test_every == 0 or step + 1 == STAGES[-1]:
            bar.write(f"step {step + 1}: {accuracy_table(correct(model, test), test.kinds)}")
            arguments.checkpoint.parent.mkdir(parents=True, exist_ok=True)
            torch.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "scheduler": scheduler.state_dict(),
                    "step": step + 1,
                },
                arguments.checkpoint,
            )
            model.save_pretrained(arguments.output)
            tokenizer.save_pretrained(arguments.output)


if __name__ == "__main__":
    main()
