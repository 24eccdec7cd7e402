"""The rules of the JSON document: every name that is used exists, every box lies in its image."""

from __future__ import annotations

from typing import Any

from . import _json
from ._fields import as_list, as_object, check_name, count, each, optional, required, string
from ._kinds import FORMATS
from ._schema_block import check_block, check_first_block
from ._schema_token import check_first_token, check_image_box, check_token
from .error import TraceError


def parse(text: str) -> dict[str, Any]:
    """The document, checked. Keys that we do not know stay in it."""
    try:
        root = _json.parse(text)
    except _json.JsonError as error:
        raise TraceError(f"`vlscope` in `__metadata__` is not valid JSON: {error}") from None
    root = as_object(root, "vlscope")
    version = required(root, "", "format")
    if type(version) is not int or version not in FORMATS:
        first, last = FORMATS[0], FORMATS[-1]
        raise TraceError(
            f"`format` is {_json.dump(version)}, expected {first} or {last}: "
            f"this version of vlscope reads formats {first} and {last}"
        )
    optional(root, "", "id", string)
    optional(root, "", "model", as_object)
    images = optional(root, "", "images", count) or 0
    optional(root, "", "outputs", as_object)
    optional(root, "", "attributes", as_object)
    sequences = as_object(required(root, "", "sequences"), "sequences")
    lengths = {}
    for name, sequence in sequences.items():
        place = f"sequences.{name}"
        tokens = as_list(required(as_object(sequence, place), place, "tokens"), f"{place}.tokens")
        for index, token in enumerate(tokens):
            (check_first_token if version == 1 else check_token)(token, f"{place}.tokens[{index}]", images)
        lengths[name] = len(tokens)
    required(root, "", "attention")
    blocks: list[str] = []
    for fields, place in each(root, "attention"):
        name = (check_first_block if version == 1 else check_block)(fields, place, lengths)
        if name in blocks:
            raise TraceError(f'`{place}.name` is "{name}", which another block has')
        blocks.append(name)
    for fields, place in each(root, "hidden"):
        check_name(fields, place, "sequence", "sequences", list(sequences))
        count(required(fields, place, "states"), f"{place}.states")
    for fields, place in each(root, "regions"):
        check_image_box(fields, place, images)
        string(required(fields, place, "label"), f"{place}.label")
    for fields, place in each(root, "head_metrics"):
        string(required(fields, place, "name"), f"{place}.name")
        check_name(fields, place, "attention", "attention", blocks)
    return root
