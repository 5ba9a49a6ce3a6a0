"""The drift report: one line per column for the terminal, and a page with the distributions side by side."""

from __future__ import annotations

from ds_workflow.domain.drift_table import ColumnDrift, TableDrift
from ds_workflow.reports.charts import Bar, BarGroup, grouped_bars
from ds_workflow.reports.page import bullets, figure, page, para, pill, section, table
from ds_workflow.reports.tables import count, esc, number, percent, text_table

WIDE, SLIM = 870, 350
BARS = 24
PICTURED = 12  # columns drawn: all that drift and the largest PSI of the others


def sentence(found: TableDrift) -> str:
    """The verdict in one sentence."""
    n = len(found.columns)
    if found.drifted:
        return f"{len(found.drifted)} of {n} columns drift: {', '.join(found.drifted[:8])}."
    unknown = [name for name, c in found.columns.items() if c.status == "unknown"]
    if unknown:
        return f"Not enough rows to judge {len(unknown)} of {n} columns; no drift is shown."
    return f"None of {n} columns drifts beyond a PSI of {found.threshold:g}."


def text(found: TableDrift) -> str:
    """For the terminal, the largest PSI first."""
    rows = [
        [c.status, name, number(c.psi), number(c.detectable_psi), _chance(c.p_adjusted), _change(c)]
        for name, c in _ranked(found)
    ]
    heads = ["status", "column", "PSI", "detectable", "p (adjusted)", "what changed"]
    lines = [sentence(found), "", *text_table(heads, rows, align="llrrrl")]
    lines += [f"  not compared: {name} ({why})" for name, why in found.skipped.items()]
    return "\n".join(lines)


def html(found: TableDrift, *, reference: str, new: str) -> str:
    """The page: verdict, table, and the two distributions of each column."""
    rows = [
        [
            f"<code>{esc(name)}</code>",
            pill({"drift": "fail", "stable": "pass"}.get(c.status, "unclear"), c.status),
            number(c.psi, digits=3),
            number(c.detectable_psi, digits=2),
            _chance(c.p_adjusted),
            number(c.ks, digits=3) if c.ks is not None else "",
            number(c.jensen_shannon, digits=3),
            esc(_change(c)),
        ]
        for name, c in _ranked(found)
    ]
    heads = ["Column", "Status", "PSI", "Detectable", "p, adjusted", "KS", "JS", "Change"]
    first = next(iter(found.columns.values()))
    rows_said = f"{count(first.n_new)} rows of {new} against {count(first.n_reference)} of {reference}."
    charts = [_chart(name, c) for name, c in _ranked(found)[:PICTURED]]
    body = [
        f'<div class="head"><div class="eyebrow">Drift report</div><h1>{esc(sentence(found))}</h1>'
        f"{para(rows_said)}</div>",
        section("Columns", table(heads, rows, align="llrrrrrl")),
        section(
            "How to read it",
            para(
                f"A column drifts when its PSI is above {found.threshold:g} and Pearson's chi-square on the same bins, "
                f"adjusted over the columns (Benjamini and Hochberg, level {found.alpha:g}), says that chance does not "
                "explain it; and, however few the rows, when half of its values lie outside what the reference has "
                "seen. 'Detectable' is the PSI that these rows show with a power of 0.8. Rows are taken as independent."
            ),
        ),
        section("Distributions", *charts),
        section("Not compared", bullets(f"{name}: {why}" for name, why in found.skipped.items())),
    ]
    return page("Drift report", "\n".join(part for part in body if part))


def _ranked(found: TableDrift) -> list[tuple[str, ColumnDrift]]:
    order = {"drift": 0, "unknown": 1, "stable": 2}
    return sorted(found.columns.items(), key=lambda item: (order[item[1].status], -item[1].psi, item[0]))


def _chance(p: float) -> str:
    return "below 1e-300" if p == 0 else f"{p:.2g}"


def _change(c: ColumnDrift) -> str:
    """The plainest thing to say about how the two differ."""
    said = []
    if c.new_categories:
        said.append(f"new: {', '.join(c.new_categories[:3])}")
    if c.vanished_categories:
        said.append(f"gone: {', '.join(c.vanished_categories[:3])}")
    if abs(c.missing_new - c.missing_reference) >= 0.01:
        said.append(f"missing {percent(c.missing_reference)} to {percent(c.missing_new)}")
    if c.outside >= 0.01:
        said.append(f"{percent(c.outside)} outside what the reference has seen")
    label, before, after = max(c.bins, key=lambda b: abs(b[2] - b[1]))
    if abs(after - before) >= 0.01:
        said.append(f"{label}: {percent(before)} to {percent(after)}")
    return "; ".join(said)


def _chart(name: str, c: ColumnDrift) -> str:
    largest = sorted(range(len(c.bins)), key=lambda i: -max(c.bins[i][1:]))[:BARS]  # those that hold most rows
    groups = [
        BarGroup(label, (Bar(before), Bar(after))) for label, before, after in (c.bins[i] for i in sorted(largest))
    ]

    def draw(width: int) -> str:
        return grouped_bars(groups, title=name, labels=("reference", "new"), width=width, styled=False)

    rest = f" The {len(c.bins) - BARS} smallest bins are not drawn." if len(c.bins) > BARS else ""
    return figure(f"{name}: PSI {number(c.psi)}", f"Share of rows by bin.{rest} {_change(c)}", draw(WIDE), draw(SLIM))
