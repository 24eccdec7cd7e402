r"""Attention that is computed from queries and keys: vlscope beside torch, on the same files, in one run.

On `heads`: of every head the attention masses of text and image (four means), the mean of the rows' largest weights
and of their entropies; vlscope computes its twenty statistics. On `long`: the row of one query in all heads of one
layer, and the mean of its rows in all heads of all layers. vlscope is timed as a command, from its start to its end;
torch without its import and its opening. Two threads each.

    vlscope synth -q --queries-keys --layers 32 --heads 32 --head-dim 128 --text 64 --grid 24x24 -o heads.safetensors
    vlscope synth -q --queries-keys --layers 28 --heads 28 --key-heads 4 --head-dim 128 --text 64 --frames 17 \
        --grid 24x40 -o long.safetensors
    python benches/peers/queries_keys.py heads.safetensors long.safetensors --vlscope target/release/vlscope
"""

from __future__ import annotations

import os

THREADS = 2
os.environ["RAYON_NUM_THREADS"] = str(THREADS)

import argparse  # noqa: E402
import json  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402


class Computed:
    """Of a trace with one causal block: queries `[heads, tokens, dim]`, keys `[key heads, tokens, dim]` of a layer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        raw = np.memmap(path, mode="c", dtype=np.uint8)
        length = int(raw[:8].view("<u8")[0])
        header = json.loads(raw[8 : 8 + length].tobytes())
        document = json.loads(header.pop("__metadata__")["vlscope"])
        block = document["attention"][0]
        self.is_image = torch.tensor(["image" in token for token in document["sequences"][block["query"]]["tokens"]])
        self.layers = list(range(block["layers"])) if isinstance(block["layers"], int) else block["layers"]
        self.header, self.raw, self.begin, self.name = header, raw, 8 + length, block["name"]

    def tensor(self, kind: str, layer: int) -> torch.Tensor:
        entry = self.header[f"{kind}.{self.name}.{layer}"]
        begin, end = (self.begin + offset for offset in entry["data_offsets"])
        dtype = {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]
        return torch.from_numpy(self.raw[begin:end].view(dtype).reshape(entry["shape"]))

    def row(self, layer: int, query: int) -> torch.Tensor:
        """`[heads, query + 1]`"""
        queries, keys = self.tensor("query", layer)[:, query].float(), self.tensor("key", layer)[:, : query + 1].float()
        grouped = queries.view(keys.shape[0], -1, queries.shape[-1])
        logits = torch.einsum("ghd,gkd->ghk", grouped, keys) / queries.shape[-1] ** 0.5
        return logits.flatten(0, 1).softmax(-1)

    def mean_row(self, query: int) -> torch.Tensor:
        return torch.stack([self.row(layer, query).mean(0) for layer in self.layers]).mean(0)

    def head_statistics(self) -> list[list[float]]:
        sides = torch.stack([~self.is_image, self.is_image], 1).float()
        tokens = len(self.is_image)
        mask = torch.full((tokens, tokens), -torch.inf).triu(1)
        found = []
        for layer in self.layers:
            queries, keys = self.tensor("query", layer).float(), self.tensor("key", layer).float()
            group = len(queries) // len(keys)
            for head, query in enumerate(queries):
                weights = (query @ keys[head // group].T / query.shape[-1] ** 0.5 + mask).softmax(-1)
                masses = weights @ sides
                numbers = [*masses[~self.is_image].mean(0), *masses[self.is_image].mean(0)]
                numbers += [weights.amax(1).mean(), torch.special.entr(weights).sum(1).mean()]
                found.append([float(number) for number in numbers])
        return found


def vlscope(command: str, *words: str) -> str:
    return subprocess.run([command, *words, "--compute", "cpu"], check=True, capture_output=True, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heads", type=Path)
    parser.add_argument("long", type=Path)
    parser.add_argument("--vlscope", default="vlscope", help="the command")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    heads, long = Computed(arguments.heads), Computed(arguments.long)
    query = len(long.is_image) - 2
    layer = long.layers[len(long.layers) // 2]
    of = [str(long.path), "--token", str(query), "--json"]
    shown = json.loads(vlscope(arguments.vlscope, "attention", *of, "--layer", "mean", "--head", "mean"))["weights"]
    np.testing.assert_allclose(np.array(shown)[: query + 1], long.mean_row(query).numpy(), rtol=2e-3, atol=2e-5)
    stats = [str(heads.path), "--quiet", "--specials", "--csv"]
    rows: list[tuple[str, str, Callable[[], object]]] = [
        ("vlscope", "heads: all 20 statistics", lambda: vlscope(arguments.vlscope, "stats", *stats)),
        ("torch", "heads: masses, max, entropy", heads.head_statistics),
        (
            "vlscope",
            "long: a row of all heads of a layer",
            lambda: vlscope(arguments.vlscope, "attention", *of, "--layer", str(layer), "--head", "mean"),
        ),
        ("torch", "long: a row of all heads of a layer", lambda: long.row(layer, query)),
        (
            "vlscope",
            "long: mean of all heads of all layers",
            lambda: vlscope(arguments.vlscope, "attention", *of, "--layer", "mean", "--head", "mean"),
        ),
        ("torch", "long: mean of all heads of all layers", lambda: long.mean_row(query)),
    ]
    times: list[list[float]] = [[] for _ in rows]
    for run in range(arguments.runs + 1):
        for of_row, (_, _, work) in zip(times, rows, strict=True):
            begin = time.perf_counter()
            work()
            if run > 0:
                of_row.append(time.perf_counter() - begin)
    for (who, what, _), of_row in zip(rows, times, strict=True):
        print(f"{who:8} {what:40} {statistics.median(of_row):7.3f} s   ({min(of_row):.3f} to {max(of_row):.3f})")


if __name__ == "__main__":
    main()
