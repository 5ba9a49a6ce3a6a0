"""The gate on the holdout itself: whether its rows may still be asked."""

from __future__ import annotations

from dataclasses import dataclass

from ds_workflow.domain.comparison import Comparison
from ds_workflow.domain.gates.base import missing
from registry.records import GateResult


@dataclass(frozen=True)
class HoldoutUnspent:
    """A look at the holdout was left for this comparison. Asked of every comparison that was counted."""

    name: str = "holdout_unspent"

    def check(self, comparison: Comparison) -> tuple[GateResult, ...]:
        """One result; inconclusive when all looks were taken, since rows asked too often give a lucky winner."""
        look = comparison.look
        required = f"one of {look.looks if look else 'the'} looks at these rows is left"
        if look is None:
            return (missing(self.name, required, "This comparison was not counted."),)
        rows = comparison.rows()
        if look.spent:
            why = "the error rate of this holdout was used up before this one"
            if look.number > look.looks or not look.number:
                why = f"all {look.looks} {'looks at' if look.number else 'trials on'} this holdout were taken before"
            note = (
                f"{why[0].upper()}{why[1:]}: it is spent, and what these rows say counts no more. Freeze a new window "
                "with 'holdout-freeze'."
            )
            return (GateResult(self.name, "inconclusive", required=required, rows=rows, note=note),)
        note = look.words[0].upper() + look.words[1:] + "."
        if look.level * (comparison.policy.resamples + 1) < 1:
            note += f" {comparison.policy.resamples:,} resamples are not enough to show anything at this level."
            return (GateResult(self.name, "inconclusive", required=required, rows=rows, note=note),)
        return (GateResult(self.name, "pass", required=required, rows=rows, note=note),)
