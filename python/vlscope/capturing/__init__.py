"""One call from a model and a question to a trace: `vlscope.capture`; needs the extra `hf`."""

from __future__ import annotations

from ._capture import capture_one
from ._checks import CaptureError
from ._vilt import vilt

__all__ = ["Capture", "CaptureError", "capture", "vilt"]


class Capture:
    """What `vlscope.capture` is: called, it captures any model of transformers; `vilt` takes inputs that are made."""

    vilt = staticmethod(vilt)
    __call__ = staticmethod(capture_one)

    def __repr__(self) -> str:
        return "<vlscope.capture>"


capture = Capture()
