"""The logit lens (nostalgebraist 2020): each hidden state of each token, read by the model's own norm and head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..trace import Words

#: Tokens at a time: a vocabulary is wide.
_BATCH = 256


@torch.no_grad()
def words_of(
    head: Any, norm: Any, states: list[Any], logits: torch.Tensor, tokenizer: Any, top: int
) -> dict[int | str, Words]:
    """By hidden state, `[tokens, dim]` each, and `logits`, `[tokens, vocabulary]`, for the output itself.

    `norm` is what lies between the last layer and the `head`, or None.
    """
    norm = norm or torch.nn.Identity()
    found: dict[int | str, Words] = {}
    weight = head.weight
    # Of a quantised head it is a function, or whole numbers; where the head was put away it is on `meta`.
    dtype = weight.dtype if torch.is_tensor(weight) and weight.is_floating_point() else logits.dtype
    for number, state in enumerate(states):
        values = torch.as_tensor(state).to(logits.device, dtype)
        found[number] = _words([head(norm(part[None]))[0] for part in values.split(_BATCH)], tokenizer, top)
    found["logits"] = _words([logits], tokenizer, top)
    return found


def _words(logits: list[torch.Tensor], tokenizer: Any, top: int) -> Words:
    best = [part.float().log_softmax(-1).topk(min(top, part.shape[-1]), dim=-1) for part in logits]
    scores, ids = (torch.cat([getattr(of, name) for of in best]).cpu() for name in ("values", "indices"))
    unique = ids.unique().tolist()
    names = dict(zip(unique, tokenizer.convert_ids_to_tokens(unique), strict=True))
    words = [[str(names[id]) for id in row] for row in ids.tolist()]
    return Words(words, scores.numpy().astype(np.float16))
