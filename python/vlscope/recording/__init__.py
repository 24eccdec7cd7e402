"""Records the attention of any PyTorch model: `vlscope.record`."""

from .blocks import Block
from .errors import RecordError
from .recorder import record
from .sequences import Sequence
from .tape import Tape

__all__ = ["Block", "RecordError", "Sequence", "Tape", "record"]
