"""Predictions: the champion, or another version, as an answerer of requests."""

from ds_workflow.domain.contract import BadRows
from ds_workflow.use_cases.predict.answerer import Answerer, TooMany, champion, champion_ref, load, names, rows_of
from ds_workflow.use_cases.predict.proving import ensure_quick, known_quick

__all__ = [
    "Answerer",
    "BadRows",
    "TooMany",
    "champion",
    "champion_ref",
    "ensure_quick",
    "known_quick",
    "load",
    "names",
    "rows_of",
]
