"""Nearest tokens of an indexed dataset: vlscope's scan beside a graph of neighbours (HNSW, by usearch), in one run.

Both search the reduced states that the index holds. The graph has to be built before its first answer; its recall is
the share of the ten nearest by a scan of the same vectors that it finds. vlscope is timed as a command, from its start
to its end, with reading the index, and with ranking its candidates by the states in the traces.

    vlscope index traces/
    python benches/peers/nearest_tokens.py traces/ --state 4 --vlscope target/release/vlscope
"""

from __future__ import annotations

import argparse
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
    parser.add_argument("--vlscope", type=Path, required=True)
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

    trace = next(iter(sorted(arguments.folder.rglob("*.safetensors"))))
    command = [arguments.vlscope, "tokens", arguments.folder, "--state", arguments.state, "-n", NEAREST]
    command += ["--nearest", f"{trace.relative_to(arguments.folder)}:1"]
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    print(f"vlscope tokens --nearest: {1e3 * statistics.median(times):.0f} ms")


if __name__ == "__main__":
    main()
