"""Metrics that are shares of rows: which rows they are shares of, how many those are, and their intervals.

A percentile bootstrap knows nothing of a share of 0 or 1: every resample gives the same. Wilson's interval (1927) does;
rows of one cluster rise and fall together, so it is taken with an effective number of rows (`confusion`). The interval
of a difference of two such shares is Newcombe's (1998, method 10), from both Wilson intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ds_workflow.domain.calibration import Interval
from ds_workflow.domain.classification import THRESHOLD
from ds_workflow.domain.confusion import Flags, Rate, rate
from ds_workflow.domain.resample import codes
from ds_workflow.domain.scored import Scored

# metric -> (row is counted as a hit, row is among those counted)
_PARTS: Mapping[str, Callable[[Scored], tuple[Flags, Flags]]] = {
    "tpr": lambda s: (s.prediction >= THRESHOLD, s.truth == 1),
    "fpr": lambda s: (s.prediction >= THRESHOLD, s.truth == 0),
    "selection_rate": lambda s: (s.prediction >= THRESHOLD, np.ones(len(s), dtype=np.bool_)),
    "accuracy": lambda s: ((s.prediction >= THRESHOLD) == (s.truth == 1), np.ones(len(s), dtype=np.bool_)),
}


def share(name: str, scored: Scored) -> Rate | None:
    """The metric as a share with its Wilson interval at 95 %; None for a metric that is none."""
    if name not in _PARTS:
        return None
    hit, among = _PARTS[name](scored)
    clusters = codes(scored.groups["cluster"])[0] if "cluster" in scored.groups else np.arange(len(scored))
    return rate(hit, among, scored.weights, clusters)


def evidence(name: str, scored: Scored) -> int:
    """How many rows a metric is measured on: those that a share is of, the rows of the rarer class for a ranking of two
    classes, all for others."""
    if name in _PARTS:
        return int(np.count_nonzero(_PARTS[name](scored)[1]))
    if name in ("roc_auc", "pr_auc"):
        return int(min(np.count_nonzero(scored.truth == 1), np.count_nonzero(scored.truth == 0)))
    return len(scored)


def newcombe(high: tuple[float, Interval], low: tuple[float, Interval]) -> Interval:
    """The interval of high - low, each a share with its Wilson interval."""
    (p, (p_low, p_high)), (q, (q_low, q_high)) = high, low
    return p - q - float(np.hypot(p - p_low, q_high - q)), p - q + float(np.hypot(p_high - p, q - q_low))
