"""A running experiment for people: the always-valid band over time and what it allows to do."""

from __future__ import annotations

from collections.abc import Mapping

from ds_workflow.domain.ab_test.contrasts import CALLED_OFF
from ds_workflow.domain.ab_test.forms import Measure
from ds_workflow.domain.ab_test.timeline import Look, Timeline
from ds_workflow.reports.charts_curves import BandPoint, band_curve
from ds_workflow.reports.page import bullets, figure, page, para, section, table
from ds_workflow.reports.tables import count, esc, measure, number, span, text_table

WIDE, SLIM = 870, 350
SHOWN = 15


def verdict(line: Timeline, asked: Measure) -> str:
    """ship, keep or continue, from the last look; invalid where the split was not the planned one."""
    if _broken(line):
        return "invalid"
    low, high = line.looks[-1].always_valid
    sign = 1.0 if asked.greater_is_better else -1.0
    low, high = sorted((sign * low, sign * high))
    if low > 0:
        return "ship"
    return "keep" if high < max(asked.practical, 0.0) or high <= 0 else "continue"


def text(asked: Measure, arms: Mapping[str, Timeline]) -> str:
    """For the terminal: the last looks of every arm."""
    lines: list[str] = []
    for arm, line in arms.items():
        unit = _unit(line)
        rows = [
            [
                look.until,
                " : ".join(count(n) for n in look.contrast.units),
                measure(look.contrast.estimate, unit, difference=True),
                span(look.always_valid, unit, difference=True),
                span(look.contrast.interval, unit, difference=True),
                f"{look.p_value:.2g}",
            ]
            for look in line.looks[-SHOWN:]
        ]
        lines += [f"{arm}: {verdict(line, asked).upper()}. {sentence(line)}", ""]
        heads = ["until", "units", "difference", "always valid", "one look only", "p"]
        lines += [*text_table(heads, rows, align="lrrllr"), *(f"  ! {w}" for w in line.warnings), ""]
    return "\n".join(lines).rstrip()


def _broken(line: Timeline) -> Look | None:
    """The first look at which the split is called off."""
    return next((look for look in line.looks if look.sample_ratio < CALLED_OFF), None)


def sentence(line: Timeline) -> str:
    """What the looks allow to say; of a broken split, nothing but that."""
    off = _broken(line)
    if off is not None:
        return (
            f"From {off.until} on the split is not the planned one (p = {off.sample_ratio:.2g}), so no difference can "
            "be trusted. Find what loses units in one arm, mend it, and run again with new units."
        )
    first = line.first_decided
    said = f"{len(line.looks)} looks; "
    if first is None:
        said += "none of them decides."
    else:
        said += f"it may be stopped from {first.until} on."
    planned = [look for look in line.looks if look.spending_z is not None]
    if planned:
        crossed = line.first_crossed
        said += (
            f" By the planned looks it stops at {crossed.until}."
            if crossed
            else f" None of its {len(planned)} planned looks is beyond its bound."
        )
    if line.naive and first is None:
        said += f" A test without correction would have called {line.naive} of them significant."
    return said


def html(asked: Measure, arms: Mapping[str, Timeline], *, title: str) -> str:
    """The page: one band per arm, and all looks as a table."""
    parts = [f'<div class="head"><div class="eyebrow">Running experiment</div><h1>{esc(title)}</h1></div>']
    for arm, line in arms.items():
        unit = _unit(line)
        points = [
            BandPoint(float(k), look.contrast.estimate, *look.always_valid)
            for k, look in enumerate(line.looks, start=1)
        ]

        def draw(width: int, points: list[BandPoint] = points, unit: str = unit, arm: str = arm) -> str:
            return band_curve(points, title=arm, unit=unit, caption="look", width=width, styled=False)

        rows = [
            [
                esc(look.until),
                " : ".join(count(n) for n in look.contrast.units),
                esc(measure(look.contrast.estimate, unit, difference=True)),
                esc(span(look.always_valid, unit, difference=True)),
                esc(span(look.contrast.interval, unit, difference=True)),
                f"{look.p_value:.2g}",
                f"{look.sample_ratio:.2g}",
            ]
            for look in line.looks
        ]
        heads = ["Until", "Units", "Difference", "Always valid", "One look only", "p", "Split, p"]
        caption = "Difference with the interval that holds at every look."
        parts.append(
            section(
                f"{asked.name}: {arm}",
                para(f"{verdict(line, asked).capitalize()}. {sentence(line)}"),
                figure(arm, caption, draw(WIDE), draw(SLIM)),
                table(heads, rows, align="lrrllrr"),
                bullets(line.warnings),
            )
        )
    best = number(next(iter(arms.values())).best_at)
    parts.append(
        section(
            "How to read it",
            para(
                "The always-valid interval is an asymptotic confidence sequence: it may be looked at any number of "
                f"times and stopped at will. It is tightest at {best} units. 'One look only' is the usual interval; "
                "looked at daily for a month it would raise a false alarm in about a quarter of experiments without "
                "effect."
            ),
        )
    )
    return page(f"Running experiment: {title}", "\n".join(parts))


def _unit(line: Timeline) -> str:
    return "share" if line.looks[-1].contrast.test == "two-proportion z" else ""
