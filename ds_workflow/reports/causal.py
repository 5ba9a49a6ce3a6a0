"""An effect that was not randomised, for people: estimates side by side, balance, overlap, what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ds_workflow.domain.causal.propensity import BALANCED, Balance, Overlap
from ds_workflow.domain.causal.sensitivity import EValue
from ds_workflow.reports.charts import Bar, BarGroup, ForestRow, Month, forest_plot, grouped_bars, residual_series
from ds_workflow.reports.page import bullets, figure, page, para, section, table
from ds_workflow.reports.tables import count, esc, number, span, text_table

WIDE, SLIM = 870, 350


def sentence(lines: Sequence[Any]) -> str:
    """What the first estimate says, and whether the others agree with it: their intervals overlap with its own and say
    the same of 0."""
    first = lines[0].estimate
    interval = first.interval
    if interval is None:
        return "No interval, so nothing can be said."
    side = _SIDES[_side(interval)]
    said = (
        f"{side}: {first.value:+.4g} [{interval[0]:+.4g}, {interval[1]:+.4g}] by {short(first.estimator)}, if "
        f"{first.assumption}"
    )
    others = [e for e in (line.estimate for line in lines[1:]) if e.estimand != "descriptive" and e.interval]
    if not others:
        return f"{said}."
    apart = [e for e in others if e.interval[1] < interval[0] or interval[1] < e.interval[0]]
    unlike = [e for e in others if e not in apart and _side(e.interval) != _side(interval)]
    if not apart and not unlike:
        return f"{said}; the other estimators agree: their intervals overlap with it and say the same of 0."
    parts = [f"no overlap with the interval of {', '.join(short(e.estimator) for e in apart)}"] if apart else []
    parts += [f"{short(e.estimator)} says otherwise: {_SIDES[_side(e.interval)].lower()}" for e in unlike]
    return f"{said}; {'; '.join(parts)}."


_SIDES = {0: "No clear effect", 1: "A rise", -1: "A fall"}


def _side(interval: tuple[float, float]) -> int:
    return 0 if interval[0] <= 0 <= interval[1] else 1 if interval[0] > 0 else -1


def short(estimator: str) -> str:
    """An estimator's name without how its ties are broken."""
    return estimator.partition(" with")[0]


def warned(lines: Sequence[Any]) -> list[str]:
    """The warnings, each with the estimators that it is about: what one leaves apart another may balance."""
    about: dict[str, list[str]] = {}
    for line in lines:
        for warning in line.estimate.warnings:
            about.setdefault(warning, []).append(short(line.estimate.estimator))
    return [f"{', '.join(dict.fromkeys(names))}: {warning}" for warning, names in about.items()]


def _rows(lines: Sequence[Any]) -> list[list[str]]:
    out = []
    for line in lines:
        e = line.estimate
        more = ", ".join(f"{k.replace('_', ' ')} {v:.3g}" for k, v in line.extra)
        if line.bootstrap:
            more = ", ".join(filter(None, (more, f"bootstrap {span(line.bootstrap)}")))
        cells = [e.estimator, e.estimand, number(e.value), number(e.standard_error), span(e.interval)]
        out.append(
            [*cells, f"{e.p_value:.2g}" if e.p_value is not None else "", count(e.treated), count(e.controls), more]
        )
    return out


HEADS = ["estimator", "effect", "estimate", "error", "95 % interval", "p", "treated", "controls", ""]


def text(lines: Sequence[Any], table_of: Sequence[Balance], meeting: Overlap | None, strength: EValue | None) -> str:
    """For the terminal."""
    out = [f"{sentence(lines)}", "", *text_table(HEADS, _rows(lines), align="llrrlrrrl")]
    if table_of:
        rows = [
            [b.name, number(b.treated), number(b.control), number(b.difference), number(b.difference_after)]
            for b in sorted(table_of, key=lambda b: -abs(b.difference_after))
        ]
        heads = ["covariate", "treated", "controls", "difference (sd)", "weighted (sd)"]
        out += [
            "",
            "Balance under the weights of doubly robust and inverse probability weighting",
            "",
            *text_table(heads, rows, align="lrrrr"),
        ]
    if meeting:
        out += ["", f"Overlap: {meeting.outside:.1%} of the treated beyond every control; effective controls "
                f"{meeting.effective:,.0f}."]  # fmt: skip
    if strength:
        out.append(_strength(strength))
    return "\n".join([*out, *(f"  ! {w}" for w in warned(lines))])


