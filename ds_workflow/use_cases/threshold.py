"""Where to draw the line: what a threshold finds, flags and costs, on the champion's holdout or on a scored file.

The rows are counted once into bins of a thousandth of probability; every figure at a threshold of three decimals is
exact from these counts, so that moving a slider reads no rows again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import models, run_files
from ds_workflow.domain.costs import Costs
from ds_workflow.errors import InvalidInput
from ds_workflow.reports.charts_curve import threshold_curves
from ds_workflow.reports.page import figure
from ds_workflow.reports.tables import count, number, percent, typographic
from registry.errors import NoChampion

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Problem
    from ds_workflow.workspace import Workspace

WIDE, SLIM = 870, 350
BINS = 1000
STEEP = 10.0  # times the least cost, from which on the cost is drawn on a logarithmic scale
LARGEST = 20 * 1024 * 1024  # bytes of a scored file
SCORES = ("probability", "prediction", "score")
TRUTHS = ("truth", "label")
EVEN = Costs(1.0, 1.0, "errors", "a miss and a false alarm count alike")


@dataclass(frozen=True)
class Counts:
    """Rows of class 1 and of class 0 by thousandth of probability, `BINS` + 1 each; `source` says of what rows."""

    positives: tuple[float, ...]
    negatives: tuple[float, ...]
    source: str

    def to_text(self) -> str:
        """For a hidden field of the form."""
        return json.dumps([self.positives, self.negatives, self.source], separators=(",", ":"))

    @staticmethod
    def of_text(text: str) -> Counts:
        """The counts of a form. Raises InvalidInput for what was not written by `to_text`."""
        import math

        try:
            positives, negatives, source = json.loads(text)
            made = Counts(tuple(map(float, positives)), tuple(map(float, negatives)), str(source)[:200])
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInput("The form's counts can't be read.", hint="Open the page again.") from error
        both = (*made.positives, *made.negatives)
        if len(made.positives) != BINS + 1 or len(made.negatives) != BINS + 1:
            raise InvalidInput("The form's counts are not whole.", hint="Open the page again.")
        if not all(math.isfinite(v) and 0 <= v < 1e15 for v in both):
            raise InvalidInput("The form's counts can't be counts.", hint="Open the page again.")
        return made


@dataclass(frozen=True)
class Reading:
    """One threshold: how many rows fall where, and what follows. None where there is nothing to divide by."""

    threshold: float
    found: float
    false_alarms: float
    missed: float
    left_alone: float
    precision: float | None
    recall: float | None
    flagged: float
    cost: float


@dataclass(frozen=True)
class Explored:
    """What the explorer shows; texts as people read them, `pictures` is HTML, escaped already."""

    reading: Reading
    cheapest: Reading
    costs: Costs
    cards: tuple[tuple[str, str, str], ...]  # name, figure, words
    pictures: str

    @property
    def miss(self) -> str:
        """What a miss costs here, with its unit."""
        return amount(self.costs.missed, self.costs.unit)


def amount(value: float, unit: str) -> str:
    """A figure with its unit, which is in the plural unless there is one of it: '1 error', '0.5 errors'."""
    one = value == 1 and unit.endswith("s")
    return typographic(f"{value:.12g} {unit[:-1] if one else unit}")


def costs_of(problem: Problem) -> Costs:
    """What the problem declares, or a miss and a false alarm alike."""
    return problem.costs or EVEN


def span_of(costs: Costs) -> tuple[float, float, float]:
    """Least, most and step of the slider for the cost of a miss; what is declared stands on one of its steps."""
    step = (costs.missed - costs.found) / 20
    return costs.found + step, costs.found + 80 * step, step


def stored(work: Workspace) -> Counts:
    """The champion's answers on its own holdout. Raises NoChampion, and InvalidInput for a task without classes."""
    problem = work.problem
    require_binary(problem)
    champion = work.registry.champion(problem.name)
    if champion is None:
        raise NoChampion(f"{problem.name} has no champion yet.", hint="Run 'bootstrap-champion'.")
    scored = models.read_scored(work.registry.run_artifacts(champion) / run_files.PREDICTIONS)
    total = float(scored.weights.sum())
    stand_for = "" if abs(total - len(scored)) < 0.5 else f" that stand for {count(total)}"
    source = f"the holdout of champion v{champion.version}: {count(len(scored))} rows{stand_for}"
    return counted(scored.prediction, scored.truth, scored.weights, source=source)


