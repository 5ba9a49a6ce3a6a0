"""The simulation that shows what looking every day does to the error rate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.domain.ab_test.peeking import Experiment, Peeked, peek
from ds_workflow.reports import peeking as report
from ds_workflow.use_cases.experiment import record

__all__ = ["Experiment", "Simulated", "simulate"]

if TYPE_CHECKING:
    from ds_workflow.use_cases.experiment.record import Kept
    from ds_workflow.workspace import Workspace


@dataclass(frozen=True)
class Simulated:
    """What was found, and where it was kept."""

    found: Peeked
    kept: Kept | None

    def to_dict(self) -> dict[str, Any]:
        """The document of `experiment-peeking --json`."""
        return document(self.found)

    def text(self) -> str:
        """For the terminal."""
        kept = f"\n\nKept as {self.kept.document} (digest {self.kept.digest[:8]})" if self.kept else ""
        return report.text(self.found) + kept


def simulate(
    work: Workspace,
    experiment: Experiment,
    *,
    runs: int,
    alpha: float,
    best_at: float | None,
    seed: int,
    save: str = "",
) -> Simulated:
    """Simulate; with `save`, keep the result under that name."""
    found = peek(experiment, runs=runs, alpha=alpha, best_at=best_at, seed=seed)
    if not save:
        return Simulated(found, None)
    ask = {"experiment": asdict(experiment), "runs": runs, "alpha": alpha, "best_at": best_at}
    kept = record.keep(
        work,
        save,
        kind="peeking",
        source={"simulated": True, "seed": seed},
        ask=ask,
        result=document(found),
        page=report.html(found, title=save),
    )
    return Simulated(found, kept)


def document(found: Peeked) -> dict[str, Any]:
    """The simulation as plain JSON."""
    return {
        **asdict(found.experiment),
        "runs": found.runs,
        "alpha": found.alpha,
        "tightest_at_units": found.best_at,
        "recommendation": report.sentence(found),
        "rules": {
            rule: {
                "decided": share,
                "standard_error": found.error(rule),
                "looks_used": found.looks_used[rule],
                "by_look": list(found.by_look[rule]),
            }
            for rule, share in found.decided.items()
        },
    }
