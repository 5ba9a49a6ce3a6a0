"""Whether rows keep the declaration, and what a reader should know of them before training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from ds_workflow.domain.contract import allowed
from ds_workflow.domain.free_text import is_free_text
from ds_workflow.domain.problem import Column, Problem
from ds_workflow.domain.representativeness import MOVED, of_rows

SHIFT_LIMIT = 0.10  # half the sum of |share in holdout - share in training| over segments


@dataclass(frozen=True)
class Violation:
    """One rule that rows break: how many, and the first as an example."""

    column: str
    rows: int
    row_id: str
    value: str
    allowed: str

    def __str__(self) -> str:
        more = f" and {self.rows - 1:,} more" if self.rows > 1 else ""
        return f"column '{self.column}', row {self.row_id}{more}: {self.value}; allowed: {self.allowed}"


@dataclass(frozen=True)
class Check:
    """One line of `data-check`. `unknown` is not green; `fix` says how to mend what fails."""

    name: str
    status: Literal["pass", "fail", "unknown"]
    detail: str
    fix: str = ""


def violations(problem: Problem, rows: pd.DataFrame) -> list[Violation]:
    """Every declared rule that conformed rows break: absence, range, whole numbers, categories; in declared order."""
    found = []
    for column in problem.columns:
        values = rows[column.name]
        present = values.notna().to_numpy()
        if not column.nullable:
            found.append(_violation(problem, rows, column, ~present, "a value in every row"))
        bad = np.zeros(len(rows), dtype=bool)
        if column.kind in ("number", "integer"):
            number = values.to_numpy(dtype=np.float64)
            bad = present & np.isinf(number)
            if column.minimum is not None:
                bad |= present & (number < column.minimum)
            if column.maximum is not None:
                bad |= present & (number > column.maximum)
            if column.kind == "integer":
                bad |= present & np.isfinite(number) & (number != np.round(number))
        elif column.categories:
            bad = present & ~values.isin(column.categories).to_numpy()
        found.append(_violation(problem, rows, column, bad, allowed(column)))
    return [v for v in found if v is not None]


def _violation(problem: Problem, rows: pd.DataFrame, column: Column, bad: Any, rule: str) -> Violation | None:
    if not bad.any():
        return None
    first = int(np.flatnonzero(bad)[0])
    value = rows[column.name].iloc[first]
    shown = "nothing" if pd.isna(value) else repr(value.item() if hasattr(value, "item") else value)
    return Violation(column.name, int(bad.sum()), str(rows[problem.row_id].iloc[first]), shown, rule)


def quality(
    problem: Problem, train: pd.DataFrame, holdout: pd.DataFrame, dropped: Mapping[str, int], *, now: datetime
) -> dict[str, Any]:
    """What quality.json holds: the checks of the data contract as of `now`, columns (missing, distinct, range),
    duplicates, drops, segments in both parts, and how far every column moved between them.

    Shares are of rows; `shift` is the total variation distance between the segment shares of both parts.
    """
    rows = pd.concat([train, holdout])
    content = [c.name for c in problem.columns if c.name != problem.row_id]
    return {
        "rows": {"all": len(rows), "train": len(train), "holdout": len(holdout)},
        "columns": {c.name: _profile(c, rows[c.name]) for c in problem.columns},
        "duplicates": int(rows.duplicated(content).sum()),
        "dropped": {name: int(n) for name, n in dropped.items()},
        "violations": [str(v) for v in violations(problem, rows)],
        "segments": _segments(problem, train, holdout),
        "shift": shift(problem, train, holdout),
        "representativeness": of_rows(problem, train, holdout).to_dict(),
        "checks": [asdict(c) for c in checks(problem, train, holdout, now=now, max_age_days=None)],
    }


def _profile(column: Column, values: pd.Series[Any]) -> dict[str, Any]:
    profile: dict[str, Any] = {"missing": float(values.isna().mean()), "distinct": int(values.nunique())}
    known = values.dropna()
    if column.kind in ("number", "integer"):
        known = known[np.isfinite(known.to_numpy(dtype=np.float64))]  # an infinite value stands under the violations
    if column.kind in ("number", "integer") and len(known):
        low, middle, high = (float(v) for v in np.quantile(known.to_numpy(), [0.0, 0.5, 1.0]))
        profile |= {"minimum": low, "median": middle, "maximum": high}
    elif column.kind == "date" and len(known):
        profile |= {"minimum": str(known.min().date()), "maximum": str(known.max().date())}
    elif column.kind == "text" and is_free_text(known):
        low, middle, high = (round(float(v)) for v in np.quantile(known.str.len(), [0.0, 0.5, 1.0]))
        profile |= {
            "minimum": f"{low:,} characters",
            "median": f"{middle:,} characters",
            "maximum": f"{high:,} characters",
        }
    return profile


def _segments(problem: Problem, train: pd.DataFrame, holdout: pd.DataFrame) -> dict[str, dict[str, float]]:
    counted = {
        name: part[problem.segment_column].value_counts() for name, part in (("train", train), ("holdout", holdout))
    }
    seen = (counted["train"], len(train)) if len(train) else (counted["holdout"], len(holdout))  # nothing is trained on
    names = list(problem.segments) + sorted({str(s) for c in counted.values() for s in c.index} - set(problem.segments))
    return {
        segment: {
            "train_rows": int(counted["train"].get(segment, 0)),
            "holdout_rows": int(counted["holdout"].get(segment, 0)),
            "train_share": float(seen[0].get(segment, 0) / seen[1]),
            "holdout_share": float(counted["holdout"].get(segment, 0) / len(holdout)),
        }
        for segment in names
    }


def shift(problem: Problem, train: pd.DataFrame, holdout: pd.DataFrame) -> float:
    """Total variation distance between the segment shares of both parts: 0 the same, 1 nothing in common."""
    segments = _segments(problem, train, holdout).values()
    return 0.5 * sum(abs(s["train_share"] - s["holdout_share"]) for s in segments)


def checks(
    problem: Problem, train: pd.DataFrame, holdout: pd.DataFrame, *, now: datetime, max_age_days: float | None
) -> list[Check]:
    """The checks of `data-check` on conformed, verified rows; the store adds schema and digest."""
    rows = pd.concat([train, holdout], ignore_index=True)
    broken = violations(problem, rows)
    absent = [c.name for c in problem.columns if c.nullable and rows[c.name].isna().all()]
    content = [c.name for c in problem.columns if c.name != problem.row_id]
    again = int(rows.duplicated(content).sum())
    return [
        Check(
            "contract",
            "fail" if broken else "pass",
            "; ".join(map(str, broken)) or f"{len(problem.columns)} columns keep their declared ranges and categories",
            "Mend the source or the cleaning rule, and freeze under a new name." if broken else "",
        ),
        Check(
            "missingness",
            "fail" if absent else "pass",
            f"no value at all in {', '.join(absent)}" if absent else _missing_words(rows, content),
            "Check that the input has these columns; give references where they come from one." if absent else "",
        ),
        Check(
            "duplicates",
            "fail" if again else "pass",
            f"{again:,} rows repeat another in everything but the id" if again else "no row repeats another",
            "Mend the cleaning rule that drops duplicates, and freeze under a new name." if again else "",
        ),
        _freshness(problem, rows, now, max_age_days),
        _representative(problem, train, holdout),
    ]


def _missing_words(rows: pd.DataFrame, content: list[str]) -> str:
    share = rows[content].isna().mean().sort_values(ascending=False)
    said = [f"{name} {part:.1%}" for name, part in share[share > 0].head(5).items()]
    return f"most missing: {', '.join(said)}" if said else "nothing is missing"


def _freshness(problem: Problem, rows: pd.DataFrame, now: datetime, max_age_days: float | None) -> Check:
    if not problem.time_column:
        return Check("freshness", "pass", f"{problem.name} has no time column")
    newest = rows[problem.time_column].max()
    age = (pd.Timestamp(now).tz_localize(None) - newest).days if now.tzinfo is None else _age(now, newest)
    limit = "no limit set" if max_age_days is None else f"the limit is {max_age_days:g}"
    if age < 0:
        return Check(
            "freshness", "fail", f"the newest row is of {newest.date()}, {-age} days ahead of now", "Mend the dates."
        )
    late = max_age_days is not None and age > max_age_days
    return Check(
        "freshness",
        "fail" if late else "pass",
        f"the newest row is of {newest.date()}, {age} days old; {limit}",
        "Fetch newer rows and freeze them under a new name." if late else "",
    )


def _age(now: datetime, newest: pd.Timestamp) -> int:
    return int((pd.Timestamp(now).tz_convert("UTC").tz_localize(None) - newest).days)


def _representative(problem: Problem, train: pd.DataFrame, holdout: pd.DataFrame) -> Check:
    segments = _segments(problem, train, holdout)
    empty = [name for name, s in segments.items() if not s["holdout_rows"] or not s["train_share"]]
    distance = shift(problem, train, holdout)
    shares = ", ".join(f"{n} {s['train_share']:.1%} -> {s['holdout_share']:.1%}" for n, s in segments.items())
    fail = bool(empty) or distance > SHIFT_LIMIT
    lost = f"; one part has no rows of {', '.join(empty)}" if empty else ""
    return Check(
        "representativeness",
        "fail" if fail else "pass",
        f"segment shares from training to holdout: {shares}; distance {distance:.3f}, limit {SHIFT_LIMIT:g}{lost}",
        "Freeze a longer period, or say in the model card what the holdout does not represent." if fail else "",
    )


def to_markdown(title: str, content: Mapping[str, Any]) -> str:
    """The quality report for people."""
    rows = content["rows"]
    lines = [
        f"# {title}",
        "",
        f"{rows['all']:,} rows: {rows['train']:,} to train on, {rows['holdout']:,} held out.",
        "",
    ]
    lines += ["## Dropped by cleaning", "", "| reason | rows |", "|---|---:|"]
    lines += [f"| {_inert(reason)} | {n:,} |" for reason, n in content["dropped"].items()] or ["| nothing | 0 |"]
    lines += ["", "## The data contract", "", "| check | status | found |", "|---|---|---|"]
    lines += [f"| {c['name']} | {c['status']} | {_inert(c['detail'])} |" for c in content["checks"]]
    lines += [
        "",
        "## Columns",
        "",
        "| column | missing | distinct | from | median | to |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, c in content["columns"].items():
        low, middle, high = (_cell(c.get(key)) for key in ("minimum", "median", "maximum"))
        lines.append(f"| {name} | {c['missing']:.2%} | {c['distinct']:,} | {low} | {middle} | {high} |")
    lines += [
        "",
        "## Training and holdout",
        "",
        "| segment | training rows | share | holdout rows | share |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, s in content["segments"].items():
        train, holdout = (f"{s[f'{part}_rows']:,} | {s[f'{part}_share']:.1%}" for part in ("train", "holdout"))
        lines.append(f"| {name} | {train} | {holdout} |")
    lines += ["", f"Distance between the shares: {content['shift']:.3f} (limit {SHIFT_LIMIT:g}).", ""]
    lines += ["| column | population stability index | by chance | moved |", "|---|---:|---:|---|"]
    for s in content["representativeness"]["shifts"]:
        moved = ("as expected" if s["trending"] else "yes") if s["moved"] else "no"
        lines.append(f"| {_inert(s['name'])} | {s['psi']:.4f} | {s['expected']:.4f} | {moved} |")
    lines += ["", f"Moved: an index above {MOVED:g} that is not chance (adjusted over the columns).", ""]
    lines += [f"Rows that repeat another in everything but the id: {content['duplicates']:,}.", ""]
    lines += ["## Against the declaration", ""]
    lines += [f"- {_inert(v)}" for v in content["violations"]] or ["All rows keep it."]
    return "\n".join(lines) + "\n"


def _inert(text: str) -> str:
    """On one line, and no end of a table's cell; a value of a stranger's row can't start anything."""
    flat = " ".join(text.split())
    for sign in "\\`*_[]<>|":
        flat = flat.replace(sign, f"\\{sign}")
    return flat


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:,.6g}"
