"""Nearest tokens of an indexed dataset: vlscope's scan beside a graph of neighbours (HNSW, by usearch), in one run.

Both search the reduced states that the index holds. The graph has to be built before its first answer; its recall is
the share of the ten nearest by a scan of the same vectors that it finds. vlscope is timed as a command, from its start
to its end, with reading the index, and with ranking its candidates by the states in the traces; the recall of those is
the share of the ten nearest by the states themselves (`--exact`).

    vlscope index traces/
    python benches/peers/nearest_tokens.py traces/ --state 4 --vlscope target/release/vlscope
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from usearch.index import Index

THREADS = 2
NEAREST = 10
QUESTIONS = 50
# Of the command itself, in both modalities.
ASKED = 20


def reduced_states(folder: Path, state: int) -> np.ndarray:
    """`[tokens, numbers]`, of length 1, as the index holds them."""
    parts = sorted((folder / ".vlscope").glob("part-*/tokens.parquet"))
    tables = [pq.read_table(part, columns=[f"hidden_{state}"]) for part in parts]
    columns = [table.column(0).combine_chunks() for table in tables]
    states = np.concatenate([column.flatten().to_numpy().reshape(len(column), -1) for column in columns])
    return states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--state", type=int, required=True)
    parser.add_argument("--vlscope", type=lambda path: Path(path).resolve(), required=True)
    arguments = parser.parse_args()

    began = time.perf_counter()
    states = reduced_states(arguments.folder, arguments.state)
    print(f"{len(states)} tokens of {states.shape[1]} numbers, read in {time.perf_counter() - began:.2f} s")
    questions = np.random.default_rng(0).choice(len(states), QUESTIONS, replace=False)

    exact, scans = [], []
    for question in questions:
        began = time.perf_counter()
        likeness = states @ states[question]
        exact.append(np.argpartition(-likeness, NEAREST)[:NEAREST])
        scans.append(time.perf_counter() - began)
    print(f"scan by numpy: {1e3 * statistics.median(scans):.1f} ms")

    graph = Index(ndim=states.shape[1], metric="ip", dtype="f32", connectivity=16, expansion_add=128)
    began = time.perf_counter()
    graph.add(np.arange(len(states)), states, threads=THREADS)
    print(f"graph: built in {time.perf_counter() - began:.1f} s, {graph.memory_usage / 1e6:.0f} MB")
    for expansion in (64, 256, 1024):
        graph.expansion_search = expansion
        found, times = 0, []
        for question, nearest in zip(questions, exact, strict=True):
            began = time.perf_counter()
            keys = graph.search(states[question], NEAREST).keys
            times.append(time.perf_counter() - began)
            # As near is as good: many tokens have the same state.
            worst = float((states[nearest] @ states[question]).min())
            found += int((states[keys] @ states[question] >= worst - 1e-6).sum())
        recall = found / (NEAREST * QUESTIONS)
        print(f"graph, expansion {expansion}: {1e3 * statistics.median(times):.2f} ms, recall {recall:.3f}")

    traces = sorted(arguments.folder.rglob("*.safetensors"))
    found, wanted = 0, 0
    times: dict[str, list[float]] = {"": [], "--exact": []}
    for question in np.random.default_rng(1).choice(len(traces), ASKED, replace=False):
        command = [arguments.vlscope, "tokens", arguments.folder, "--state", arguments.state, "-n", NEAREST, "--json"]
        command += ["--nearest", f"{traces[question].relative_to(arguments.folder)}:{question % 5}"]
        lists = []
        for how, taken in times.items():
            began = time.perf_counter()
            words = [str(word) for word in [*command, *how.split()]]
            said = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
            taken.append(time.perf_counter() - began)
            lists.append([[row["distance"] for row in said[which]] for which in ("same", "other")])
        for candidates, nearest in zip(*lists, strict=True):
            found += sum(distance <= nearest[-1] + 1e-6 for distance in candidates)
            wanted += len(nearest)
    for how, taken in times.items():
        print(f"vlscope tokens --nearest {how}: {1e3 * statistics.median(taken):.0f} ms")
    print(f"recall of its candidates, by the states in the traces: {found / wanted:.3f}")


if __name__ == "__main__":
    main()
