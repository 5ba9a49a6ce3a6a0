"""Annexes of a run card: each tells one more thing about a fitted model, in its own files and its own section.

An annex is a module `annex_<word>.py` beside this one; it computes with `domain` and renders with `reports`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ds_workflow.reports.annex import Annex
from ds_workflow.use_cases.train import (
    annex_backtest,
    annex_calibration,
    annex_confusion,
    annex_explanations,
    annex_fairness,
    annex_odds,
    annex_representativeness,
    annex_stability,
    annex_threshold,
    annex_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ds_workflow.use_cases.train.run import Run

WRITERS: tuple[Callable[[Run], Annex | None], ...] = (
    annex_representativeness.annex,
    annex_stability.annex,
    annex_explanations.annex,
    annex_words.annex,
    annex_confusion.annex,
    annex_calibration.annex,
    annex_threshold.annex,
    annex_fairness.annex,
    annex_odds.annex,
    annex_backtest.annex,
)  # fmt: skip


def written(run: Run, folder: Path) -> Iterator[Annex]:
    """Every annex that has something to say of this run, its files written into `folder`."""
    for write in WRITERS:
        annex = write(run)
        if annex is not None:
            for name, text in annex.files.items():
                (folder / name).write_text(text, "utf-8")
            yield annex
