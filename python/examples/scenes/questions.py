"""Questions of six kinds about scenes, each with its one right answer, many at once.

Of each kind many are drawn for each scene: which objects they are about, and which attributes they name. Those that
name one object where they should, and whose answer hangs on no pixel, are fit to be asked; some of them are taken. A
sentence is a row of slots, of which some are left blank, and blanks are moved to its end.

Some words speak of one object: the last of a phrase that names it, and the answer that tells of it. While sentences are
made, the number of such a word, and of the mark before such an answer, has the object's in it (`_of`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from scene import COUNTS, OBJECTS, SIDE, Scenes, constant, is_held_out
from vocabulary import ANSWER, ASK, DIRECTIONS, END, FIRST, ID, NUMBERS, PAD, PLURALS, WORDS

#: Tokens of question and answer, at most.
LENGTH = 20
#: How many of each kind a scene is asked.
KINDS = {"relation": 3, "count": 1, "more": 1, "larger": 1, "attribute": 1, "place": 1}
ASKED = sum(KINDS.values())
KIND_OF = tuple(kind for kind, count in KINDS.items() for _ in range(count))

_DRAWN = 32
#: How many pixels something must be on the one side of a limit.
_CLEAR = 16.0
_BLANK = -1
_ANY = -1
_Slot = torch.Tensor | str | int


@dataclass
class Questions:
    """`ASKED` questions for each scene, their kinds in the order of `KIND_OF`."""

    texts: torch.Tensor  # [scenes, ASKED, LENGTH], ids of words; question, answer, end, padding
    spoken_of: torch.Tensor  # [scenes, ASKED, LENGTH], the number of the object that a word speaks of, or -1
    is_fit: torch.Tensor  # [scenes, ASKED]: the scene has such a question

    def __getitem__(self, rows: slice) -> Questions:
        return Questions(self.texts[rows], self.spoken_of[rows], self.is_fit[rows])


def draw_questions(scenes: Scenes, dice: torch.Generator, *, held_out: bool = False) -> Questions:
    """Questions on `scenes`; only with `held_out` they speak of the pairs that are."""
    asker = _Asker(scenes, dice)
    texts, is_fit = [], []
    for kind, count in KINDS.items():
        slots, fit, named = _KINDS[kind](asker)
        if not held_out:
            fit = fit & ~torch.stack([is_held_out(one) for one in named]).any(0)
        order = (fit + asker.uniform()).topk(count, 1).indices
        texts.append(_closed(slots.gather(1, order[..., None].expand(-1, -1, slots.shape[-1]))))
        is_fit.append(fit.gather(1, order))
    words, fit = torch.cat(texts, 1), torch.cat(is_fit, 1)
    words, spoken_of = words % len(WORDS), torch.where(fit[..., None], words // len(WORDS) - 1, -1)
    answer = is_answer(words)
    told_of = torch.where(answer, spoken_of, -1).amax(-1, keepdim=True)
    return Questions(words, torch.where(answer & (words != ID[PAD]), told_of, spoken_of), fit)


def is_answer(texts: torch.Tensor) -> torch.Tensor:
    """Which tokens are the mark before the answer, or behind it."""
    return (texts == ID[ANSWER]).cumsum(-1) > 0


def _closed(slots: torch.Tensor) -> torch.Tensor:
    """Blanks out, padded to `LENGTH`."""
    order = (slots == _BLANK).int().argsort(stable=True, dim=-1)
    words = slots.gather(-1, order)[..., :LENGTH]
    words = torch.where(words == _BLANK, ID[PAD], words)
    return torch.nn.functional.pad(words, (0, LENGTH - words.shape[-1]), value=ID[PAD])


_Drawn = tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]


class _Asker:
    """Draws `_DRAWN` things for each scene: all tensors are `[scenes, drawn, …]`."""

    def __init__(self, scenes: Scenes, dice: torch.Generator) -> None:
        self.scenes, self.dice = scenes, dice
        self.present = scenes.present[:, None].expand(-1, _DRAWN, -1)
        self.counts = constant(COUNTS, dice.device)

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.rand(len(self.scenes), _DRAWN, *shape, generator=self.dice, device=self.dice.device)

    def whole(self, count: int) -> torch.Tensor:
        """Numbers below `count`."""
        return (self.uniform() * count).long()

    def some_object(self, but: torch.Tensor | None = None) -> torch.Tensor:
        """A present object's number, another than `but`."""
        chances = self.uniform(OBJECTS) * self.present
        if but is not None:
            chances = chances.scatter(-1, but[..., None], 0)
        return chances.argmax(-1)

    def of(self, values: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
        """Each drawn object's row of `values`, `[scenes, objects, n]`."""
        return values.gather(1, number[..., None].expand(-1, -1, values.shape[-1]))

    def attributes(self, number: torch.Tensor) -> torch.Tensor:
        """`[scenes, drawn, 4]`."""
        return self.of(self.scenes.attributes, number)

    def matches(self, named: torch.Tensor) -> torch.Tensor:
        """Which objects have all attributes that are named, `[scenes, drawn, objects]`."""
        alike = (named[:, :, None] == self.scenes.attributes[:, None]) | (named[:, :, None] == _ANY)
        return alike.all(-1) & self.present

    def naming(self, number: torch.Tensor, without: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Some of an object's attributes, others `_ANY`, not the one of number `without`; and whether no other object
        has them."""
        is_named = self.uniform(4) < 0.5
        if without is not None:
            is_named = is_named.scatter(-1, without[..., None], False)
        named = torch.where(is_named, self.attributes(number), _ANY)
        return named, self.matches(named).sum(-1) == 1

    def one_attribute(self, number: torch.Tensor) -> torch.Tensor:
        """One attribute of an object, or now and then of any value, others `_ANY`."""
        which = self.whole(4)
        other = (self.uniform(4) * self.counts).long()
        values = torch.where(self.uniform(1) < 0.2, other, self.attributes(number))
        return torch.where(torch.arange(4, device=which.device) == which[..., None], values, _ANY)

    def sentence(self, *slots: _Slot) -> torch.Tensor:
        """`[scenes, drawn, slots]`: words, ids, or several slots in a tensor."""
        shape = (len(self.scenes), _DRAWN)
        columns = []
        for slot in slots:
            if isinstance(slot, torch.Tensor):
                columns.append(slot[..., None] if slot.dim() == 2 else slot)
            else:
                number = ID[slot] if isinstance(slot, str) else slot
                columns.append(torch.full((*shape, 1), number, device=self.dice.device))
        return torch.cat(columns, -1)


def _phrase(named: torch.Tensor, *, is_plural: bool = False) -> torch.Tensor:
    """Four slots: size, texture, colour, and the shape, or that it is a thing."""
    first = list(FIRST)
    if is_plural:
        first[3] = ID[PLURALS[0]]
    words = named + constant(tuple(first), named.device)
    blanks = torch.full_like(words, _BLANK)
    blanks[..., 3] = ID["things" if is_plural else "thing"]
    return torch.where(named == _ANY, blanks, words)


def _of(number: torch.Tensor, words: torch.Tensor | str) -> torch.Tensor:
    """A word, or a phrase's last, that speaks of an object."""
    if isinstance(words, str):
        return ID[words] + len(WORDS) * (number + 1)
    return torch.cat((words[..., :-1], words[..., -1:] + len(WORDS) * (number + 1)[..., None]), -1)


def _relation(asker: _Asker) -> _Drawn:
    """what | which NP is left of | above NP ? — a NP. It lies in that quarter of the picture around the other."""
    anchor = asker.some_object()
    target = asker.some_object(but=anchor)
    named, is_one = asker.naming(anchor)
    away = asker.scenes.centres[:, None] - asker.of(asker.scenes.centres, anchor)[:, :, None]
    right, down = away[..., 0], away[..., 1]
    # How far each object is inside of the quarters to the left, right, above and below.
    depth = torch.stack((-right, right, -down, down), -1) - torch.stack((down, down, right, right), -1).abs()
    depths = depth.gather(2, target[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]
    direction = depths.argmax(-1)
    depth = depth.gather(3, direction[..., None, None].expand(-1, -1, OBJECTS, 1))[..., 0]

    which = asker.whole(7)
    is_kind = torch.arange(4, device=which.device) == which[..., None]
    kind = torch.where(is_kind, asker.attributes(target), _ANY)
    others = asker.matches(kind) & (torch.arange(OBJECTS, device=which.device) != anchor[..., None])
    is_surely, is_perhaps = others & (depth > _CLEAR), others & (depth > -_CLEAR)
    is_only = (is_surely.sum(-1) == 1) & (is_perhaps.sum(-1) == 1) & (others.sum(-1) > 1)
    is_beside = direction < 2
    slots = asker.sentence(
        ASK,
        torch.where(which < 4, ID["which"], ID["what"]),
        torch.where((which < 4)[..., None], _phrase(kind), _BLANK),
        "is",
        ID[DIRECTIONS[0]] + direction,
        torch.where(is_beside, ID["of"], _BLANK),
        "the",
        _of(anchor, _phrase(named)),
        "?",
        _of(target, ANSWER),
        "a",
        _phrase(asker.attributes(target)),
        END,
    )
    return slots, is_one & is_only & (target != anchor), [named]


def _count(asker: _Asker) -> _Drawn:
    """how many NPs are there ? — two NPs."""
    number = asker.some_object()
    named, more = asker.one_attribute(number), asker.one_attribute(number)
    named = torch.where((asker.uniform(1) < 0.5) & (named == _ANY), more, named)
    count = asker.matches(named).sum(-1)
    several = _phrase(named, is_plural=True)
    counted = torch.where((count == 1)[..., None], _phrase(named), several)
    slots = asker.sentence(
        ASK, "how", "many", several, "are", "there", "?", ANSWER, ID[NUMBERS[0]] + count, counted, END
    )
    return slots, torch.ones_like(count, dtype=torch.bool), [named]


def _more(asker: _Asker) -> _Drawn:
    """are there more NPs than NPs ? — yes , three and one."""
    one, other = (asker.one_attribute(asker.some_object()) for _ in range(2))
    count, less = asker.matches(one).sum(-1), asker.matches(other).sum(-1)
    slots = asker.sentence(
        *(ASK, "are", "there", "more", _phrase(one, is_plural=True), "than", _phrase(other, is_plural=True), "?"),
        *(ANSWER, torch.where(count > less, ID["yes"], ID["no"]), ","),
        *(_number(count), "and", _number(less), END),
    )
    return slots, (one != other).any(-1), [one, other]


def _number(count: torch.Tensor) -> torch.Tensor:
    return torch.where(count == 0, ID["none"], ID[NUMBERS[0]] + count)


def _larger(asker: _Asker) -> _Drawn:
    """is the NP larger than the NP ? — yes , large and small; no , both are small."""
    number = asker.some_object()
    other = asker.some_object(but=number)
    size = torch.zeros_like(number)
    (one, is_one), (two, is_two) = (asker.naming(of, without=size) for of in (number, other))
    first, second = asker.attributes(number)[..., 0], asker.attributes(other)[..., 0]
    is_same = first == second
    slots = asker.sentence(
        *(ASK, "is", "the", _of(number, _phrase(one)), "larger", "than", "the", _of(other, _phrase(two)), "?"),
        *(ANSWER, torch.where(first > second, ID["yes"], ID["no"]), ","),
        torch.where(is_same, ID["both"], FIRST[0] + first),
        torch.where(is_same, ID["are"], ID["and"]),
        FIRST[0] + second,
        END,
    )
    return slots, is_one & is_two & (number != other), [one, two]


def _attribute(asker: _Asker) -> _Drawn:
    """what colour is the NP ? — it is red."""
    number, which = asker.some_object(), asker.whole(4)
    named, is_one = asker.naming(number, without=which)
    value = asker.attributes(number).gather(-1, which[..., None])[..., 0]
    first = constant(FIRST, which.device)
    slots = asker.sentence(
        *(ASK, "what", ID["size"] + which, "is", "the", _of(number, _phrase(named)), "?"),
        *(_of(number, ANSWER), "it", "is", torch.where(which == 3, ID["a"], _BLANK), first[which] + value, END),
    )
    return slots, is_one, [named]


def _place(asker: _Asker) -> _Drawn:
    """where is the NP ? — at the upper left."""
    number = asker.some_object()
    named, is_one = asker.naming(number)
    away = asker.of(asker.scenes.centres, number) - SIDE / 2
    right, down = (away > 0).unbind(-1)
    slots = asker.sentence(
        *(ASK, "where", "is", "the", _of(number, _phrase(named)), "?", _of(number, ANSWER), "at", "the"),
        torch.where(down, ID["lower"], ID["upper"]),
        ID[DIRECTIONS[0]] + right.long(),
        END,
    )
    return slots, is_one & (away.abs() > _CLEAR).all(-1), [named]


_KINDS: dict[str, Callable[[_Asker], _Drawn]] = {
    "relation": _relation,
    "count": _count,
    "more": _more,
    "larger": _larger,
    "attribute": _attribute,
    "place": _place,
}
