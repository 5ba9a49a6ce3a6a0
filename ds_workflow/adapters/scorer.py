"""Two ways from parsed rows to answers: the pipeline, and a quick one compiled from it and proven equal to it.

Most of what a pipeline costs on one row is pandas' and scikit-learn's handling of tables. A featurizer and an estimator
that offer `compiled` (see `domain.quick`) answer the same without tables. Nobody has to believe that: `prove` asks both
ways for every row of the model's holdout, as a request would send it, in batches of many sizes, and a quick way that
differs in one answer is not used.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ds_workflow.adapters import run_files
from ds_workflow.adapters.models import INTERVAL_COVERAGE
from ds_workflow.adapters.row_reader import reader
from ds_workflow.domain.contract import parse_rows, to_frame
from ds_workflow.domain.problem import Problem
from ds_workflow.domain.quick import Answers, Score, SentRows

TOLERANCE = 1e-6  # of a value relatively, of a probability absolutely
_TABLE = 2_000  # rows that the pipeline answers at a time
_SIZES = (1, 2, 7, 32, 100, 500)  # of the quick way's batches
_ROOMS = ("domain", "strategies", "adapters/row_reader.py", "adapters/scorer.py")
_LIBRARIES = ("numpy", "pandas", "pydantic", "scikit-learn", "scipy", "xgboost-cpu")


@dataclass(frozen=True)
class Proof:
    """What became of the comparison: the holdout's `rows`, of which `compared` got two answers (the contract refuses
    the others), the largest `difference`, and whether the quick way may answer. `code` names what was compared."""

    rows: int
    compared: int
    difference: float
    equal: bool
    detail: str
    code: str


def pipeline(problem: Problem, model: Pipeline) -> Score:
    """The slow way: a table, the featurizer, the estimator."""
    features, estimator = model["features"], model["model"]

    def score(rows: SentRows) -> Answers:
        table = features.transform(to_frame(problem, rows))
        values = np.asarray(estimator.predict(table), dtype=np.float64)
        if not hasattr(estimator, "predict_interval"):
            return Answers(values.tolist())
        lower, upper = estimator.predict_interval(table, coverage=INTERVAL_COVERAGE, answers=values)
        return Answers(values.tolist(), np.asarray(lower).tolist(), np.asarray(upper).tolist())

    return score


def compiled(model: Pipeline) -> Score | None:
    """The quick way; None where the featurizer or the estimator offers none."""
    features, estimator = model["features"], model["model"]
    if not hasattr(features, "compiled") or not hasattr(estimator, "compiled"):
        return None
    of_rows = features.compiled()
    *names, _ = features.get_feature_names_out()
    answer = estimator.compiled([str(name) for name in names], coverage=INTERVAL_COVERAGE)
    return lambda rows: answer(of_rows(rows))


def prove(problem: Problem, model: Pipeline, quick: Score, holdout: pd.DataFrame) -> Proof:
    """Ask both ways for every row of the holdout, from the JSON of a request on."""
    slow, read = pipeline(problem, model), reader(problem)
    sizes = cycle(_SIZES)
    compared, worst, accepted_wrongly = 0, 0.0, 0
    for start in range(0, len(holdout), _TABLE):
        sent = run_files.request_rows(problem, holdout.iloc[start : start + _TABLE], _TABLE)
        parsed, errors = parse_rows(problem, sent)
        refused = {error.row for error in errors}
        taken = [read(json.dumps([row]).encode()) for row in sent]
        accepted_wrongly += sum(taken[at] is not None for at in refused)
        asked = [at for at, row in enumerate(taken) if row is not None and at not in refused]
        if not asked:
            continue
        want = slow([parsed[at] for at in asked])
        got = _in_batches(quick, [row for at in asked for row in taken[at] or ()], sizes)
        worst = max(worst, _difference(problem, want, got))
        compared += len(asked)
    equal = bool(compared) and not accepted_wrongly and worst <= TOLERANCE
    detail = f"{compared:,} of {len(holdout):,} holdout rows answered both ways, difference at most {worst:.1e}"
    if accepted_wrongly:
        detail += f"; {accepted_wrongly} rows that the contract refuses were taken"
    return Proof(len(holdout), compared, worst if np.isfinite(worst) else -1.0, equal, detail, code(model))


def _in_batches(quick: Score, rows: SentRows, sizes: Any) -> Answers:
    parts: list[Answers] = []
    start = 0
    while start < len(rows):
        size = next(sizes)
        parts.append(quick(rows[start : start + size]))
        start += size
    joined = [[v for part in parts for v in getattr(part, name) or ()] for name in ("values", "lower", "upper")]
    return Answers(joined[0], joined[1] or None, joined[2] or None)


def _difference(problem: Problem, want: Answers, got: Answers) -> float:
    """The largest difference of an answer or a bound; infinite where one side has none."""
    worst = 0.0
    for name in ("values", "lower", "upper"):
        a, b = getattr(want, name), getattr(got, name)
        if (a is None) != (b is None):
            return float("inf")
        if a is None:
            continue
        x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if x.shape != y.shape:
            return float("inf")
        scale = np.ones(len(x)) if problem.task == "binary" else np.maximum(np.abs(x), 1e-12)
        with np.errstate(invalid="ignore"):  # two infinite bounds are equal
            apart = np.where(x == y, 0.0, np.abs(x - y) / scale)
        worst = max(worst, float("inf") if np.isnan(apart).any() else float(apart.max(initial=0.0)))
    return worst


def code(model: Pipeline) -> str:
    """SHA-256 over the source and the libraries that both ways run on; a proof holds for that and nothing else."""
    house = Path(__file__).resolve().parent.parent
    rooms = [house / room for room in _ROOMS]
    for step in (model["features"], model["model"]):
        source = getattr(sys.modules.get(type(step).__module__), "__file__", None)
        rooms += [Path(source).resolve().parent] if source else []
    files = {file for room in rooms for file in ([room] if room.is_file() else room.rglob("*.py"))}
    digest = hashlib.sha256(" ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES).encode())
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


class Proofs:
    """Proofs on disk, one file per model and code: what was proven once need not be proven at each start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, problem: str, digest: str, code: str) -> Path:
        """Where the proof lies or would lie."""
        return self._folder / f"{problem}-{digest[:16]}-{code[:16]}.json"

    def find(self, problem: str, digest: str, code: str) -> Proof | None:
        """The proof of a model's digest under this code, or None."""
        path = self.path(problem, digest, code)
        try:
            told = json.loads(path.read_text("utf-8"))
            proof = Proof(**told["proof"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return proof if told.get("digest") == digest and proof.code == code else None

    def keep(self, problem: str, digest: str, proof: Proof) -> None:
        """Write it whole or not at all."""
        path = self.path(problem, digest, proof.code)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        run_files.write_json(unfinished, {"problem": problem, "digest": digest, "proof": asdict(proof)})
        unfinished.replace(path)
