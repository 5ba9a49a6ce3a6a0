"""Answers for a file of rows, however large: checked, answered and written a part at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ds_workflow.adapters import engine as engines
from ds_workflow.adapters import row_files, scorer
from ds_workflow.domain.contract import FieldError, parse_rows, set_aside
from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases.predict.answerer import champion

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from ds_workflow.domain.problem import Problem
    from ds_workflow.domain.quick import Answers, SentRows
    from ds_workflow.workspace import Workspace

REJECTS = ("row", "field", "sent", "allowed", "message")
_SAY_SECONDS = 2.0


@dataclass(frozen=True)
class Batch:
    """What became of a file. Rows are counted from 1; `rejects` lists the bad fields of the `rejected` rows."""

    problem: str
    version: int
    digest: str
    rows: int
    rejected: int
    seconds: float
    output: Path
    rejects: Path | None

    def to_dict(self) -> dict[str, Any]:
        """The document of `predict --json`."""
        return {
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "model": {"name": self.problem, "version": self.version, "digest": self.digest},
            "rejected": self.rejected,
            "output": str(self.output),
            "rejects": str(self.rejects) if self.rejects else None,
        }

    def text(self) -> str:
        """For the terminal."""
        speed = self.rows / self.seconds if self.seconds else 0.0
        lines = [
            f"{self.rows:,} rows answered by {self.problem} version {self.version} ({self.digest[:12]}) "
            f"in {self.seconds:.1f} s ({speed:,.0f} a second): {self.output}"
        ]
        if self.rejects:
            lines.append(f"{self.rejected:,} rows could not be used; each bad field stands in {self.rejects}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Answering:
    """What a worker needs to answer a part: it travels there once."""

    problem: Problem
    version: int
    model: Any
    threshold: float
    as_text: bool
    missing: frozenset[str]
    digest: str = ""

    def score(self, rows: SentRows) -> Answers:
        """Answers by the table's way, which for many rows is the quicker one."""
        return scorer.pipeline(self.problem, self.model)(rows)

    def __call__(self, part: row_files.Part) -> tuple[int, pa.Table, list[FieldError]]:
        """The number of the part's first row, its good rows with their answers, the bad fields of the others."""
        return (part.first, *_answered(self, part))


def predict_file(
    work: Workspace, source: Path, target: Path, *, rejects: Path | None = None, engine: str = engines.LOCAL
) -> Batch:
    """Write the rows of `source` with their answers to `target`, and every bad field of every bad row to `rejects`
    (default: beside the output).

    The `engine` of that name answers (see adapters.engine); whichever it is, the answers are the same and in the order
    of the file. Columns that are no inputs are ignored, said so, and handed through. An empty cell is a missing value,
    and so is a text that the plug-in's MISSING says its source writes for one. Raises InvalidInput for files that can't
    be read or lack a required column, and what loading the champion raises; nothing is written then.
    """
    started = time.monotonic()
    engines.require(engine)
    rejects = rejects or target.with_name(f"{target.name}.rejects.csv")
    if len({source.resolve(), target.resolve(), rejects.resolve()}) < 3:
        raise InvalidInput("Input, output and rejects must be three different files.")
    rows = row_files.RowFile(source)
    found = champion(work)
    problem = found.problem
    _require_columns(problem, rows)
    outside = [name for name in rows.columns if name not in {c.name for c in problem.inputs}]
    if outside:
        work.say(f"ignored, since they are no inputs, and handed through: {', '.join(outside)}")
    strangers = [name for name in outside if name not in set_aside(problem)]
    if strangers:
        work.say(
            f"{problem.name} declares no column {', '.join(strangers)}; if one is misspelt, its values are missing"
        )
    missing = frozenset(getattr(work.plugin, "MISSING", ()))
    version = found.version
    answering = Answering(
        problem, version.version, found.model, found.threshold, rows.as_text, missing, digest=version.digest
    )
    answered = bad = 0
    said = started
    with (
        row_files.writing(target) as writer,
        row_files.listing(rejects, REJECTS) as reject,
        engines.start(engine) as working,
    ):
        for first, table, errors in working.map(answering, rows.parts()):
            for error in errors:
                reject((first + error.row, error.field, error.sent, error.allowed, error.message))
            writer.write(table)
            answered += len(table)
            bad += len({error.row for error in errors})
            if time.monotonic() - said > _SAY_SECONDS:
                said = time.monotonic()
                work.say(f"{answered:,} rows answered, {bad:,} rejected")
    if not answered and not bad:
        raise InvalidInput(f"{source} has no rows.")
    if not bad:
        rejects.unlink(missing_ok=True)  # of an earlier run
    return Batch(
        problem.name,
        version.version,
        version.digest,
        answered,
        bad,
        time.monotonic() - started,
        target,
        rejects if bad else None,
    )


def _require_columns(problem: Problem, rows: row_files.RowFile) -> None:
    lost = [c.name for c in problem.inputs if c.required and c.name not in rows.columns]
    if lost:
        raise InvalidInput(
            f"{rows.path} has no column {', '.join(lost)}, which {problem.name} requires.",
            hint=f"Its columns are {', '.join(rows.columns[:40])}.",
        )


def _answered(found: Answering, part: row_files.Part) -> tuple[pa.Table, list[FieldError]]:
    """The good rows of a part with their answers, and the bad fields of the others."""
    problem = found.problem
    sent = part.rows({c.name: c for c in problem.inputs}, as_text=found.as_text, missing=found.missing)
    parsed, errors = parse_rows(problem, sent)
    refused = {error.row for error in errors}
    good = [at for at in range(len(parsed)) if at not in refused]
    try:
        answers = found.score([parsed[at] for at in good]) if good else None
    except InvalidInput:
        answers, told = _one_by_one(found, parsed, good)
        errors = sorted([*errors, *told], key=lambda error: error.row)
        good = [at for at in good if at not in {error.row for error in told}]
    table = part.table.take(good) if len(good) < len(parsed) else part.table
    for name, values in _columns(found, answers).items():
        table = table.append_column(name, [values])
    return table, errors


def _one_by_one(
    found: Answering, parsed: list[dict[str, Any]], good: list[int]
) -> tuple[Answers | None, list[FieldError]]:
    """The answers where some rows are beyond what features can be made of, and those rows' errors."""
    told = []
    for at in good:
        try:
            found.score([parsed[at]])
        except InvalidInput as error:
            told.append(FieldError(at, "", None, error.hint, str(error)))
    bad = {error.row for error in told}
    left = [parsed[at] for at in good if at not in bad]
    return (found.score(left) if left else None), told


def _columns(found: Answering, answers: Answers | None) -> dict[str, Any]:
    import pyarrow as pa

    values = list(answers.values) if answers else []
    if found.problem.task == "binary":
        labels = [int(p >= found.threshold) for p in values]
        columns = {
            "predicted_probability": pa.array(values, pa.float64()),
            "predicted_label": pa.array(labels, pa.int64()),
        }
    else:
        columns = {"predicted_value": pa.array(values, pa.float64())}
        if hasattr(found.model["model"], "predict_interval"):
            bounds = (list(answers.lower or ()), list(answers.upper or ())) if answers else ([], [])
            columns["predicted_low"], columns["predicted_high"] = (pa.array(bound, pa.float64()) for bound in bounds)
    columns["model_version"] = pa.array([found.version] * len(values), pa.int64())
    columns["model_digest"] = pa.array([found.digest] * len(values), pa.string())
    return columns
