"""Why a recording would not show what the model does."""

from __future__ import annotations


class RecordError(RuntimeError):
    """Says what cannot be recorded, and what to do instead."""
