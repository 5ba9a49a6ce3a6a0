"""How the arena's commands and pages grow with the ledger: n against 10 n.

    python benchmarks/ledger_scale.py                        # 100,000 events against 1,000,000
    python benchmarks/ledger_scale.py --events 200000        # the larger of the two

A workspace is filled with versions, proposals (20 gates each, all but forty decided) and events, all as the ledger
would have written them, and what people wait for is timed on both sizes: of 1,000,000 events 10,000 proposals and 1,000
versions. Wanted: what shows the present (status, one proposal, pages, the list of an audit, a check since the last one,
appending an event) takes less than a second and grows by less than half of what the ledger grew by.

A whole check reads every event, so it grows with them. Beside it stands what no check can do without, measured in the
same process: reading the same rows once, in order, and one SHA-256 of the text of each. Wanted: at most three times
that. Seconds are those of the processor where they are marked so: on a shared machine the others' work is not in them.
The memory that an export and its check take is the most that Python held, and does not grow with the events.

    python benchmarks/ledger_scale.py --postgres             # the whole check and the export on a PostgreSQL of its own
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ds_workflow.workspace import Workspace
    from registry.records import Event, Proposal

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
PROBLEM = "adult_income"
START = datetime(2020, 1, 1, tzinfo=UTC)
BATCH = 20_000  # events written at a time
GROWS, SECONDS = 5.0, 1.0  # wanted: at most, when the ledger grows tenfold
TIMES_LEAST = 3.0  # wanted: a whole check, against reading and hashing every row once
TABLES = ("events", "proposals", "decisions", "pointer_moves", "holdout_uses")


def digest(*of: object) -> str:
    from registry.records import digest_of

    return digest_of([str(part) for part in of])


def proposals(count: int, versions: int) -> Iterator[Proposal]:
    """`count` proposals, the last forty of them still open."""
    from registry.records import Evidence, GateResult, Proposal, VersionRef, proposal_id, utc_text

    gates = tuple(
        GateResult(f"gate {n}", "pass" if n else "fail", 0.1 * n, (0.05 * n, 0.2 * n), "at least 0.05", 10_000, "why")
        for n in range(20)
    )
    for n in range(count):
        at = START + timedelta(minutes=n)
        challenger, champion = (VersionRef(v, digest("version", v)) for v in (n % (versions - 1) + 2, 1))
        evidence = Evidence(
            PROBLEM, "promotion", challenger, champion, digest("holdout", n // 20), digest("policy"),
            digest("hypothesis", n % 50), "fail", digest("bundle", n),
        )  # fmt: skip
        closed = n < count - 40
        yield Proposal(
            proposal_id(at, evidence.digest), "promotion", PROBLEM, evidence, utc_text(at),
            utc_text(at + timedelta(days=4000)), "olga", gates,
            disposition="rejected" if closed else "open", decided_by="ada" if closed else None,
            decided_at=utc_text(at) if closed else None, reason="no gain" if closed else "",
            row_version=2 if closed else 1,
            summary={"order": ["roc_auc"], "overall": {}, "notes": ["a note of some length"] * 5},
        )  # fmt: skip


def fill(work: Workspace, *, versions: int, count: int, events: int) -> str:
    """Write it all by the shortest way; the id of a proposal in the middle."""
    from registry import chain, sql_rows
    from registry.records import Decision, Event, HoldoutUse

    registry = work.registry
    _ = registry.verify()  # makes the ledger
    registry._versions.prepare()  # type: ignore[attr-defined]
    _versions(work.settings.store / "mlflow.db", versions)
    last: Event | None = None
    waiting: list[tuple[Any, ...]] = []
    made = list(proposals(count, versions))
    with closing(sqlite3.connect(work.settings.store / "arena.db")) as db:
        db.execute("PRAGMA synchronous = OFF")

        def tell(at: str, kind: str, subject: str, body: dict[str, Any]) -> None:
            nonlocal last
            last = e = Event.after(last, at=at, kind=kind, subject=subject, body=chain.plain(body))
            waiting.append((e.seq, e.at, e.kind, e.subject, sql_rows.from_event(e)["body"], e.previous, e.hash))
            if len(waiting) == BATCH:
                flush()

        def flush() -> None:
            db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", waiting)
            waiting.clear()

        for p in made:
            _insert(db, "proposals", sql_rows.from_proposal(p))
            tell(p.created_at, chain.PROPOSAL, p.id, chain.proposal_body(p))
            use = HoldoutUse(p.evidence.holdout_digest, PROBLEM, p.id, p.created_at, 0.05)
            _insert(db, "holdout_uses", asdict(use))
            tell(p.created_at, chain.HOLDOUT, p.id, asdict(use))
            if p.decided_by:
                decision = Decision(p.id, "reject", p.decided_by, p.created_at, p.reason, p.digest)
                _insert(db, "decisions", asdict(decision))
                tell(p.created_at, chain.DECISION, p.id, asdict(decision))
        for n in range(events - (last.seq if last else 0)):
            tell(made[-1].created_at, "note", made[n % count].id, {"n": n, "said": "x" * 90})
        flush()
        db.commit()
    assert last is not None
    registry._versions.tag_model(PROBLEM, {chain.HEAD_TAG: chain.head_text(last)})
    return made[count // 2].id


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' for _ in row)})", tuple(row.values()))  # noqa: S608


def _versions(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        now = 1_600_000_000_000
        db.execute(
            "INSERT INTO registered_models (name, creation_time, last_updated_time, workspace) "
            "VALUES (?, ?, ?, 'default')",
            (PROBLEM, now, now),
        )
        for n in range(1, count + 1):
            db.execute(
                "INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, status, "
                "source, run_id, description, workspace) "
                "VALUES (?, ?, ?, ?, 'None', 'READY', '/nowhere', ?, '', 'default')",
                (PROBLEM, n, now, now, digest("run", n)[:32]),
            )
            tags = {"digest": digest("version", n), "created_at": "2020-01-01T00:00:00.000000Z"}
            tags |= {f"tag_{k}": "x" * 40 for k in range(18)}
            db.executemany(
                "INSERT INTO model_version_tags (name, version, key, value, workspace) VALUES (?, ?, ?, ?, 'default')",
                [(PROBLEM, n, key, value) for key, value in tags.items()],
            )
        db.commit()


def timed(ask: Callable[[], object], *, times: int = 3, clock: Callable[[], float] = time.perf_counter) -> float:
    """The least seconds of several tries."""
    best = float("inf")
    for _ in range(times):
        started = clock()
        ask()
        best = min(best, clock() - started)
    return best


def least(db: Path) -> None:
    """What every check comes down to: each row is read, and hashed once."""
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        for table in TABLES:
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608
                sha256("".join(map(str, row)).encode()).hexdigest()


def held(ask: Callable[[], object]) -> float:
    """Megabytes, the most that Python held at once."""
    tracemalloc.start()
    ask()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def whole(work: Workspace, events: int, folder: Path, *, memory: bool = True) -> dict[str, float]:
    """Seconds of the processor for checking and carrying away everything, and megabytes."""
    from registry import offline

    registry, path = work.registry, folder / "ledger.zip"
    answers: list[tuple[int, list[str]]] = []

    def verify() -> None:
        found = registry.verify()
        # the versions are rows without files, so what there is to say of the alias is no fault of the ledger
        answers.append((found.checked, found.problems))

    found = {
        "arena-verify, whole (CPU)": timed(verify, clock=time.process_time),
        "arena-export (CPU)": timed(lambda: registry.export(path, at=""), times=2, clock=time.process_time),
        "verify.py on the export (CPU)": timed(
            lambda: answers.append(offline.check(offline.read(path))), times=2, clock=time.process_time
        ),
    }
    assert all(answer == (events, []) for answer in answers), answers[:3]
    if memory:
        found["arena-verify, MB held"] = held(verify)
        found["arena-export, MB held"] = held(lambda: registry.export(path, at=""))
        found["verify.py, MB held"] = held(lambda: offline.check(offline.read(path)))
    return found


def measured(folder: str, *, versions: int, count: int, events: int) -> dict[str, float]:
    """Seconds of what people wait for."""
    from ds_workflow.use_cases import models_view, overview
    from ds_workflow.use_cases.arena import audit, page, status
    from ds_workflow.workspace import Workspace

    work = Workspace.at(folder, PROBLEM)
    one = fill(work, versions=versions, count=count, events=events)
    _ = work.problem
    found = {
        "arena-status": timed(lambda: status.read(work).text()),
        "arena-show": timed(lambda: status.show(work, one).text()),
        "page: arena": timed(lambda: page.rows(work)),
        "page: proposal": timed(lambda: page.read(work, one)),
        "page: overview": timed(lambda: overview.standing(work)),
        "page: versions": timed(lambda: models_view.listing(work)),
        "arena-audit, nothing since": timed(lambda: audit.audit(work, since="2100-01-01")),
        "limit: read and hash once (CPU)": timed(
            lambda: least(work.settings.store / "arena.db"), clock=time.process_time
        ),
    }
    found |= whole(work, events, Path(folder))
    since = work.registry.checkpoint()
    for n in range(100):
        work.registry.record_event("note", f"after {n}", {})
    found["arena-verify --recent, 100 new"] = timed(lambda: work.registry.verify(since=since))
    found["append an event"] = timed(lambda: work.registry.record_event("note", "x", {}), times=20)
    return found


def on_postgres(folder: str, *, versions: int, count: int, events: int) -> dict[str, float]:
    """The same rows on a server of its own, which is gone afterwards."""
    import shutil
    import signal
    from tempfile import mkdtemp

    import sqlalchemy as sa

    sys.path.insert(0, str(HOUSE / "tests" / "support"))
    from postgres import Server, start

    from ds_workflow.workspace import Workspace
    from registry.sql_ledger import SqlLedger
    from registry.sql_schema import metadata

    work = Workspace.at(folder, PROBLEM)
    fill(work, versions=versions, count=count, events=events)
    place = Path(mkdtemp(prefix="pg-"))
    process = start(place)
    try:
        ledger = SqlLedger(Server(place).create())
        ledger.head()
        file = sa.create_engine(f"sqlite:///{work.settings.store / 'arena.db'}")
        with file.connect() as source, ledger._engine.begin() as target:
            for table in metadata.sorted_tables:
                for some in (
                    source.execute(table.select(), execution_options={"yield_per": BATCH}).mappings().partitions()
                ):
                    if table.name != "arena_schema":
                        target.execute(table.insert(), [dict(row) for row in some])
        os.environ["DS_WORKFLOW_LEDGER_URL"] = ledger._url.render_as_string()
        served = Workspace.at(folder, PROBLEM)
        found = whole(served, events, Path(folder))
        ledger.close()
        served.registry._ledger.close()  # type: ignore[attr-defined]
        return found
    finally:
        os.environ.pop("DS_WORKFLOW_LEDGER_URL", None)
        process.send_signal(signal.SIGINT)
        process.wait()
        shutil.rmtree(place, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the larger ledger (default: %(default)s)")
    parser.add_argument("--postgres", action="store_true", help="the whole check and the export on PostgreSQL")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = []
    for events in (given.events // 10, given.events):
        with TemporaryDirectory(prefix="ledger-") as folder:
            measure = on_postgres if given.postgres else measured
            figures.append(measure(folder, versions=max(events // 1000, 2), count=events // 100, events=events))
    small, large = figures
    rows = {name: {"n": small[name], "10n": large[name], "growth": large[name] / small[name]} for name in small}
    if given.json:
        print(json.dumps(rows, indent=2))
        return 0
    n = given.events // 10
    print(f"n = {n:,} events, {n // 100:,} proposals, {n // 1000:,} versions; and ten times that")
    print(f"{'':34}{'n':>12}{'10n':>12}{'growth':>9}")
    good = True
    for name, row in rows.items():
        present = not name.endswith(("(CPU)", "held"))
        fine = not present or (row["10n"] < SECONDS and (row["growth"] < GROWS or row["10n"] < 0.1 * SECONDS))
        good &= fine
        mark, unit, of = "" if fine else "   over target", "ms", 1000
        if name.endswith("held"):
            unit, of = "MB", 1
        print(f"{name:34}{row['n'] * of:9,.1f} {unit}{row['10n'] * of:9,.1f} {unit}{row['growth']:8.1f}x{mark}")
    if not given.postgres:
        times = large["arena-verify, whole (CPU)"] / large["limit: read and hash once (CPU)"]
        good &= times <= TIMES_LEAST
        wanted = f"wanted: at most {TIMES_LEAST:g}"
        print(f"a whole check takes {times:.1f} times what reading and hashing the same rows once takes ({wanted})")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
