"""The words of questions and answers, one token each, and the marks between them."""

from __future__ import annotations

from scene import ATTRIBUTES, COLOURS, SHAPES, SIZES, TEXTURES

PAD, ASK, ANSWER, END = "[PAD]", "[ASK]", "[ANSWER]", "[END]"
SPECIAL = (PAD, ASK, ANSWER, END)
PLURALS = tuple(f"{shape}es" if shape == "cross" else f"{shape}s" for shape in SHAPES)
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
DIRECTIONS = ("left", "right", "above", "below")
_OTHERS = (
    *("thing", "things", "what", "which", "where", "how", "many", "is", "are", "there", "the", "of", "?"),
    *("more", "than", "larger", "size", "texture", "colour", "shape"),
    *("a", "it", "at", "upper", "lower", "yes", "none", ",", "and", "both"),
)
WORDS: tuple[str, ...] = (*SPECIAL, *SIZES, *TEXTURES, *COLOURS, *SHAPES, *PLURALS, *NUMBERS, *DIRECTIONS, *_OTHERS)
ID = {word: number for number, word in enumerate(WORDS)}

#: The first word of each attribute; a value's number is added to it.
FIRST = tuple(ID[names[0]] for names in ATTRIBUTES)


def text(ids: list[int]) -> str:
    """Words, without marks and what follows the end."""
    words = [WORDS[number] for number in ids]
    words = words[: words.index(END)] if END in words else words
    return " ".join(word for word in words if word not in SPECIAL)
