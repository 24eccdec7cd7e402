"""Traces of vision-language transformers: what one model did on one input, in one `.safetensors` file.

`Trace` holds, saves and loads one; `record` watches any PyTorch model; `capture` makes one in one call.
"""

from typing import TYPE_CHECKING, Any

from .dataset import Dataset
from .error import TraceError
from .trace import AttentionBlock, HeadMetric, Region, Relevance, Token, Trace, Words

if TYPE_CHECKING:
    from .capturing import capture
    from .recording import record

__all__ = [
    "AttentionBlock",
    "Dataset",
    "HeadMetric",
    "Region",
    "Relevance",
    "Token",
    "Trace",
    "TraceError",
    "Words",
    "capture",
    "record",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # A trace needs numpy alone; torch is there when a model is.
    if name == "record":
        from .recording import record

        return record
    if name == "capture":
        from .capturing import capture

        return capture
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
