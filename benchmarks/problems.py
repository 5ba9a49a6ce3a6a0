"""Each problem on its real rows: headline metrics against their target, the naive baseline, champion and challenger.

    python benchmarks/problems.py --data ../shared/data           # or DS_WORKFLOW_REAL_DATA
    python benchmarks/problems.py --only adult_income --json

The rows are split as the problem declares (by time, or as the source has it), and no choice was made on the held-out
part. Beside each figure stands its 95 % interval from a cluster bootstrap. A target is `shown` when the whole interval
of the better model reaches it, and `met` when only the figure does. Each problem runs in a process of its own, one
after the other; where the source is a subset, or the rows are simulated, the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the workspace does, before xgboost is loaded

SIMULATED_SEED, REQUESTS = 42, 200


@dataclass(frozen=True)
class Side:
    """One model: feature set, strategy, and options of the strategy."""

    feature_set_version: str
    strategy: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return " ".join([self.strategy, self.feature_set_version, *map(str, self.options.values())])


@dataclass(frozen=True)
class Entry:
    """What is measured for one problem. `source` lies in the data folder and may name several files by a pattern;
    empty: there are no real rows, and simulated ones are used. `targets` maps a metric to the figure to reach (None: it
    is shown without a target); `p99_ms` bounds the time of one request. `left_out` are columns that no model of the
    problem may see: the challenger's booster is measured with them too, which says what leaving them out costs.
    `published` says what others reached, and where it stands."""

    source: str
    targets: dict[str, float | None]
    champion: Side
    challenger: Side
    references: tuple[str, ...] = ()
    caveat: str = ""
    p99_ms: float | None = None
    left_out: tuple[str, ...] = ()
    published: str = ""


NYC = "nyc_property_sales"
PROBLEMS: dict[str, Entry] = {
    "nyc_sales": Entry(
        f"{NYC}/nyc_dof_sales_2019_2024.parquet",
        {"mdape": 0.163, "ppe10": 0.33},
        Side("v1.0", "global"),
        Side("v2.0", "segmented_router", {"router_mode": "segment_only"}),
        references=(f"{NYC}/nyc_tax_block_centroids_from_2025_sales.parquet", f"{NYC}/nyc_zip_centroids.csv"),
    ),
    "adult_income": Entry(
        "adult",
        {"roc_auc": 0.83, "pr_auc": None, "accuracy": None, "ece": None},
        Side("v1.0", "logistic"),
        Side("v2.0", "global"),
        left_out=("sex", "race", "native_country", "marital_status", "relationship"),
        published="with all inputs, accuracies of 0.786 (nearest neighbour) to 0.860 (naive Bayes on chosen features) "
        "by the source's own adult.names, without the rows that have gaps",
        caveat="sex, race, country of birth and marital status are no inputs",
    ),
    "credit_card_fraud": Entry(
        "creditcard_fraud/creditcard_genuine_union.parquet",
        {"roc_auc": 0.98, "recall_at_1pct_fpr": 0.60, "pr_auc": None, "ece": None},
        Side("v1.0", "logistic"),
        Side("v2.0", "calibrated"),
        caveat="a subset: 29,082 of the 284,807 published rows, all 492 frauds among them, weighted to the whole",
    ),
    "taxi_demand": Entry(
        "nyc_tlc_taxi/green_tripdata_2023-*.parquet",
        {"mape_busy": 0.20, "wape": None, "mase": None, "coverage_80": None, "coverage_95": None},
        Side("v1.0", "forecaster"),
        Side("v2.0", "forecaster"),
        references=("nyc_tlc_taxi/taxi_zone_lookup.csv",),
        caveat="green cabs only, four months, the last one held out; busy: zone and hour of the week with a mean of 20 "
        "pick-ups or more in training",
    ),
    "movie_reviews": Entry(
        "imdb_reviews/aclImdb_labelled_50k.parquet",
        {"accuracy": 0.90, "roc_auc": None, "ece": None},
        Side("v1.0", "text"),
        Side("v1.0", "text_ratio"),
        p99_ms=50.0,
    ),
    "code_suggestions": Entry(
        "",
        {"roc_auc": None, "pr_auc": None, "ece": None},
        Side("v1.0", "logistic"),
        Side("v2.0", "global"),
        caveat="simulated, since nobody publishes such rows: the figures tell of the simulator",
    ),
}


def measure(name: str, data: Path, seed: int) -> dict[str, Any]:
    """Train and measure one problem; plain JSON."""
    from ds_workflow import plugins
    from ds_workflow.adapters import datasets, fitting
    from ds_workflow.domain.metrics import metric
    from ds_workflow.domain.scorecard import scorecard, with_intervals
    from ds_workflow.domain.snapshot import conform, holdout_mask
    from ds_workflow.domain.strategy import StrategyOptions

    entry, plugin = PROBLEMS[name], plugins.load("problems", name)
    problem = plugin.PROBLEM
    if entry.source:
        with one_path(data, entry.source) as source:
            ready = datasets.prepare(plugin, source=source, references=[data / one for one in entry.references])
    else:
        ready = datasets.prepare(plugin, simulate=True, seed=SIMULATED_SEED)
    rows = conform(problem, ready.rows)
    held = holdout_mask(problem, rows)
    train, holdout = rows[~held].reset_index(drop=True), rows[held].reset_index(drop=True)
    sides: dict[str, Any] = {"naive": fitting.naive(plugin, train, holdout)}
    seconds, requests = {}, {}
    for side, how in (("champion", entry.champion), ("challenger", entry.challenger)):
        started = time.perf_counter()
        recipe = fitting.Recipe(how.feature_set_version, how.strategy, StrategyOptions(seed=seed, **how.options))
        fitting.check(problem, recipe)
        made = fitting.fit(plugin, recipe, rows=rows, train=train, holdout=holdout, say=lambda _: None)
        seconds[side], sides[side] = round(time.perf_counter() - started, 1), made.scored
        requests[side] = round(one_request(made.model, holdout[[c.name for c in problem.inputs]]), 1)
    if entry.left_out:
        sides["with"] = all_inputs(made, entry.left_out, train=train, holdout=holdout, target=problem.target, seed=seed)
    figures: dict[str, dict[str, Any]] = {}
    for side, scored in sides.items():
        wanted = [m for m in entry.targets if not metric(m).absent(scored)]
        card = with_intervals(scorecard(wanted, scored), scored, primary=wanted[0], seed=seed)
        ends = card.intervals.overall if card.intervals else {}
        figures[side] = {m: {"value": card.overall[m], "interval": ends.get(m)} for m in wanted}
    targets = {
        m: {"target": bound, "greater_is_better": metric(m).greater_is_better, "unit": metric(m).unit}
        for m, bound in entry.targets.items()
    }
    return {
        "problem": name,
        "rows": {"read": ready.raw_rows, "train": len(train), "holdout": len(holdout)},
        "split": problem.split.method,
        "from": str(holdout[problem.time_column].min().date()) if problem.time_column else "",
        "source": entry.source or f"simulated, seed {SIMULATED_SEED}",
        "licence": ready.licence,
        "caveat": entry.caveat,
        "models": {"champion": entry.champion.words, "challenger": entry.challenger.words},
        "left_out": entry.left_out,
        "published": entry.published,
        "targets": targets,
        "figures": figures,
        "met": {m: met(targets[m], [figures[s].get(m) for s in ("champion", "challenger")]) for m in targets}
        | ({"p99_ms": "met" if max(requests.values()) < entry.p99_ms else "missed"} if entry.p99_ms else {}),
        "p99_ms": {"target": entry.p99_ms, **requests},
        "train_seconds": seconds,
    }  # fmt: skip


def all_inputs(made: Any, columns: tuple[str, ...], *, train: Any, holdout: Any, target: str, seed: int) -> Any:
    """Answers of the challenger's booster, same settings and seed, that sees `columns` besides its features. Nothing
    serves such a model; it is the yardstick of what the problem gives up."""
    from ds_workflow.strategies._boosted_classifier import BoostedClassifier

    inside = made.model["model"]
    wider = BoostedClassifier((*inside.features, *columns), params=inside.params, seed=seed)
    wider.fit(made.features.join(train[list(columns)]), train[target].to_numpy(dtype=np.float64))
    answers = wider.predict(made.holdout_features.join(holdout[list(columns)]))
    return replace(made.scored, prediction=answers)


@contextmanager
def one_path(data: Path, source: str) -> Iterator[Path]:
    """The file or folder of a source; of several files a folder with links to them."""
    if "*" not in source:
        yield data / source
        return
    with TemporaryDirectory(prefix="rows-") as folder:
        for file in sorted(data.glob(source)):
            (Path(folder) / file.name).symlink_to(file.resolve())
        yield Path(folder)


def one_request(model: Any, inputs: Any) -> float:
    """The 99th percentile of the milliseconds that the model takes for one row, without a server around it."""
    sample = inputs.iloc[:: max(1, len(inputs) // REQUESTS)].head(REQUESTS)
    model.predict(sample.iloc[:1])
    taken = []
    for place in range(len(sample)):
        started = time.perf_counter()
        model.predict(sample.iloc[[place]])
        taken.append(time.perf_counter() - started)
    return float(np.quantile(taken, 0.99) * 1000)


def met(target: dict[str, Any], figures: list[dict[str, Any] | None]) -> str:
    """Whether the better of the models reaches the target: `shown`, `met`, `missed`, or "" without a target."""
    if target["target"] is None:
        return ""
    sign = 1.0 if target["greater_is_better"] else -1.0
    best = max((f for f in figures if f), key=lambda f: sign * f["value"])
    if sign * best["value"] < sign * target["target"]:
        return "missed"
    near = best["interval"][0 if sign > 0 else 1] if best["interval"] else best["value"]
    return "shown" if best["interval"] and sign * near >= sign * target["target"] else "met"


def table(results: list[dict[str, Any]]) -> str:
    """All results as one Markdown table, with a line for each problem's rows below."""
    head = ["problem", "metric", "target", "naive", "champion", "challenger", "reached"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    notes = []
    for one in results:
        for m, target in one["targets"].items():
            cells = [cell(one["figures"][side].get(m)) for side in ("naive", "champion", "challenger")]
            lines.append("| " + " | ".join([one["problem"], m, bound(target), *cells, one["met"][m]]) + " |")
        p99 = one["p99_ms"]
        if p99["target"] is not None:
            cells = [one["problem"], "one request, p99", f"< {p99['target']:g} ms", "", f"{p99['champion']:g} ms"]
            lines.append("| " + " | ".join([*cells, f"{p99['challenger']:g} ms", one["met"]["p99_ms"]]) + " |")
        rows, since = one["rows"], f" from {one['from']}" if one["from"] else ""
        models = ", ".join(
            f"{side} {words} ({one['train_seconds'][side]:g} s)" for side, words in one["models"].items()
        )
        notes.append(
            f"* {one['problem']}: {one['source']} ({one['licence']}), {rows['read']:,} rows read, {rows['train']:,} to "
            f"train on, {rows['holdout']:,} held out ({one['split']}{since}); {models}"
            + (f"; {one['caveat']}." if one["caveat"] else ".")
        )
        if one["left_out"]:
            reached = ", ".join(f"{m} {cell(figure)}" for m, figure in one["figures"]["with"].items())
            notes.append(f"    * With {', '.join(one['left_out'])} besides, which no model here sees: {reached}.")
        if one["published"]:
            notes.append(f"    * Published: {one['published']}.")
    return "\n".join([*lines, "", "Figures on the held-out rows with 95 % intervals.", "", *notes])


def bound(target: dict[str, Any]) -> str:
    if target["target"] is None:
        return ""
    return f"{'>=' if target['greater_is_better'] else '<='} {target['target']:g}"


def cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "not measured"
    ends = figure["interval"]
    return f"{figure['value']:.4f}" + (f" [{ends[0]:.4f}, {ends[1]:.4f}]" if ends else "")


def main() -> int:
    """The command: 0 when every target is reached, 1 when one is missed, 2 when there are no rows to read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DS_WORKFLOW_REAL_DATA") or HOUSE.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder that holds the sources' folders")
    parser.add_argument("--only", choices=[*PROBLEMS], action="append", help="one problem; may be repeated")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    given = parser.parse_args()
    names = given.only or list(PROBLEMS)
    sources = [PROBLEMS[name].source for name in names if PROBLEMS[name].source]
    lost = [source for source in sources if not any(given.data.glob(source))]
    if lost:
        print(f"{given.data} lacks {', '.join(lost)}: name the folder that holds them with --data.", file=sys.stderr)
        return 2
    if len(names) == 1:
        results = [measure(names[0], given.data, given.seed)]
    else:
        results = []
        for name in names:
            command = [sys.executable, __file__, "--data", str(given.data), "--seed", str(given.seed), "--json"]
            done = subprocess.run([*command, "--only", name], stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode not in (0, 1):  # 1: measured, and short of a target
                return done.returncode
            results += json.loads(done.stdout)["results"]
            print(f"{name}: done", file=sys.stderr)
    missed = [f"{one['problem']} {m}" for one in results for m, verdict in one["met"].items() if verdict == "missed"]
    if given.json:
        print(json.dumps({"results": results, "missed": missed}))
    else:
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        print(table(results))
        print("\n" + (f"Missed: {', '.join(missed)}." if missed else "Every target is reached."))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
