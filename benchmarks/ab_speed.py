"""An A/B test of ten million rows: sums by DuckDB inside the file beside statsmodels on the rows.

    python benchmarks/ab_speed.py [--rows 10000000] [--times 2] [--json]

Both start from the same Parquet file and end with estimate, interval and p-value, which must agree; the peer reads only
the columns that it needs. Three questions: a share (two-proportion z), a mean (Welch), a mean over the events of units
that were randomised (cluster-robust). Ours and the peer's take turns, each time is the best of --times.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from statsmodels.api import OLS, add_constant
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ds_workflow.adapters import aggregates
from ds_workflow.domain.ab_test.forms import Layout, Measure

TARGET = 10.0
Answer = tuple[float, float, float]  # estimate, low end of the interval, p-value


def written(path: Path, rows: int) -> None:
    """Events of about rows / 50 developers, dealt to two arms; a fifth of a standard deviation is the developer's."""
    rng = np.random.default_rng(7)
    units = max(rows // 50, 4)
    who = rng.integers(0, units, rows)
    new = who % 2 == 0
    own = rng.normal(0, 0.2, units)
    pd.DataFrame(
        {
            "developer_id": who,
            "arm": pd.Categorical(np.where(new, "new", "old")),
            "accepted": (rng.uniform(size=rows) < 0.3 + 0.002 * new).astype(np.int8),
            "seconds": rng.gamma(2, 10, rows) + own[who] + 0.05 * new,
        }
    ).to_parquet(path, row_group_size=1_000_000)


def ours(path: Path, measure: Measure, unit: str = "") -> Answer:
    found, _ = aggregates.analyse(path, Layout("arm", "old", unit=unit), [measure], level=0.95, correction="holm")
    contrast = found.primary.contrast
    return contrast.estimate, contrast.interval[0], contrast.p_value


def share(path: Path) -> Answer:
    table = pd.read_parquet(path, columns=["arm", "accepted"])
    counts = table.groupby("arm", observed=True)["accepted"].agg(["sum", "size"])
    (n1, m1), (n0, m0) = (counts.loc[a].astype(int) for a in ("new", "old"))
    low, _ = confint_proportions_2indep(n1, m1, n0, m0, method="newcomb")
    return n1 / m1 - n0 / m0, float(low), float(proportions_ztest([n1, n0], [m1, m0])[1])


def mean(path: Path) -> Answer:
    table = pd.read_parquet(path, columns=["arm", "seconds"])
    new = table["arm"] == "new"
    compared = CompareMeans(*(DescrStatsW(table.loc[side, "seconds"].to_numpy()) for side in (new, ~new)))
    low, _ = compared.tconfint_diff(usevar="unequal")
    estimate = compared.d1.mean - compared.d2.mean
    return float(estimate), float(low), float(compared.ttest_ind(usevar="unequal")[1])


def clusters(path: Path) -> Answer:
    table = pd.read_parquet(path, columns=["arm", "seconds", "developer_id"])
    x = add_constant((table["arm"] == "new").to_numpy(float))
    fit = OLS(table["seconds"].to_numpy(), x).fit(
        cov_type="cluster", cov_kwds={"groups": table["developer_id"].to_numpy()}, use_t=False
    )
    return float(fit.params[1]), float(fit.conf_int()[1][0]), float(fit.pvalues[1])


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    seconds = Measure("seconds")
    with TemporaryDirectory(prefix="ab-speed-") as folder:
        path = Path(folder) / "events.parquet"
        written(path, given.rows)
        pairs: dict[str, tuple[Callable[[], Answer], Callable[[], Answer]]] = {
            "share, two-proportion z": (lambda: ours(path, Measure("accepted")), lambda: share(path)),
            "mean, Welch": (lambda: ours(path, seconds), lambda: mean(path)),
            "mean over events, cluster-robust": (lambda: ours(path, seconds, "developer_id"), lambda: clusters(path)),
        }
        figures = []
        for name, (mine, peer) in pairs.items():
            taken = [(timed(mine), timed(peer)) for _ in range(given.times)]
            (quick, a), (slow, b) = (min((t[k] for t in taken), key=lambda pair: pair[0]) for k in (0, 1))
            np.testing.assert_allclose(a[0], b[0], rtol=1e-7)
            np.testing.assert_allclose(
                a[1:], b[1:], rtol=1e-3
            )  # the peer's cluster correction differs by about 1 / units
            figures.append(
                {"figure": f"{name}, {given.rows:,} rows", "seconds": round(quick, 2), "peer": round(slow, 2),
                 "ratio": round(slow / quick, 1), "target": TARGET}
            )  # fmt: skip
    if given.json:
        print(json.dumps(figures, indent=2))
        return
    for f in figures:
        print(f"{f['figure']:<52} {f['seconds']:>7} s   statsmodels {f['peer']:>7} s   {f['ratio']:>5} x")


if __name__ == "__main__":
    main()
