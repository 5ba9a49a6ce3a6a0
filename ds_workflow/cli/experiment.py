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
    """The options that say where the data are and which column is what."""
    for option in reversed(
        (
            click.option("--input", "source", type=FILE, help="Table: csv, parquet or jsonl."),
            click.option("--trial", metavar="ID", help="A challenger's A/B test in live traffic: its id, or 'newest'."),
            click.option("--arm", default="", help="Column that names the arm."),
            click.option("--control", default="", help="The control's name in that column."),
            click.option("--outcome", default="", help="The metric that decides: 0 and 1, or numbers (trial: loss)."),
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


def _required(given: dict[str, Any], *names: str) -> None:
    lost = [f"--{name}" for name in names if not given[name]]
    if lost:
        raise click.UsageError(f"Missing option {' and '.join(lost)}.")


def _one_source(**named: Any) -> str:
    """Which of the sources was given, by name; a usage error unless it is one."""
    there = [name for name, value in named.items() if value]
    if len(there) != 1:
        known = [f"--{name}" for name in named]
        raise click.UsageError(f"Give one of {', '.join(known[:-1])} or {known[-1]}.")
    return there[0]


def _guardrail(text: str) -> Any:
    """COLUMN:MARGIN or COLUMN:MARGIN:lower as a guardrail."""
    from ds_workflow.errors import InvalidInput
    from ds_workflow.use_cases.experiment.analyze import Measure

    name, _, rest = text.partition(":")
    margin, _, direction = rest.partition(":")
    try:
        allowed = float(margin)
    except ValueError as error:
        raise InvalidInput(
            f"'{text}' is no guardrail.", hint="COLUMN:MARGIN, or COLUMN:MARGIN:lower where less is better."
        ) from error
    return Measure(name, practical=allowed, greater_is_better=direction != "lower", guardrail=True)


def register(main: click.Group) -> None:
    """Add the commands of this room."""
    for room in (_planning, _looking, _watching, _estimating):
        room(main)


def _planning(main: click.Group) -> None:
    @command(
        main,
        "experiment-power",
        section=SECTION,
        examples="""experiment-power --base 0.30 --effect 0.02 --daily-units 900
experiment-power --base 0.30 --units 4000
experiment-power --measure mean --base 41 --sd 18 --effect 2 --daily-units 300 --looks 4
experiment-power --input past.parquet --outcome clicks --denominator views --unit user_id --effect 0.002""",
    )
    @click.option(
        "--measure", type=click.Choice(["proportion", "mean", "ratio"]), default="proportion", show_default=True
    )
    @click.option("--base", type=float, help="Control's share, mean or ratio.")
    @click.option("--effect", type=float, help="The least difference worth having, absolute.")
    @click.option("--hypothesis-id", help="Take the effect from this written hypothesis instead.")
    @click.option("--units", type=click.IntRange(2), help="Units per arm there are: what would they show?")
    @click.option("--sd", "deviation", type=float, help="Standard deviation per unit of a mean or ratio.")
    @click.option("--input", "past", type=FILE, help="Past data that tell kind, base and deviation of --outcome.")
    @click.option("--outcome", default="", help="With --input: column of the metric.")
    @click.option("--denominator", default="", help="With --input: column that makes it a ratio of sums.")
    @click.option("--unit", default="", help="With --input: column of the unit that will be randomised.")
    @click.option("--daily-units", type=float, help="New units a day, all arms together.")
    @click.option("--arms", default=2, show_default=True)
    @click.option("--alpha", default=0.05, show_default=True)
    @click.option("--power", default=0.8, show_default=True)
    @click.option("--looks", default=0, help="Plan so many looks by alpha spending: units for them, and their bounds.")
    def experiment_power(
        hypothesis_id: str | None, past: Path | None, outcome: str, denominator: str, unit: str, **options: Any
    ) -> None:
        """Units and days an experiment needs for an effect, or the effect that given units show."""
        from ds_workflow.use_cases.experiment import power

        if past is not None:
            if not outcome:
                raise click.UsageError("--input needs --outcome: the column of the metric.")
            known = power.of_past(past, outcome=outcome, denominator=denominator, unit=unit)
            options |= {"measure": known.measure, "base": known.base, "deviation": known.deviation}
        if options["base"] is None:
            raise click.UsageError("Give --base, or --input with past data.")
        if hypothesis_id:
            options["effect"] = power.of_hypothesis(workspace(), hypothesis_id, base=options["base"])
        made = power.plan(power.Ask(**options))
        show(made.to_dict(), made.text)


def _looking(main: click.Group) -> None:
    @command(
        main,
        "experiment-analyze",
        section=SECTION,
        examples="""experiment-analyze --input users.parquet --arm version --control gate_30 --outcome retention_7
experiment-analyze --input events.csv --arm variant --control old --outcome accepted --unit developer_id \\
      --segment language --guardrail latency_ms:20:lower --practical 0.01 --save H-SUG-001
experiment-analyze --sums sums.csv --control old --outcome accepted
experiment-analyze --telemetry --control assistant-1 --outcome acceptance_rate --guardrail mean_latency
experiment-analyze --trial newest --guardrail milliseconds:20 --save live-1""",
    )
    @_layout_options
    @click.option(
        "--sums", type=FILE, help="Instead of rows, sums per arm as SQL gives them: arm,metric,form,n,sum,sum_sq,..."
    )
    @click.option("--telemetry", is_flag=True, help="Product metrics of the telemetry warehouse, by developer.")
    @click.option("--from", "first", default="", help="Telemetry: the first day.")
    @click.option("--to", "last", default="", help="Telemetry: the last day.")
    @click.option("--metric", "metrics", multiple=True, help="A further metric's column; may be repeated.")
    @click.option(
        "--guardrail", "guardrails", multiple=True, metavar="COLUMN:MARGIN[:lower]", help="What may not be lost."
    )
    @click.option("--covariate", default="", help="Column known before the experiment, to adjust by (CUPED).")
    @click.option("--segment", default="", help="Column whose values are looked at one by one.")
    @click.option(
        "--correction",
        type=click.Choice(["holm", "bonferroni", "hochberg", "benjamini-hochberg", "benjamini-yekutieli"]),
        default="holm",
        show_default=True,
        help="Over metrics, arms and segments.",
    )
    def experiment_analyze(
        source: Path | None,
        sums: Path | None,
        trial: str | None,
        telemetry: bool,
        correction: str,
        save: str,
        level: float,
        **given: Any,
    ) -> None:
        """Analyse an experiment: split, difference, interval, correction, guardrails, recommendation."""
        from ds_workflow.use_cases.experiment import analyze
        from ds_workflow.use_cases.experiment.analyze import Layout, Measure

        kind = _one_source(input=source, sums=sums, trial=trial, telemetry=telemetry)
        options: dict[str, Any] = {"level": level, "correction": correction, "save": save}
        if kind == "telemetry":
            made = _of_telemetry(given, options)
            show(made.to_dict(), made.text)
            return
        if kind == "trial":
            given["outcome"] = given["outcome"] or "loss"
        _required(given, *{"input": ("arm", "control", "outcome"), "sums": ("control", "outcome")}.get(kind, ()))
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
        work = workspace()
        if source is not None:
            made = analyze.analyze(work, source, layout, measures, **options)
        elif sums is not None:
            made = analyze.analyze_sums(work, sums, layout, measures, **options)
        else:
            made = analyze.analyze_trial(work, str(trial), measures, **options)
        show(made.to_dict(), made.text)


def _of_telemetry(given: dict[str, Any], options: dict[str, Any]) -> Any:
    from ds_workflow.use_cases.experiment import analyze, product

    given["outcome"] = given["outcome"] or "acceptance_rate"
    given["arm"] = given["arm"] or "model_version"
    _required(given, "control")
    shares = _numbers(given["shares"], "--shares")
    days = product.Filters.of({"from": given["first"], "to": given["last"]})
    asked = product.Question(given["arm"], given["control"], given["segment"], shares, days)
    measures = product.measures_of(
        given["outcome"], given["metrics"], given["guardrails"], practical=given["practical"]
    )
    return analyze.analyze_telemetry(workspace(), asked, measures, **options)


def _watching(main: click.Group) -> None:
    @command(
        main,
        "experiment-sequential",
        section=SECTION,
        examples="""experiment-sequential --input events.parquet --arm variant --control old --outcome accepted \\
      --unit developer_id --time shown_at --best-at 4000
experiment-sequential --trial newest --planned-units 8000""",
    )
    @_layout_options
    @click.option("--time", default="", help="Column that says when a row came (ISO 8601).")
    @click.option(
        "--best-at", type=float, help="Units, both arms, at which the interval is tightest; chosen beforehand."
    )
    @click.option("--planned-units", "planned", type=float, help="Units of both arms that were planned: adds bounds.")
    @click.option(
        "--spending",
        type=click.Choice(["obrien_fleming", "pocock"]),
        default="obrien_fleming",
        show_default=True,
        help="How planned looks spend alpha.",
    )
    def experiment_sequential(source: Path | None, trial: str | None, **given: Any) -> None:
        """Look at a running experiment day by day, with intervals that hold at every look."""
        from ds_workflow.use_cases.experiment import sequential
        from ds_workflow.use_cases.experiment.analyze import Layout, Measure

        kind = _one_source(input=source, trial=trial)
        if kind == "trial":
            given["outcome"] = given["outcome"] or "loss"
        else:
            _required(given, "arm", "control", "outcome", "time")
        layout = Layout(given["arm"], given["control"], given["unit"], shares=_numbers(given["shares"], "--shares"))
        asked = Measure(
            given["outcome"],
            denominator=given["denominator"],
            greater_is_better=not given["lower_is_better"],
            practical=given["practical"],
        )
        options = {key: given[key] for key in ("level", "best_at", "planned", "spending", "save")}
        if source is not None:
            made = sequential.watch(workspace(), source, layout, asked, time=given["time"], **options)
        else:
            made = sequential.watch_trial(workspace(), str(trial), asked, **options)
        show(made.to_dict(), made.text)


def _estimating(main: click.Group) -> None:
    @command(
        main,
        "experiment-peeking",
        section=SECTION,
        examples="""experiment-peeking --base 0.30 --daily-units 400 --days 30
experiment-peeking --base 0.30 --daily-units 400 --days 30 --effect 0.02 --save daily-looks""",
    )
    @click.option("--base", required=True, type=float, help="Control's share.")
    @click.option("--daily-units", "daily", required=True, type=click.IntRange(2), help="New units a day, both arms.")
    @click.option("--days", default=30, show_default=True, type=click.IntRange(1), help="Looks, one a day.")
    @click.option("--effect", default=0.0, show_default=True, help="The true difference; 0 shows false alarms.")
    @click.option("--runs", default=2_000, show_default=True, type=click.IntRange(1), help="Experiments simulated.")
    @click.option("--alpha", default=0.05, show_default=True)
    @click.option("--best-at", type=float, help="Units, both arms, at which the sequence is tightest (default: all).")
    @click.option("--seed", default=42, show_default=True)
    @click.option("--save", default="", metavar="NAME", help="Keep the result under experiments/NAME.")
    def experiment_peeking(base: float, daily: int, days: int, effect: float, **given: Any) -> None:
        """Simulate looking every day: false alarms of the usual test, of a confidence sequence, of planned looks."""
        from ds_workflow.use_cases.experiment import peeking

        made = peeking.simulate(workspace(), peeking.Experiment(base, daily // 2, days, effect), **given)
        show(made.to_dict(), made.text)

    @command(
        main,
        "experiment-cite",
        section=SECTION,
        examples="experiment-cite H-SUG-001 --proposal-id P-20260131T120000123456-1a2b3c4d --by ana",
    )
    @click.argument("name")
    @click.option("--proposal-id", required=True, help="The open proposal that cites it.")
    @click.option("--by", required=True, help="Who does this.")
    def experiment_cite(name: str, proposal_id: str, by: str) -> None:
        """Bind a kept result to an open proposal, so that whoever decides reads it there."""
        from ds_workflow.use_cases.experiment import cite

        made = cite.cite(workspace(), name, proposal_id, by=by)
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
        help="Of aipw, ipw, matching, regression, ols, iv, did (default: all that the columns allow). The first of "
        "this list decides, in whatever order they are named.",
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
    @click.option(
        "--bootstrap",
        "resamples",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Resamples, 200 or more; matching, iv and did are not bootstrapped.",
    )
    @click.option("--seed", default=42, show_default=True)
    @click.option("--save", default="", metavar="NAME", help="Keep the result under experiments/NAME.")
    def causal_estimate(source: Path, save: str, covariates: str, estimators: str, **given: Any) -> None:
        """Estimate an effect from a table that was not randomised, by several estimators side by side."""
        from ds_workflow.use_cases.experiment import causal

        ask = causal.Ask(covariates=_names(covariates), estimators=_names(estimators), **given)
        made = causal.estimate(workspace(), source, ask, save=save)
        show(made.to_dict(), made.text)
