"""Experiment commands: plan one, analyse one, watch one while it runs, and estimate what was not randomised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ds_workflow.cli.base import command, show, workspace

FILE = click.Path(path_type=Path)
SECTION = "Experiments"


def _numbers(text: str, name: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(f"'{text}' is no list of numbers.", param_hint=name) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _layout_options(function: Any) -> Any:
    """The options that say which column is what."""
    for option in reversed(
        (
            click.option("--input", "source", required=True, type=FILE, help="Table: csv, parquet or jsonl."),
            click.option("--arm", required=True, help="Column that names the arm."),
            click.option("--control", required=True, help="The control's name in that column."),
            click.option("--outcome", required=True, help="Column of the metric that decides: 0 and 1, or numbers."),
            click.option("--denominator", default="", help="Column that makes the metric a ratio of sums."),
            click.option("--unit", default="", help="Column of the randomised unit, when a unit has several rows."),
            click.option("--shares", default="", help="Planned shares, control first: 0.5,0.5 (default: equal)."),
            click.option("--lower-is-better", is_flag=True, help="A fall of the metric is the gain."),
            click.option("--practical", default=0.0, show_default=True, help="Least difference worth having."),
            click.option("--level", default=0.95, show_default=True, help="Confidence level."),
            click.option("--save", default="", metavar="NAME", help="Keep the result under experiments/NAME."),
        )
    ):
        function = option(function)
    return function


def _guardrail(text: str) -> Any:
    """COLUMN:MARGIN or COLUMN:MARGIN:lower as a guardrail."""
    from ds_workflow.errors import InvalidInput
    from ds_workflow.use_cases.experiment.analyze import Measure

    name, _, rest = text.partition(":")
    margin, _, direction = rest.partition(":")
    try:
        return Measure(name, practical=float(margin), greater_is_better=direction != "lower", guardrail=True)
    except ValueError as error:
        raise InvalidInput(
            f"'{text}' is no guardrail.", hint="COLUMN:MARGIN, or COLUMN:MARGIN:lower where less is better."
        ) from error


def register(main: click.Group) -> None:
    """Add the commands of this room."""

    @command(
        main,
        "experiment-power",
        section=SECTION,
        examples="""experiment-power --base 0.30 --effect 0.02 --daily-units 900
experiment-power --base 0.30 --units 4000
experiment-power --measure mean --base 41 --sd 18 --effect 2""",
    )
    @click.option("--measure", type=click.Choice(["proportion", "mean"]), default="proportion", show_default=True)
    @click.option("--base", required=True, type=float, help="Control's share or mean.")
    @click.option("--effect", type=float, help="The least difference worth having, absolute.")
    @click.option("--hypothesis-id", help="Take the effect from this written hypothesis instead.")
    @click.option("--units", type=click.IntRange(2), help="Units per arm there are: what would they show?")
    @click.option("--sd", "deviation", type=float, help="Standard deviation per unit of a mean.")
    @click.option("--daily-units", type=float, help="New units a day, all arms together.")
    @click.option("--arms", default=2, show_default=True)
    @click.option("--alpha", default=0.05, show_default=True)
    @click.option("--power", default=0.8, show_default=True)
    def experiment_power(hypothesis_id: str | None, **options: Any) -> None:
        """Units an experiment needs for an effect, or the effect that given units show."""
        from ds_workflow.use_cases.experiment import power

        if hypothesis_id:
            options["effect"] = power.of_hypothesis(workspace(), hypothesis_id, base=options["base"])
        made = power.plan(power.Ask(**options))
        show(made.to_dict(), made.text)

    @command(
        main,
        "experiment-analyze",
        section=SECTION,
        examples="""experiment-analyze --input users.parquet --arm version --control gate_30 --outcome retention_7
