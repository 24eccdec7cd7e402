"""Traces of vision-language transformers: what one model did on one input, in one `.safetensors` file.

`Trace` holds, saves and loads one; `vlscope.capture` records one from a model.
"""

from .dataset import Dataset
from .error import TraceError
from .trace import AttentionBlock, HeadMetric, Region, Token, Trace

__all__ = ["AttentionBlock", "Dataset", "HeadMetric", "Region", "Token", "Trace", "TraceError"]
__version__ = "0.1.0"
