"""Monitoring commands: drift of incoming rows, and the plan that follows from what was seen."""

from __future__ import annotations

from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, say, show

FILE = click.Path(path_type=Path)


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "drift",
        section="Every day",
        examples="""drift --ref train.parquet --new this_week.csv
drift --ref train.parquet --new this_week.csv --out artifacts/drift_report.json --threshold 0.1""",
    )
    @click.option(
        "--ref", "reference", required=True, type=FILE, help="The rows to compare with (csv, parquet, jsonl)."
    )
    @click.option("--new", required=True, type=FILE, help="The rows that came in.")
    @click.option(
        "--out",
        type=FILE,
        default=Path("artifacts/drift_report.json"),
        show_default=True,
        help="Where the verdict goes; the page is written beside it.",
    )
    @click.option(
        "--threshold", type=float, default=0.2, show_default=True, help="The PSI above which a shift is large."
    )
    @click.option("--column", "columns", multiple=True, help="Compare this column only; may be repeated.")
    def drift(reference: Path, new: Path, out: Path, threshold: float, columns: tuple[str, ...]) -> None:
        """Compare new rows with a reference, column by column; exit 1 when one drifts."""
        from ds_workflow.use_cases.monitor import drift as monitor_drift

        found = monitor_drift.compare(reference, new, out=out, threshold=threshold, columns=columns, say=say)
        show(found.to_dict(), found.text)
        finish(found.table.status == "stable")

    @command(
        main,
        "monitor",
        section="Every day",
        examples="""monitor --metrics data/metrics_history.jsonl --drift artifacts/drift_report.json
monitor --metrics data/metrics_history.jsonl --out artifacts/agent_plan.yaml --json""",
    )
    @click.option(
        "--metrics", required=True, type=FILE, help="History: one JSON object a line, with a date and figures."
    )
    @click.option("--drift", "verdict", type=FILE, help="The newest verdict that 'drift' wrote.")
    @click.option("--out", type=FILE, default=Path("artifacts/agent_plan.yaml"), show_default=True, help="The plan.")
    def monitor(metrics: Path, verdict: Path | None, out: Path) -> None:
        """Turn the history of figures into a plan that people review; exit 1 unless healthy."""
        from ds_workflow.use_cases import agent

        made = agent.write(metrics, verdict, out)
        show(made.plan.to_dict(), made.text)
        finish(made.plan.status == "healthy")
