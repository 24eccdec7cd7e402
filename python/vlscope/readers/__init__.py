"""Examples of public datasets, from their own annotation files, for `vlscope.capture`: VCR and WebQA.

`vlscope.capture(model, processor, **example.arguments(), generate={})` captures one.
"""

from ._example import Example, ReadError
from ._vcr import vcr
from ._webqa import webqa

__all__ = ["Example", "ReadError", "vcr", "webqa"]
