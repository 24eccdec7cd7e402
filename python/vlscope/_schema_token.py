"""Tokens and boxes."""

from __future__ import annotations

from typing import Any

from ._fields import as_object, boolean, count, optional, required, spaced, string, word
from .error import TraceError

#: What kinds of input a token may be.
MODALITIES = ["text", "image", "latent", "audio"]


def check_first_token(value: Any, place: str, images: int) -> None:
    """A token of the first version: text, or a box on one image."""
    fields = as_object(value, place)
    if "text" in fields and "image" in fields:
        raise TraceError(f"`{place}` has both `text` and `image`, expected one of them")
    if "text" in fields:
        string(fields["text"], f"{place}.text")
    elif "image" in fields:
        check_image_box(fields, place, images)
    else:
        raise TraceError(f"`{place}` has neither `text` nor `image`, expected one of them")
    _check_marks(fields, place)


def check_token(value: Any, place: str, images: int) -> None:
    """A token of the second version, whose modality may be named."""
    fields = as_object(value, place)
    modality = optional(fields, place, "modality", word(MODALITIES))
    has_text, has_image = (fields.get(key) is not None for key in ("text", "image"))
    if has_text and has_image:
        raise TraceError(f"`{place}` has both `text` and `image`, expected one of them")
    if modality == "text" and not has_text:
        raise TraceError(f'`{place}.text` is missing: its modality is "text"')
    if modality == "image" and has_text:
        raise TraceError(f'`{place}` has `text`, which a token of modality "image" has not')
    if modality in ("latent", "audio") and has_image:
        raise TraceError(f'`{place}` has `image`, which a token of modality "{modality}" has not')
    if modality is None and not has_text and not has_image:
        raise TraceError(f"`{place}` has neither `text` nor `image` nor `modality`, expected one of them")
    if modality == "image" or has_image:
        optional(fields, place, "image", lambda value, place: _check_images(value, place, images))
        optional(fields, place, "box", _check_box)
    else:
        optional(fields, place, "text", string)
    _check_marks(fields, place)
    optional(fields, place, "padding", boolean)


def check_image_box(fields: dict[str, Any], place: str, images: int) -> None:
    """`image` and `box` of a token or a region."""
    _check_image(required(fields, place, "image"), f"{place}.image", images)
    _check_box(required(fields, place, "box"), f"{place}.box")


def _check_marks(fields: dict[str, Any], place: str) -> None:
    optional(fields, place, "special", boolean)
    optional(fields, place, "segment", string)


def _check_images(value: Any, place: str, images: int) -> None:
    """One image or several."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_image(item, f"{place}[{index}]", images)
    else:
        _check_image(value, place, images)


def _check_image(value: Any, place: str, images: int) -> None:
    image = count(value, place)
    if image >= images:
        raise TraceError(f"`{place}` is {image}, expected less than {images}: `images` is {images}")


def _check_box(value: Any, place: str) -> None:
    if not _is_box(value):
        expected = "[x0, y0, x1, y1] with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1"
        raise TraceError(f"`{place}` is {spaced(value)}, expected {expected}")


def _is_box(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4 or any(type(side) not in (int, float) for side in value):
        return False
    x0, y0, x1, y1 = value
    return bool(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1)
