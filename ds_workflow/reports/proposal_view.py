"""What a proposal says, in words and figures, before any face prints it.

`Proposal.summary` is plain JSON written by the arena; a part that is absent is left out of the page, and a figure that
is absent is `n/a`, never 0.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ds_workflow.reports.tables import (
    Interval,
    count,
    finite,
    measure,
    metric_title,
    metric_unit,
    number,
    pair,
    percent,
    points,
)
from registry.records import Decision, GateResult, Proposal, VersionRef

STATUS_ORDER = {"invalid": 0, "fail": 1, "inconclusive": 2, "pass": 3}
STATUS_SIGN = {"pass": "+", "fail": "x", "inconclusive": "?", "invalid": "!"}
# Figures that are good near a target, not at an end: saying better or worse from the sign would mislead.
RESIDUALS = "Median signed error"  # what stands in `residuals` where the summary does not say
_NO_DIRECTION = frozenset({"bias", "expected_over_observed", "interval_coverage", "interval_width"})
_BARE = frozenset({"r2"})  # a share by declaration, but never spoken of in per cent
_WORDS_OF_LABEL = {
    "pending": "Waiting for a decision",
    "no_winner": "No winner",
    "invalid": "Invalid",
    "approved": "Approved and applied",
    "applying": "Approved, being applied",
    "apply_failed": "Approved, but applying failed",
    "rolled back": "Approved, later rolled back",
    "none": "Approved",
    "rejected": "Rejected",
    "expired": "Expired",
    "superseded": "Superseded",
    "withdrawn": "Withdrawn",
    "invalidated": "Invalidated",
}


@dataclass(frozen=True)
class Context:
    """What a report says beside the proposal itself; every text here may come from a stranger and is escaped.

    `now` (UTC text as in records) lets an open proposal whose time is over read as expired. `decisions` are those of
    this proposal, oldest first. `command` is how a reader starts the workflow; empty on a page with
    forms of its own. `traffic` says what the challenger showed beside the champion in live traffic,
    `cited` one sentence each of the kept experiments that somebody bound to the proposal, `delivery` what became live
    of its claim.
    """

    problem_title: str = ""
    hypothesis_title: str = ""
    hypothesis_claim: str = ""
    decisions: tuple[Decision, ...] = ()
    now: str = ""
    command: str = "./scripts/ds_workflow.sh"
    traffic: str = ""
    cited: tuple[str, ...] = ()
    delivery: str = ""
    delivered: tuple[tuple[str, ...], ...] = ()  # its segments, as `reports.delivery.rows`


@dataclass(frozen=True)
class Cell:
    """One metric of both models on the same rows; `difference` is challenger minus champion, in the metric's unit."""

    name: str
    title: str
    unit: str
    greater_is_better: bool
    champion: float | None
    challenger: float | None
    difference: float | None
    interval: Interval | None

    @property
    def standing(self) -> str:
        """better, worse or unclear by the interval; higher or lower where neither end is better; else empty."""
        if self.interval is None:
            return ""
        low, high = self.interval
        if low <= 0 <= high:
            return "unclear"
        if self.name in _NO_DIRECTION:
            return "higher" if low > 0 else "lower"
        return "better" if (low > 0) == self.greater_is_better else "worse"


@dataclass(frozen=True)
class Group:
    """The metrics of one segment or slice."""

    name: str
    rows: int | None
    major: bool
    cells: tuple[Cell, ...]

    def cell(self, metric: str) -> Cell | None:
        """The metric of that name, if it was measured here."""
        return next((c for c in self.cells if c.name == metric), None)

    @property
    def note(self) -> str:
        """Rows, and whether the policy counts it as major."""
        return " · ".join(
            t for t in (f"{count(self.rows)} rows" if self.rows is not None else "", self.major * "major") if t
        )


