"""Ask a champion one row by hand: a form made of the problem's columns, the answer, and what it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.domain.contract import FieldError, allowed, check_rows
from ds_workflow.reports import highlight
from ds_workflow.reports.charts import ForestRow, forest_plot, horizontal_bars
from ds_workflow.reports.charts_band import Step, forecast_band
from ds_workflow.reports.page import figure
from ds_workflow.reports.tables import finite, number, percent, typographic

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Column, Problem

WIDE, SLIM = 870, 350
TOP = 10  # inputs that an explanation names
_MARKED = 60  # runs of words that are looked at in a text
_LONG = 60  # characters of an example from which on a field is a text area


@dataclass(frozen=True)
class Field:
    """One field of the form. `widget`: select, textarea, or the type of an input."""

    name: str
    label: str
    help: str
    widget: str
    required: bool
    example: str
    options: tuple[str, ...] = ()
    minimum: str = ""
    maximum: str = ""
    step: str = ""


@dataclass(frozen=True)
class Reason:
    """One input of the explanation: what it adds, in the estimator's unit, and as a person reads it."""

    feature: str
    description: str
    value: float
    text: str


@dataclass(frozen=True)
class Answer:
    """What the champion said. `pictures` and `text` are HTML, escaped already.

    `value` is in the target's unit, or the probability of class 1; `low` and `high` are None without an interval.
    """

    version: int
    digest: str
    value: float
    low: float | None
    high: float | None
    said: str
    interval: str
    label: int | None
    threshold: float | None  # from which on the label is 1
    reasons: tuple[Reason, ...]
    unit: str  # of the reasons
    pictures: str
    text: str


def fields(problem: Problem) -> tuple[Field, ...]:
    """The form of a problem: what must be given first, each with what it may hold."""
    found = [_field(column) for column in problem.inputs]
    return tuple(sorted(found, key=lambda f: not f.required))


def row_of(problem: Problem, form: Mapping[str, str]) -> dict[str, Any]:
    """The row that a filled form means: numbers where they can be read, empty fields left out.

    What can't be read stays text, so that the check of the row names the field.
    """
    row: dict[str, Any] = {}
    for column in problem.inputs:
        text = form.get(column.name, "").strip()
        if text:
            row[column.name] = _number(text) if column.kind in ("number", "integer") else text
    return row


def ask(champion: Any, row: Mapping[str, Any]) -> tuple[Answer | None, list[FieldError]]:
    """The champion's answer to one row with its explanation, or every bad field and no answer.

    `champion` is a `predict.Answerer`.
    """
    problem: Problem = champion.problem
    answers, errors = champion.predict([row])
    if errors:
        return None, errors
    answer = answers[0]
    frame, _ = check_rows(problem, [row])
    features = champion.model["features"].transform(frame)
    estimator = champion.model["model"]
    unit = str(getattr(estimator, "contribution_unit", ""))
    reasons = _reasons(problem, estimator, features, unit)
    low, high = answer.get("interval") or (None, None)
    value = float(answer.get("value", answer.get("probability")))
    binary = problem.task == "binary"
    said = percent(value) if binary else f"{number(value)} {problem.target_unit}".strip()
    span = "" if low is None or high is None else f"{number(low)} to {number(high)} {problem.target_unit}".strip()
    return Answer(
        version=champion.version.version,
        digest=champion.version.digest,
        value=value,
        low=low,
        high=high,
        said=typographic(said),
        interval=typographic(span),
        label=answer.get("label"),
        threshold=float(champion.threshold) if binary else None,
        reasons=reasons,
        unit=unit,
        pictures="\n".join(
            [*_course(champion, row), *_interval(problem, value, low, high), *_why(problem, reasons, unit)]
        ),
        text=_marked(problem, estimator, features, row),
    ), []


def _field(column: Column) -> Field:
    unit = f", {column.unit}" if column.unit else ""
    example = "" if column.example is None else str(column.example)
    kinds = {"number": "number", "integer": "number", "date": "date"}
    widget = kinds.get(column.kind, "text")
    if column.categories:
        widget = "select"
    elif column.kind == "text" and len(example) >= _LONG:
        widget = "textarea"
    numeric = widget == "number"
    return Field(
        name=column.name,
        label=column.name.replace("_", " ").capitalize(),
        help=f"{column.description}{unit}" + (f": {allowed(column)}" if widget in ("number", "date") else ""),
        widget=widget,
        required=column.required,
        example=example,
        options=column.categories,
        minimum=f"{column.minimum:.12g}" if numeric and column.minimum is not None else "",
        maximum=f"{column.maximum:.12g}" if numeric and column.maximum is not None else "",
        step="1" if column.kind == "integer" else "any" if numeric else "",
    )


