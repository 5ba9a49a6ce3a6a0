"""One look at a problem in office: what was found, and how bad it is. Looks are stored and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Level = Literal["healthy", "warn", "critical", "unknown"]
Kind = Literal["performance", "inputs", "agent"]
# what an unknown hides may be as bad as anything, so it stands above a warning and is never green
TODAY_DAYS = 7  # a look that is older says nothing of today
WORST_FIRST: tuple[Level, ...] = ("critical", "unknown", "warn", "healthy")


def worst(levels: Iterable[Level]) -> Level:
    """The worst of some levels; unknown of none."""
    listed = list(levels)
    return next((level for level in WORST_FIRST if level in listed), "unknown")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `figure` is what was measured and `limit` what is allowed, where they are
    numbers."""

    name: str
    status: Level
    detail: str
    figure: float | None = None
    limit: float | None = None
    next: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Look:
    """What one look found. `at` is UTC; `version` and `digest` name the champion, `policy` the limits' digest.
    `figures` are numbers for charts; `detail` holds what pages show beyond the findings."""

    problem: str
    kind: Kind
    at: str
    version: int
    digest: str
    policy: str
    status: Level
    findings: tuple[Finding, ...]
    figures: Mapping[str, float] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Look:
        """The look that `to_dict` wrote."""
        findings = tuple(Finding(**one) for one in content["findings"])
        return Look(**{**content, "findings": findings})

    def sentence(self) -> str:
        """The worst finding in words, or that there is none."""
        order = sorted(self.findings, key=lambda f: WORST_FIRST.index(f.status))
        if not order:
            return "nothing was looked at"
        first = order[0]
        return first.detail if first.status != "healthy" else f"{len(order)} checks, nothing beyond its limit"

    def worsening(self) -> tuple[Level, str]:
        """What a look at performance shows of it, over all rows and in segments, with the words of the worst: warn and
        critical only where a worsening is shown, unknown where all rows could not be compared."""
        found = {f.name: f for f in self.findings}
        whole = found.get("performance")
        if whole is None:
            return "unknown", "it was not measured"
        for level in ("critical", "warn"):
            for one in (whole, found.get("segments", whole)):
                if one.status == level:
                    return one.status, one.detail
        return whole.status, whole.detail

    def age(self, now: datetime) -> timedelta:
        """How long ago it was."""
        return now - datetime.fromisoformat(self.at)


def beyond(finding: Finding) -> bool:
    """Whether what was measured is beyond what is allowed, whatever the status makes of it."""
    return finding.figure is not None and finding.limit is not None and finding.figure > finding.limit


def standing(looks: Sequence[Look], name: str) -> int:
    """How many of the newest looks (oldest first), one after the other, measured `name` beyond its limit."""
    count = 0
    for look in reversed(looks):
        if not any(f.name == name and beyond(f) for f in look.findings):
            break
        count += 1
    return count
