"""How much each token mattered for what a model put out; needs the extra `hf`.

By gradients: `chefer`, `chefer_encoder`, `gradient_attention`, `integrated_gradients`. By what heads move:
`contribution_norms`, `logit_contributions`, `similarity_contributions` (CLIP). By removal: `occlusion`, and
`removed_pairs` with `emap` and `interaction` for what text and picture only tell together.
"""

from ._asked import Asked, RelevanceError
from ._direct import contribution_norms, logit_contributions, similarity_contributions
from ._gradients import chefer, chefer_encoder, gradient_attention, integrated_gradients
from ._norm import Norms
from ._removal import Interaction, emap, interaction, occlusion, removed_pairs

__all__ = [
    "Asked",
    "Interaction",
    "Norms",
    "RelevanceError",
    "chefer",
    "chefer_encoder",
    "contribution_norms",
    "emap",
    "gradient_attention",
    "integrated_gradients",
    "interaction",
    "logit_contributions",
    "occlusion",
    "removed_pairs",
    "similarity_contributions",
]
