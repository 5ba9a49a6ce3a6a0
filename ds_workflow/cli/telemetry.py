"""Telemetry of the code assistant: simulate a log, take events in, ask the warehouse, write the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ds_workflow.cli.base import command, finish, show, workspace

FILE = click.Path(path_type=Path)
SECTION = "Telemetry"


def _filters(function: Any) -> Any:
    """The options that say which part of the log is looked at."""
    for option in reversed(
        (
            click.option("--from", "first", default="", metavar="DAY", help="First day, such as 2025-03-01."),
            click.option("--to", "last", default="", metavar="DAY", help="Last day, included."),
            click.option("--language", default="", help="One programming language."),
            click.option("--segment", default="", help="One segment of developers."),
            click.option("--model-version", "version", default="", help="One version of the model."),
        )
    ):
        function = option(function)
    return function


def _chosen(given: dict[str, str]) -> Any:
    from ds_workflow.use_cases.telemetry.query import Filters

    return Filters.of({"from": given.pop("first"), "to": given.pop("last"), **given})


DATABASE = click.option(
    "--database", default="", metavar="URL", help="A PostgreSQL database too: postgresql+psycopg://user@host/name."
)


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "telemetry-simulate",
        section=SECTION,
        examples="""telemetry-simulate --out log --events 200000
telemetry-simulate --out log --events 10000000 --deal developer --seed 7 --spoilt 20""",
    )
    @click.option("--out", required=True, type=FILE, help="A new folder for the log.")
    @click.option("--events", "count", default=200_000, show_default=True, help="About so many events.")
    @click.option("--seed", default=42, show_default=True, help="The same seed writes the same events.")
    @click.option(
        "--deal",
        type=click.Choice(["session", "developer", "chosen"]),
        default="developer",
        show_default=True,
        help="Who gets which model: by chance per session or per developer, or as developers choose.",
    )
    @click.option("--spoilt", default=0, show_default=True, help="Add so many bad events of each kind.")
    def telemetry_simulate(out: Path, **given: Any) -> None:
        """Write a log of a code assistant whose every effect is known."""
        from ds_workflow.use_cases.telemetry import simulate

        made = simulate.simulate(workspace(), out, **given)
        show(made.to_dict(), made.text)

    @command(
        main,
        "telemetry-ingest",
        section=SECTION,
        examples="""telemetry-ingest --input log
telemetry-ingest --input events-2025-03-31.jsonl.gz --database postgresql+psycopg://me@db/telemetry""",
    )
    @click.option("--input", "source", required=True, type=FILE, help="A file of events, or a folder of files.")
    @DATABASE
    def telemetry_ingest(source: Path, database: str) -> None:
        """Take events into the warehouse: checked, once each, bad ones set aside with reasons (exit 1: all of them)."""
        from ds_workflow.use_cases.telemetry import ingest

        made = ingest.ingest(workspace(), source, database=database)
        show(made.to_dict(), made.text)
        finish(made.green)

    @command(
        main,
        "telemetry-query",
        section=SECTION,
        examples="""telemetry-query
telemetry-query acceptance_by_model
telemetry-query funnel --from 2025-03-01 --to 2025-03-31 --segment expert --csv funnel.csv
telemetry-query retention --sql""",
    )
    @click.argument("name", required=False, default="")
    @_filters
    @DATABASE
    @click.option("--csv", "out", type=FILE, help="Write all rows there.")
    @click.option("--sql", "only_sql", is_flag=True, help="Print the SQL and run nothing.")
    def telemetry_query(name: str, out: Path | None, only_sql: bool, database: str, **given: str) -> None:
        """Ask the warehouse a named question; without a name, list them."""
        from ds_workflow.use_cases.telemetry import query

        if not name:
            every = query.listed()
            show(
                [{"name": q.name, "question": q.question, "grain": q.grain, "columns": dict(q.columns)} for q in every],
                lambda: "\n".join(f"  {q.name:<32} {q.question}" for q in every),
            )
        elif only_sql:
            asked = query.named(name)
            show({"name": asked.name, "question": asked.question, "sql": asked.sql}, asked.sql.rstrip())
        else:
            found = query.answer(workspace(), name, _chosen(given), database=database, out=out)
            show(found.to_dict(), found.text)

    @command(
        main,
        "telemetry-report",
        section=SECTION,
        examples="""telemetry-report
telemetry-report --html march.html --from 2025-03-01 --to 2025-03-31""",
    )
    @click.option("--html", "page", type=FILE, help="Where to write it (default: reports/telemetry.html).")
    @_filters
    def telemetry_report(page: Path | None, **given: str) -> None:
        """Write the report: product metrics, trends, failures; for a simulated log, the truth beside them."""
        from ds_workflow.use_cases.telemetry import report

        made = report.report(workspace(), _chosen(given), page=page)
        show(made.to_dict(), made.text)
        finish(made.green)

    @command(
        main,
        "telemetry-metrics",
        section=SECTION,
        examples="""telemetry-metrics
telemetry-metrics --out docs/reference/product_metrics.md""",
    )
    @click.option("--out", type=FILE, help="Write the page of definitions there (Markdown).")
    def telemetry_metrics(out: Path | None) -> None:
        """The product metrics: question, formula, unit, owner, guardrail, and the queries that read them."""
        from ds_workflow.use_cases.telemetry import metrics

        made = metrics.metrics(out=out)
        show(made.to_dict(), made.text)

    @command(
        main,
        "telemetry-export",
        section=SECTION,
        examples="""telemetry-export --out suggestions.parquet
telemetry-export --out march.parquet --from 2025-03-01 --to 2025-03-31""",
    )
    @click.option("--out", required=True, type=FILE, help="A new parquet file, one row per suggestion.")
    @_filters
    def telemetry_export(out: Path, **given: str) -> None:
        """Write the suggestions as a table that a model of code_suggestions can be trained on."""
        from ds_workflow.use_cases.telemetry import export

        made = export.export(workspace(), out, _chosen(given))
        show(made.to_dict(), made.text)
