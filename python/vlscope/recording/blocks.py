"""Layers of one kind, as the blocks of a trace have them: same modules, same shape, the model's own numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .errors import RecordError
from .masks import Allowed, Kind, classify
from .matrix import Matrix
from .refusals import empty_rows

#: Parts of a module's name that say nothing of which tower it is.
_COMMON = {"model", "module", "layers", "layer", "blocks", "block", "h", "transformer", "_orig_mod", "m"}
_CROSS = ("cross", "encoder_attn", "encdec", "enc_dec", "multihead_attn", "query_crossattention")


@dataclass(eq=False)
class Block:
    """A stack of layers in which one sequence attends to one."""

    name: str
    #: The modules' name, with a star for the number of the layer.
    path: str
    #: By the model's own number of the layer.
    matrices: dict[int, Matrix]
    #: The names of the sequences.
    query: str = ""
    key: str = ""

    @property
    def layers(self) -> list[int]:
        """The model's own numbers of the layers."""
        return list(self.matrices)

    @property
    def query_count(self) -> int:
        """How many rows, padding included."""
        return self._first.rows

    @property
    def key_count(self) -> int:
        """How many columns, padding included."""
        return self._first.keys

    @property
    def heads(self) -> int:
        """How many heads each layer has, or the most that one has."""
        return max(matrix.heads for matrix in self.matrices.values())

    @property
    def examples(self) -> int:
        """How many examples."""
        return self._first.examples

    @property
    def kept(self) -> list[int] | None:
        """The numbers of the queries that were kept; None where all were."""
        return self._first.kept

    @property
    def is_weights(self) -> bool:
        """Whether some layer has weights, not queries and keys."""
        return any(matrix.is_weights for matrix in self.matrices.values()) or (
            len({matrix.scale for matrix in self.matrices.values()}) > 1
        )

    @property
    def is_self(self) -> bool:
        """Whether queries and keys are the same tokens, as far as their numbers and the modules' names tell."""
        return self.query_count == self.key_count and not any(word in self.path.lower() for word in _CROSS)

    @cached_property
    def notes(self) -> list[str]:
        """What is worth knowing: steps, windows, tiles, sinks."""
        return sorted(set().union(*(matrix.notes for matrix in self.matrices.values())))

    def weights(self, layer: int, example: int = 0, *, drop_padding: bool = False) -> npt.NDArray[np.float32]:
        """`[heads, queries, keys]` of one layer. Raises `RecordError` for queries that see no key, unless padding is
        dropped."""
        matrix = self._matrix(layer)
        weights = matrix.weights(example).numpy()
        if drop_padding:
            queries, keys = self.unpadded(example)
            weights = weights[:, queries][:, :, keys]
            empty = np.flatnonzero(~self.allowed(layer, example)[np.ix_(queries, keys)].any(1))
        else:
            empty = np.flatnonzero(~self.allowed(layer, example).any(1))
        if len(empty):
            raise empty_rows(self.name, layer, empty.tolist())
        return weights

    def allowed(self, layer: int, example: int = 0) -> Allowed:
        """Which keys each query of a layer may see, `[queries, keys]`."""
        matrix = self._matrix(layer)
        key = matrix.mask_key(example)
        if key not in self._allowed:
            self._allowed[key] = matrix.allowed(example)
        return self._allowed[key]

    def mask(self, layer: int, example: int = 0) -> Kind:
        """The kind of mask of a layer without padding, as the trace format has it."""
        queries, keys = self.unpadded(example)
        return classify(self.allowed(layer, example)[np.ix_(queries, keys)])

    def unpadded(self, example: int = 0) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The queries that see a key in some layer (and are seen, where they are keys as well), and the keys seen."""
        if example not in self._unpadded:
            masks = {matrix.mask_key(example): layer for layer, matrix in self.matrices.items()}
            seen, sees = np.zeros(self.key_count, np.bool_), np.zeros(self._first._row_count, np.bool_)
            for layer in masks.values():
                allowed = self.allowed(layer, example)
                seen |= allowed.any(0)
                sees |= allowed.any(1)
            if self.is_self and len(sees) == len(seen):
                sees &= seen
            self._unpadded[example] = np.flatnonzero(sees), np.flatnonzero(seen)
        return self._unpadded[example]

    def __str__(self) -> str:
        layers, count = self.layers, len(self.layers)
        numbers = f"{layers[0]}" if count == 1 else f"{layers[0]} to {layers[-1]}"
        if layers != list(range(layers[0], layers[0] + count)):
            numbers = ", ".join(map(str, layers))
        names = f"{self.query} → {self.key}, " if self.query != self.key else ""
        examples = f", {self.examples} examples" if self.examples > 1 else ""
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        return (
            f"{self.name}: {names}{'layer' if count == 1 else 'layers'} {numbers}, {self.heads} heads, "
            f"{self.query_count} queries × {self.key_count} keys{examples}{notes} [{self.path}]"
        )

    def __post_init__(self) -> None:
        self._allowed: dict[object, Allowed] = {}
        self._unpadded: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}

    @property
    def _first(self) -> Matrix:
        return next(iter(self.matrices.values()))

    def _matrix(self, layer: int) -> Matrix:
        if layer not in self.matrices:
            raise RecordError(f"`{self.name}` has no layer {layer}, but {', '.join(map(str, self.layers))}")
        return self.matrices[layer]


def group(found: list[Matrix]) -> list[Block]:
    """The blocks of all matrices, each with a name of its own."""
    groups: dict[tuple[object, ...], list[Matrix]] = defaultdict(list)
    for matrix in found:
        star = re.sub(r"(?<![^.])\d+(?![^.])", "*", matrix.path)
        runs = (_run_of(matrix, found), matrix.variant)
        groups[star, runs, matrix.rows, matrix.keys, matrix.examples].append(matrix)
    blocks = [Block("", *_numbered(members)) for members in groups.values()]
    _name(blocks)
    return blocks


def _run_of(matrix: Matrix, found: list[Matrix]) -> int:
    """Which of several runs of one module, each a matrix of its own."""
    same = [other for other in found if other.path == matrix.path and other.variant == matrix.variant]
    return same.index(matrix)


def _numbered(members: list[Matrix]) -> tuple[str, dict[int, Matrix]]:
    """The members' common path, with a star for what differs, and the number that each has there."""
    paths = [matrix.path.split(".") for matrix in members]
    varying = [at for at, parts in enumerate(zip(*paths, strict=True)) if len(set(parts)) > 1]
    if len(members) == 1:
        varying = [at for at, part in enumerate(paths[0]) if part.isdigit()][-1:]
    path = ".".join("*" if at in varying else part for at, part in enumerate(paths[0]))
    if len(varying) == 1:
        return path, {int(parts[varying[0]]): matrix for parts, matrix in zip(paths, members, strict=True)}
    return path, dict(enumerate(members))


