"""The page that `showcase` leaves: what was run, what is true, what was found, and where the rest stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ds_workflow.reports.page import bullets, page, para, pill, section, table
from ds_workflow.reports.tables import esc, measure, span


@dataclass(frozen=True)
class Claim:
    """A figure that can be checked: what is true of it, what was found, whether that agrees. `truth` is a text where
    the truth is no figure of the same kind."""

    name: str
    truth: str
    found: str
    interval: str
    ok: bool


@dataclass(frozen=True)
class Step:
    """One part of the tour: its title, what was done, its claims, and links (words, path beside the page)."""

    title: str
    words: str
    claims: tuple[Claim, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every claim of it holds."""
        return all(claim.ok for claim in self.claims)


SURE = 3.29 / 1.96  # a 99.9 % interval over one of 95 %: one tour in twenty would call a right figure wrong otherwise


def difference(name: str, truth: float, found: float, interval: tuple[float, float]) -> Claim:
    """A difference of shares with its symmetric 95 % interval; it agrees when the 99.9 % one holds the truth."""
    return Claim(
        name,
        measure(truth, "share", difference=True),
        measure(found, "share", difference=True),
        span(interval, "share", difference=True),
        abs(found - truth) <= SURE * (interval[1] - interval[0]) / 2,
    )


def html(steps: Sequence[Step], *, words: str) -> str:
    """The whole page."""
    ok = all(step.ok for step in steps)
    claims = [claim for step in steps for claim in step.claims]
    head = (
        '<div class="head"><div class="eyebrow">Showcase</div><h1>A code assistant, from its log to a decision</h1>'
        f"<p>{pill('pass' if ok else 'fail', 'all as it should be' if ok else 'something differs')} "
        f"{esc(f'{sum(c.ok for c in claims)} of {len(claims)} claims hold. {words}')}</p></div>"
    )
    return page("Showcase", "\n".join([head, *map(_section, steps)]))


def _section(step: Step) -> str:
    rows = [
        [
            esc(c.name),
            esc(c.truth),
            esc(c.found),
            esc(c.interval),
            pill("pass" if c.ok else "fail", "yes" if c.ok else "no"),
        ]
        for c in step.claims
    ]
    heads = ["Claim", "Should be", "Was", "95 % interval", "Agrees"]
    links = "".join(f'<li><a href="{esc(path)}">{esc(words)}</a></li>' for words, path in step.links)
    return section(
        step.title,
        para(step.words),
        table(heads, rows, align="lrrrl") if rows else "",
        bullets(step.notes),
        f"<ul>{links}</ul>" if links else "",
    )
