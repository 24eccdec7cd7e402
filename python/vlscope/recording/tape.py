"""What was recorded."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Any, Literal

import torch

from .blocks import Block, group
from .call import Call, Heard
from .frames import Frame, Frames
from .matrix import matrices
from .norms import value_norm
from .refusals import check_heads, check_values, reordered
from .relation import Relation
from .sequences import Sequence, sequences_of, unpadded
from .shapes import tokens_of
from .spool import Spool, Stored
from .tracks import Track, Tracks
from .weights import weights_in_parts

if TYPE_CHECKING:
    from ..trace import Token, Trace


class Tape:
    """The attention of a model, block by block, and what its layers put out. Made by `record`."""

    def __init__(
        self,
        model: torch.nn.Module,
        where: str | Callable[[str], bool] | None,
        layers: Container[int] | None,
        heads: list[int] | None,
        queries: Container[int] | None,
        keep: str,
        statistics: bool,
        hidden: bool,
        folder: str | None,
    ) -> None:
        self.model = model
        self.calls: list[Call] = []
        #: The modules that ran, and those whose attention was left out by `where` or `layers`.
        self.ran: dict[str, torch.nn.Module] = {}
        self.left_out: set[str] = set()
        #: Attention that showed nothing.
        self.unheard: list[str] = []
        self.spool = Spool(folder)
        self.states: dict[str, list[tuple[int, Stored | None, Stored]]] = {}
        self._where = re.compile(where).search if isinstance(where, str) else where
        self._layers, self._heads, self._queries = layers, heads, queries
        self.has_statistics = statistics
        self._keep, self._hidden = keep, hidden
        #: Where the model computes.
        self.device = torch.device("cpu")
        #: The ids that each run of the outermost module read.
        self.read: dict[int, torch.Tensor] = {}
        self._tracks: dict[tuple[str, int], Tracks] = defaultdict(Tracks)
        self._matrices: list[list[Call]] = []
        self._unprojected: tuple[Frame, Call, torch.Tensor] | None = None
        self._blocks: list[Block] | None = None

    # While the model runs.

    @torch.no_grad()
    def hear(self, heard: Heard, frames: Frames) -> None:
        """Takes one attention of the innermost frame."""
        frame = frames.stack[-1]
        if not self._is_wanted(frame.path):
            self.left_out.add(frame.path)
            return
        check_heads(frame.path, heard.heads, self._heads)
        self.device = check_values(frame.path, heard.device)
        self._blocks = None
        track, calls, relation = self._track_of(frame, heard)
        call = Call(
            frame.path,
            frame.forward,
            frame.invocation,
            heard.batch,
            heard.heads,
            heard.queries,
            heard.keys,
            frames.examples,
            tokens_of(frames.running()),
            scale=heard.scale,
            mask=heard.mask,
            has_sink=heard.has_sink,
            sample=heard.sample,
        )
        if relation is Relation.UNDONE:
            track.undo(heard.keys - heard.queries)
            for before in calls:
                before.undo(track.rows)
            relation = Relation.CACHED
        if relation is Relation.ROUGH:
            track.is_rough, relation = True, Relation.CACHED
        if track.is_rough:
            call.notes.add("a quantised cache: its steps are kept as weights")
        if relation is Relation.CACHED:
            call.first_row, call.first_key = track.rows, track.first_key_of(heard)
            call.stored_from = track.end - call.first_key
            call.notes |= {"a sliding cache"} if call.first_key else set()
        elif relation is Relation.SAME_KEYS:
            call.first_row, call.stored_from = track.rows, heard.keys
        elif relation is Relation.AGAIN:
            call.notes.add("no cache: the last step")
        if heard.is_changed:
            call.notes.add("weights are changed behind the softmax: rows may not sum to 1")
        if heard.heads_a_row > 1:
            call.notes.add(f"heads share a key and lie in the rows: {heard.heads_a_row} rows a token")
        call.follows, call.before = relation, track.before
        self._store(call, heard, as_weights=self._keep == "weights" or track.is_rough)
        if relation in (Relation.CACHED, Relation.SAME_KEYS):
            track.go_on(heard, frame.forward, call.first_key)
            track.follows = relation
        calls.append(call)
        self.calls.append(call)
        frame.calls += 1
        self._unprojected = None
        if self.has_statistics and heard.value is not None and relation is not Relation.SAME_KEYS:
            self._unprojected = (frame, call, heard.value[:, :, call.stored_from :])

    def project(self, weight: torch.Tensor, frames: Frames) -> None:
        """A linear map is computed: after an attention, in the same module, it is what its values are projected by."""
        if self._unprojected is None:
            return
        frame, call, value = self._unprojected
        if weight.dim() != 2 or weight.shape[1] != call.heads * value.shape[-1] or not _is_near(frame, frames):
            return
        call.value_norm = self.spool.add(value_norm(value, weight, call.heads))
        self._unprojected = None

    @torch.no_grad()
    def put_out(self, frame: Frame, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Takes what a layer was given and put out, `[batch, tokens, dim]` each."""
        if not self._hidden or not re.search(r"(^|\.)\d+$", frame.path):
            return
        states = result[0] if isinstance(result, (tuple, list)) and result else result
        if not torch.is_tensor(states) or states.dim() not in (2, 3) or not states.is_floating_point():
            return
        given = args[0] if args else kwargs.get("hidden_states")
        kept = self.states.setdefault(frame.path, [])
        before = None
        if torch.is_tensor(given) and given.shape == states.shape and _is_first_layer(frame.path, self.states):
            before = self.spool.add(given)
        kept.append((frame.forward, before, self.spool.add(states)))

    def finish(self, frames: Frames) -> None:
        """The model is through."""
        self.ran, self.read = frames.ran, frames.read
        self._tracks.clear()
        self._unprojected = None
        self.spool.flush()

    # Afterwards.

    def blocks(self) -> list[Block]:
        """The stacks of attention, in the order in which the model ran them."""
        if self._blocks is None:
            self._blocks = group(matrices(self._matrices))
        return self._blocks

    def sequences(self) -> list[Sequence]:
        """What the blocks' queries and keys are, in the order in which the model ran them."""
        return sequences_of(self.blocks())

    def length(self, sequence: Sequence, example: int = 0) -> int:
        """How many tokens of a sequence one example has, without padding."""
        return len(unpadded(sequence, self.blocks(), example))

    def __str__(self) -> str:
        lines = [str(block) for block in self.blocks()] or ["nothing was recorded"]
        if self.unheard:
            lines.append(f"not seen: {', '.join(self.unheard)}")
        return "\n".join(lines)

    def trace(
        self,
        *,
        processor: Any = None,
        inputs: Any = None,
        output: Any = None,
        images: Iterable[Any] = (),
        example: int = 0,
        tokens: dict[str, list[Token]] | None = None,
        keep: Literal["queries_keys", "weights"] = "queries_keys",
        dtype: str | None = None,
        id: str | None = None,
    ) -> Trace:
        """A trace of one example of the batch, without padding; `trace.save` writes it.

        Text comes from the ids in `inputs` and `output` (what `generate` returned) and the `processor`'s tokenizer;
        `tokens` overrides it, by the name of a sequence: as many as that has, padding included. Blocks have queries and
        keys where those are there, unless `keep` is `"weights"`. `dtype` is `"float32"`, `"float16"` or `"bfloat16"`;
        else queries and keys have the model's own, weights and states half of it.
        """
        from .to_trace import make_trace

        return make_trace(
            self,
            processor=processor,
            inputs=inputs,
            output=output,
            images=list(images),
            example=example,
            tokens=tokens or {},
            keep=keep,
            dtype=dtype,
            id=id,
        )

    # How it is kept.

    def _is_wanted(self, path: str) -> bool:
        if self._where is not None and not self._where(path):
            return False
        numbers = [int(part) for part in path.split(".") if part.isdigit()]
        return self._layers is None or not numbers or numbers[-1] in self._layers

    def _track_of(self, frame: Frame, heard: Heard) -> tuple[Track, list[Call], Relation]:
        tracks = self._tracks[frame.path, frame.calls]
        track, calls, relation = tracks.find(heard, frame.forward)
        if relation is Relation.REORDERED:
            raise reordered(frame.path)
        if track is None or relation is Relation.AGAIN:
            if relation is Relation.AGAIN:
                calls.clear()
            else:
                self._matrices.append(calls)
            track = Track.begin(heard, frame.forward)
            tracks.begin(track, calls, relation)
        return track, calls, relation

    def _store(self, call: Call, heard: Heard, *, as_weights: bool) -> None:
        rows = self._rows_of(call)
        if rows is not None:
            call.kept_rows = rows
        if as_weights or heard.weights is not None or heard.bias is not None:
            parts = weights_in_parts(heard, self._heads, rows)
            heads = call.heads if self._heads is None else len(self._heads)
            count = call.queries if rows is None else len(rows)
            call.weights = self.spool.add_parts(parts, (call.batch, heads, count, call.keys), torch.float32)
        else:
            assert heard.query is not None
            query, key = heard.query, heard.key[:, :, call.stored_from :]
            if self._heads is not None:
                groups = call.heads // heard.key.shape[1]
                query, key = query[:, self._heads], key[:, [head // groups for head in self._heads]]
            call.query = self.spool.add(query if rows is None else query[:, :, rows])
            call.key = self.spool.add(key)

    def _rows_of(self, call: Call) -> list[int] | None:
        if self._queries is None:
            return None
        return [row for row in range(call.queries) if call.first_row + row in self._queries]


def _is_near(frame: Frame, frames: Frames) -> bool:
    """Whether the module that runs is the one that was heard, or lies in it or just outside of it."""
    running = frames.stack[-1].path if frames.stack else ""
    return running.startswith(frame.path) or running.startswith(frame.path.rpartition(".")[0])


def _is_first_layer(path: str, states: dict[str, Any]) -> bool:
    """Whether no layer beside this one was seen before it."""
    prefix = path.rpartition(".")[0]
    siblings = [other for other in states if other.rpartition(".")[0] == prefix]
    return siblings[0] == path