def _number(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if math.isfinite(value) and value == int(value) else value


def _reasons(problem: Problem, estimator: Any, features: Any, unit: str) -> tuple[Reason, ...]:
    """The inputs that moved this answer most, largest first whatever the sign."""
    if not hasattr(estimator, "contributions"):
        return ()
    row = estimator.contributions(features).iloc[0]
    described = {f.name: f.description for f in problem.features}
    words = dict(estimator.explain_words(features, top=TOP)[0]) if hasattr(estimator, "explain_words") else {}
    read = {c.name for c in problem.columns if c.kind == "text"} if words else set()  # told by their words instead
    found = [(str(name), float(v)) for name, v in row.items() if name not in read and finite(v) not in (None, 0.0)]
    found += [(word, float(v)) for word, v in words.items() if v]
    described |= dict.fromkeys(words, "a word of the text")
    found.sort(key=lambda item: (-abs(item[1]), item[0]))
    return tuple(
        Reason(name, described.get(name, ""), value, typographic(_effect(value, unit))) for name, value in found[:TOP]
    )


def _effect(value: float, unit: str) -> str:
    """On the log of the target a contribution multiplies: said as a change in per cent."""
    if unit == "log target":
        return percent(math.expm1(value), signed=True)
    return f"{number(value, digits=3, signed=True)} {unit}".strip()


def _course(champion: Any, row: Mapping[str, Any]) -> list[str]:
    """For a forecast of several steps a day: the whole day asked for, with its intervals."""
    problem: Problem = champion.problem
    series = problem.series
    if series is None or not series.step_column:
        return []
    answers, errors = champion.predict([{**row, series.step_column: step} for step in range(series.steps_a_day)])
    if errors:
        return []
    steps = [
        Step(str(k), float(a["value"]), _ends(a.get("interval")), asked=k == row.get(series.step_column))
        for k, a in enumerate(answers)
    ]
    day = f" on {row[problem.time_column]}" if problem.time_column in row else ""
    title = f"{series.column.replace('_', ' ').capitalize()} {row.get(series.column, '')}{day}, by {series.step_column}"

    def draw(width: int) -> str:
        return forecast_band(steps, title=title, unit=problem.target_unit, width=width, styled=False)

    words = "The band holds the truth in 8 of 10 cases; the dashed line is the step that was asked for."
    return [figure(title, words, draw(WIDE), draw(SLIM))]


def _ends(interval: Any) -> tuple[float, float] | None:
    low, high = (finite(end) for end in interval) if interval else (None, None)
    return None if low is None or high is None else (low, high)


def _interval(problem: Problem, value: float, low: float | None, high: float | None) -> list[str]:
    if low is None or high is None:
        return []
    title, rows = "The answer and its 80 % interval", [ForestRow("Answer", value, (low, high))]

    def draw(width: int) -> str:
        return forest_plot(rows, title=title, unit=problem.target_unit, difference=False, width=width, styled=False)

    return [figure(title, f"In {problem.target_unit}.", draw(WIDE), draw(SLIM))]


def _why(problem: Problem, reasons: tuple[Reason, ...], unit: str) -> list[str]:
    if not reasons:
        return []
    title, shares = "What moved this answer", unit == "log target"
    bars = {r.feature.replace("_", " "): math.expm1(r.value) if shares else r.value for r in reasons}
    caption = f"change of the {problem.target.replace('_', ' ')}, per cent" if shares else unit

    def draw(width: int) -> str:
        return horizontal_bars(
            bars, title=title, unit="share" if shares else "", caption=caption, width=width, styled=False
        )

    words = "Beside the training mean (a word: beside its absence). Right of the line raises the answer."
    return [figure(title, words, draw(WIDE), draw(SLIM))]


def _marked(problem: Problem, estimator: Any, features: Any, row: Mapping[str, Any]) -> str:
    """The free text of the row with the words marked that moved the answer; empty for a model that reads no text."""
    if not hasattr(estimator, "explain_words"):
        return ""
    runs = dict(estimator.explain_words(features, top=_MARKED)[0])
    texts = [str(row[c.name]) for c in problem.inputs if c.kind == "text" and row.get(c.name)]
    return "\n\n".join(highlight.marked(text, runs) for text in texts)