experiment-analyze --input events.csv --arm variant --control old --outcome accepted --unit developer_id \\
      --segment language --guardrail latency_ms:20:lower --practical 0.01 --save H-SUG-001""",
    )
    @_layout_options
    @click.option("--metric", "metrics", multiple=True, help="A further metric's column; may be repeated.")
    @click.option(
        "--guardrail", "guardrails", multiple=True, metavar="COLUMN:MARGIN[:lower]", help="What may not be lost."
    )
    @click.option("--covariate", default="", help="Column known before the experiment, to adjust by (CUPED).")
    @click.option("--segment", default="", help="Column whose values are looked at one by one.")
    @click.option(
        "--correction",
        type=click.Choice(["holm", "bonferroni", "benjamini-hochberg"]),
        default="holm",
        show_default=True,
        help="Over metrics, arms and segments.",
    )
    def experiment_analyze(source: Path, correction: str, save: str, level: float, **given: Any) -> None:
        """Analyse an experiment: split, difference, interval, correction, guardrails, recommendation."""
        from ds_workflow.use_cases.experiment import analyze
        from ds_workflow.use_cases.experiment.analyze import Layout, Measure

        layout = Layout(
            given["arm"], given["control"], given["unit"], given["segment"], _numbers(given["shares"], "--shares")
        )
        first = Measure(
            given["outcome"],
            denominator=given["denominator"],
            covariate=given["covariate"],
            greater_is_better=not given["lower_is_better"],
            practical=given["practical"],
        )
        measures = [first, *(Measure(m) for m in given["metrics"]), *map(_guardrail, given["guardrails"])]
        made = analyze.analyze(workspace(), source, layout, measures, level=level, correction=correction, save=save)
        show(made.to_dict(), made.text)

    @command(
        main,
        "experiment-sequential",
        section=SECTION,
        examples="""experiment-sequential --input events.parquet --arm variant --control old --outcome accepted \\
      --unit developer_id --time shown_at --best-at 4000""",
    )
    @_layout_options
    @click.option("--time", required=True, help="Column that says when a row came (ISO 8601).")
    @click.option(
        "--best-at", type=float, help="Units, both arms, at which the interval is tightest; chosen beforehand."
    )
    def experiment_sequential(
        source: Path, time: str, best_at: float | None, save: str, level: float, **given: Any
    ) -> None:
        """Look at a running experiment day by day, with intervals that hold at every look."""
        from ds_workflow.use_cases.experiment import sequential
        from ds_workflow.use_cases.experiment.analyze import Layout, Measure

        layout = Layout(given["arm"], given["control"], given["unit"], shares=_numbers(given["shares"], "--shares"))
        asked = Measure(
            given["outcome"],
            denominator=given["denominator"],
            greater_is_better=not given["lower_is_better"],
            practical=given["practical"],
        )
        made = sequential.watch(workspace(), source, layout, asked, time=time, level=level, best_at=best_at, save=save)
        show(made.to_dict(), made.text)

    @command(
        main,
        "causal-estimate",
        section=SECTION,
        examples="""causal-estimate --input study.csv --treatment trained --outcome earnings --covariates age,education
causal-estimate --input panel.csv --treatment exposed --outcome rate --unit state --period year --starts 2011""",
    )
    @click.option("--input", "source", required=True, type=FILE, help="Table: csv, parquet or jsonl.")
    @click.option("--treatment", required=True, help="Column of 0 and 1.")
    @click.option("--outcome", required=True, help="Column of numbers.")
    @click.option("--covariates", default="", help="Columns known before the treatment: a,b,c.")
    @click.option(
        "--estimators",
        default="",
        help="Of aipw, ipw, matching, regression, ols, iv, did (default: all that the columns allow).",
    )
    @click.option("--estimand", type=click.Choice(["ATT", "ATE"]), default="ATT", show_default=True)
    @click.option("--cluster", default="", help="Column whose rows hang together.")
    @click.option("--instrument", default="", help="Column that moves the treatment and nothing else.")
    @click.option("--unit", default="", help="Panel: column of the unit.")
    @click.option("--period", default="", help="Panel: column of the period.")
    @click.option("--starts", default="", help="Panel: the first period under treatment.")
    @click.option(
        "--neighbours", type=click.IntRange(1), default=1, show_default=True, help="Matching: controls per row."
    )
    @click.option("--caliper", type=float, help="Matching: widest distance, in deviations of the score.")
    @click.option("--bootstrap", "resamples", type=click.IntRange(0), default=0, show_default=True, help="Resamples.")
    @click.option("--seed", default=42, show_default=True)
    @click.option("--save", default="", metavar="NAME", help="Keep the result under experiments/NAME.")
    def causal_estimate(source: Path, save: str, covariates: str, estimators: str, **given: Any) -> None:
        """Estimate an effect from a table that was not randomised, by several estimators side by side."""
        from ds_workflow.use_cases.experiment import causal

        ask = causal.Ask(covariates=_names(covariates), estimators=_names(estimators), **given)
        made = causal.estimate(workspace(), source, ask, save=save)
        show(made.to_dict(), made.text)
