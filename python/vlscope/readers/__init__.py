"""Examples of public datasets, from their own annotation files, for `vlscope.capture`: VCR and WebQA.

`vlscope.capture(model, processor, **example.arguments(), generate={})` captures one. `vl_interpret` reads databases of
VL-InterpreT, which hold traces already.
"""

from ._example import Example, ReadError
from ._vcr import vcr
from ._vl_interpret import vl_interpret
from ._webqa import webqa

__all__ = ["Example", "ReadError", "vcr", "vl_interpret", "webqa"]
