"""Which words of a text move the answers: over many rows, and row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from ds_workflow.reports.tables import code, count, md, md_table, number, percent

Words = Sequence[tuple[str, float]]
STRONGEST = 15


@dataclass(frozen=True)
class Told:
    """One row: its id, truth and answer, and the runs of words that moved it most with how much. `role` is why the row
    is shown, or ""."""

    row_id: str
    truth: float
    prediction: float
    words: Words
    role: str = ""


def strongest(rows: Sequence[Told]) -> dict[str, list[tuple[str, float, int]]]:
    """The runs that moved answers most towards each class: (run, mean over all rows, rows that it stands among)."""
    sums: dict[str, tuple[float, int]] = {}
    for row in rows:
        for run, value in row.words:
            total, seen = sums.get(run, (0.0, 0))
            sums[run] = (total + value, seen + 1)
    ranked = sorted(
        ((run, total / len(rows), seen) for run, (total, seen) in sums.items()), key=lambda w: (-w[1], w[0])
    )
    return {
        "class 1": [w for w in ranked[:STRONGEST] if w[1] > 0],
        "class 0": [w for w in ranked[::-1][:STRONGEST] if w[1] < 0],
    }


def markdown(rows: Sequence[Told], *, unit: str, target: str) -> str:
    """The strongest runs over `rows`, then the rows that have a role with their own."""
    out = [
        f"Of {count(len(rows))} holdout rows the {len(rows[0].words) if rows else 0} runs of words at most that moved "
        f"each answer most, in {md(unit)}; above 0 speaks for {md(target)}. A run's value is the model's, beside "
        "the others of the same text: it says nothing of why people wrote it.",
        "",
    ]
    for where, found in strongest(rows).items():
        out += [
            *md_table(
                [f"towards {where}", f"{unit} per row", "rows"],
                [[code(run), number(mean, signed=True), count(seen)] for run, mean, seen in found],
                align="lrr",
            ),
            "",
        ]
    shown = [row for row in rows if row.role]
    if shown:
        body = [
            [row.role, code(row.row_id), number(row.truth), percent(row.prediction), _told(row.words)] for row in shown
        ]
        out += md_table(["answer", "row", "truth", "probability", "what moved it"], body, align="llrrl")
    return "\n".join(out).rstrip("\n") + "\n"


def table(rows: Sequence[Told], *, unit: str) -> str:
    """CSV: one line per row and run, the strongest first."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(["row_id", "truth", "prediction", "rank", "words", unit.replace(" ", "_")])
    for row in rows:
        for rank, (run, value) in enumerate(row.words, start=1):
            lines.writerow([row.row_id, f"{row.truth:g}", f"{row.prediction:.6f}", rank, run, f"{value:.6f}"])
    return written.getvalue()


def _told(words: Words) -> str:
    return ", ".join(f"{code(run)} {number(value, digits=2, signed=True)}" for run, value in words[:6])