def cells(metrics: Any) -> tuple[Cell, ...]:
    """The cells of a `{metric: {...}}` part of the summary."""
    return tuple(
        Cell(
            name=name,
            title=str(m.get("title") or metric_title(name)),
            unit="" if name in _BARE else str(m.get("unit") or metric_unit(name)),
            greater_is_better=bool(m.get("greater_is_better", False)),
            champion=finite(m.get("champion")),
            challenger=finite(m.get("challenger")),
            difference=finite(m.get("difference")),
            interval=pair(m.get("interval")),
        )
        for name, m in dict(metrics or {}).items()
    )


def groups(part: Any) -> tuple[Group, ...]:
    """The groups of a `{name: {rows, major, metrics}}` part of the summary."""
    return tuple(
        Group(
            str(name), None if g.get("rows") is None else int(g["rows"]), bool(g.get("major")), cells(g.get("metrics"))
        )
        for name, g in dict(part or {}).items()
    )


def ranked(proposal: Proposal, names: Iterable[str]) -> list[str]:
    """Metric names in the order that the summary's `order` gives (the problem's primary first); others after."""
    order = {str(name): place for place, name in enumerate(proposal.summary.get("order") or ())}
    return sorted(dict.fromkeys(names), key=lambda name: order.get(name, len(order)))


def overall(proposal: Proposal) -> tuple[Cell, ...]:
    """The overall figures, the problem's primary metric first."""
    found = {cell.name: cell for cell in cells(proposal.summary.get("overall"))}
    return tuple(found[name] for name in ranked(proposal, found))


def forest_metrics(proposal: Proposal) -> tuple[str, ...]:
    """The first two metrics whose segment differences carry intervals; none without a champion."""
    every = [c for g in groups(proposal.summary.get("segments")) for c in g.cells]
    return tuple(ranked(proposal, (c.name for c in every if c.interval is not None)))[:2]


def headline_metrics(proposal: Proposal) -> tuple[str, ...]:
    """The two metrics that tables by segment and slice show."""
    every = (c.name for g in groups(proposal.summary.get("segments")) for c in g.cells)
    return forest_metrics(proposal) or tuple(ranked(proposal, every))[:2]


def metrics_of(groups: Sequence[Group], preferred: Sequence[str]) -> list[str]:
    """The preferred metrics that were measured in these groups; failing them, the first one that was."""
    measured = list(dict.fromkeys(c.name for g in groups for c in g.cells))
    return [name for name in preferred if name in measured] or measured[:1]


def labels(proposal: Proposal) -> tuple[str, str]:
    """Names of the reference and the challenger, as charts and tables head their columns."""
    given: Mapping[str, Any] = proposal.summary.get("labels") or {}
    old = given.get("champion") or (name_of(proposal.champion) if proposal.champion else reference(proposal))
    return str(old), str(given.get("challenger") or name_of(proposal.challenger))


def reference(proposal: Proposal) -> str:
    """What the challenger was compared with: champion, last fit champion or naive baseline."""
    return str(proposal.summary.get("reference") or ("champion" if proposal.champion else "naive baseline"))


def name_of(ref: VersionRef | None) -> str:
    """`v2`, or `none`."""
    return f"v{ref.version}" if ref else "none"


def short(digest: str) -> str:
    """The first 12 hex digits."""
    return digest[:12]


def gate_figure(value: float | None, required: str) -> str:
    """A gate's figure as its requirement is phrased: per cent, percentage points, or a bare number."""
    if finite(value) is None:
        return "n/a"
    words = required.lower()
    if "pp" in words.split() or "point" in words:
        return points(value)
    return percent(value, decimals=2) if "%" in words or "per cent" in words else number(value)


def gate_span(gate: GateResult) -> str:
    """A gate's interval in the same words, empty without one."""
    ends = pair(gate.interval)
    if ends is None:
        return ""
    low, high = ("no limit" if math.isinf(e) else gate_figure(e, gate.required) for e in ends)
    for unit in (" %", " pp"):
        if low.endswith(unit) and high.endswith(unit):
            return f"[{low.removesuffix(unit)}, {high.removesuffix(unit)}]{unit}"
    return f"[{low}, {high}]"


def gate_name(gate: GateResult) -> str:
    """The gate and the segment it looked at."""
    return f"{gate.name} [{gate.segment}]" if gate.segment and gate.segment not in gate.name else gate.name


