"""The Python of README.md, python/README.md and docs/capture.md, word for word, but for names of models and folders."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_processors
import torch
import transformers
from conftest import DEMO, ROOT
from PIL import Image
from test_from_attentions import weights

import vlscope
from vlscope import Trace

hf: Any = transformers
NAME = "Qwen/Qwen2.5-VL-3B-Instruct"
SIZE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4}
FILES = ("README.md", "python/README.md", "docs/capture.md")
BLOCKS = {
    (file, place): code
    for file in FILES
    for place, code in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), re.DOTALL))
}
TESTED: set[tuple[str, int]] = set()


def run(names: dict[str, Any], file: str, place: int, **replaced: str) -> dict[str, Any]:
    """One of a file's blocks, with other words in place of some."""
    TESTED.add((file, place))
    code = BLOCKS[file, place]
    for theirs, ours in replaced.items():
        assert theirs in code
        code = code.replace(theirs, ours)
    exec(compile(code, f"{file}, block {place}", "exec", dont_inherit=True), names)
    return names


@pytest.fixture(autouse=True)
def in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vlscope_binary: Path, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("VLSCOPE_BINARY", str(vlscope_binary))
    monkeypatch.chdir(tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    Image.fromarray(picture).save("cats.jpg", quality=100)
    # What the docs' model is asked for comes from the smallest one of its kind.
    model, processor = tiny_processors.llava()
    for name, part in (("AutoModelForImageTextToText", model), ("AutoProcessor", processor)):

        def from_pretrained(name: str, part: Any = part) -> Any:
            assert name == NAME
            return part

        monkeypatch.setattr(getattr(hf, name), "from_pretrained", from_pretrained)


@pytest.mark.parametrize("block", [("README.md", 0), ("python/README.md", 1), ("docs/capture.md", 0)])
def test_a_capture_and_a_look_at_it(block: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    run({}, *block)
    trace = Trace.load("traces/cats.safetensors")
    assert trace.outputs["prediction"]
    assert [token.image for token in trace.sequences["language_model"]].count(0) == 16
    if block[0] == "docs/capture.md":
        assert trace.id == "cats" and trace.words and trace.relevance
        return
    if block[0] == "python/README.md":
        started: list[Any] = []
        monkeypatch.setattr("vlscope._program.start", lambda *arguments: started.append(arguments))
        # The small model has two layers.
        run({}, "python/README.md", 0, **{"layer=3": "layer=1"})
        assert started


def test_the_command_line_of_the_readme(vlscope_binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the trace that the README captures, and some of easy-VQA, right and wrong."""
    run({}, "README.md", 0)
    for name in ("a", "b", "cats"):
        shutil.copy("traces/cats.safetensors", f"{name}.safetensors")
    for path in DEMO[:4]:
        shutil.copy(path, "traces")
    text = (ROOT / "README.md").read_text().partition("## On the command line")[2]
    window, *lines = text.partition("```sh\n")[2].partition("```")[0].splitlines()
    assert window.startswith("vlscope traces/ ")
    Path("bin").mkdir()
    Path("bin/vlscope").symlink_to(vlscope_binary)
    monkeypatch.setenv("PATH", f"{Path('bin').absolute()}{os.pathsep}{os.environ['PATH']}")
    for line in lines:
        # The small model has two layers.
        done = subprocess.run(["sh", "-ec", line.replace("--layer 3", "--layer 1")], capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert {path.name for path in Path().glob("*.png")} == {"image.png", "heads.png", "difference.png"}


def test_recording() -> None:
    torch.manual_seed(0)
    model = hf.LlamaForCausalLM(hf.LlamaConfig(**SIZE, vocab_size=50)).eval()
    processor = tiny_processors.tokenizer({}, 50)
    names = {
        "vlscope": vlscope, "model": model, "processor": processor, "picture": Image.open("cats.jpg"),
        "inputs": {"input_ids": torch.tensor([[1, 5, 6, 7]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)},
    }  # fmt: skip
    trace = run(names, "python/README.md", 2)["trace"]
    assert len(trace.sequences["main"]) == names["ids"].shape[1] - 1
    trace.check()


def test_arrays_of_ones_own() -> None:
    run({}, "python/README.md", 3)
    assert Trace.load("traces/hello.safetensors").id == "hello"


def test_a_public_dataset() -> None:
    """VCR's own layout, as small as can be."""
    model, processor = tiny_processors.llava()
    Path("vcr1annots").mkdir()
    scene = Path("vcr1images/a")
    scene.mkdir(parents=True)
    Image.open("cats.jpg").save(scene / "1.jpg")
    boxes = {"boxes": [[1, 1, 20, 20, 0.9]], "segms": [[]], "names": ["person"], "width": 90, "height": 60}
    (scene / "1.json").write_text(json.dumps(boxes))
    line = {
        "movie": "a", "objects": ["person"], "img_fn": "a/1.jpg", "metadata_fn": "a/1.json",
        "question": ["what", "is", [0], "?"], "answer_choices": [["yes"], ["no"], ["a", "cat"], ["two"]],
        "answer_label": 0, "annot_id": "val-0",
    }  # fmt: skip
    Path("vcr1annots/val.jsonl").write_text(json.dumps(line) + "\n")
    run({"vlscope": vlscope, "model": model, "processor": processor}, "docs/capture.md", 1)
    (path,) = Path("traces").glob("*.safetensors")
    trace = Trace.load(path)
    assert [region.label for region in trace.regions] == ["person1"]


def test_attention_from_elsewhere() -> None:
    """The packages are not needed: what they hand out is."""

    class Output:
        attentions = tuple(torch.tensor(weights(1, 2, 4, 4, seed=layer)) for layer in range(2))

    words = tiny_processors.tokenizer({}, 50)
    names: dict[str, Any] = {"Trace": Trace, "outputs": Output, "tokenizer": words, "ids": [1, 5, 6, 7]}
    run(names, "docs/capture.md", 2)["trace"].check()

    class Bridge:
        @staticmethod
        def run_with_cache(_: Any) -> Any:
            names = (f"blocks.{layer}.attn.hook_pattern" for layer in range(2))
            return None, dict(zip(names, Output.attentions, strict=True))

        @staticmethod
        def to_str_tokens(ids: Any) -> list[str]:
            return [str(id) for id in ids]

    class Saved:
        """Stands for what a traced model computes, for the list of it, and for the trace."""

        def __init__(self, value: Any = None) -> None:
            self.value = value

        def save(self) -> Any:
            return self.value

        def __enter__(self) -> None: ...

        def __exit__(self, *_: Any) -> None: ...

    class Layer:
        def __init__(self, weights: Any) -> None:
            self.self_attn = self
            self.output = (None, Saved(weights))

    class Nnsight:
        def __init__(self) -> None:
            self.model = self
            self.layers = [Layer(of) for of in Output.attentions]

        def trace(self, _: Any) -> Saved:
            return Saved()

    # A list has no `save` outside of nnsight's trace.
    run(names | {"bridge": Bridge, "nnsight_model": Nnsight()}, "docs/capture.md", 3, **{"].save()": "]"})


def test_each_block_is_run() -> None:
    elsewhere = {("python/README.md", 4)}  # by tests/test_distributed.py, since it needs Ray
    assert elsewhere | TESTED == BLOCKS.keys(), "comes last: the tests above run the others"
