"""What recording costs: time and memory of a forward on 1,500 tokens, plain and recorded, by turns.

python python/examples/record/measure.py [ROUNDS]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import torch
import transformers

import vlscope

TOKENS = 1500
SIZE = {
    "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 8, "num_attention_heads": 16,
    "num_key_value_heads": 4, "vocab_size": 1000,
}  # fmt: skip


@contextmanager
def watched_memory(into: list[float]) -> Iterator[None]:
    """Adds how many MiB more were resident at the most."""
    begin, is_done, most = resident(), Event(), [0.0]

    def watch() -> None:
        while not is_done.wait(0.005):
            most[0] = max(most[0], resident())

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_done.set()
        watcher.join()
        into.append(max(0.0, most[0] - begin))


def resident() -> float:
    """MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    torch.manual_seed(0)
    hf: Any = transformers
    model = hf.LlamaForCausalLM(hf.LlamaConfig(**SIZE)).eval()
    ids = torch.randint(0, SIZE["vocab_size"], (1, TOKENS))

    def recorded(is_traced: bool = False, **options: bool | str) -> Callable[[], None]:
        def run() -> None:
            with vlscope.record(model, **options) as tape:  # type: ignore[arg-type]
                model(ids)
            if is_traced:
                tape.trace(inputs={"input_ids": ids})

        return run

    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: model(ids),
        "recorded": recorded(),
        "recorded, statistics=True": recorded(statistics=True),
        "recorded, and its trace": recorded(is_traced=True),
        "recorded, and its trace, statistics=True": recorded(is_traced=True, statistics=True),
        'recorded, keep="weights"': recorded(keep="weights"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    memory: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad():
        model(ids)
        for _ in range(rounds):
            for name, run in ways.items():
                begin = time.process_time()
                with watched_memory(memory[name]):
                    run()
                seconds[name].append(time.process_time() - begin)
    for name in ways:
        best, plain = min(seconds[name]), min(seconds["plain"])
        print(f"{name}: {best:.2f} s of processor time, {best / plain:.2f} times plain; +{max(memory[name]):.0f} MiB")


if __name__ == "__main__":
    main()
