"""A kept result as plain tables, one behind every picture of its page: what the page draws, a CSV gives."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]
CONTRASTS = ("metric", "guardrail", "arm", "segment", "test", "control", "treatment", "estimate", "low", "high",
             "p_value", "corrected", "practical", "margin", "detectable", "effect_size", "relative", "units_control",
             "units_treatment")  # fmt: skip
LOOKS = ("arm", "until", "units_control", "units_treatment", "estimate", "low", "high", "fixed_low", "fixed_high",
         "p_value", "statistic", "spending_z", "sample_ratio_p_value")  # fmt: skip
ESTIMATES = ("estimator", "estimand", "value", "standard_error", "low", "high", "p_value", "treated", "controls",
             "worst_balance_after", "assumption")  # fmt: skip
BALANCE = ("name", "treated", "control", "control_after", "difference", "difference_after", "balanced")
SIDES = ("arm", "requests", "rows", "units", "labelled_units", "loss", "milliseconds_p95")


@dataclass(frozen=True)
class Table:
    """Columns and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def dicts(self) -> list[dict[str, Any]]:
        """One mapping per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def csv(self) -> str:
        """As a file for a spreadsheet. A cell that a spreadsheet would take for a formula is quoted with '."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[_safe(cell) for cell in row] for row in self.rows])
        return out.getvalue()


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell


def _of(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> Table:
    return Table(tuple(columns), tuple(tuple(record.get(c) for c in columns) for record in records))


def _ends(record: Mapping[str, Any], key: str = "interval", prefix: str = "") -> dict[str, Any]:
    low, high = record.get(key) or (None, None)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _units(record: Mapping[str, Any]) -> dict[str, Any]:
    control, treatment = record.get("units") or (None, None)
    return {"units_control": control, "units_treatment": treatment}


def _experiment(found: Mapping[str, Any]) -> dict[str, Table]:
    rows = [{**c, **_ends(c), **_units(c)} for c in found["contrasts"]]
    units = [{"arm": arm, "units": n} for arm, n in found["units"].items()]
    return {"contrasts": _of(CONTRASTS, rows), "units": _of(("arm", "units"), units)}


def _sequential(found: Mapping[str, Any]) -> dict[str, Table]:
    rows = [
        {**look, "arm": arm, **_ends(look), **_ends(look, "fixed_interval", "fixed_"), **_units(look)}
        for arm, line in found["arms"].items()
        for look in line["looks"]
    ]
    return {"looks": _of(LOOKS, rows)}


def _causal(found: Mapping[str, Any]) -> dict[str, Table]:
    made = {"estimates": _of(ESTIMATES, [{**e, **_ends(e)} for e in found["estimates"]])}
    if found.get("balance"):
        made["balance"] = _of(BALANCE, found["balance"])
    meeting = found.get("overlap")
    if meeting:
        edges = meeting["bins"]
        bins = zip(edges, edges[1:], meeting["treated"], meeting["control"], strict=False)
        made["overlap"] = Table(("from", "to", "treated", "controls"), tuple(bins))
    if found.get("trends"):
        made["trends"] = _of(("period", "treated", "controls"), found["trends"])
    return made


def _peeking(found: Mapping[str, Any]) -> dict[str, Table]:
    rules = found["rules"]
    looks = range(len(next(iter(rules.values()))["by_look"]))
    rows = [(k + 1, *(rule["by_look"][k] for rule in rules.values())) for k in looks]
    ends = [(name, r["decided"], r["standard_error"], r["looks_used"]) for name, r in rules.items()]
    return {
        "rules": Table(("rule", "decided", "standard_error", "looks_used"), tuple(ends)),
        "by_look": Table(("look", *rules), tuple(rows)),
    }


def _traffic(found: Mapping[str, Any]) -> dict[str, Table]:
    arms = [{"arm": name, **side} for name, side in (found.get("arms") or {}).items()]
    return {"arms": _of(SIDES, arms)}


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Table]]] = {
    "experiment": _experiment,
    "sequential": _sequential,
    "causal": _causal,
    "peeking": _peeking,
    "traffic ab": _traffic,
    "traffic shadow": _traffic,
}


def tables(body: Record) -> dict[str, Table]:
    """The tables of a kept result by name; none of a kind that has no page."""
    made = _KINDS.get(str(body["kind"]))
    return made(body["result"]) if made else {}


def chosen(table: Table, choice: Mapping[str, str]) -> Table:
    """The rows that fit what was chosen: a column's value, where the choice names a column of the table."""
    wanted = {table.columns.index(c): value for c, value in choice.items() if value and c in table.columns}
    rows = tuple(row for row in table.rows if all(str(row[k]) == value for k, value in wanted.items()))
    return Table(table.columns, rows)
