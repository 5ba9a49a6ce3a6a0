"""The validation report: what an independent reader checks, figure by figure, with what was not provided named."""

from __future__ import annotations

from collections.abc import Callable

from ds_workflow.reports.cited import MISSING
from ds_workflow.reports.pack_view import (
    GATE_HEADS,
    View,
    fairness,
    gate_rows,
    head,
    metric_rows,
    not_asked,
    picture,
    segment_rows,
    strain_loss,
)
from ds_workflow.reports.tables import code, md, md_table, metric_unit

MOST_DRIFT, MOST_STRAINS = 12, 20


def markdown(view: View) -> str:
    """The report as Markdown; pictures are named, not held."""
    out = head(view, "Validation report")
    out += ["## Conclusion", "", *_conclusion(view), ""]
    problem = view.known.problem
    parts: list[tuple[str, Callable[[View], list[str]]]] = [("Performance on the frozen holdout", _performance)]
    if problem.task == "binary":
        parts += [("Discrimination", _curves), ("Calibration", _calibration), ("Confusion", _confusion)]
    else:
        parts += [("Predicted against true amounts", _amounts)]
    parts += [
        ("Segments", _segments),
        ("Gates of the policy", _gates),
        ("Backtests", _backtest),
        ("Fairness", fairness),
        ("Drift of the inputs", _drift),
        ("Stress", _stress),
        ("Stability of the figures", _stability),
        ("What it looks at", _explanations),
    ]
    absent = []
    for title, write in parts:
        lines = write(view)
        absent += [title] if any(MISSING in line for line in lines) else []
        out += [f"## {title}", "", *lines, ""]
    out += ["## What was not provided", ""]
    out += [", ".join(absent) + ": see there." if absent else "Nothing: every part above has its evidence.", ""]
    out += ["## The validator's statement", "", _statement(view)]
    return "\n".join(out) + "\n"


def _conclusion(view: View) -> list[str]:
    known, shelf = view.known, view.shelf
    judged = known.judged
    if judged is None:
        return [f"Verdict: {MISSING}. No proposal holds the evidence of this version."]
    decided = f"{judged.label}, by {md(judged.decided_by)}" if judged.decided_by else judged.label.replace("_", " ")
    out = [f"Verdict {shelf.word('proposal', 'verdict')} in proposal {shelf.word('proposal', 'id')}; {decided}."]
    open_ = [line.gate.id for line in view.lines if line.open]
    out += ["", f"Gates of the checklist not green: {', '.join(open_) if open_ else 'none'}. {not_asked(view)}".strip()]
    found = known.open_findings
    out += ["", f"Open findings: {', '.join(f.id for f in found) if found else 'none'}."]
    return out


def _performance(view: View) -> list[str]:
    rows = md_table(["Metric", "Figure", "Interval"], metric_rows(view), align="lrr")
    return [*rows, "", view.shelf.below("scorecard")]


def _curves(view: View) -> list[str]:
    shelf = view.shelf
    rows = [
        ["Area under the ROC curve", shelf.figure("curves", "roc_area")],
        ["Area under the precision-recall curve", shelf.figure("curves", "precision_recall_area")],
        ["Share of class one, which chance would reach there", shelf.figure("curves", "base_rate", unit="share")],
        ["Rows", shelf.figure("curves", "rows")],
    ]
    out = [
        *picture(view, "roc", "ROC curve on the holdout"),
        *picture(view, "precision_recall", "Precision and recall"),
    ]
    return [*out, *md_table(["", "Figure"], rows, align="lr"), "", shelf.below("curves")]


def _amounts(view: View) -> list[str]:
    shelf, unit = view.shelf, view.known.problem.target_unit
    rows = [
        [
            shelf.figure("curves", "parts", i, "rows"),
            shelf.figure("curves", "parts", i, "predicted"),
            shelf.figure("curves", "parts", i, "true"),
            shelf.figure("curves", "parts", i, "signed_error", unit="share"),
        ]
        for i in range(len(shelf.get("curves", "parts") or []))
    ]
    if not rows:
        return [f"Tenths of the rows by prediction: {MISSING}."]
    said = f"Medians, in {md(unit)}." if unit else "Medians."
    heads = ["Rows", "Predicted", "True", "Median signed error"]
    lead = f"Tenths of the rows by prediction, smallest first. {said}"
    return [
        lead,
        "",
        *picture(view, "amounts", "Predicted against true, by tenths"),
        *md_table(heads, rows, align="rrrr"),
        "",
        shelf.below("curves"),
    ]


def _calibration(view: View) -> list[str]:
    shelf = view.shelf
    bins = shelf.get("calibration", "bins") or []
    rows = [
        [
            shelf.figure("calibration", "bins", i, "predicted", unit="share"),
            shelf.figure("calibration", "bins", i, "observed", unit="share"),
            shelf.span("calibration", "bins", i, "interval", unit="share"),
            shelf.figure("calibration", "bins", i, "rows"),
        ]
        for i in range(len(bins))
    ]
    if not rows:
        return [f"Reliability by bins: {MISSING}."]
    heads = ["Said", "Seen", "Interval of what was seen", "Rows"]
    return [
        *picture(view, "reliability", "Share seen by share said"),
        *md_table(heads, rows, align="rrrr"),
        "",
        shelf.below("calibration"),
    ]