def html(
    lines: Sequence[Any],
    table_of: Sequence[Balance],
    meeting: Overlap | None,
    strength: EValue | None,
    trends: Sequence[tuple[str, float, float]],
    *,
    title: str,
) -> str:
    """The page: forest of the estimates, balance, overlap or trends, assumptions."""
    forest = [ForestRow(line.estimate.estimator, line.estimate.value, line.estimate.interval) for line in lines]
    body = [
        f'<div class="head"><div class="eyebrow">Effect without randomisation</div><h1>{esc(title)}</h1>'
        f"{para(sentence(lines))}</div>",
        section(
            "Estimates",
            _drawn(
                "Estimates",
                "With 95 % intervals.",
                lambda w: forest_plot(forest, title="Estimates", unit="", width=w, styled=False),
            ),
            table(HEADS, [[esc(c) for c in row] for row in _rows(lines)], align="llrrlrrrl"),
        ),
        section("Balance", *_balance(table_of)),
        section("Overlap", *_overlap(meeting)),
        section("Trends", *_trends(trends)),
        section("How strong a hidden confounder would have to be", para(_strength(strength))),
        section("What it rests on", bullets(dict.fromkeys(line.estimate.assumption for line in lines))),
        section("Warnings", bullets(warned(lines))),
    ]
    return page(f"Effect: {title}", "\n".join(part for part in body if part))


def _drawn(title: str, caption: str, draw: Any) -> str:
    return figure(title, caption, draw(WIDE), draw(SLIM))


def _balance(table_of: Sequence[Balance]) -> list[str]:
    if not table_of:
        return []
    ranked = sorted(table_of, key=lambda b: -abs(b.difference))
    groups = [BarGroup(b.name, (Bar(abs(b.difference)), Bar(abs(b.difference_after)))) for b in ranked[:20]]

    def draw(width: int) -> str:
        return grouped_bars(groups, title="Balance", unit="", labels=("before", "weighted"), width=width, styled=False)

    rows = [
        [f"<code>{esc(b.name)}</code>", number(b.treated), number(b.control), number(b.control_after),
         number(b.difference), number(b.difference_after)]
        for b in ranked
    ]  # fmt: skip
    heads = ["Covariate", "Treated", "Controls", "Controls, weighted", "Difference", "Weighted"]
    caption = (
        f"Absolute differences in standard deviations; below {BALANCED:g} a covariate is called balanced. Weighted: as "
        "doubly robust and inverse probability weighting do; what matching leaves stands beside its estimate."
    )
    return [_drawn("Balance", caption, draw), table(heads, rows, align="lrrrrr")]


def _overlap(meeting: Overlap | None) -> list[str]:
    if meeting is None:
        return []
    bins = zip(meeting.bins, meeting.bins[1:], meeting.treated, meeting.control, strict=False)
    total_t, total_c = max(sum(meeting.treated), 1), max(sum(meeting.control), 1)
    groups = [BarGroup(f"{a:.2f} to {b:.2f}", (Bar(c / total_c), Bar(t / total_t))) for a, b, t, c in bins if t or c]

    def draw(width: int) -> str:
        return grouped_bars(groups, title="Overlap", labels=("controls", "treated"), width=width, styled=False)

    said = (
        f"{meeting.outside:.1%} of the treated have a score that no control reaches; the weights leave the information "
        f"of {meeting.effective:,.0f} controls."
    )
    return [para(said), _drawn("Propensity scores", "Share of each group by score.", draw)]


def _trends(trends: Sequence[tuple[str, float, float]]) -> list[str]:
    if not trends:
        return []
    months = [Month(period, control, treated) for period, treated, control in trends]

    def draw(width: int) -> str:
        return residual_series(
            months, title="Means", unit="", labels=("not treated", "treated"), width=width, styled=False
        )

    return [_drawn("Mean outcome by period", "Both groups, before and after.", draw)]


def _strength(strength: EValue | None) -> str:
    if strength is None:
        return ""
    return (
        "Something unmeasured would have to be tied to both treatment and outcome by risk ratios of "
        f"{strength.point:.2f} to explain the estimate away, and by {strength.interval:.2f} to move its interval to no "
        "effect (E-values of VanderWeele and Ding 2017, the difference turned into an approximate risk ratio)."
    )
