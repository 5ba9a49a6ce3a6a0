"""A version as an answerer: loaded by digest, never by 'latest', and smoke-tested before it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from ds_workflow import plugins
from ds_workflow.adapters import models, run_files, scorer
from ds_workflow.adapters.row_reader import reader
from ds_workflow.domain import strict_json
from ds_workflow.domain.contract import BadRows, FieldError, parse_rows, said_twice, sendable
from ds_workflow.errors import InvalidInput, StateConflict
from registry.errors import NoChampion
from registry.records import ModelVersion, VersionRef

if TYPE_CHECKING:
    from ds_workflow.adapters.row_reader import Read, Rows
    from ds_workflow.domain.problem import Problem
    from ds_workflow.domain.quick import Answers, Score, SentRows
    from ds_workflow.workspace import Workspace

MOST_ASKED_ALONE = 200
Way = Literal["compiled", "pipeline"]


@dataclass(frozen=True)
class Answerer:
    """A loaded version: number and digest are pinned for as long as it lives.

    `score` answers parsed rows; `way` says whether compiled or by the pipeline, and `why` on what grounds.
    """

    problem: Problem
    version: ModelVersion
    model: Any
    score: Score
    read: Read
    way: Way
    why: str
    guard: Lock  # around the pipeline: featurizers and boosters may keep things between calls

    @property
    def name(self) -> dict[str, Any]:
        """What every answer carries."""
        return {"problem": self.problem.name, "version": self.version.version, "digest": self.version.digest}

    @property
    def threshold(self) -> float:
        """The probability from which on a row is labelled 1."""
        return float(getattr(self.model["model"], "threshold_", 0.5))

    def parse(self, body: bytes, *, most: int | None = None) -> Rows:
        """The rows of a JSON body. Raises BadRows, InvalidInput for what is no list of rows, TooMany beyond `most`."""
        rows = self.read(body)
        if rows is None or not rows:
            sent, twice = decoded(body, most=most)
            rows, errors = parse_rows(self.problem, [row if isinstance(row, dict) else {} for row in sent])
            strangers = no_objects(sent)
            told = {error.row for error in strangers}
            if errors := [*strangers, *twice, *(e for e in errors if e.row not in told)]:
                raise BadRows(sorted(errors, key=lambda e: e.row))
        require_few(len(rows), most)
        return rows

    def checked(self, rows: Sequence[Mapping[str, Any]], *, most: int | None = None) -> Rows:
        """Rows as they were sent, parsed. Raises BadRows, TooMany."""
        require_few(len(rows), most)
        parsed, errors = parse_rows(self.problem, rows)
        if errors:
            raise BadRows(errors)
        return parsed

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[FieldError]]:
        """One prediction a row, or every bad field of every row and no prediction at all."""
        parsed, errors = parse_rows(self.problem, rows)
        return ([], errors) if errors else (self.shown(self.score(parsed)), [])

    def blame(self, rows: Rows, error: InvalidInput) -> BadRows:
        """Which of the rows it was that the features or the estimator would not take, each asked alone."""
        found = []
        for number, row in enumerate(rows[:MOST_ASKED_ALONE]):
            try:
                self.score([row])
            except InvalidInput as refused:
                found.append(FieldError(number, "", None, refused.hint, str(refused)))
        return BadRows(found or [FieldError(0, "", None, error.hint, str(error))])

    def warm_up(self) -> None:
        """Answer the declared example once, so that no caller pays for what happens but once."""
        example = {c.name: c.example for c in self.problem.inputs if c.example is not None}
        self.predict([example])

    def shown(self, answers: Answers) -> list[dict[str, Any]]:
        """Answers as callers see them; a bound that is not finite is None."""
        found: list[dict[str, Any]] = json.loads(self.json(answers))
        return found

    def json(self, answers: Answers) -> str:
        """The same as JSON text."""
        if self.problem.task == "binary":
            line = self.threshold
            parts = [f'{{"probability":{p!r},"label":{1 if p >= line else 0}}}' for p in answers.values]
        elif answers.lower is None or answers.upper is None:
            parts = [f'{{"value":{_number(v)}}}' for v in answers.values]
        else:
            together = zip(answers.values, answers.lower, answers.upper, strict=True)
            parts = [f'{{"value":{_number(v)},"interval":[{_number(a)},{_number(b)}]}}' for v, a, b in together]
        return f"[{','.join(parts)}]"


class TooMany(InvalidInput):
    """More rows than one request may bring."""

    def __init__(self, rows: int, most: int) -> None:
        super().__init__(f"{rows:,} rows were sent at once.", hint=f"at most {most:,} rows in one request")
        self.rows = rows


def _number(value: float) -> str:
    return repr(value) if value - value == 0.0 else "null"  # infinity and NaN are no JSON


def require_few(rows: int, most: int | None) -> None:
    """Raise TooMany beyond `most` rows."""
    if most is not None and rows > most:
        raise TooMany(rows, most)


def rows_of(body: bytes, *, most: int | None = None) -> list[dict[str, Any]]:
    """The rows of a JSON body as they were sent. Raises InvalidInput for what is no list, BadRows for what in it is no
    row or says a field more than once, TooMany beyond `most`."""
    rows, twice = decoded(body, most=most)
    if errors := [*no_objects(rows), *twice]:
        raise BadRows(sorted(errors, key=lambda e: e.row))
    return rows


def no_objects(rows: Sequence[Any]) -> list[FieldError]:
    """What of a list is no row at all, by number."""
    return [
        FieldError(number, "", sendable(row), 'an object, {"field": value}', f"This is {_kind(row)} and no row")
        for number, row in enumerate(rows)
        if not isinstance(row, dict)
    ]


def _kind(value: object) -> str:
    kinds = {"NoneType": "null", "bool": "a truth value", "str": "a text", "list": "a list"}
    return kinds.get(type(value).__name__, "a number")


def decoded(body: bytes, *, most: int | None = None) -> tuple[list[Any], list[FieldError]]:
    """The list that a JSON body is, and the fields of its rows that stand there more than once.

    Raises InvalidInput for anything else, TooMany beyond `most`.
    """
    try:
        rows, repeated = strict_json.read(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}", hint="A JSON list of rows.") from error
    if not isinstance(rows, list) or not rows:
        raise InvalidInput(
            "The body must be a JSON list of at least one row, each an object.", hint="A JSON list of rows."
        )
    require_few(len(rows), most)
    return rows, said_twice(repeated)


def names() -> list[str]:
    """Every problem that is installed, none of them imported."""
    return plugins.names("problems")


def champion_ref(work: Workspace) -> VersionRef | None:
    """Who should answer by the pointer log, at the price of one look at it; None before the first applied decision."""
    moves = work.registry.moves(work.problem.name)
    return moves[-1].to_ref if moves else None


def champion(work: Workspace) -> Answerer:
    """Load the champion of the workspace's problem.

    Raises NoChampion when none was ever applied; StateConflict when the alias is out of custody.
    """
    name = work.problem.name
    version = work.registry.champion(name)
    if version is None:
        raise NoChampion(f"{name} has no champion yet.", hint="Run 'bootstrap-champion'.")
    custody = work.registry.custody(name)
    if custody.status != "in_custody":
        raise StateConflict(f"The champion of {name} is {custody.status}: {custody.detail}", hint="See 'arena-status'.")
    return load(work, version)


def load(work: Workspace, version: ModelVersion) -> Answerer:
    """Load a version by its digest and let it answer its stored rows again.

    Raises OutOfCustody when its bytes are others, InvalidInput when it can't be read or answers otherwise.
    """
    model = models.read(work.registry.model_path(version))
    run_files.smoke(model, work.registry.run_artifacts(version))
    problem = work.problem
    why, guard = "nothing is compiled until it is proven", Lock()
    slow = scorer.pipeline(problem, model)

    def score(rows: SentRows) -> Answers:
        with guard:
            return slow(rows)

    return Answerer(problem, version, model, score, reader(problem), "pipeline", why, guard)