def gate_sentence(gate: GateResult) -> str:
    """The gate's own sentence, or one made of its figures."""
    if gate.note:
        return gate.note
    return {
        "pass": "The requirement is met.",
        "fail": "The requirement is not met.",
        "inconclusive": "The rows at hand can't tell whether the requirement is met.",
        "invalid": "It could not be evaluated.",
    }[gate.status]


def worst_first(gates: Sequence[GateResult]) -> list[GateResult]:
    """Gates that stand in the way first; the order within a status is kept."""
    return sorted(gates, key=lambda g: STATUS_ORDER[g.status])


def tally(gates: Sequence[GateResult]) -> str:
    """`7 pass, 1 fail, 1 inconclusive`: nothing that happened is left out."""
    counted = {s: sum(g.status == s for g in gates) for s in ("pass", "fail", "inconclusive", "invalid")}
    return ", ".join(f"{n} {s}" for s, n in counted.items() if n) or "no gates"


def headline(proposal: Proposal) -> str:
    """The verdict as one sentence."""
    new, old = name_of(proposal.challenger), name_of(proposal.champion)
    act = "become the first champion" if proposal.champion is None else f"replace {old}"
    total, bad = len(proposal.gates), sum(g.status == "fail" for g in proposal.gates)
    unsure = sum(g.status == "inconclusive" for g in proposal.gates)
    broken = sum(g.status == "invalid" for g in proposal.gates)
    of = f"of {total} gate{'s' if total != 1 else ''}"
    if proposal.kind == "rollback":
        return f"Roll back: {new} takes the place of {old} again"
    if proposal.label == "approved":
        done = "became the first champion" if proposal.champion is None else f"replaced {old}"
        return f"{new} {done}; gates: {tally(proposal.gates)}"
    is_are = "is" if unsure == 1 else "are"
    return {
        "pass": f"{new} may {act}: "
        + (f"all {total} gates pass" if total > 1 else "its gate passes" if total else "no gate stands against it"),
        "fail": f"{new} may not {act}: {bad} {of} {'fails' if bad == 1 else 'fail'}",
        "inconclusive": f"The evidence can't tell whether {new} may {act}: {unsure} {of} {is_are} undecided",
        "invalid": f"This comparison does not count: {broken} {of} could not be evaluated",
    }[proposal.verdict]


def label(proposal: Proposal, context: Context) -> str:
    """The one word shown to people, as of the context's `now`."""
    return "expired" if context.now and proposal.expired(context.now) else proposal.label


def standing_words(proposal: Proposal, context: Context) -> str:
    """Where the proposal stands: waiting, decided, by whom, when."""
    now = label(proposal, context)
    words = _WORDS_OF_LABEL.get(now, now)
    if now == "no_winner" and proposal.kind == "override":
        words = "Waiting for a second person"
    if now == "expired" and proposal.disposition == "open":
        return f"{words} on {moment(proposal.expires_at)}, undecided."
    if proposal.disposition == "open":
        return f"{words}; open until {moment(proposal.expires_at)}."
    who = f" by {proposal.decided_by}" if proposal.decided_by else ""
    when = f" on {moment(proposal.decided_at)}" if proposal.decided_at else ""
    return f"{words}{who}{when}."


def moment(text: str | None) -> str:
    """`2026-01-31 12:00 UTC` from a record's time, or the text itself."""
    if text and len(text) >= 17 and text[10] == "T" and text.endswith("Z"):
        return f"{text[:10]} {text[11:16]} UTC"
    return text or "n/a"


