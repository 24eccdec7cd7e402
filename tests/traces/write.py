"""Writes the reference traces of format version 2, byte by byte, so that they can be wrong."""

import json
import struct
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
WORDS, COLUMNS, ROWS, HEADS, KEY_HEADS, DIM, LAYERS = ["<s>", "what", "moves", "?"], 3, 2, 4, 2, 8, [3, 7]


def document():
    patches = [
        {"image": frame, "box": [x / COLUMNS, y / ROWS, (x + 1) / COLUMNS, (y + 1) / ROWS], "segment": "video"}
        for frame in range(2)
        for y in range(ROWS)
        for x in range(COLUMNS)
    ]
    text = [{"text": word, "special": word == "<s>"} for word in WORDS]
    merged = {"image": [0, 1], "box": [0.0, 0.0, 1.0, 1.0]}
    tokens = [*text[:1], *patches, merged, {"modality": "latent", "text": "query 0"}, {"image": 1, "padding": True}]
    block = {
        "name": "self",
        "query": "main",
        "key": "main",
        "layers": LAYERS,
        "stored": "queries_keys",
        "mask": [{"causal_but": [[1, 7], [7, 13]]}, "stored"],
        "scale": 0.25,
        "softcap": 20.0,
        "sink_share": True,
        "statistics": ["entropy"],
    }
    return {
        "format": 2,
        "id": "queries-keys",
        "sequences": {"main": {"tokens": tokens + text[1:]}},
        "attention": [block],
        "images": 2,
        "image_times": [0.0, 0.5],
        "relevance": [
            {"name": "gradient", "sequence": "main", "targets": [17, 18], "signed": True, "source": "made up"}
        ],
        "words": [{"sequence": "main", "states": [0, 8, "logits"]}],
    }


def tensors(tokens):
    random = np.random.default_rng(7)
    made = {}
    for layer, mask in zip(LAYERS, ["causal_but", "stored"], strict=True):
        query = random.normal(size=(HEADS, tokens, DIM)).astype(np.float32)
        key = random.normal(size=(KEY_HEADS, tokens, DIM)).astype(np.float32)
        sink = random.normal(size=HEADS).astype(np.float32)
        sees = np.tri(tokens, dtype=bool)
        for first, end in [(1, 7), (7, 13)] if mask == "causal_but" else [(2, 5)]:
            sees[first:end, first:end] = True
        logits = np.einsum("hqd,hkd->hqk", query, key.repeat(HEADS // KEY_HEADS, 0).astype(np.float64)) * 0.25
        logits = np.where(sees, 20 * np.tanh(logits / 20), -np.inf)
        sums = np.exp(logits).sum(-1) + np.exp(sink.astype(np.float64))[:, None]
        made |= {f"query.self.{layer}": query, f"key.self.{layer}": key, f"sink.self.{layer}": sink}
        made[f"lse.self.{layer}"] = np.log(sums).astype(np.float32)
        made[f"value_norm.self.{layer}"] = random.uniform(0.1, 1, (HEADS, tokens)).astype(np.float16)
    made["mask.self.7"] = sees.astype(np.uint8)
    made["statistics.self"] = np.full((2, HEADS, 1), np.nan, np.float32)
    made["relevance.gradient"] = random.normal(size=(2, tokens)).astype(np.float32)
    for state, k in {"0": 1, "8": 2, "logits": 3}.items():
        made[f"words.main.{state}"] = random.integers(0, 4, (tokens, k)).astype(np.int32)
        made[f"word_scores.main.{state}"] = -np.sort(random.uniform(0.1, 5, (tokens, k))).astype(np.float32)
    made["image.0"] = random.integers(0, 256, (16, 24, 3)).astype(np.uint8)
    made["image.1"] = random.integers(0, 256, (16, 24, 3)).astype(np.uint8)
    made["vocabulary"] = np.frombuffer(
        json.dumps({"0": "red", "1": "ball", "2": "moves", "3": "it"}).encode(), np.uint8
    )
    return dict(sorted(made.items(), key=lambda item: -item[1].itemsize))


def write(name, document, arrays):
    dtypes = {"float32": "F32", "float16": "F16", "int32": "I32", "uint8": "U8"}
    header, begin = {"__metadata__": {"vlscope": json.dumps(document)}}, 0
    for tensor, array in arrays.items():
        end = begin + array.nbytes
        header[tensor] = {"dtype": dtypes[array.dtype.name], "shape": array.shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    data = b"".join(array.tobytes() for array in arrays.values())
    (FOLDER / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    sound = document()
    count = len(sound["sequences"]["main"]["tokens"])
    arrays = tensors(count)
    write("queries-keys", sound, arrays)

    def broken(name, change=lambda document: None, **other):
        changed = document()
        change(changed)
        replaced = arrays | {key.replace("__", "."): value for key, value in other.items()}
        write(f"broken-{name}", changed, {key: value for key, value in replaced.items() if value is not None})

    def in_block(**fields):
        return lambda changed: changed["attention"][0].update(fields)

    broken("key-heads", **{"key__self__3": np.zeros((3, count, DIM), np.float32)})
    broken("missing-mask", **{"mask__self__7": None})
    broken("missing-sink", **{"sink__self__7": None})
    broken("log-sum-exp", **{"lse__self__7": np.zeros((KEY_HEADS, count), np.float32)})
    broken("span", in_block(mask={"spans": [[0, 7], [7, count + 1]]}))
    broken("mask-count", in_block(mask=["causal"] * 3))
    broken("layer-twice", in_block(layers=[3, 3]))
    broken("stored", in_block(stored="keys"))
    broken("targets", lambda changed: changed["relevance"][0].update(targets=[0, count]))
    broken("times", lambda changed: changed.update(image_times=[0.0]))
    broken("modality", lambda changed: changed["sequences"]["main"]["tokens"][0].update(modality="smell"))
    # What only a reading of the values finds.
    words = arrays["words.main.8"].copy()
    words[5, 1] = 9
    broken("word", **{"words__main__8": words})


main()