def _confusion(view: View) -> list[str]:
    shelf = view.shelf
    if not shelf.has("confusion"):
        return [f"Confusion: {MISSING}."]
    counts = [
        ["Found", shelf.figure("confusion", "overall", "true_positive")],
        ["Missed", shelf.figure("confusion", "overall", "false_negative")],
        ["False alarms", shelf.figure("confusion", "overall", "false_positive")],
        ["Rightly passed", shelf.figure("confusion", "overall", "true_negative")],
    ]
    rates = [
        [
            md(name.replace("_", " ")),
            shelf.figure("confusion", "overall", "rates", name, "value", unit="share"),
            shelf.span("confusion", "overall", "rates", name, "interval", unit="share"),
        ]
        for name in sorted(shelf.get("confusion", "overall", "rates") or {})
    ]
    out = [*picture(view, "confusion", "Counts at the threshold"), *md_table(["Rows", "Count"], counts, align="lr"), ""]
    return [*out, *md_table(["Rate", "Figure", "Interval"], rates, align="lrr"), "", shelf.below("confusion")]


def _segments(view: View) -> list[str]:
    heads = ["Segment", "Rows", *map(code, view.known.problem.metrics)]
    return [*md_table(heads, segment_rows(view), align="l" + "r" * len(heads)), "", view.shelf.below("scorecard")]


def _gates(view: View) -> list[str]:
    rows = gate_rows(view)
    if not rows:
        return [f"Gate results: {MISSING}."]
    return [*md_table(GATE_HEADS, rows, align="lllrrr"), "", view.shelf.below("bundle", "policy")]


def _backtest(view: View) -> list[str]:
    shelf = view.shelf
    folds = shelf.get("backtest", "folds") or shelf.get("backtest", "origins")
    if not isinstance(folds, list) or not folds or not isinstance(folds[0], dict):
        said = (
            "The holdout lies after the training rows in time, which is one backtest"
            if view.known.problem.split.by_time
            else "The rows are not split in time"
        )
        return [f"Rolling-origin backtest: {MISSING}. {said}; more origins were not measured."]
    kind = "folds" if shelf.get("backtest", "folds") else "origins"
    names = [n for n, v in folds[0].items() if isinstance(v, int | float) and not isinstance(v, bool)][:6]
    rows = [[shelf.figure("backtest", kind, i, n, unit=metric_unit(n)) for n in names] for i in range(len(folds))]
    return [
        *md_table([md(n.replace("_", " ")) for n in names], rows, align="r" * len(names)),
        "",
        shelf.below("backtest"),
    ]


def _drift(view: View) -> list[str]:
    shelf = view.shelf
    place = ("checks", "challenger", "drift", "features")
    features = shelf.get("bundle", *place) or {}
    names = sorted(features, key=lambda n: -(features[n].get("psi") or 0.0))[:MOST_DRIFT]
    if not names:
        return [f"Drift between training and holdout rows: {MISSING}."]
    rows = [[code(n), shelf.figure("bundle", *place, n, "psi")] for n in names]
    lead = "Population stability index between training and holdout rows, the largest first."
    return [lead, "", *md_table(["Input", "PSI"], rows, align="lr"), "", shelf.below("bundle")]


def _stress(view: View) -> list[str]:
    shelf = view.shelf
    place = ("checks", "challenger", "stress", "strains")
    strains = shelf.get("bundle", *place) or []
    if not strains:
        return [f"Stress: {MISSING}."]
    unit = metric_unit(
        str(shelf.get("bundle", "checks", "challenger", "stress", "metric") or view.known.problem.primary_metric)
    )
    rows = [
        [
            shelf.text("bundle", *place, i, "name"),
            md(one["kind"]),
            shelf.figure("bundle", *place, i, "value", unit=unit),
            strain_loss(view, i),
            md(one.get("wrong") or "none"),
        ]
        for i, one in enumerate(strains[:MOST_STRAINS])
    ]
    rest = f"The first of {len(strains)}; the others stand in the evidence." if len(strains) > MOST_STRAINS else ""
    return [
        *md_table(["Strain", "Kind", "Figure under it", "Loss", "Wrong answers"], rows, align="llrrl"),
        "",
        rest,
        shelf.below("bundle"),
    ]


def _stability(view: View) -> list[str]:
    shelf = view.shelf
    parts = shelf.get("stability", "parts") or []
    unit = metric_unit(str(shelf.get("stability", "metric") or ""))
    rows = [
        [
            md(one.get("group", "")),
            shelf.text("stability", "parts", i, "value"),
            shelf.figure("stability", "parts", i, "figure", unit=unit),
            shelf.span("stability", "parts", i, "interval", unit=unit),
            shelf.figure("stability", "parts", i, "rows"),
        ]
        for i, one in enumerate(parts)
    ]
    if not rows:
        return [f"Figures of parts of the holdout: {MISSING}."]
    return [
        *md_table(["Group", "Part", "Figure", "Interval", "Rows"], rows, align="llrrr"),
        "",
        shelf.below("stability"),
    ]


def _explanations(view: View) -> list[str]:
    shelf = view.shelf
    listed = shelf.get("shap_summary", "features") or []
    rows = [
        [
            shelf.text("shap_summary", "features", i, "feature"),
            shelf.figure("shap_summary", "features", i, "mean_abs_shap"),
        ]
        for i in range(min(10, len(listed)))
    ]
    if not rows:
        return [f"Which inputs it looks at: {MISSING}."]
    lead = "Mean absolute SHAP value on rows of the holdout, the largest first."
    return [
        lead,
        "",
        *md_table(["Feature", "Mean absolute SHAP value"], rows, align="lr"),
        "",
        shelf.below("shap_summary"),
    ]


def _statement(view: View) -> str:
    signed = next((line for line in view.lines if line.gate.id == "L1" and line.signature is not None), None)
    if signed is None or signed.signature is None:
        return f"{MISSING}. Nobody signed the recommendation (gate L1)."
    own = " **SELF-SIGNED.**" if signed.signature.own else ""
    note = f": {md(signed.signature.note)}" if signed.signature.note else ""
    return f"{md(signed.signature.by)}, {md(signed.signature.at[:16])} UTC{note}.{own}"
