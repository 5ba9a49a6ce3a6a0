"""What the published table is made of: its columns, its size, and the words for its amounts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

COMPONENTS = tuple(f"v{i}" for i in range(1, 29))
# as published -> as declared
NAMES: Mapping[str, str] = {
    "Time": "seconds",
    **{name.upper(): name for name in COMPONENTS},
    "Amount": "amount",
    "Class": "is_fraud",
}
COLUMNS = tuple(NAMES)
WEIGHT = "weight"  # how many published rows a raw row stands for; 0: it was not drawn by chance and stands for none
SAMPLE = "in_random_sample"  # in a published subset: whether chance alone put the row there

ROWS, FRAUDS = 284_807, 492  # of the whole published table, repeated rows included
DAYS = 2

BANDS = ("UNDER_10", "FROM_10_TO_100", "FROM_100")
_EDGES = (10.0, 100.0)


def bands(amount: NDArray[np.float64]) -> NDArray[np.object_]:
    """The band of every amount in euros, shape (n,)."""
    place = np.searchsorted(_EDGES, amount, side="right")
    names: NDArray[np.object_] = np.array(BANDS, dtype=object)[place]
    return names
