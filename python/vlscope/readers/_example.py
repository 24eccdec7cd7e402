"""One example of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..trace import Region


class ReadError(ValueError):
    """A file that is not as its dataset describes it."""


@dataclass(frozen=True)
class Example:
    """A question about pictures. `answer` is None where it is held back; `images` are PIL pictures."""

    id: str
    question: str
    answer: str | None
    images: list[Any]
    regions: list[Region] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """What `vlscope.capture` is called with."""
        return {
            "id": self.id,
            "text": self.question,
            "answer": self.answer,
            "images": self.images,
            "regions": self.regions,
            "attributes": self.attributes,
        }
