"""The quality report of a dataset: what was kept, what was dropped and why, what each column holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.reports.tables import (
    NOT_PROVIDED,
    code,
    count,
    finite,
    md,
    md_table,
    number,
    percent,
    plain,
    text_table,
)


def _drops(report: Mapping[str, Any]) -> tuple[int, list[tuple[str, int]]]:
    """(rows read, dropped by reason, the most first)."""
    dropped = sorted((report.get("dropped") or {}).items(), key=lambda kv: (-kv[1], kv[0]))
    return int(report["rows"]) + sum(n for _, n in dropped), dropped


def _share(part: int, whole: int) -> str:
    return percent(part / whole, decimals=2) if whole else "n/a"


def markdown(report: Mapping[str, Any]) -> str:
    """The report as Markdown.

    `report` is what `data-snapshot` answers: `{problem, dataset_version, digest, rows, columns, from, to, dropped:
    {reason: n}}`, and where known `source`, `licence`, `column_report: [{name, missing, distinct, minimum, maximum}]`
    and `warnings: [str]`.
    """
    read, dropped = _drops(report)
    out = [f"# Data quality: {md(report.get('dataset_version'))} ({md(report.get('problem'))})", ""]
    out += [f"{count(report['rows'])} rows kept of {count(read)} read ({_share(int(report['rows']), read)}), "]
    out[-1] += f"{md(report.get('from') or NOT_PROVIDED)} to {md(report.get('to') or NOT_PROVIDED)}."
    out += ["", f"Digest {code(report.get('digest') or NOT_PROVIDED)}."]
    out += [
        "",
        f"Source: {md(report.get('source') or NOT_PROVIDED)}. Licence: {md(report.get('licence') or NOT_PROVIDED)}.",
    ]
    out += ["", "## Dropped, and why", ""]
    rows = [[md(reason), count(n), _share(n, read)] for reason, n in dropped]
    out += md_table(["Reason", "Rows", "Share of read"], rows, align="lrr") if rows else ["Nothing was dropped."]
    if columns := report.get("column_report"):
        cells = [
            [
                code(c["name"]),
                count(c.get("missing")),
                _share(int(c["missing"]), int(report["rows"])) if finite(c.get("missing")) is not None else "n/a",
                count(c.get("distinct")),
                _edge(c.get("minimum")),
                _edge(c.get("maximum")),
            ]
            for c in columns
        ]
        heads = ["Column", "Missing", "Share", "Distinct", "Smallest", "Largest"]
        out += ["", "## Columns", "", *md_table(heads, cells, align="lrrrrr")]
    if warnings := report.get("warnings"):
        out += ["", "## Warnings", "", *(f"- {md(w)}" for w in warnings)]
    return "\n".join(out) + "\n"


def text(report: Mapping[str, Any]) -> str:
    """The report for a terminal, without the columns."""
    read, dropped = _drops(report)
    kept = f"{count(report['rows'])} rows of {count(read)} read"
    out = [plain(f"{report.get('dataset_version')} ({report.get('problem')}): {kept}")]
    out += [plain(f"{report.get('from')} to {report.get('to')}, digest {report.get('digest')}")]
    if dropped:
        out += [
            "",
            *text_table(
                ["dropped because", "rows", "share"], [[r, count(n), _share(n, read)] for r, n in dropped], align="lrr"
            ),
        ]
    return "\n".join(out) + "\n"


def _edge(value: Any) -> str:
    return md(value) if isinstance(value, str) else number(value)
