"""A frozen dataset in a few lines for the terminal; the report beside its rows is made with them (`domain.quality`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ds_workflow.reports.tables import count, percent, plain, text_table


def _drops(report: Mapping[str, Any]) -> tuple[int, list[tuple[str, int]]]:
    """(rows read, dropped by reason, the most first)."""
    dropped = sorted((report.get("dropped") or {}).items(), key=lambda kv: (-kv[1], kv[0]))
    return int(report["rows"]) + sum(n for _, n in dropped), dropped


def _share(part: int, whole: int) -> str:
    return percent(part / whole, decimals=2) if whole else "n/a"


def text(report: Mapping[str, Any]) -> str:
    """What `data-snapshot` answers, for a terminal: problem, dataset_version, digest, rows, from, to, holdout (its
    digest, and `words` that say how it was cut), and the dropped rows by reason."""
    read, dropped = _drops(report)
    kept = f"{count(report['rows'])} rows of {count(read)} read"
    out = [plain(f"{report.get('dataset_version')} ({report.get('problem')}): {kept}")]
    held = report["holdout"]
    span = f"{report['from']} to {report['to']}" if report.get("from") else "no dates"
    out += [plain(f"{span}, digest {report.get('digest')}")]
    out += [plain(f"{held['words']}, digest {held['digest']}")]
    if dropped:
        out += [
            "",
            *text_table(
                ["dropped because", "rows", "share"], [[r, count(n), _share(n, read)] for r, n in dropped], align="lrr"
            ),
        ]
    return "\n".join(out) + "\n"
