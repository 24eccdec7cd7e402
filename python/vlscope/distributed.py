"""Captures and indexes on many machines at once, over a Ray cluster; needs the extra `ray`.

Ray Data hands out the work: it starts a worker anew that died, and repeats what it had in hand. Repeating is harmless
because of what is kept here: the place of a trace depends on its row's id alone, and a trace is there whole or not at
all. So nothing is lost, nothing is there twice, and a run that was stopped goes on where it was. All machines must
see the folder under the same path, as on a network file system.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import ray.data

from .trace import Trace

#: One row of a Ray dataset: the values of its columns.
Row: TypeAlias = dict[str, Any]


class ShardError(RuntimeError):
    """A shard that could not be indexed, in the words of `vlscope index`."""


def capture(
    dataset: ray.data.Dataset,
    capture_one: Callable[..., Callable[[Row], Trace]],
    directory: str | PathLike[str],
    *,
    concurrency: int | tuple[int, int] = 1,
    arguments: Mapping[str, Any] | None = None,
    **options: Any,
) -> ray.data.Dataset:
    """Captures a trace of each row of `dataset`, and returns when all are there.

    `capture_one` is a class. Each of up to `concurrency` workers (or from so many to so many) makes one object of it,
    with `arguments`, so that the model is loaded once, and calls it with a row. The column `id`, unique in the
    dataset, says where the trace lies: see `trace_path`. Rows whose trace is there already are passed over.
    `options`, such as `num_gpus=1`, `num_cpus` or `max_restarts`, are those of `ray.data.Dataset.map`.

    The result has a row for each of the dataset: `id`, `path` relative to `directory`, `bytes` of the file, and
    `error`, null unless the capture raised one; the others are captured nevertheless.
    """
    # All of them from the start would, if they took the last processors, wait for ever for rows that nobody can read.
    fewest, most = concurrency if isinstance(concurrency, tuple) else (1, concurrency)
    summary: ray.data.Dataset = dataset.map(
        _Capture,  # type: ignore[arg-type]
        fn_constructor_args=(capture_one, dict(arguments or {}), Path(directory).absolute()),
        compute=ray.data.ActorPoolStrategy(min_size=fewest, max_size=most),
        **options,
    )
    # A dataset is lazy, and would capture anew each time that it is looked at.
    materialized: ray.data.Dataset = summary.materialize()
    return materialized


def trace_path(id: str) -> Path:
    """Where the trace of an example lies in the dataset: `a/b` is `b.safetensors` in the folder `a`.

    Ids that differ have paths that differ, none of them hidden or outside of the folder: other characters than
    letters, digits and `_.-~`, and a `.` in front, are written as in a URL. Raises `ValueError` for an id, or a part
    of one, that is empty.
    """
    parts = id.split("/")
    if not all(parts):
        raise ValueError(f'the id "{id}" has an empty part, expected a name on both sides of each "/"')
    names = [quote(part, safe="") for part in parts]
    names = [f"%2E{name[1:]}" if name.startswith(".") else name for name in names]
    return Path(*names[:-1], f"{names[-1]}.safetensors")


class _Capture:
    """What one worker does."""

    def __init__(
        self, capture_one: Callable[..., Callable[[Row], Trace]], arguments: Mapping[str, Any], directory: Path
    ) -> None:
        self.directory = directory
        self.capture_one = capture_one(**arguments)

    def __call__(self, row: Row) -> Row:
        id = str(row["id"])
        try:
            path = trace_path(id)
            self._save(row, id, self.directory / path)
        # Whatever is wrong with one row, the others shall be captured.
        except Exception as error:
            return {"id": id, "path": None, "bytes": None, "error": f"{type(error).__name__}: {error}"}
        return {"id": id, "path": path.as_posix(), "bytes": (self.directory / path).stat().st_size, "error": None}

    def _save(self, row: Row, id: str, path: Path) -> None:
        if path.exists():
            return
        trace = self.capture_one(row)
        trace.id = trace.id or id
        path.parent.mkdir(parents=True, exist_ok=True)
        trace.save(path)


def index(
    directory: str | PathLike[str],
    shards: int,
    *,
    binary: str | PathLike[str] = "vlscope",
    index_dir: str | PathLike[str] | None = None,
    options: Sequence[str] = (),
    cpus: int = 1,
) -> list[str]:
    """Runs `vlscope index DIR --shard i/n` for all `shards`, wherever the cluster has `cpus` free for one.

    `binary` is found on each machine, `options` are further ones of `vlscope index`. There is nothing to merge: the
    shards are one index. Returns what each of them printed, in order; raises `ShardError` for one that failed, when
    all are through. Indexing again reads only what is new or was not reached.
    """
    command = [str(binary), "index", str(Path(directory).absolute()), "--quiet", *options]
    if index_dir is not None:
        command += ["--index-dir", str(Path(index_dir).absolute())]

    def index_shard(row: Row) -> Row:
        finished = subprocess.run(
            [*command, "--shard", f"{row['id']}/{shards}"],
            env={**os.environ, "RAYON_NUM_THREADS": str(cpus)},
            capture_output=True,
            text=True,
            check=False,
        )
        return {"shard": row["id"], "code": finished.returncode, "out": finished.stdout, "error": finished.stderr}

    reports = ray.data.range(shards, override_num_blocks=shards).map(index_shard, num_cpus=cpus).take_all()
    reports.sort(key=lambda report: int(report["shard"]))
    for report in reports:
        if report["code"] != 0:
            raise ShardError(f"shard {report['shard']}/{shards}: {report['error'].strip()}")
    return [report["out"] for report in reports]
