"""Seven days of all problems, as plain records: what the weekly summary tells."""

from __future__ import annotations

from dataclasses import dataclass

from ds_workflow.domain.monitoring.looks import WORST_FIRST, Level, Look


@dataclass(frozen=True)
class ProblemWeek:
    """One problem: its champion now, looks of the week (oldest first), incidents opened and closed in it and still
    open, moves of the champion, proposals of challengers by verdict, proposed work still open, and requests."""

    problem: str
    champion: int | None
    looks: tuple[Look, ...]
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    still_open: tuple[str, ...]
    moves: tuple[str, ...]
    verdicts: tuple[str, ...]
    work: tuple[str, ...]
    held: str
    requests: int
    p95_ms: float | None
    error_rate: float

    @property
    def status(self) -> Level:
        """By the newest look of each kind; unknown without one. An open incident is at least a warning."""
        newest = {look.kind: look.status for look in self.looks}
        levels: list[Level] = list(newest.values()) or ["unknown"]
        if self.still_open:
            levels.append("warn")
        return next(level for level in WORST_FIRST if level in levels)

    @property
    def worst(self) -> Level:
        """The worst look of the week; unknown without one."""
        levels = [look.status for look in self.looks]
        return next((level for level in WORST_FIRST if level in levels), "unknown")


@dataclass(frozen=True)
class Week:
    """From `first` to `last` (days, both included), at most one entry a problem."""

    first: str
    last: str
    problems: tuple[ProblemWeek, ...]
