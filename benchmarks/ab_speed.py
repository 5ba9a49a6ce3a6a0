"""An A/B test of ten million rows: sums by DuckDB inside the file beside statsmodels on the rows.

    python benchmarks/ab_speed.py [--rows 10000000] [--times 2] [--json]

Both start from the same Parquet file and end with estimate, interval and p-value, which must agree; the peer reads only
the columns that it needs. The headline is an experiment as it is analysed: a share (two-proportion z), a mean (Welch),
a ratio (delta method) and a mean adjusted by a covariate (CUPED), all four from one pass over the file; the peer reads
the file once, too. Below it, a share alone, a mean alone, where most of the time is reading, and a mean over the events
of units that were randomised (cluster-robust). Ours and the peer's take turns, each time is the best of --times. CPU is
that of all threads, which a busy machine tells more truly than the clock.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.api import OLS, add_constant
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ds_workflow.adapters import aggregates
from ds_workflow.domain.ab_test.forms import Layout, Measure

TARGET = 10.0
Answer = Sequence[float]  # estimate, low end of the interval, p-value, of each question
FOUR = (
    Measure("accepted"),
    Measure("seconds"),
    Measure("clicks", denominator="views"),
    Measure("seconds", covariate="before"),
)


def written(path: Path, rows: int) -> None:
    """Events of about rows / 50 developers, dealt to two arms; a fifth of a standard deviation is the developer's."""
    rng = np.random.default_rng(7)
    units = max(rows // 50, 4)
    who = rng.integers(0, units, rows)
    new = who % 2 == 0
    own = rng.normal(0, 0.2, units)
    seconds = rng.gamma(2, 10, rows) + own[who] + 0.05 * new
    views = rng.poisson(8, rows) + 1
    pd.DataFrame(
        {
            "developer_id": who,
            "arm": pd.Categorical(np.where(new, "new", "old")),
            "accepted": (rng.uniform(size=rows) < 0.3 + 0.002 * new).astype(np.int8),
            "seconds": seconds,
            "before": 0.5 * (seconds - 0.05 * new) + rng.normal(0, 5, rows),
            "views": views,
            "clicks": rng.binomial(views, 0.2 + 0.0005 * new),
        }
    ).to_parquet(path, row_group_size=1_000_000)


def ours(path: Path, *measures: Measure, unit: str = "") -> Answer:
    found, _ = aggregates.analyse(path, Layout("arm", "old", unit=unit), measures, level=0.95, correction="holm")
    told = [row.contrast for row in found.rows]
    return [figure for c in told for figure in (c.estimate, c.interval[0], c.p_value)]


def share(path: Path) -> Answer:
    return share_of(pd.read_parquet(path, columns=["arm", "accepted"]))


def share_of(table: pd.DataFrame) -> Answer:
    counts = table.groupby("arm", observed=True)["accepted"].agg(["sum", "size"])
    (n1, m1), (n0, m0) = (counts.loc[a].astype(int) for a in ("new", "old"))
    low, _ = confint_proportions_2indep(n1, m1, n0, m0, method="newcomb")
    return n1 / m1 - n0 / m0, float(low), float(proportions_ztest([n1, n0], [m1, m0])[1])


def mean(path: Path) -> Answer:
    table = pd.read_parquet(path, columns=["arm", "seconds"])
    return compared(table["seconds"].to_numpy(), (table["arm"] == "new").to_numpy())


def compared(values: Any, new: Any, *, normal: bool = False) -> Answer:
    two = CompareMeans(DescrStatsW(values[new]), DescrStatsW(values[~new]))
    estimate = float(two.d1.mean - two.d2.mean)
    if normal:
        return estimate, float(two.zconfint_diff(usevar="unequal")[0]), float(two.ztest_ind(usevar="unequal")[1])
    return estimate, float(two.tconfint_diff(usevar="unequal")[0]), float(two.ttest_ind(usevar="unequal")[1])


def four(path: Path) -> Answer:
    table = pd.read_parquet(path, columns=["arm", "accepted", "seconds", "before", "clicks", "views"])
    new = (table["arm"] == "new").to_numpy()
    seconds, before, clicks, views = (table[c].to_numpy(float) for c in ("seconds", "before", "clicks", "views"))
    # statsmodels has no delta method: the ratio is linearised by arm, and what is left is its test of two means
    rates = np.where(new, clicks[new].sum() / views[new].sum(), clicks[~new].sum() / views[~new].sum())
    means = np.where(new, views[new].mean(), views[~new].mean())
    ratio = compared(rates + (clicks - rates * views) / means, new, normal=True)
    slope = OLS(seconds, np.column_stack([np.ones(len(new)), new, before])).fit().params[2]
    adjusted = compared(seconds - slope * before, new, normal=True)
    return [*share_of(table), *compared(seconds, new), *ratio, *adjusted]


def clusters(path: Path) -> Answer:
    table = pd.read_parquet(path, columns=["arm", "seconds", "developer_id"])
    x = add_constant((table["arm"] == "new").to_numpy(float))
    fit = OLS(table["seconds"].to_numpy(), x).fit(
        cov_type="cluster", cov_kwds={"groups": table["developer_id"].to_numpy()}, use_t=False
    )
    return float(fit.params[1]), float(fit.conf_int()[1][0]), float(fit.pvalues[1])


def timed(work: Callable[[], Answer]) -> tuple[float, float, Answer]:
    start, spent = time.perf_counter(), time.process_time()
    answer = work()
    return time.perf_counter() - start, time.process_time() - spent, answer


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
            "z, Welch, ratio and CUPED together": (lambda: ours(path, *FOUR), lambda: four(path)),
            "share, two-proportion z": (lambda: ours(path, Measure("accepted")), lambda: share(path)),
            "mean, Welch": (lambda: ours(path, seconds), lambda: mean(path)),
            "mean over events, cluster-robust": (
                lambda: ours(path, seconds, unit="developer_id"),
                lambda: clusters(path),
            ),
        }
        figures = []
        for name, (mine, peer) in pairs.items():
            taken = [(timed(mine), timed(peer)) for _ in range(given.times)]
            (quick, cpu, a), (slow, work, b) = (min((t[k] for t in taken), key=lambda one: one[0]) for k in (0, 1))
            np.testing.assert_allclose(a[::3], b[::3], rtol=1e-7)  # estimates
            np.testing.assert_allclose(a, b, rtol=1e-3)  # the peer's cluster correction differs by about 1 / units
            figures.append(
                {"figure": f"{name}, {given.rows:,} rows", "seconds": round(quick, 2), "peer": round(slow, 2),
                 "ratio": round(slow / quick, 1), "ratio of CPU": round(work / cpu, 1), "target": TARGET}
            )  # fmt: skip
    if given.json:
        print(json.dumps(figures, indent=2))
        return
    for f in figures:
        times = f"{f['seconds']:>7} s   statsmodels {f['peer']:>7} s   {f['ratio']:>5} x"
        print(f"{f['figure']:<56} {times}   CPU {f['ratio of CPU']:>5} x")


if __name__ == "__main__":
    main()
