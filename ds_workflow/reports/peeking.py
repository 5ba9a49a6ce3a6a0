"""The cost of looking every day, for people: shares decided by rule, and how they grow with the looks."""

from __future__ import annotations

from ds_workflow.domain.ab_test.peeking import RULES, Peeked
from ds_workflow.reports.charts_curves import BandPoint, band_curve
from ds_workflow.reports.page import figure, page, para, section, table
from ds_workflow.reports.tables import count, esc, number, percent, text_table

WORDS = {
    "one_look": "the usual test, once at the end",
    "every_look": "the usual test, at every look",
    "sequence": "confidence sequence, at every look",
    "spending": "planned looks, alpha spending",
}
HEADS = ["rule", "decided", "standard error", "looks used"]
WIDE, SLIM = 870, 350


def rows(found: Peeked) -> list[list[str]]:
    """One line a rule."""
    return [
        [
            WORDS[r],
            percent(found.decided[r]),
            percent(found.error(r), decimals=2),
            number(found.looks_used[r], digits=3),
        ]
        for r in RULES
    ]


def sentence(found: Peeked) -> str:
    """What the simulation shows."""
    e = found.experiment
    end, daily, sure = (percent(found.decided[r]) for r in ("one_look", "every_look", "sequence"))
    if e.effect == 0:
        return (
            f"Without an effect the usual test, looked at {count(e.days)} times, raises a false alarm in {daily} of "
            f"the experiments; looked at once in {end}. The confidence sequence does in {sure}."
        )
    return (
        f"An effect of {e.effect:+g} is found by the confidence sequence in {sure} of the experiments after "
        f"{number(found.looks_used['sequence'], digits=3)} of {count(e.days)} looks on average; by one look at the end "
        f"in {end}."
    )


def text(found: Peeked) -> str:
    """For the terminal."""
    e = found.experiment
    head = (
        f"{count(found.runs)} experiments, {count(e.days)} looks, {count(e.daily)} units per arm and look, base "
        f"{e.base:g}, effect {e.effect:+g}, alpha {found.alpha:g}"
    )
    return "\n".join([sentence(found), "", head, "", *text_table(HEADS, rows(found), align="lrrr")])


def html(found: Peeked, *, title: str) -> str:
    """The page."""
    parts = [f'<div class="head"><div class="eyebrow">Simulated looks</div><h1>{esc(title)}</h1>{para(sentence(found))}'
             "</div>"]  # fmt: skip
    parts.append(section("Decided", table(HEADS, [[esc(c) for c in row] for row in rows(found)], align="lrrr")))
    for rule in RULES[1:]:
        points = [BandPoint(float(k), v, v, v) for k, v in enumerate(found.by_look[rule], start=1)]

        def draw(width: int, points: list[BandPoint] = points, rule: str = rule) -> str:
            return band_curve(points, title=WORDS[rule], unit="share", caption="look", width=width, styled=False)

        parts.append(
            section(WORDS[rule].capitalize(), figure("Decided so far", "Share of experiments.", draw(WIDE), draw(SLIM)))
        )
    return page(f"Simulated looks: {title}", "\n".join(parts))
