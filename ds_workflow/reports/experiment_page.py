"""The console's page of one kept result: pictures, each with its source and its CSV, drawn from the record alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from ds_workflow.domain.ab_test.contrasts import CALLED_OFF
from ds_workflow.domain.causal.propensity import BALANCED
from ds_workflow.reports.charts import Bar, BarGroup, ForestRow, Month, forest_plot, grouped_bars, residual_series
from ds_workflow.reports.charts_curves import BandPoint, band_curve
from ds_workflow.reports.experiment import guarded, statements
from ds_workflow.reports.experiment_tables import Table, chosen, tables
from ds_workflow.reports.page import bullets, figure, para, pill, section, table
from ds_workflow.reports.peeking import WORDS
from ds_workflow.reports.tables import count, esc, measure, number, percent, span

WIDE, SLIM = 870, 350
TONE = {"ship": "pass", "keep": "fail", "continue": "inconclusive", "better": "pass", "worse": "fail",
        "undecided": "inconclusive", "invalid": "invalid", "no labels": "inconclusive"}  # fmt: skip
KINDS = {
    "experiment": "Experiment",
    "sequential": "Running experiment",
    "causal": "Effect without randomisation",
    "peeking": "Simulated looks",
    "traffic ab": "A/B test in live traffic",
    "traffic shadow": "Challenger in shadow",
    "code_eval": "Code evaluation",
}
FILTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {  # which table's columns a page can be narrowed by
    "experiment": ("contrasts", ("metric", "arm", "segment")),
    "sequential": ("looks", ("arm",)),
    "causal": ("estimates", ("estimator",)),
}


@dataclass(frozen=True)
class Place:
    """Where the record is shown: its address, what was chosen there, and the words for its source."""

    address: str
    choice: Mapping[str, str]
    source: str
    sql: bool = False

    def csv(self, name: str) -> str:
        """The line under a picture: where its figures come from, and a link to them."""
        query = urlencode({k: v for k, v in self.choice.items() if v})
        link = f"{self.address}/{quote(name)}.csv{'?' + query if query else ''}"
        sql = ' · <a href="#sql">SQL</a>' if self.sql else ""
        return f'<p class="small soft">{esc(self.source)} · <a href="{esc(link)}">{esc(name)}.csv</a>{sql}</p>'


def verdict(body: Mapping[str, Any]) -> str:
    """ship, keep or continue, or what a trial's result says; empty where nothing is recommended."""
    said = str(body["result"].get("recommendation") or body["result"].get("verdict") or "")
    return said if said in TONE else ""


def alarm(body: Mapping[str, Any]) -> float | None:
    """The p-value of a split that is not the planned one; None where it is, or where nothing was split."""
    result = body["result"]
    p = result.get("sample_ratio_p_value", result.get("split_p"))
    return float(p) if p is not None and p < CALLED_OFF else None


def source_words(body: Mapping[str, Any]) -> str:
    """Where the figures come from, in words."""
    source = body.get("source") or {}
    digest = str(source.get("digest", ""))[:12]
    if "file" in source:
        return f"From {source['file']} (sha256 {digest})"
    if "trial" in source or "trial" in body:
        trial = source.get("trial") or body["trial"]["id"]
        return f"From the request log of {trial}" + (f" (rows {digest})" if digest else "")
    if "telemetry" in source:
        narrowed = ", ".join(f"{k} {v}" for k, v in source.get("filters", {}).items())
        return f"From the telemetry warehouse (state {digest}{'; ' + narrowed if narrowed else ''})"
    return f"Simulated (seed {source['seed']})" if "seed" in source else "Source not said"


