"""How long one review takes, beside the bare scikit-learn pipeline that most people would write.

    python benchmarks/review_latency.py --data ../shared/data            # or DS_WORKFLOW_REAL_DATA

Each strategy learns from the official training reviews, is stored by skops and read back, and answers test reviews one
at a time the way a request goes: its JSON, data contract, features, probability; as the service does it (the quick way
without tables, proven equal), through tables, and through tables with the words that moved the answer. The peer is a
scikit-learn Pipeline of TfidfVectorizer and LogisticRegression on the same runs of words, asked with the bare text. All
take turns on the same reviews, so that a busy machine slows all. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))
os.environ.setdefault("OMP_NUM_THREADS", "1")

FILE = Path("imdb_reviews") / "aclImdb_labelled_50k.parquet"
LIMIT_MS = 50.0
WARM_UP = 20
SERVED, BARE = "ours, as served", "bare scikit-learn"


def measure(data: Path, strategy: str, *, requests: int, rows: int, seed: int) -> dict[str, Any]:
    """Train one strategy and its peer, then ask both."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from ds_workflow import plugins
    from ds_workflow.adapters import models, scorer
    from ds_workflow.adapters.row_reader import reader
    from ds_workflow.domain.contract import to_frame
    from ds_workflow.domain.snapshot import SPLIT_COLUMN, TRAIN
    from ds_workflow.domain.strategy import StrategyOptions

    reviews = plugins.load("problems", "movie_reviews")
    problem = reviews.PROBLEM
    raw = reviews.load(data / FILE)
    cleaned, _ = reviews.clean(raw)
    train = cleaned[cleaned[SPLIT_COLUMN] == TRAIN].head(rows)
    asked = raw.loc[raw["split"] == "test", "text"].iloc[:: max(1, 25_000 // requests)].head(requests).tolist()
    y = train[problem.target].to_numpy(dtype=np.float64)

    featurizer = reviews.featurizer("v1.0", seed=seed)
    features = featurizer.fit_transform(train, y)
    module = plugins.load("strategies", strategy)
    estimator = module.build(problem, StrategyOptions(seed=seed), problem.feature_set("v1.0").features)
    words = {name: estimator.defaults[name] for name in ("longest", "least_rows")}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        models.write(
            path, models.assemble(featurizer, estimator.fit(features, y, clusters=train[problem.cluster_column]))
        )
        size = path.stat().st_size
        clock = time.perf_counter()
        model = models.read_file(path)
        loading = time.perf_counter() - clock
    peer = make_pipeline(
        TfidfVectorizer(ngram_range=(1, words["longest"]), min_df=words["least_rows"], sublinear_tf=True),
        LogisticRegression(C=estimator.defaults["C"], max_iter=1_000),
    ).fit(features["text"].tolist(), y)

    read, quick = reader(problem), scorer.compiled(model)
    assert quick is not None
    proof = scorer.prove(problem, model, quick, cleaned[cleaned[SPLIT_COLUMN] != TRAIN].head(1_000))
    assert proof.equal, proof.detail
    slow = scorer.pipeline(problem, model)

    def explained(rows: Any) -> Any:
        return model["model"].explain_words(model["features"].transform(to_frame(problem, rows)), top=10)

    def body(text: str) -> bytes:
        return json.dumps([{"text": text}]).encode()

    ways: dict[str, Callable[[str], Any]] = {
        SERVED: lambda text: quick(read(body(text)) or ()),
        "ours, through tables": lambda text: slow(read(body(text)) or ()),
        "ours, top 10 words": lambda text: explained(read(body(text)) or ()),
        BARE: lambda text: float(peer.predict_proba([text])[0, 1]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for text in [*asked[:WARM_UP], *asked]:
        for name, way in ways.items():
            clock = time.perf_counter()
            way(text)
            seconds[name].append(time.perf_counter() - clock)
    figures = {
        name: {f"p{q}": float(np.percentile(np.array(times[WARM_UP:]) * 1_000, q)) for q in (50, 99)}
        for name, times in seconds.items()
    }
    return {
        "strategy": strategy, "train_rows": len(train), "requests": len(asked), "ms": figures,
        "model_mb": size / 1e6, "load_ms": loading * 1_000,
    }  # fmt: skip


def table(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    head = ["strategy", "way", "p50 ms", "p99 ms", "p50 over scikit-learn", "model MB", "load ms"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for one in results:
        bare = one["ms"][BARE]["p50"]
        for name, f in one["ms"].items():
            stored = [f"{one['model_mb']:.1f}", f"{one['load_ms']:.0f}"] if name == SERVED else ["", ""]
            cells = [one["strategy"], name, f"{f['p50']:.2f}", f"{f['p99']:.2f}", f"{f['p50'] / bare:.2f}", *stored]
            lines.append("| " + " | ".join(cells) + " |")
    one = results[0]
    return "\n".join(
        [*lines, "", f"{FILE}: {one['train_rows']:,} training reviews, {one['requests']:,} test reviews asked."]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DS_WORKFLOW_REAL_DATA") or HOUSE.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder that holds imdb_reviews/")
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=25_000, help="training reviews at most")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    given = parser.parse_args()
    if not (given.data / FILE).is_file():
        print(f"No {FILE} in {given.data}: name its parent with --data.", file=sys.stderr)
        return 2
    results = [
        measure(given.data, name, requests=given.requests, rows=given.rows, seed=given.seed)
        for name in ("text", "text_ratio")
    ]
    worst = max(one["ms"][SERVED]["p99"] for one in results)
    if given.json:
        print(json.dumps({"results": results, "worst_p99_ms": worst, "limit_ms": LIMIT_MS}))
    else:
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        print(table(results))
        print(
            f"\nTarget {'reached' if worst < LIMIT_MS else 'MISSED'}: p99 {worst:.1f} ms, wanted under {LIMIT_MS:.0f}."
        )
    return 0 if worst < LIMIT_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
