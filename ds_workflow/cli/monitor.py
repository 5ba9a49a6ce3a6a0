"""Monitoring commands: performance, incoming rows, drift of tables, and the plan that follows from what was seen."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from ds_workflow.cli.base import command, finish, say, show, workspace
from ds_workflow.cli.engine import ENGINE
from ds_workflow.cli.moments import Moment

FILE = click.Path(path_type=Path)


AS_OF = click.option("--as-of", type=Moment(), help="Look as if it were then (default: now); a date means its end.")


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
    @ENGINE
    def drift(reference: Path, new: Path, out: Path, threshold: float, columns: tuple[str, ...], engine: str) -> None:
        """Compare new rows with a reference, column by column; exit 1 when one drifts."""
        from ds_workflow.use_cases.monitor import drift as monitor_drift

        found = monitor_drift.compare(
            reference, new, out=out, threshold=threshold, columns=columns, engine=engine, say=say
        )
        show(found.to_dict(), found.text)
        finish(found.table.status == "stable")

    @command(
        main,
        "monitor-performance",
        section="Every day",
        examples="""monitor-performance
monitor-performance --input labelled_week.csv --as-of 2026-03-01 --json""",
    )
    @click.option(
        "--input",
        "source",
        type=FILE,
        help="Answers with truths, or rows as the problem's loader reads them (default: the request log).",
    )
    @AS_OF
    def monitor_performance(source: Path | None, as_of: datetime | None) -> None:
        """Mature labelled rows beside the holdout, by segment and group; latency, errors; exit 1 unless healthy."""
        from ds_workflow.use_cases.monitor import performance

        found = performance.look(workspace(), source=source, as_of=as_of)
        show(found.to_dict(), found.text)
        finish(found.look.status == "healthy")

    @command(
        main,
        "monitor-inputs",
        section="Every day",
        examples="monitor-inputs --input this_week.csv\nmonitor-inputs --input this_week.csv --json",
    )
    @click.option("--input", "source", type=FILE, required=True, help="Rows as they are sent for predictions.")
    @AS_OF
    def monitor_inputs(source: Path, as_of: datetime | None) -> None:
        """Check incoming rows: usable, in range, complete, fresh, and like the training rows; exit 1 unless healthy."""
        from ds_workflow.use_cases.monitor import inputs

        found = inputs.look(workspace(), source, as_of=as_of)
        show(found.to_dict(), found.text)
        finish(found.look.status == "healthy")

    @command(
        main,
        "monitor",
        section="Every day",
        examples="""monitor --metrics data/metrics_history.jsonl --drift artifacts/drift_report.json
monitor --act
monitor --metrics data/metrics_history.jsonl --out artifacts/agent_plan.yaml --json""",
    )
    @click.option(
        "--metrics",
        type=FILE,
        help="History: one JSON object a line, with a date and figures (default: what the problem's looks wrote).",
    )
    @click.option("--drift", "verdict", type=FILE, help="The newest verdict that 'drift' wrote.")
    @click.option("--out", type=FILE, default=Path("artifacts/agent_plan.yaml"), show_default=True, help="The plan.")
    @click.option("--act", is_flag=True, help="Carry the plan to people: incident, requests of work, a draft.")
    @click.option(
        "--rewrite", is_flag=True, help="Add a wording of the rationale by the model that the environment names."
    )
    def monitor(*, metrics: Path | None, verdict: Path | None, out: Path, act: bool, rewrite: bool) -> None:
        """Turn the history of figures into a plan that people review; exit 1 unless healthy."""
        from ds_workflow.use_cases import agent

        words = agent.in_other_words(workspace()) if rewrite else None
        points = None if metrics is None else agent.history(metrics)
        plan = agent.plan_for(workspace(), points, None if verdict is None else agent.verdict(verdict))
        made = agent.write(plan, out, rewrite=words)
        if not act:
            show(made.to_dict(), made.text)
        else:
            from ds_workflow.use_cases.monitor import work

            carried = work.carry_out(workspace(), made.plan)
            document = {**made.to_dict(), "carried": carried.to_dict()}
            show(document, lambda: f"{made.text()}\n\n{carried.text()}")
        finish(made.plan.status == "healthy")

    _work(main)
    _retraining(main)


def _work(main: click.Group) -> None:
    @command(main, "work-list", section="Every day", examples="work-list\nwork-list --all --json")
    @click.option("--all", "everything", is_flag=True, help="Closed ones too.")
    def work_list(everything: bool) -> None:
        """What the monitoring agent proposes to do, and nobody has taken on. Exit 1 while there is any."""
        from ds_workflow.use_cases.monitor import work

        found = work.listed(workspace(), only_open=not everything)
        show([one.to_dict() for one in found], "\n".join(map(work.told, found)) or "No work is proposed.")
        finish(all(one.disposition != "open" for one in found))

    @command(
        main,
        "work-close",
        section="Every day",
        examples="""work-close W-nyc_sales-trigger_retraining-1 --accept --by ana --reason "Training on 2026-Q1"
work-close W-nyc_sales-roll_back_model-1 --decline --by ana --reason "A holiday week\"""",
    )
    @click.argument("ident")
    @click.option("--accept/--decline", "accepted", default=None, required=True, help="Taken on, or not.")
    @click.option("--by", required=True, help="Who decides.")
    @click.option("--reason", required=True, help="Why; it is kept for good.")
    def work_close(ident: str, *, accepted: bool, by: str, reason: str) -> None:
        """Take a proposal of work on, or decline it."""
        from ds_workflow.use_cases.monitor import work

        one = work.close(workspace(), ident, accepted=accepted, by=by, reason=reason)
        show(one.to_dict(), work.told(one))


def _retraining(main: click.Group) -> None:
    @command(main, "retrain-check", section="Every day", examples="retrain-check\nretrain-check --json")
    def retrain_check() -> None:
        """Does the retrain policy ask for a new candidate: performance, drift, calibration, age? Exit 1 when due."""
        from ds_workflow.use_cases.monitor import retraining

        found = retraining.check(workspace())
        show(found.to_dict(), found.text)
        finish(found.need.status != "due")

    @command(
        main,
        "retrain-override",
        section="Every day",
        examples="""retrain-override --by ana --until 2026-05-01 --reason "The new source starts in May"
retrain-override --lift --by ana --reason "It has started\"""",
    )
    @click.option("--reason", required=True, help="Why; it is kept for good.")
    @click.option("--by", required=True, help="The approver who answers for it.")
    @click.option("--until", type=Moment(), help="When it expires.")
    @click.option("--lift", is_flag=True, help="Take the word back instead.")
    def retrain_override(*, reason: str, by: str, until: datetime | None, lift: bool) -> None:
        """Hold retraining back until a day, with a reason; every view shows it until it expires."""
        from ds_workflow.use_cases.monitor import retraining

        if lift == (until is not None):
            raise click.UsageError("Give either --until or --lift.")
        work = workspace()
        if until is None:
            made = retraining.lift(work, by=by, reason=reason)
        else:
            made = retraining.hold(work, reason=reason, by=by, until=until)
        said = "lifted" if made.lifted else f"held back until {made.until}"
        show(vars(made), f"{made.problem}: retraining is {said} by {made.by}: {made.reason}")
