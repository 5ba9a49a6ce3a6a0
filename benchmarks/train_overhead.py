"""What `train-candidate` costs beyond the bare work, with nothing explained, documented or registered.

    python benchmarks/train_overhead.py --data ../shared/data           # 240k training rows of the real sales
    python benchmarks/train_overhead.py --simulate 40000                # without them

One process trains once and tells its seconds apart: the whole command (hypothesis lock, features, fit, holdout answers,
importances, SHAP values, run card, registration in MLflow) over the bare work of any script (read the rows, features,
fit, answers for the holdout). Wanted: at most 1.15 on the real rows. The ratio to features and fit alone, which answers
nobody's question but is the stricter one, stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the workspace does, before xgboost is loaded
WANTED = 1.15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DS_WORKFLOW_REAL_DATA") or HOUSE.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default), help="folder that holds nyc_property_sales/")
    parser.add_argument("--simulate", type=int, metavar="ROWS", help="train on so many simulated rows instead")
    parser.add_argument("--feature-set-version", default="v2.0")
    parser.add_argument("--strategy", default="global")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    from ds_workflow.use_cases import data, train
    from ds_workflow.workspace import Workspace

    folder = given.data / "nyc_property_sales"
    if not given.simulate and not folder.is_dir():
        print(f"No folder nyc_property_sales in {given.data}: name its parent with --data.", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="overhead-") as name:
        work = Workspace.at(name, "nyc_sales", say=lambda line: print(line, file=sys.stderr))
        data.snapshot(
            work,
            "real",
            source=None if given.simulate else folder / "nyc_dof_sales_2019_2024.parquet",
            references=() if given.simulate else tuple(sorted(folder.glob("*centroids*"))),
            simulate=bool(given.simulate),
            seed=42,
            rows=given.simulate or 0,
        )
        _ = work.registry  # creating an empty store is no part of training
        started = time.perf_counter()
        result = train.baseline(
            work,
            owner="benchmark",
            dataset_version="real",
            feature_set_version=given.feature_set_version,
            strategy=given.strategy,
            seed=42,
        )
        whole = time.perf_counter() - started
    ratio = whole / result.bare_seconds
    figures = {
        "training_rows": result.rows["train"],
        "whole_seconds": round(whole, 1),
        "bare_seconds": round(result.bare_seconds, 1),
        "features_and_fit_seconds": round(result.fit_seconds, 1),
        "ratio": round(ratio, 3),
        "ratio_to_features_and_fit": round(whole / result.fit_seconds, 3),
        "wanted": WANTED,
    }
    if given.json:
        print(json.dumps(figures))
    else:
        print(
            f"{figures['training_rows']:,} training rows: {whole:.1f} s in all over {result.bare_seconds:.1f} s bare: "
            f"{ratio:.2f} times (wanted at most {WANTED} on the real rows); "
            f"{whole / result.fit_seconds:.2f} times the {result.fit_seconds:.1f} s of features and fit alone"
        )
    return int(ratio > WANTED and not given.simulate)


if __name__ == "__main__":
    raise SystemExit(main())