def choices(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the page can be narrowed to: column -> its values, where there are several."""
    name, columns = FILTERS.get(str(body["kind"]), ("", ()))
    rows = tables(body)[name].dicts() if name else []
    found = {c: list(dict.fromkeys(str(row[c]) for row in rows)) for c in columns}
    return {c: values for c, values in found.items() if len(values) > 1}


def html(body: Mapping[str, Any], place: Place) -> str:
    """Everything below the page's title and its filters."""
    made = {name: chosen(found, place.choice) for name, found in tables(body).items()}
    draw = _KIND.get(str(body["kind"]))
    parts = draw(body["result"], made, place) if draw else [para("This kind of result has no pictures.")]
    warnings = list(body["result"].get("warnings") or ())
    return "\n".join(
        part for part in [*parts, section("Warnings", bullets(warnings)), statements(str(body.get("sql", "")))] if part
    )


def head(body: Mapping[str, Any]) -> str:
    """The verdict, the alarm and the figures that matter most."""
    found, said = body["result"], verdict(body)
    why = found.get("why") or found.get("note") or ("" if said else found.get("recommendation", ""))
    parts = [f"<p>{pill(TONE[said], said) if said else ''} {esc(why)}</p>"]
    off = alarm(body)
    if off is not None:
        parts.append(
            f'<p class="stamp" role="alert">Sample ratio mismatch (p = {off:.1e}): the arms are not of the planned '
            "sizes, so no difference below can be trusted.</p>"
        )
    if found.get("what_would_change_it"):
        parts.append(para(f"What would change it: {found['what_would_change_it']}", css="small"))
    shown = [f'<div class="tile"><div class="name">{esc(k)}</div><b>{esc(v)}</b></div>' for k, v in _tiles(found)]
    return "\n".join([*parts, f'<div class="tiles">{"".join(shown)}</div>' if shown else ""])


def _tiles(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    unit = _unit(found)
    out = []
    if found.get("estimate") is not None:
        out.append(("Difference", measure(found["estimate"], unit, difference=True)))
        out.append(("Interval", span(found.get("interval"), unit, difference=True)))
    if found.get("relative") is not None:
        out.append(("Relative", percent(found["relative"], signed=True)))
    if found.get("corrected") is not None:
        out.append(("p, corrected", f"{found['corrected']:.2g}"))
    if isinstance(found.get("units"), Mapping):
        out.append(("Units", " : ".join(count(n) for n in found["units"].values())))
    if found.get("detectable") is not None:
        out.append(("Detectable effect", measure(found["detectable"], unit, difference=True).lstrip("+")))
    if found.get("sample_ratio_p_value") is not None:
        out.append(("Split, p", f"{found['sample_ratio_p_value']:.2g}"))
    if found.get("e_value"):
        out.append(("E-value", f"{found['e_value']['point']:.2f}"))
    return out


def _unit(found: Mapping[str, Any]) -> str:
    return "share" if str(found.get("test", "")).endswith("two-proportion z") else ""


def _drawn(title: str, caption: str, draw: Callable[[int], str], place: Place, name: str) -> str:
    return figure(title, caption, draw(WIDE), draw(SLIM)) + place.csv(name)


def _experiment(found: Mapping[str, Any], made: Mapping[str, Table], place: Place) -> list[str]:
    rows = made["contrasts"].dicts()
    better = {c["metric"]: c.get("greater_is_better", True) for c in found["contrasts"]}
    out = []
    for metric, guard in dict.fromkeys((r["metric"], r["guardrail"]) for r in rows):
        mine = [r for r in rows if (r["metric"], r["guardrail"]) == (metric, guard)]
        unit = "share" if mine[0]["test"] == "two-proportion z" else ""
        lines = [
            ForestRow(
                f"{r['arm']}, {r['segment']}",
                r["estimate"],
                (r["low"], r["high"]),
                _standing(r, greater=better[metric]),
            )
            for r in mine
        ]

        def draw(width: int, lines: Sequence[ForestRow] = lines, unit: str = unit, metric: str = metric) -> str:
            return forest_plot(lines, title=metric, unit=unit, width=width, styled=False)

        title = metric
        if guard:
            title += guarded(mine[0]["margin"] or 0.0, unit, greater=better[metric])
        words = "Guardrail, treatment minus control" if guard else "Treatment minus control"
        cells = [
            [
                esc(f"{r['arm']}, {r['segment']}"),
                esc(measure(r["control"], unit)),
                esc(measure(r["treatment"], unit)),
                esc(measure(r["estimate"], unit, difference=True)),
                esc(span((r["low"], r["high"]), unit, difference=True)),
                f"{r['p_value']:.2g}",
                "" if r["guardrail"] else f"{r['corrected']:.2g}",
                _practical(r),
            ]
            for r in mine
        ]
        heads = ["Arm, segment", "Control", "Treatment", "Difference", "Interval", "p", "Corrected", "Practical"]
        out.append(
            section(
                title,
                _drawn(title, f"{words}, with intervals; {mine[0]['test']}.", draw, place, "contrasts"),
                table(heads, cells, align="lrrrlrrl", caption=title),
            )
        )
    units = [[esc(r["arm"]), count(r["units"])] for r in made["units"].dicts()]
    split = para(f"p-value of the planned split: {found['sample_ratio_p_value']:.2g}; doubted below {CALLED_OFF:g}.")
    said = [*out, section("Units", table(["Arm", "Units"], units, align="lr"), split, place.csv("units"))]
    return said if rows else [para("Nothing fits this choice.")]


def _practical(row: Mapping[str, Any]) -> str:
    """A guardrail's verdict stands out, since it can stop what the metric would ship."""
    if not row["guardrail"]:
        return esc(row["practical"])
    tone = {"holds": "pass", "hurt": "fail"}.get(str(row["practical"]), "inconclusive")
    return pill(tone, f"guardrail {row['practical']}")


def _standing(row: Mapping[str, Any], *, greater: bool) -> str:
    if row["low"] <= 0 <= row["high"]:
        return "unclear"
    return "better" if (row["low"] > 0) == greater else "worse"


def _sequential(found: Mapping[str, Any], made: Mapping[str, Table], place: Place) -> list[str]:
    out, unit = [], str(found.get("unit", ""))
    rows = made["looks"].dicts()
    for arm in dict.fromkeys(r["arm"] for r in rows):
        mine = [r for r in rows if r["arm"] == arm]
        points = [BandPoint(float(k), r["estimate"], r["low"], r["high"]) for k, r in enumerate(mine, start=1)]

        caption = f"look, {mine[0]['until']} to {mine[-1]['until']}"

        def draw(width: int, points: Sequence[BandPoint] = points, arm: str = arm, caption: str = caption) -> str:
            return band_curve(points, title=arm, unit=unit, caption=caption, width=width, styled=False)

        cells = [
            [
                esc(r["until"]),
                f"{count(r['units_control'])} : {count(r['units_treatment'])}",
                esc(measure(r["estimate"], unit, difference=True)),
                esc(span((r["low"], r["high"]), unit, difference=True)),
                esc(span((r["fixed_low"], r["fixed_high"]), unit, difference=True)),
                f"{r['p_value']:.2g}",
                _bound(r),
                f"{r['sample_ratio_p_value']:.2g}",
            ]
            for r in reversed(mine)
        ]
        heads = ["Until", "Units", "Difference", "Always valid", "One look only", "p", "|z| and bound", "Split, p"]
        out.append(
            section(
                f"{found['metric']}: {arm}",
                _drawn(arm, "Difference over time, with the interval that holds at every look.", draw, place, "looks"),
                table(heads, cells, align="lrrllrrr", caption=arm),
            )
        )
    return out or [para("Nothing fits this choice.")]


def _bound(row: Mapping[str, Any]) -> str:
    if row["spending_z"] is None or row["statistic"] is None:
        return ""
    return f"{abs(row['statistic']):.2f} of {row['spending_z']:.2f}"


def _causal(found: Mapping[str, Any], made: Mapping[str, Table], place: Place) -> list[str]:
    rows = made["estimates"].dicts()
    forest = [ForestRow(r["estimator"], r["value"], (r["low"], r["high"])) for r in rows if r["low"] is not None]

    def estimates(width: int) -> str:
        return forest_plot(forest, title="Estimates", unit="", width=width, styled=False)

    cells = [
        [esc(r["estimator"]), esc(r["estimand"]), number(r["value"]), number(r["standard_error"]),
         esc(span((r["low"], r["high"]))), count(r["treated"]), count(r["controls"]),
         "" if r["worst_balance_after"] is None else number(r["worst_balance_after"])]
        for r in rows
    ]  # fmt: skip
    heads = ["Estimator", "Effect", "Estimate", "Error", "95 % interval", "Treated", "Controls", "Worst balance after"]
    out = [
        section(
            "Effect",
            _drawn("Estimates side by side", "With 95 % intervals.", estimates, place, "estimates"),
            table(heads, cells, align="llrrlrrr"),
            bullets(dict.fromkeys(r["assumption"] for r in rows)),
        )
    ]
    if "balance" in made:
        out.append(_balance(made["balance"].dicts(), place))
    if "overlap" in made:
        out.append(_overlap(found["overlap"], made["overlap"].dicts(), place))
    if "trends" in made:
        months = [Month(str(r["period"]), r["controls"], r["treated"]) for r in made["trends"].dicts()]
        labels = ("not treated", "treated")

        def trends(width: int) -> str:
            return residual_series(months, title="Trends", unit="", labels=labels, width=width, styled=False)

        out.append(section("Trends", _drawn("Mean outcome by period", "Both groups.", trends, place, "trends")))
    strength = found.get("e_value")
    if strength:
        out.append(section("Sensitivity", para(
            f"Something unmeasured would have to be tied to both treatment and outcome by risk ratios of "
            f"{strength['point']:.2f} to explain the estimate away, and by {strength['interval']:.2f} to move its "
            "interval to no effect (E-values)."
        )))  # fmt: skip
    return out


def _balance(rows: Sequence[Mapping[str, Any]], place: Place) -> str:
    ranked = sorted(rows, key=lambda r: -abs(r["difference"]))
    bars = [BarGroup(r["name"], (Bar(abs(r["difference"])), Bar(abs(r["difference_after"])))) for r in ranked[:20]]

    def draw(width: int) -> str:
        labels = ("before", "weighted")
        return grouped_bars(bars, title="Balance", unit="", labels=labels, width=width, styled=False)

    cells = [[esc(r["name"]), number(r["treated"]), number(r["control"]), number(r["control_after"]),
              number(r["difference"]), number(r["difference_after"]),
              pill("pass", "balanced") if r["balanced"] else pill("fail", "apart")] for r in ranked]  # fmt: skip
    heads = ["Covariate", "Treated", "Controls", "Controls, weighted", "Difference", "Weighted", ""]
    caption = (
        f"Absolute differences in standard deviations; below {BALANCED:g} a covariate is called balanced. Weighted: as "
        "doubly robust and inverse probability weighting do; what matching leaves stands beside its estimate."
    )
    return section(
        "Balance",
        _drawn("Covariates of both groups", caption, draw, place, "balance"),
        table(heads, cells, align="lrrrrrl"),
    )


def _overlap(meeting: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], place: Place) -> str:
    treated, controls = (max(sum(r[k] for r in rows), 1) for k in ("treated", "controls"))
    bars = [
        BarGroup(f"{r['from']:.2f} to {r['to']:.2f}", (Bar(r["controls"] / controls), Bar(r["treated"] / treated)))
        for r in rows
        if r["treated"] or r["controls"]
    ]

    def draw(width: int) -> str:
        return grouped_bars(bars, title="Overlap", labels=("controls", "treated"), width=width, styled=False)

    said = (
        f"{meeting['outside']:.1%} of the treated have a score that no control reaches; the weights leave the "
        f"information of {meeting['effective']:,.0f} controls."
    )
    return section("Overlap", para(said), _drawn("Propensity scores", "Share by score.", draw, place, "overlap"))


def _peeking(found: Mapping[str, Any], made: Mapping[str, Table], place: Place) -> list[str]:
    cells = [[esc(WORDS[r["rule"]]), percent(r["decided"]), percent(r["standard_error"], decimals=2),
              number(r["looks_used"], digits=3)] for r in made["rules"].dicts()]  # fmt: skip
    out = [section("Decided", table(["Rule", "Decided", "Error", "Looks used"], cells, align="lrrr"),
                   place.csv("rules"))]  # fmt: skip
    rows = made["by_look"].dicts()
    for rule in list(WORDS)[1:]:
        points = [BandPoint(float(r["look"]), r[rule], r[rule], r[rule]) for r in rows]

        def draw(width: int, points: Sequence[BandPoint] = points, rule: str = rule) -> str:
            return band_curve(points, title=WORDS[rule], unit="share", caption="look", width=width, styled=False)

        words = WORDS[rule].capitalize()
        out.append(section(words, _drawn("Decided so far", "Share of experiments.", draw, place, "by_look")))
    return out


def _traffic(found: Mapping[str, Any], made: Mapping[str, Table], place: Place) -> list[str]:
    heads = ["Arm", "Requests", "Units", "With labels", "Loss", "95 % of answers within, ms"]
    cells = [[esc(r["arm"]), count(r["requests"]), count(r["units"]), count(r["labelled_units"]), number(r["loss"]),
              number(r["milliseconds_p95"])] for r in made["arms"].dicts()]  # fmt: skip
    parts = [table(heads, cells, align="lrrrrr"), place.csv("arms")]
    if found.get("difference") is not None and found.get("interval"):
        line = [ForestRow("challenger minus champion", found["difference"], tuple(found["interval"]))]

        def draw(width: int) -> str:
            return forest_plot(line, title="Difference", unit="", width=width, styled=False)

        parts.insert(0, figure(found["loss_name"], "Valid at every look.", draw(WIDE), draw(SLIM)))
    return [section("Arms", *parts)]


_KIND: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Table], Place], list[str]]] = {
    "experiment": _experiment,
    "sequential": _sequential,
    "causal": _causal,
    "peeking": _peeking,
    "traffic ab": _traffic,
    "traffic shadow": _traffic,
}
