"""Whether the numbers of a tensor are sound."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ._extras import VALUES
from ._kinds import KINDS
from ._tensor import Array, is_torch, to_numpy
from .error import TraceError


def check_values(tensors: Mapping[str, Array]) -> None:
    """Refuses NaN and infinite numbers, naming tensor and row."""
    for name, array in tensors.items():
        kind = name.partition(".")[0]
        allowed = KINDS[kind].values if kind in KINDS else VALUES.get(kind, "finite")
        values = to_numpy(array.detach().float() if is_torch(array) and array.is_floating_point() else array)
        # What ml_dtypes has is not known to numpy's functions.
        values = values.astype(np.float32) if values.dtype.name == "bfloat16" else values
        if allowed == "any" or values.dtype.kind != "f":
            continue
        wrong = ~np.isfinite(values)
        if allowed == "finite_or_nan":
            wrong &= ~np.isnan(values)
        elif allowed == "finite_or_nothing":
            wrong &= values != -np.inf
        if wrong.any():
            place = np.argwhere(wrong)[0].tolist()
            row = place[-2] if len(place) > 1 else 0
            before = f" of {place[:-2]}" if len(place) > 2 else ""
            found = "NaN" if np.isnan(values[tuple(place)]) else "infinite"
            raise TraceError(f"tensor `{name}` is {found} in row {row}{before}, expected finite numbers")