def next_commands(proposal: Proposal, context: Context) -> list[tuple[str, str]]:
    """(what for, command) in the order a reader would want them; none for a page that has forms instead."""
    if not context.command:
        return []
    start = f"{context.command} --problem {shlex.quote(proposal.problem)}"
    which = f"--proposal-id {shlex.quote(proposal.id)}"
    reject = ("close it, with the reason", f"{start} arena-reject {which} --rejected-by NAME --reason 'WHY'")
    again = ("write a fresh proposal", f"{start} arena-propose")
    release = ("see whether it may be released", f"{start} release-check --explain")
    status = ("finish or inspect the step", f"{start} arena-status")
    if proposal.kind == "bootstrap" and label(proposal, context) == "no_winner":
        begin = f"{start} bootstrap-champion --dataset-version NEW --owner NAME --approved-by NAME"
        if proposal.verdict == "fail":  # shown, so that more rows would only show it again
            return [("judge another model, or the same on other data", begin), reject]
        more = ("freeze more rows; above it says how many", f"{start} data-snapshot --dataset-version NEW")
        return [more, ("and judge a first champion on them", begin), reject]
    override = f"{start} arena-override {which} --by NAME --reason 'WHY'"
    if proposal.kind == "override" and label(proposal, context) == "no_winner":
        return [("decide the override, as a second person", override), reject]
    if proposal.kind == "adopt" and label(proposal, context) == "no_winner":
        return [reject, ("put the decided champion back", f"{start} arena-restore --by NAME --reason 'WHY'")]
    refuted = proposal.hypothesis is not None and proposal.hypothesis.outcome == "refuted"
    why = " --reason 'WHY'" if refuted else ""  # without one it is refused
    against = "promote it against the verdict: one person asks, another decides, every document is marked"
    return {
        "pending": [("promote the challenger", f"{start} arena-approve {which} --approved-by NAME{why}"), reject],
        "no_winner": [reject, ("try another candidate", f"{start} train-candidate --help"), (against, override)],
        "invalid": [reject, again],
        "approved": [release, ("undo the promotion", f"{start} arena-rollback --reason 'WHY' --by NAME")],
        "none": [status],
        "applying": [status],
        "apply_failed": [status, again],
        "rolled back": [release],
        "rejected": [("try another candidate", f"{start} train-candidate --help")],
    }.get(label(proposal, context), [again])


def bound(proposal: Proposal) -> list[tuple[str, str, str]]:
    """(what, name, digest) of everything that an approval binds."""
    e = proposal.evidence
    hypothesis = proposal.hypothesis.id if proposal.hypothesis else "none"
    return [
        ("Challenger", name_of(e.challenger), e.challenger.digest),
        ("Champion", name_of(e.champion), e.champion.digest if e.champion else ""),
        ("Holdout", str((proposal.summary.get("holdout") or {}).get("name") or ""), e.holdout_digest),
        ("Policy", "", e.policy_digest),
        ("Hypothesis", hypothesis, e.hypothesis_digest),
        ("Evidence bundle", f"verdict {e.verdict}", e.bundle_digest),
        ("All of it", "the proposal's digest", proposal.digest),
    ]


def value(cell: Cell, which: str) -> str:
    """A cell's figure as text: champion, challenger or difference."""
    figure = {"champion": cell.champion, "challenger": cell.challenger, "difference": cell.difference}[which]
    return measure(figure, cell.unit, difference=which == "difference")


def history(proposal: Proposal, context: Context) -> list[str]:
    """What happened to the proposal, oldest first."""
    p = proposal
    out = [f"{moment(p.created_at)}: proposed, owner {p.owner}, verdict {p.verdict}"]
    for d in context.decisions:
        out.append(
            f"{moment(d.at)}: {d.action} by {d.by}{', self-approved' if d.self_approved else ''}"
            + (f" ({d.reason})" if d.reason else "")
        )
    if p.decided_at and not context.decisions:
        out.append(
            f"{moment(p.decided_at)}: {p.disposition} by {p.decided_by or 'the clock'}"
            + (", self-approved" if p.self_approved else "")
            + (f" ({p.reason})" if p.reason else "")
        )
    if p.disposition == "open":
        over = label(p, context) == "expired"
        words = "expired, undecided" if over else "expires, if nobody has decided before"
        out.append(f"{moment(p.expires_at)}: {words}")
    if p.effect != "none":
        out.append(f"now: effect {p.effect.replace('_', ' ')}")
    return out
