"""Statistics of all heads of a trace: vlscope beside numpy and torch, on the same file, in one run.

Each computes the attention masses of text and image (four means), the mean of the rows' largest weights, and the mean
of their entropies, of every head; `masses` is the first of these alone. vlscope computes its twenty statistics where
`all` stands. numpy shares the heads between two threads; torch takes head by head and shares each between two.
vlscope is timed as a command, from its start to its end; numpy and torch without their import and their opening.

    vlscope synth --layers 32 --heads 32 --text 64 --grid 24x24 --dim 4096 --dtype f32 -o t.safetensors
    python benches/peers/head_statistics.py t.safetensors --vlscope target/release/vlscope
"""

from __future__ import annotations

import os

THREADS = 2
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["RAYON_NUM_THREADS"] = str(THREADS)

import argparse  # noqa: E402
import json  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

Heads = list[np.ndarray]
READ_AT_ONCE = 16 << 20


def heads_of(path: Path) -> tuple[Heads, np.ndarray, np.memmap]:
    """All heads as they lie in the file, `[queries, keys]` each; which tokens are image; the bytes of the file."""
    raw = np.memmap(path, mode="r", dtype=np.uint8)
    length = int(raw[:8].view("<u8")[0])
    header = json.loads(raw[8 : 8 + length].tobytes())
    document = json.loads(header.pop("__metadata__")["vlscope"])
    tokens = next(iter(document["sequences"].values()))["tokens"]
    is_image = np.array(["image" in token for token in tokens])
    heads: Heads = []
    for name, entry in header.items():
        if name.startswith("attention."):
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            dtype = {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]
            heads.extend(raw[begin:end].view(dtype).reshape(entry["shape"]))
    return heads, is_image, raw


def by_numpy(heads: Heads, is_image: np.ndarray, with_shape: bool, pool: ThreadPoolExecutor) -> list[list[float]]:
    sides = np.stack([~is_image, is_image], 1).astype(np.float32)

    def one(head: np.ndarray) -> list[float]:
        weights = np.asarray(head, np.float32)
        masses = weights @ sides
        found = [*masses[~is_image].mean(0), *masses[is_image].mean(0)]
        if with_shape:
            found.append(weights.max(1).mean())
            logs = np.log(np.maximum(weights, np.float32(1e-38)))
            found.append(-np.einsum("qk,qk->q", weights, logs).mean())
        return [float(number) for number in found]

    return list(pool.map(one, heads))


def by_torch(heads: Heads, is_image: np.ndarray, with_shape: bool) -> list[list[float]]:
    image = torch.from_numpy(is_image)
    sides = torch.stack([~image, image], 1).float()
    found = []
    for head in heads:
        weights = torch.from_numpy(head).float()
        masses = weights @ sides
        numbers = [*masses[~image].mean(0), *masses[image].mean(0)]
        if with_shape:
            numbers += [weights.amax(1).mean(), torch.special.entr(weights).sum(1).mean()]
        found.append([float(number) for number in numbers])
    return found


def by_vlscope(command: str, path: Path, masses_alone: bool) -> None:
    line = [command, "stats", str(path), "--quiet", "--compute", "cpu", "--specials", "--csv"]
    line += ["--statistic", "mass.*", "--statistic", "vli.*"] if masses_alone else []
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def plain_read(raw: np.memmap, pool: ThreadPoolExecutor) -> None:
    whole = raw[: raw.size // 4 * 4].view(np.float32)
    step = READ_AT_ONCE // 4
    list(pool.map(np.maximum.reduce, [whole[at : at + step] for at in range(0, whole.size, step)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--vlscope", default="vlscope", help="the command")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    heads, is_image, raw = heads_of(arguments.trace)
    pool = ThreadPoolExecutor(THREADS)
    np.testing.assert_allclose(
        by_numpy(heads[:8], is_image, True, pool), by_torch(heads[:8], is_image, True), rtol=1e-3, atol=1e-5
    )
    rows: list[tuple[str, str, Callable[[], object]]] = [
        ("vlscope", "all 20 statistics", lambda: by_vlscope(arguments.vlscope, arguments.trace, False)),
        ("numpy", "masses, max, entropy", lambda: by_numpy(heads, is_image, True, pool)),
        ("torch", "masses, max, entropy", lambda: by_torch(heads, is_image, True)),
        ("vlscope", "means and masses", lambda: by_vlscope(arguments.vlscope, arguments.trace, True)),
        ("numpy", "masses", lambda: by_numpy(heads, is_image, False, pool)),
        ("torch", "masses", lambda: by_torch(heads, is_image, False)),
        ("plain read", "of the file", lambda: plain_read(raw, pool)),
    ]
    times: list[list[float]] = [[] for _ in rows]
    for run in range(arguments.runs + 1):
        for of_row, (_, _, work) in zip(times, rows, strict=True):
            begin = time.perf_counter()
            work()
            if run > 0:  # the first one fills the caches
                of_row.append(time.perf_counter() - begin)
    gigabytes = sum(head.nbytes for head in heads) / 1e9
    print(f"{arguments.trace.name}: {len(heads)} heads, {heads[0].dtype}, {gigabytes:.2f} GB of attention")
    print(f"medians of {arguments.runs} runs, {THREADS} threads; numpy {np.__version__}, torch {torch.__version__}\n")
    print(f"{'':<10} {'':<22} {'seconds':>8} {'GB/s':>6} {'times vlscope':>14}")
    own = 1.0
    for (who, what, _), of_row in zip(rows, times, strict=True):
        median = statistics.median(of_row)
        own = median if who == "vlscope" else own
        size = raw.size / 1e9 if who == "plain read" else gigabytes
        ratio = "" if who in ("vlscope", "plain read") else f"{median / own:.1f}"
        print(f"{who:<10} {what:<22} {median:8.3f} {size / median:6.1f} {ratio:>14}")


if __name__ == "__main__":
    main()
