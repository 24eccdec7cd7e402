"""Between a trace and its file: the JSON document and the tensors by their names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._kinds import KINDS, layer_numbers, mask_of
from ._parts import AttentionBlock, HeadMetric, Mask, Region, Relevance, Token, Words
from ._tensor import Array, from_bytes, is_array
from .error import TraceError

if TYPE_CHECKING:
    from ._file import File
    from ._kinds import Names
    from .trace import Trace


def document_of(trace: Trace) -> dict[str, Any]:
    """The document, of the first version that can hold it."""
    later = {
        "image_times": trace.image_times,
        "relevance": [_relevance_json(relevance) for relevance in trace.relevance],
        "words": [{"sequence": sequence, "states": _in_order(states)} for sequence, states in trace.words.items()],
    }
    tokens = {name: list(map(_token_json, tokens)) for name, tokens in trace.sequences.items()}
    blocks = list(map(_block_json, trace.attention))
    is_first = (
        not any(later.values())
        and not any(_is_later_token(token) for of in trace.sequences.values() for token in of)
        and not any(map(_is_later_block, trace.attention))
    )
    document: dict[str, Any] = {
        "format": 1 if is_first else 2,
        "id": trace.id,
        "model": trace.model,
        "sequences": {name: {"tokens": of} for name, of in tokens.items()},
        "attention": blocks,
        "hidden": [{"sequence": sequence, "states": len(states)} for sequence, states in trace.hidden.items()],
        "images": len(trace.images),
        "outputs": trace.outputs,
        "regions": [vars(region) for region in trace.regions],
        "head_metrics": [{"name": metric.name, "attention": metric.attention} for metric in trace.head_metrics],
        "attributes": trace.attributes,
        **later,
    }
    always = ("format", "sequences", "attention")
    return {key: value for key, value in document.items() if key in always or value not in (None, {}, [], 0)}


def tensors_of(trace: Trace, document: dict[str, Any]) -> dict[str, Array]:
    """The tensors by their names."""
    blocks = trace.attention
    arrays: dict[str, list[list[Array]]] = {
        "attention": [block.layers for block in blocks],
        "query": [block.queries for block in blocks],
        "key": [block.keys for block in blocks],
        "lse": [block.lse for block in blocks],
        "sink": [block.sinks for block in blocks],
        "mask": [_stored_masks(block) for block in blocks],
        "value_norm": [block.value_norms for block in blocks],
        "hidden": list(trace.hidden.values()),
        "image": [trace.images],
        "head_metric": [[metric.values for metric in trace.head_metrics]],
    }
    found: dict[str, Array] = {}
    for kind in KINDS.values():
        for names, of in zip(kind.names(document), arrays[kind.name], strict=True):
            if of or kind.is_required:
                found |= zip(names.values(), of, strict=True)
    for block in blocks:
        if block.statistics:
            found[f"statistics.{block.name}"] = np.stack(list(block.statistics.values()), -1).astype(np.float32)
    for relevance in trace.relevance:
        found[f"relevance.{relevance.name}"] = relevance.values
    return found | _words_tensors(trace)


def parts_of(file: File, document: dict[str, Any], names: dict[str, Names]) -> dict[str, Any]:
    """The fields of the trace that a file holds."""

    def array(name: str) -> Array:
        return from_bytes(file.bytes_of(file.entries[name]), file.entries[name])

    def arrays(kind: str, owner: int) -> list[Array]:
        return [array(name) for name in names[kind][owner].values()] if kind in names else []

    is_first = document["format"] == 1
    blocks = []
    for index, block in enumerate(document["attention"]):
        masks = {member: array(name) for member, name in names["mask"][index].items()} if "mask" in names else {}
        blocks.append(
            AttentionBlock(
                name=block["name"],
                query=block["query"],
                key=block["key"],
                layers=arrays("attention", index),
                **_mask_fields(block, masks, is_first),
                **({} if is_first else _later_block_fields(block, index, arrays, array)),
            )
        )
    images = arrays("image", 0)
    return {
        "sequences": {
            name: [_token(fields, is_first) for fields in value["tokens"]]
            for name, value in document["sequences"].items()
        },
        "attention": blocks,
        "hidden": {
            entry["sequence"]: arrays("hidden", index) for index, entry in enumerate(document.get("hidden", []))
        },
        "images": images,
        "regions": [
            Region(label=region["label"], box=tuple(region["box"]), image=region["image"])
            for region in document.get("regions", [])
        ],
        "outputs": document.get("outputs") or {},
        "attributes": document.get("attributes") or {},
        "head_metrics": [
            HeadMetric(name=metric["name"], attention=metric["attention"], values=values)
            for metric, values in zip(document.get("head_metrics", []), arrays("head_metric", 0), strict=True)
        ],
        "model": document.get("model") or {},
        "id": document.get("id"),
        **({} if is_first else _later_fields(document, array)),
    }


# Tokens.


def _token(fields: dict[str, Any], is_first: bool) -> Token:
    box = fields.get("box") if "image" in fields or fields.get("modality") == "image" else None
    return Token(
        text=fields.get("text"),
        image=fields.get("image"),
        box=None if box is None else tuple(box),
        special=bool(fields.get("special")),
        segment=fields.get("segment"),
        modality=None if is_first else fields.get("modality"),
        padding=not is_first and bool(fields.get("padding")),
    )


def _token_json(token: Token) -> dict[str, Any]:
    return {key: value for key, value in vars(token).items() if value is not None and value is not False}


def _is_later_token(token: Token) -> bool:
    return (
        token.modality is not None
        or token.padding
        or isinstance(token.image, list)
        or (token.image is not None and token.box is None)
    )


# Blocks.


def _is_later_block(block: AttentionBlock) -> bool:
    return bool(
        not _is_counted(block)
        or _common_mask(block) not in ("full", "causal")
        or block.sink_share
        or any((block.queries, block.keys, block.lse, block.value_norms, block.statistics))
    )


def _is_counted(block: AttentionBlock) -> bool:
    return block.layer_numbers == list(range(len(block.layer_numbers)))


def _common_mask(block: AttentionBlock) -> Any:
    """The mask of all layers, if they have one; a list of one a layer if they differ."""
    masks = [_mask_json(mask) for mask in block.mask] if isinstance(block.mask, list) else None
    if masks is not None:
        return masks[0] if masks and all(mask == masks[0] for mask in masks) else masks
    return ("causal" if block.causal else "full") if block.mask is None else _mask_json(block.mask)


def _block_json(block: AttentionBlock) -> dict[str, Any]:
    numbers = block.layer_numbers
    document: dict[str, Any] = {
        "name": block.name,
        "query": block.query,
        "key": block.key,
        "layers": len(numbers) if _is_counted(block) else numbers,
    }
    mask = _common_mask(block)
    document |= {"causal": mask == "causal"} if mask in ("full", "causal") else {"mask": mask}
    if block.queries or block.keys:
        document |= {"stored": "queries_keys", "scale": block.scale, "softcap": block.softcap}
    document |= {"sink_share": block.sink_share or None, "statistics": list(block.statistics) or None}
    return {key: value for key, value in document.items() if value is not None}


def _mask_json(mask: Mask) -> Any:
    return "stored" if is_array(mask) else mask


def _stored_masks(block: AttentionBlock) -> list[Array]:
    masks = block.mask if isinstance(block.mask, list) else [block.mask] * len(block.layer_numbers)
    return [np.asarray(mask).astype(np.uint8) for mask in masks if is_array(mask)]


def _mask_fields(block: dict[str, Any], stored: dict[int, Array], is_first: bool) -> dict[str, Any]:
    if is_first or block.get("mask") is None:
        return {"causal": bool(block.get("causal"))}
    masks = [stored.get(member, mask_of(block, member)) for member in range(len(layer_numbers(block)))]
    if all(isinstance(mask, str) and mask in ("full", "causal") and mask == masks[0] for mask in masks):
        return {"causal": masks[0] == "causal"}
    return {"mask": masks if isinstance(block["mask"], list) or stored else masks[0]}


def _later_block_fields(block: dict[str, Any], index: int, arrays: Any, array: Any) -> dict[str, Any]:
    statistics = block.get("statistics") or []
    values = array(f"statistics.{block['name']}") if statistics else None
    return {
        "numbers": layer_numbers(block) if isinstance(block["layers"], list) else None,
        "queries": arrays("query", index),
        "keys": arrays("key", index),
        "scale": block.get("scale"),
        "softcap": block.get("softcap"),
        "sink_share": bool(block.get("sink_share")),
        "sinks": arrays("sink", index),
        "lse": arrays("lse", index),
        "value_norms": arrays("value_norm", index),
        "statistics": {} if values is None else {name: values[..., at] for at, name in enumerate(statistics)},
    }


# Relevance and words.


def _relevance_json(relevance: Relevance) -> dict[str, Any]:
    return {key: value for key, value in vars(relevance).items() if key != "values" and value is not None}


def _in_order(states: Iterable[int | str]) -> list[int | str]:
    """The numbers of states, ascending; the output is last."""
    return sorted(states, key=lambda state: (isinstance(state, str), state))


def _words_tensors(trace: Trace) -> dict[str, Array]:
    if not trace.words:
        return {}
    found: dict[str, Array] = {}
    numbers: dict[str, int] = {}
    for sequence, states in trace.words.items():
        for state in _in_order(states):
            words = states[state]
            rows = [[numbers.setdefault(word, len(numbers)) for word in row] for row in words.words]
            found[f"words.{sequence}.{state}"] = np.array(rows, np.int32).reshape(len(rows), -1)
            found[f"word_scores.{sequence}.{state}"] = words.scores
    text = json.dumps({number: word for word, number in numbers.items()}, ensure_ascii=False).encode()
    return {"vocabulary": np.frombuffer(text, np.uint8)} | found


def _strings(name: str, array: Any, vocabulary: dict[str, str]) -> list[list[str]]:
    """The words of a state, `[tokens, k]`."""
    numbers = array(name)
    for number in set(numbers.flat):
        if str(number) not in vocabulary:
            raise TraceError(f"tensor `{name}` has the number {number}, which is not in the vocabulary")
    return [[vocabulary[str(number)] for number in row] for row in numbers.tolist()]


def _later_fields(document: dict[str, Any], array: Any) -> dict[str, Any]:
    vocabulary = json.loads(array("vocabulary").tobytes()) if document.get("words") else {}
    words: dict[str, dict[int | str, Words]] = {}
    for entry in document.get("words") or []:
        sequence = entry["sequence"]
        words[sequence] = {
            state: Words(
                _strings(f"words.{sequence}.{state}", array, vocabulary),
                array(f"word_scores.{sequence}.{state}"),
            )
            for state in entry["states"]
        }
    return {
        "image_times": document.get("image_times") or [],
        "relevance": [
            Relevance(
                name=fields["name"],
                sequence=fields["sequence"],
                targets=fields["targets"],
                values=array(f"relevance.{fields['name']}"),
                signed=bool(fields.get("signed")),
                source=fields.get("source"),
                attention=fields.get("attention"),
                target_sequence=fields.get("target_sequence"),
            )
            for fields in document.get("relevance") or []
        ],
        "words": words,
    }
