"""An effect from a table that was not randomised, by the estimators that its columns allow, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import tables
from ds_workflow.domain.causal import adjustment, sensitivity
from ds_workflow.domain.causal.difference import Panel, differences, means_by_period
from ds_workflow.domain.causal.instrument import two_stage
from ds_workflow.domain.causal.matching import match
from ds_workflow.domain.causal.propensity import Balance, Overlap, Propensity, balance, overlap, weights
from ds_workflow.domain.causal.study import Estimate, Study
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.reports import causal as report
from ds_workflow.use_cases.experiment import record

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ds_workflow.use_cases.experiment.record import Kept
    from ds_workflow.workspace import Workspace

ADJUSTED = ("aipw", "ipw", "matching", "regression", "ols")
ESTIMATORS = (
    *ADJUSTED,
    "iv",
    "did",
)  # in the order in which they decide: the doubly robust is right if either model is
WEIGHTED = ("aipw", "ipw")  # those that the balance table tells of
NOT_RESAMPLED = (
    "It is not bootstrapped, which would be wrong for it (Abadie and Imbens 2008): its interval is by formula."
)
FEWEST_RESAMPLES = 200  # below it the ends of a percentile interval are a handful of draws


@dataclass(frozen=True)
class Ask:
    """What the columns mean. `covariates` were known before the treatment; `estimators` empty: all that the columns
    allow. `resamples` above 0 adds percentile bootstrap intervals where they are valid."""

    outcome: str
    treatment: str
    covariates: tuple[str, ...] = ()
    estimators: tuple[str, ...] = ()
    estimand: str = "ATT"
    cluster: str = ""
    instrument: str = ""
    unit: str = ""
    period: str = ""
    starts: str = ""
    neighbours: int = 1
    caliper: float | None = None
    resamples: int = 0
    seed: int = 42


@dataclass(frozen=True)
class Line:
    """One estimate, with a bootstrap interval where one was asked for and is valid."""

    estimate: Estimate
    bootstrap: tuple[float, float] | None = None
    extra: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Estimated:
    """All estimates, the deciding one first; balance and overlap where covariates were given."""

    ask: Ask
    rows: int
    lines: tuple[Line, ...]
    balance: tuple[Balance, ...] = ()
    overlap: Overlap | None = None
    trends: tuple[tuple[str, float, float], ...] = ()
    e_value: sensitivity.EValue | None = None
    kept: Kept | None = None

    def to_dict(self) -> dict[str, Any]:
        """The document of `causal-estimate --json`."""
        first = self.lines[0].estimate
        return {
            "test": first.estimator,
            "estimand": first.estimand,
            "estimate": first.value,
            "interval": list(first.interval) if first.interval else None,
            "p_value": first.p_value,
            "corrected": first.p_value,
            "effect_size": None,
            "recommendation": report.sentence(self.lines),
            "assumption": first.assumption,
            "rows": self.rows,
            "estimates": [
                {
                    **asdict(line.estimate),
                    "interval": list(line.estimate.interval) if line.estimate.interval else None,
                    "p_value": line.estimate.p_value,
                    "bootstrap": list(line.bootstrap) if line.bootstrap else None,
                    **dict(line.extra),
                }
                for line in self.lines
            ],
            "balance": [{**asdict(b), "balanced": b.balanced} for b in self.balance],
            "overlap": _overlap(self.overlap) if self.overlap else None,
            "trends": [{"period": p, "treated": t, "controls": c} for p, t, c in self.trends],
            "e_value": asdict(self.e_value) if self.e_value else None,
            "warnings": report.warned(self.lines),
        }

    def text(self) -> str:
        """For the terminal."""
        kept = f"\n\nKept as {self.kept.document} (digest {self.kept.digest[:8]})" if self.kept else ""
        return report.text(self.lines, self.balance, self.overlap, self.e_value) + kept


def estimate(work: Workspace, source: Path, ask: Ask, *, save: str = "") -> Estimated:
    """Estimate the effect from a file. Raises InvalidInput for columns that are not there or not numbers, UnknownName
    for an estimator."""
    for name in ask.estimators:
        if name not in ESTIMATORS:
            raise UnknownName("estimator", name, ESTIMATORS)
    _roles(ask)
    table = tables.read(source)
    work.say(f"{len(table):,} rows of {source.name}")
    # one order whatever was asked first, so that nobody can choose which estimate decides after seeing them
    chosen = tuple(name for name in ESTIMATORS if name in (ask.estimators or _possible(ask)))
    if not chosen:
        raise InvalidInput(
            "The columns allow no estimator.", hint="Name covariates, an instrument, or a unit, a period and its start."
        )
    if chosen == ("did",):
        found = _did(table, ask)
    else:
        found = _adjusted(work, table, ask, [name for name in chosen if name != "did"])
        if "did" in chosen:
            extra = _did(table, ask)
            found = Estimated(ask, found.rows, found.lines + extra.lines, found.balance, found.overlap, extra.trends,
                              found.e_value)  # fmt: skip
    if not save:
        return found
    page = report.html(found.lines, found.balance, found.overlap, found.e_value, found.trends, title=save)
    kept = record.keep(
        work, save, kind="causal", source=record.of_file(source), ask=asdict(ask), result=found.to_dict(), page=page
    )
    return Estimated(ask, found.rows, found.lines, found.balance, found.overlap, found.trends, found.e_value, kept)


def _overlap(meeting: Overlap) -> dict[str, Any]:
    return asdict(meeting) | {"bins": [float(edge) for edge in meeting.bins]}


def _roles(ask: Ask) -> None:
    """Refuse a column in two roles (what is explained can't explain), and a bootstrap that tells nothing."""
    roles = {"outcome": ask.outcome, "treatment": ask.treatment, "instrument": ask.instrument, "unit": ask.unit}
    for role, column in roles.items():
        if column and column in ask.covariates:
            raise InvalidInput(
                f"Column '{column}' is the {role} and can't be a covariate too.",
                hint="Covariates were known before the treatment and are none of the columns studied.",
            )
    for role in ("treatment", "instrument"):
        if roles[role] and roles[role] in [column for other, column in roles.items() if other != role]:
            raise InvalidInput(
                f"Column '{roles[role]}' is the {role} and something else too.", hint="One column for each role."
            )
    twice = [name for k, name in enumerate(ask.covariates) if name in ask.covariates[:k]]
    if twice:
        raise InvalidInput(f"The covariate '{twice[0]}' is named twice.", hint="Name every column once.")
    if 0 < ask.resamples < FEWEST_RESAMPLES:
        raise InvalidInput(
            f"{ask.resamples} resamples give no interval that can be trusted.",
            hint=f"--bootstrap {FEWEST_RESAMPLES} or more; 1,000 are usual; 0 for none.",
        )


def _possible(ask: Ask) -> tuple[str, ...]:
    names: tuple[str, ...] = ADJUSTED if ask.covariates else ()
    names += ("iv",) if ask.instrument else ()
    return names + (("did",) if ask.unit and ask.period and ask.starts else ())


def _numbers(table: pd.DataFrame, names: Sequence[str]) -> None:
    lost = [n for n in names if n and n not in table.columns]
    if lost:
        raise InvalidInput(f"The table has no column {', '.join(lost)}.", hint=f"It has {', '.join(map(str, table))}.")


def _adjusted(work: Workspace, table: pd.DataFrame, ask: Ask, chosen: Sequence[str]) -> Estimated:
    import pandas as pd

    _numbers(table, (ask.outcome, ask.treatment, *ask.covariates, ask.cluster, ask.instrument))
    texts = [
        n for n in (ask.outcome, ask.treatment, ask.instrument) if n and not pd.api.types.is_numeric_dtype(table[n])
    ]
    if texts:
        raise InvalidInput(f"Column '{texts[0]}' holds no numbers.", hint="1 is treated, 0 is not.")
    # a category becomes its levels but the first
    wide = (
        pd.get_dummies(table[list(ask.covariates)], drop_first=True, dtype=float) if ask.covariates else pd.DataFrame()
    )
    study = Study(
        table[ask.outcome].to_numpy(float),
        table[ask.treatment].to_numpy(float),
        {str(c): wide[c].to_numpy(float) for c in wide},
        table[ask.cluster].to_numpy() if ask.cluster else None,
    )
    made: dict[str, Callable[[Study], Estimate]] = {
        "aipw": lambda s: adjustment.aipw(s, estimand=ask.estimand),  # type: ignore[arg-type]
        "ipw": lambda s: adjustment.ipw(s, estimand=ask.estimand),  # type: ignore[arg-type]
        "regression": lambda s: adjustment.regression(s, estimand=ask.estimand),  # type: ignore[arg-type]
        "ols": adjustment.ols,
    }
    if set(chosen) & set(ADJUSTED) and not ask.covariates:
        raise InvalidInput("Without covariates there is nothing to adjust by.", hint="--covariates age,education")
    table_of: tuple[Balance, ...] = ()
    meeting = None
    if ask.covariates:
        score = Propensity.of(study).score
        table_of = balance(study, weights(study, score, ask.estimand))  # type: ignore[arg-type]
        meeting = overlap(study, score)
    lines = []
    for name in chosen:
        work.say(f"estimating by {name}")
        if name == "matching":
            paired = match(study, neighbours=ask.neighbours, caliper=ask.caliper)
            left = _worst(balance(study, paired.weight))
            said = paired.estimate.warnings + ((NOT_RESAMPLED,) if ask.resamples else ())
            lines.append(Line(replace(paired.estimate, warnings=said), extra=left))
        elif name == "iv":
            if not ask.instrument:
                raise InvalidInput("The estimator 'iv' needs an instrument.", hint="--instrument COLUMN")
            through = two_stage(study, table[ask.instrument].to_numpy(float))
            figures = (("first_stage_f", through.first_stage_f), ("anderson_rubin_p", through.anderson_rubin))
            lines.append(Line(through.estimate, extra=figures))
        else:
            drawn = None
            if ask.resamples:
                drawn = adjustment.bootstrap(study, made[name], resamples=ask.resamples, seed=ask.seed)
            lines.append(Line(made[name](study), drawn, _worst(table_of) if name in WEIGHTED else ()))
    lines.append(Line(adjustment.naive(study)))
    first = lines[0].estimate
    deviation = float(study.outcome.std(ddof=1))
    ends = [sensitivity.risk_ratio_of(end, deviation) for end in first.interval or ()]
    strength = sensitivity.e_value(sensitivity.risk_ratio_of(first.value, deviation), *ends)
    return Estimated(ask, len(study), tuple(lines), table_of, meeting, (), strength)


def _worst(after: Sequence[Balance]) -> tuple[tuple[str, float], ...]:
    """The largest standardised difference that an estimator's own weights leave, for its line."""
    return (("worst_balance_after", max(abs(b.difference_after) for b in after)),)


def _did(table: pd.DataFrame, ask: Ask) -> Estimated:
    if not (ask.unit and ask.period and ask.starts):
        raise InvalidInput("'did' needs --unit, --period and --starts.", hint="The first period under treatment.")
    _numbers(table, (ask.outcome, ask.treatment, ask.unit, ask.period, ask.cluster))
    period = table[ask.period]
    starts: Any = ask.starts
    if period.dtype.kind in "iuf":
        try:
            starts = float(ask.starts)
        except ValueError as error:
            raise InvalidInput(f"--starts '{ask.starts}' is no period: '{ask.period}' holds numbers.") from error
    panel = Panel(
        table[ask.outcome].to_numpy(float),
        table[ask.unit].to_numpy(),
        period.to_numpy() if period.dtype.kind in "iuf" else period.astype(str).to_numpy(dtype=str),
        table[ask.treatment].to_numpy(float),
        starts,
        table[ask.cluster].to_numpy() if ask.cluster else None,
    )
    found = differences(panel)
    figures = (("pre_trend_p", found.pre_trend),) if found.pre_trend is not None else ()
    return Estimated(ask, len(table), (Line(found.estimate, extra=figures),), trends=means_by_period(panel))
