"""Traces of vision-language transformers: what one model did on one input, in one `.safetensors` file.

`Trace` holds, saves and loads one; `record` watches any PyTorch model; `capture` makes one in one call.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .dataset import Dataset
from .error import TraceError
from .trace import AttentionBlock, HeadMetric, Region, Relevance, Token, Trace, Words

if TYPE_CHECKING:
    from . import distributed, locate, readers, relevance
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
    "distributed",
    "locate",
    "readers",
    "record",
    "relevance",
]
__version__ = "0.1.0"


#: What needs more than numpy is there when it is asked for: torch with a model, Ray with a cluster.
_LATER = {"capture": ".capturing", "record": ".recording"}
_MODULES = ("distributed", "locate", "readers", "relevance")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