def require_binary(problem: Problem) -> None:
    """Raise InvalidInput unless the problem tells two classes apart."""
    if problem.task != "binary":
        raise InvalidInput(
            f"{problem.name} is a {problem.task}; a threshold divides probabilities of two classes.",
            hint="Choose a problem of two classes.",
        )


def of_csv(problem: Problem, data: bytes, *, name: str) -> Counts:
    """A scored file: a column of probabilities and one of the truth, 0 or 1. InvalidInput says which row is wrong."""
    if len(data) > LARGEST:
        raise InvalidInput(f"The file has {len(data):,} bytes; at most {LARGEST:,} are read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("The file is not UTF-8 text.", hint="Save it as CSV in UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text))
    heads = reader.fieldnames or ()
    score = next((n for n in SCORES if n in heads), None)
    truth = next((n for n in (problem.target, *TRUTHS) if n in heads), None)
    if score is None or truth is None:
        raise InvalidInput(
            f"A scored file needs a column {' or '.join(SCORES)} and a column "
            f"{' or '.join((problem.target, *TRUTHS))}; this one has {', '.join(heads)[:200] or 'no heading'}.",
            hint="'ds-workflow predict --input rows.csv --output scored.csv' writes one.",
        )
    scores, truths = [], []
    try:
        for line, row in enumerate(reader, start=2):
            p, y = _share(row[score]), row[truth]
            if p is None or (y or "").strip() not in ("0", "1", "0.0", "1.0"):
                what = f"{score} '{row[score]}'" if p is None else f"{truth} '{y}'"
                raise InvalidInput(
                    f"Line {line}: {what[:120]} is not allowed.", hint="A probability is 0 to 1, the truth 0 or 1."
                )
            scores.append(p)
            truths.append(float(y))
    except csv.Error as error:
        raise InvalidInput(f"The file is not CSV: {error}.", hint="Save it as comma-separated values.") from error
    if not scores:
        raise InvalidInput("The file has no rows.", hint="Give one row a line below the heading.")
    return counted(scores, truths, [1.0] * len(scores), source=f"{name[:80]}: {count(len(scores))} rows")


