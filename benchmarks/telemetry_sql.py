# ruff: noqa: S608 - the SQL is put together from texts of this file
"""Telemetry: a log of ten million events simulated, taken in and asked, beside SQLite, pandas and polars.

Run: python benchmarks/telemetry_sql.py [--events 10000000] [--peers sqlite,pandas,polars] [--folder DIR] [--times 3]
Five questions, the same for everybody, whose answers must agree before a time counts. Ours are asked of the parquet
files as the commands ask them, reading included; the two by suggestion read the table that taking the events in made,
whose making counts as taking in, while everybody else puts the suggestions together when asked. SQLite has its own file
with an index on the suggestion, pandas and polars have the columns in memory already, which is not counted. Times are
the best of --times, SQLite's of one.
Targets: at least 100,000 events a second taken in; on every question at least ten times as quick as SQLite.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from ds_workflow.adapters.telemetry import catalog, warehouse
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.use_cases.telemetry import ingest, simulate
from ds_workflow.workspace import Workspace

COLUMNS = ("event_type", "occurred_at", "session_id", "suggestion_id", "developer_id", "language", "model_version",
           "latency_ms", "compiled", "tests_passed", "day")  # fmt: skip
BY_SUGGESTION = """
    select suggestion_id, min(case when event_type = 'shown' then model_version end) as model,
           min(latency_ms) as latency, max(case when event_type = 'accepted' then 1 else 0 end) as accepted,
           max(compiled) as compiled, max(tests_passed) as passed
    from events where event_type <> 'session' group by suggestion_id