def _name(blocks: list[Block]) -> None:
    """Short names: the tower, `.cross` for attention to another sequence, and what else tells two apart."""
    for block in blocks:
        before = block.path.partition("*")[0]
        words = [part for part in before.split(".") if part and part not in _COMMON and not part.isdigit()]
        block.name = words[0] if words else "main"
        if not block.is_self:
            block.name += ".cross" if words else " cross"
    for tell in (_stage, _module, _length):
        same: dict[str, list[Block]] = defaultdict(list)
        for block in blocks:
            same[block.name].append(block)
        for others in same.values():
            if len(others) > 1:
                for block, suffix in [(block, tell(block, others)) for block in others]:
                    block.name += suffix
    counts: Counter[str] = Counter()
    for block in blocks:
        counts[block.name] += 1
        if counts[block.name] > 1:
            block.name += f".{counts[block.name]}"


def _stage(block: Block, others: list[Block]) -> str:
    """The words before the star, where they differ: encoder and decoder of one tower, the numbers of stages."""
    words = [[part for part in other.path.partition("*")[0].split(".") if part] for other in (block, *others)]
    own = [part for part in words[0] if any(part not in other for other in words)]
    return "".join(f".{part}" for part in own if part not in _COMMON and part != block.name)


def _module(block: Block, others: list[Block]) -> str:
    """What the module behind the star is called, where it differs."""
    names = {other.path.partition("*")[2] for other in others}
    own = block.path.partition("*")[2].strip(".").split(".")[0]
    return f".{own}" if len(names) > 1 and own else ""


def _length(block: Block, others: list[Block]) -> str:
    """How many tokens, where that differs."""
    lengths = {(other.query_count, other.key_count) for other in others}
    return f".{block.query_count}x{block.key_count}" if len(lengths) == len(others) > 1 else ""
