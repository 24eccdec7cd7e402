"""Where the tokens of a sequence lie on the pictures that the model was given; needs the extra `hf`.

No model and no processor is known here by name. The processor is run on pictures of the true sizes whose values tell
where they are (`_ramps`), so that each element of the pixel tensor has a place on a picture. With attention off no
token learns of another, and the gradient from a token to the pixel tensor is non-zero at its own elements alone
(`_owners`). What a token owns is a rectangle of the tensor, and the places of that rectangle are fitted to the lattice
of pixels or patches (`_lattice`): the ramps bend at a picture's border, where a resize repeats it, and have 8 bits in
some processors.

Where that fails a rule takes its place (`_rules`), and `Located.rules` names it.

Rejected: a table of models, which is never complete; marking each patch and looking what changes, which takes a
forward for each patch; differences in place of gradients, which need a threshold.
"""

from ._locate import Cache, Located, LocateError, Place, locate, placeholder_ids
from ._owners import evaluation
from ._ramps import Process, fed

__all__ = ["Cache", "LocateError", "Located", "Place", "Process", "evaluation", "fed", "locate", "placeholder_ids"]