def counted(scores: Sequence[float] | Any, truth: Any, weights: Any, *, source: str) -> Counts:
    """The rows by thousandth. A score in [k/1000, (k+1)/1000) is flagged by every threshold up to k/1000."""
    import numpy as np

    edges = np.arange(BINS + 1) / BINS
    place = np.searchsorted(edges, np.asarray(scores, dtype=np.float64), side="right") - 1
    y, w = np.asarray(truth, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    positives = np.bincount(place, weights=w * y, minlength=BINS + 1)
    negatives = np.bincount(place, weights=w * (1 - y), minlength=BINS + 1)
    return Counts(tuple(positives.tolist()), tuple(negatives.tolist()), source)


def explore(counts: Counts, costs: Costs, threshold: float, *, missed: float, false_alarm: float) -> Explored:
    """The figures at one threshold and at the cheapest, with these costs of a miss and of a false alarm.

    `threshold` is rounded to three decimals. Raises InvalidInput for a threshold outside 0 to 1 or impossible costs.
    """
    if not 0 <= threshold <= 1:
        raise InvalidInput("A threshold lies between 0 and 1.", hint="Move the slider.")
    chosen = replace(costs, missed=missed, false_alarm=false_alarm)
    readings = _readings(counts, chosen)
    here, best = readings[round(threshold * BINS)], min(readings, key=lambda r: (r.cost, r.threshold))
    return Explored(here, best, chosen, _cards(here, best, chosen), _pictures(readings, here, chosen))


def _readings(counts: Counts, costs: Costs) -> list[Reading]:
    all_positive, all_negative = sum(counts.positives), sum(counts.negatives)
    rows = all_positive + all_negative
    if not rows:
        raise InvalidInput("There are no rows to read a threshold on.")
    readings: list[Reading] = []
    found = alarms = 0.0
    for k in range(BINS, -1, -1):
        found, alarms = found + counts.positives[k], alarms + counts.negatives[k]
        missed, alone = all_positive - found, all_negative - alarms
        flagged = found + alarms
        cost = missed * costs.missed + alarms * costs.false_alarm + found * costs.found + alone * costs.left_alone
        readings.append(
            Reading(
                threshold=k / BINS,
                found=found,
                false_alarms=alarms,
                missed=missed,
                left_alone=alone,
                precision=found / flagged if flagged else None,
                recall=found / all_positive if all_positive else None,
                flagged=flagged / rows,
                cost=cost / rows,
            )
        )
    return readings[::-1]


def _cards(here: Reading, best: Reading, costs: Costs) -> tuple[tuple[str, str, str], ...]:
    rows = here.found + here.false_alarms + here.missed + here.left_alone
    flagged = here.found + here.false_alarms
    cards = (
        (
            "Precision",
            percent(here.precision),
            f"{count(here.found)} of {count(flagged)} flagged",
        ),
        ("Recall", percent(here.recall), f"{count(here.missed)} missed"),
        ("Flagged", percent(here.flagged, decimals=2), f"{count(here.false_alarms)} false alarms"),
        ("Cost", _total(here.cost * rows, costs), f"{number(here.cost)} a row"),
        ("Cheapest", f"{best.threshold:.3f}", f"{_total(best.cost * rows, costs)}, in hindsight"),
    )
    return tuple((name, typographic(text), typographic(words)) for name, text, words in cards)


def _total(value: float, costs: Costs) -> str:
    return amount(value, costs.unit) if value == 1 else f"{number(value)} {costs.unit}"


def _pictures(readings: list[Reading], here: Reading, costs: Costs) -> str:
    moved = _drawn(readings)
    shown = [r for k, r in enumerate(readings) if k % 10 == 0 or r is here or r.threshold in moved]
    at = [r.threshold for r in shown]

    def quality(width: int) -> str:
        figures = {"recall": [r.recall for r in shown], "precision": [r.precision for r in shown]}
        return threshold_curves(at, figures, title="Precision and recall", at=here.threshold, width=width, styled=False)

    costing = [r.cost for r in shown]
    steep = min(costing) > 0 and max(costing) > STEEP * min(costing)

    def price(width: int) -> str:
        title, of = "Cost a row", {"cost": costing}
        return threshold_curves(
            at, of, title=title, at=here.threshold, unit="", width=width, logarithmic=steep, styled=False
        )

    words = f"A miss costs {number(costs.missed)}, a false alarm {_total(costs.false_alarm, costs)}."
    if steep:
        words += " The scale is logarithmic."
    return "\n".join(
        [
            figure("Precision and recall", "The dashed line is the threshold.", quality(WIDE), quality(SLIM)),
            figure(f"Cost a row, {costs.unit}", words, price(WIDE), price(SLIM)),
        ]
    )


def _drawn(readings: list[Reading]) -> frozenset[float]:
    """The thresholds at which what is flagged or what it costs has moved by a hundredth of its span: where all scores
    are small, nearly all of it happens within a few thousandths."""
    found: set[float] = set()
    for values in ([r.flagged for r in readings], [r.recall or 0.0 for r in readings], [r.cost for r in readings]):
        step = (max(values) - min(values)) / 100
        last = values[0]
        for before, reading, value in zip(readings, readings[1:], values[1:], strict=False):
            if abs(value - last) > step:
                found |= {before.threshold, reading.threshold}
                last = value
    return frozenset(found)


def _share(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None
