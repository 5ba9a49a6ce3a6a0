"""What helps with rare frauds: class weights, resampling, calibration, on the public subset and both splits.

    python benchmarks/fraud_imbalance.py --data ../shared/data            # or DS_WORKFLOW_REAL_DATA

Every strategy of credit_card_fraud on feature set v2.0 (the logistic regression on v1.0, as the first champion), with
its default settings; nothing was chosen on the holdout. Rows are weighed to the 284,807 published ones, so that every
figure is at the true base rate of 0.17 %. Brackets hold 95 % intervals by resampling minutes. The last table sets
class weights beside resampling, and Platt scaling beside plain trees, row by row: differences with their intervals.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the workspace does, before xgboost is loaded

SOURCE = Path("creditcard_fraud") / "creditcard_genuine_union.parquet"
STRATEGIES = {"logistic": "v1.0", **dict.fromkeys(
    ("global", "weighted", "resampled", "calibrated", "calibrated_isotonic"), "v2.0")}  # fmt: skip
SPLITS = ("ordered", "stratified")
PAIRS = (("weighted", "resampled"), ("weighted", "global"), ("resampled", "global"), ("calibrated", "global"))
METRICS = ("roc_auc", "pr_auc", "recall_at_1pct_fpr", "log_loss", "brier", "ece")
RESAMPLES, ALPHA = 1_000, 0.025


def run(data: Path, split: str, seed: int) -> dict[str, Any]:
    """All strategies on one split."""
    from ds_workflow import plugins
    from ds_workflow.adapters import fitting
    from ds_workflow.domain.calibration import calibration
    from ds_workflow.domain.few_clusters import effective
    from ds_workflow.domain.metrics import metric
    from ds_workflow.domain.resample import Ask, Cell, bounds, codes, draw
    from ds_workflow.domain.snapshot import conform, holdout_mask
    from ds_workflow.domain.strategy import StrategyOptions
    from ds_workflow.domain.thresholds import tradeoffs

    plugin = plugins.load("problems", "credit_card_fraud")
    problem = plugin.PROBLEM.split_by(split)
    rows = conform(problem, plugin.clean(plugin.load(data / SOURCE))[0])
    mask = holdout_mask(problem, rows)
    train, holdout = (rows[m].reset_index(drop=True) for m in (~mask, mask))
    scored, found = {}, []
    for name, version in STRATEGIES.items():
        recipe = fitting.Recipe(version, name, StrategyOptions(seed=seed))
        clock = time.perf_counter()
        made = fitting.fit(plugin, recipe, rows=rows, train=train, holdout=holdout, say=lambda _: None)
        seconds = time.perf_counter() - clock
        scored[name] = made.scored
        calibrated = calibration(made.scored, seed=seed)
        own = float(getattr(made.model["model"], "threshold_", problem.costs.threshold))
        at = next(t for t in tradeoffs(made.scored, problem.costs, own=own, seed=seed).table if t.threshold == own)
        found.append(
            {
                "strategy": name,
                "figures": {m: metric(m)(made.scored) for m in METRICS},
                "ece_by_chance": calibrated.by_chance,
                "slope": None if calibrated.slope is None else [calibrated.slope.value, *calibrated.slope.interval],
                "threshold": own,
                "cost_of_1000_rows": [1000 * v for v in (at.cost, *(at.cost_interval or ()))],
                "seconds": round(seconds, 1),
            }
        )
    coded, count = codes(holdout[problem.cluster_column].astype(str).to_numpy(dtype=object))
    worth = effective(coded)
    asks = tuple(Ask((name, m), metric(m), s) for name, s in scored.items() for m in METRICS)
    draws = draw([Cell(coded, asks)], clusters=count, resamples=RESAMPLES, seed=seed)
    for one in found:
        one["intervals"] = {m: bounds(draws[(one["strategy"], m)], alpha=ALPHA, clusters=worth) for m in METRICS}
    pairs = [
        {
            "first": a,
            "second": b,
            **{
                m: [
                    metric(m)(scored[a]) - metric(m)(scored[b]),
                    *(bounds(draws[(a, m)] - draws[(b, m)], alpha=ALPHA, clusters=worth) or ()),
                ]
                for m in ("pr_auc", "log_loss")
            },
        }
        for a, b in PAIRS
    ]
    return {
        "split": split,
        "holdout_rows": len(holdout),
        "frauds": int(holdout[problem.target].sum()),
        "strategies": found,
        "pairs": pairs,
    }


def shown(values: Any, digits: int) -> str:
    """A figure with its interval."""
    value, *ends = values
    return f"{value:.{digits}f}" + (f" [{', '.join(f'{e:.{digits}f}' for e in ends)}]" if ends else "")


def text(result: dict[str, Any]) -> str:
    """Both tables of one split, Markdown."""
    lines = [f"{result['split']} split: {result['holdout_rows']:,} holdout rows, {result['frauds']} frauds", ""]
    lines += ["| strategy | ROC-AUC | PR-AUC | recall at 1 % FPR | log loss x 1000 | ECE x 1000 (by chance) | slope | "
              "threshold | EUR for 1,000 rows | s |", "|---|---|---|---|---|---|---|---:|---|---:|"]  # fmt: skip
    for one in result["strategies"]:
        f, i = one["figures"], one["intervals"]
        lines.append(
            f"| {one['strategy']} | {shown([f['roc_auc'], *i['roc_auc']], 4)} | "
            f"{shown([f['pr_auc'], *i['pr_auc']], 3)} | "
            f"{shown([f['recall_at_1pct_fpr'], *i['recall_at_1pct_fpr']], 3)} | "
            f"{shown([1000 * v for v in (f['log_loss'], *i['log_loss'])], 2)} | "
            f"{1000 * f['ece']:.2f} ({1000 * one['ece_by_chance']:.2f}) | "
            f"{'none' if one['slope'] is None else shown(one['slope'], 2)} | {one['threshold']:.4f} | "
            f"{shown(one['cost_of_1000_rows'], 1)} | {one['seconds']} |"
        )
    lines += ["", "| first minus second | PR-AUC | log loss x 1000 |", "|---|---|---|"]
    lines += [
        f"| {p['first']} - {p['second']} | {shown(p['pr_auc'], 4)} | {shown([1000 * v for v in p['log_loss']], 3)} |"
        for p in result["pairs"]
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DS_WORKFLOW_REAL_DATA") or HOUSE.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder that holds creditcard_fraud/")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the tables")
    given = parser.parse_args()
    if not (given.data / SOURCE).is_file():
        print(f"No {SOURCE} in {given.data}: name its folder with --data.", file=sys.stderr)
        return 2
    results = [run(given.data, split, given.seed) for split in SPLITS]
    if given.json:
        print(json.dumps({"results": results}))
    else:
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; public subset\n")
        print("\n\n".join(map(text, results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