"""
RATE = "1.0 * count(case when event_type = 'accepted' then 1 end) / count(case when event_type = 'shown' then 1 end)"
# ours in the common dialect over the views; SQLite's over its own table
OURS = {
    "acceptance by model and language": f"""
        select model_version, language,
               {RATE}
        from events group by 1, 2 order by 1, 2""",
    "acceptance by week": f"""
        select cast(date_trunc('week', day) as date),
               {RATE}
        from events where event_type <> 'session' group by 1 order by 1""",
    "active developers by week": """
        select cast(date_trunc('week', day) as date), count(distinct developer_id) from events group by 1 order by 1""",
    "acceptance by latency": """
        select model_version, floor(ln(greatest(latency_ms, 1)) / ln(2.0)), avg(accepted) from suggestions
        group by 1, 2 order by 1, 2""",
    "funnel by model": """
        select model_version, count(*), sum(accepted), sum(compiled), sum(tests_passed) from suggestions
        group by 1 order by 1""",
}
SQLITE = {
    "acceptance by model and language": OURS["acceptance by model and language"],
    "acceptance by week": f"""
        select date(day, '-6 days', 'weekday 1'),
               {RATE}
        from events where event_type <> 'session' group by 1 order by 1""",
    "active developers by week": """
        select date(day, '-6 days', 'weekday 1'), count(distinct developer_id) from events group by 1 order by 1""",
    "acceptance by latency": f"""
        select model, floor(ln(max(latency, 1)) / ln(2.0)), avg(accepted) from ({BY_SUGGESTION}) group by 1, 2
        order by 1, 2""",
    "funnel by model": f"""
        select model, count(*), sum(accepted), sum(compiled), sum(passed) from ({BY_SUGGESTION}) group by 1
        order by 1""",
}


def told(what: str, figures: Any) -> Any:
    """Say a figure as soon as it is known: the whole run takes a while."""
    print(f"{what}: {figures}", file=sys.stderr, flush=True)
    return figures


def best(work: Callable[[], Any], times: int) -> tuple[float, Any]:
    taken, answer = [], None
    for _ in range(times):
        start = time.perf_counter()
        answer = work()
        taken.append(time.perf_counter() - start)
    return min(taken), answer


def plain(rows: Any) -> list[tuple[Any, ...]]:
    return [
        tuple(v if isinstance(v, int | float) else str(v)[:10] if hasattr(v, "year") else v for v in r) for r in rows
    ]


def same(one: list[tuple[Any, ...]], two: list[tuple[Any, ...]]) -> bool:
    def close(a: Any, b: Any) -> bool:
        numbers = isinstance(a, int | float) and isinstance(b, int | float)
        return math.isclose(a, b, rel_tol=1e-9) if numbers else str(a)[:40] == str(b)[:40]

    return len(one) == len(two) and all(
        len(r) == len(s) and all(map(close, r, s)) for r, s in zip(one, two, strict=True)
    )


def frame(store: warehouse.Warehouse) -> pd.DataFrame:
    connection = warehouse.connect()
    table: pd.DataFrame = connection.execute(f"select {', '.join(COLUMNS)} from {store.source()}").df()
    for name in ("event_type", "language", "model_version"):
        table[name] = table[name].astype("category")
    return table


def in_sqlite(store: warehouse.Warehouse, path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("pragma journal_mode = off")
    database.execute(f"create table events ({', '.join(COLUMNS)})")
    answer = warehouse.connect().execute(
        f"select * replace (cast(occurred_at as varchar) as occurred_at, cast(day as varchar) as day, "
        f"cast(compiled as integer) as compiled, cast(tests_passed as integer) as tests_passed) "
        f"from (select {', '.join(COLUMNS)} from {store.source()})"
    )
    holes = ", ".join("?" * len(COLUMNS))
    while rows := answer.fetchmany(100_000):
        database.executemany(f"insert into events values ({holes})", rows)
    database.execute("create index by_suggestion on events (suggestion_id)")
    database.commit()
    return database


def in_pandas(table: pd.DataFrame) -> dict[str, Callable[[], Any]]:
    def rate(keys: list[Any]) -> Any:
        told = table[table["event_type"] != "session"]
        counts = told.groupby([*(k(told) if callable(k) else k for k in keys), "event_type"], observed=True).size()
        wide = counts.unstack("event_type")
        return (wide["accepted"] / wide["shown"]).reset_index().itertuples(index=False, name=None)

    def week(t: pd.DataFrame) -> Any:
        return (t["day"] - pd.to_timedelta(t["day"].dt.day_of_week, unit="D")).rename("week")

    def suggestions() -> pd.DataFrame:
        told = table[table["event_type"] != "session"]
        told = told.assign(accepted=(told["event_type"] == "accepted").astype("int8"))
        return told.groupby("suggestion_id", sort=False).agg(
            model=("model_version", "first"), latency=("latency_ms", "min"), accepted=("accepted", "max"),
            compiled=("compiled", "max"), passed=("tests_passed", "max"),
        )  # fmt: skip

    def by_latency() -> Any:
        import numpy as np

        made = suggestions()
        doubling = np.floor(np.log(np.maximum(made["latency"], 1)) / np.log(2.0)).rename("doubling")
        mean = made.groupby(["model", doubling], observed=True)["accepted"].mean()
        return mean.reset_index().itertuples(index=False, name=None)

    def funnel() -> Any:
        made = suggestions()
        for name in ("compiled", "passed"):
            made[name] = made[name].astype("float64")
        by = made.groupby("model", observed=True)
        counted = by.agg(n=("accepted", "size"), a=("accepted", "sum"), c=("compiled", "sum"), p=("passed", "sum"))
        return counted.reset_index().itertuples(index=False, name=None)

    def active() -> Any:
        seen = table.groupby(week(table))["developer_id"].nunique()
        return seen.reset_index().itertuples(index=False, name=None)

    return {
        "acceptance by model and language": lambda: rate(["model_version", "language"]),
        "acceptance by week": lambda: rate([week]),
        "active developers by week": active,
        "acceptance by latency": by_latency,
        "funnel by model": funnel,
    }  # fmt: skip


def in_polars(table: pd.DataFrame) -> dict[str, Callable[[], Any]]:
    import polars as pl

    events = pl.from_pandas(table).lazy()
    told = events.filter(pl.col("event_type") != "session")
    accepted, shown = (pl.col("event_type") == name for name in ("accepted", "shown"))
    week = pl.col("day").dt.truncate("1w").alias("week")
    one = told.group_by("suggestion_id").agg(
        model=pl.col("model_version").filter(shown).first(),
        latency=pl.col("latency_ms").min(),
        accepted=accepted.max(),
        compiled=pl.col("compiled").max(),
        passed=pl.col("tests_passed").max(),
    )
    doubling = (pl.max_horizontal(pl.col("latency"), 1).log() / math.log(2.0)).floor().alias("doubling")
    rate = (accepted.sum() / shown.sum()).alias("rate")
    mean, sums = pl.col("accepted").mean(), [pl.col(c).sum() for c in ("accepted", "compiled", "passed")]
    two = ("model_version", "language")
    plans = {
        "acceptance by model and language": told.group_by(*two).agg(rate).sort(*two),
        "acceptance by week": told.group_by(week).agg(rate).sort("week"),
        "active developers by week": events.group_by(week).agg(pl.col("developer_id").n_unique()).sort("week"),
        "acceptance by latency": one.group_by("model", doubling).agg(mean).sort("model", "doubling"),
        "funnel by model": one.group_by("model").agg(pl.len(), *sums).sort("model"),
    }
    return {name: (lambda plan=plan: plan.collect().rows()) for name, plan in plans.items()}


def run(events: int, peers: list[str], folder: Path, times: int) -> dict[str, Any]:
    work = Workspace.at(folder)
    log = folder / "log"
    found: dict[str, Any] = {}
    if not log.exists():
        start = time.perf_counter()
        made = simulate.simulate(work, log, count=events, seed=42, deal="developer")
        seconds = round(time.perf_counter() - start, 1)
        found["simulated"] = told("simulated", {"events": made.events, "seconds": seconds})
    taken = ingest.ingest(work, log)
    if not taken.batch.repeated:
        rate = taken.batch.rows / taken.seconds
        figures = {"events": taken.batch.accepted, "seconds": round(taken.seconds, 1), "per second": round(rate)}
        found["taken in"] = told("taken in", figures)
    store = warehouse.of(work.settings.data)
    asked: dict[str, Any] = {}
    answers: dict[str, list[tuple[Any, ...]]] = {}
    for name, sql in OURS.items():

        def ask(sql: str = sql) -> Any:
            with store.session() as session:
                return session.ask(sql).rows

        seconds, rows = best(ask, times)
        asked[name], answers[name] = {"ours": told(f"ours, {name}", round(seconds, 3))}, plain(rows)
    with store.session(Filters(), keep=True) as session:
        start = time.perf_counter()
        for name in catalog.names():
            session.ask(catalog.named(name).sql)
        found["all named queries"] = {"queries": len(catalog.names()), "seconds": round(time.perf_counter() - start, 1)}
    theirs: dict[str, dict[str, Callable[[], Any]]] = {}
    for peer in peers:
        if peer != "sqlite" and find_spec(peer) is None:
            found[peer] = "not installed"
        elif peer == "sqlite":
            database = in_sqlite(store, folder / "peer.sqlite")
            theirs[peer] = {n: (lambda q=q, d=database: d.execute(q).fetchall()) for n, q in SQLITE.items()}
        else:
            theirs[peer] = {"pandas": in_pandas, "polars": in_polars}[peer](frame(store))
        for name, question in theirs.pop(peer, {}).items():
            seconds, rows = best(question, 1 if peer == "sqlite" else times)
            if not same(answers[name], plain(rows)):
                raise SystemExit(f"{peer} answers '{name}' otherwise: {plain(rows)[:2]} against {answers[name][:2]}")
            asked[name] |= {
                peer: told(f"{peer}, {name}", round(seconds, 3)),
                f"{peer} over ours": round(seconds / asked[name]["ours"], 1),
            }
    found["questions"] = asked
    found["peak memory, GB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--peers", default="sqlite,pandas,polars")
    parser.add_argument("--folder", type=Path, help="keep the log and the warehouse there, and use them again")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    peers = [p for p in given.peers.split(",") if p]
    with tempfile.TemporaryDirectory() as spare:
        folder = given.folder or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        print(json.dumps(run(given.events, peers, folder, given.times), indent=2))


if __name__ == "__main__":
    main()
