"""How the arena's commands and pages grow with the ledger: n against 10 n.

    python benchmarks/ledger_scale.py                        # 100,000 events against 1,000,000
    python benchmarks/ledger_scale.py --events 200000        # the larger of the two

A workspace is filled with versions, proposals (20 gates each, all but forty decided) and events, all as the ledger
would have written them, and what people wait for is timed on both sizes: of 1,000,000 events 10,000 proposals and 1,000
versions. Wanted: what shows the present (status, one proposal, pages, a check since the last one, appending an event)
takes less than a second and grows by less than half of what the ledger grew by. A whole check reads every event, so it
grows with them.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
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
    registry._applier.tag_head(PROBLEM)
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


def timed(ask: Callable[[], object], *, times: int = 3) -> float:
    """The least seconds of several tries."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        ask()
        best = min(best, time.perf_counter() - started)
    return best


def measured(folder: str, *, versions: int, count: int, events: int) -> dict[str, float]:
    """Seconds of what people wait for."""
    from ds_workflow.use_cases import overview
    from ds_workflow.use_cases.arena import page, status
    from ds_workflow.workspace import Workspace

    work = Workspace.at(folder, PROBLEM)
    one = fill(work, versions=versions, count=count, events=events)
    _ = work.problem
    whole: list[Any] = []
    found = {
        "arena-status": timed(lambda: status.read(work).text()),
        "arena-show": timed(lambda: status.show(work, one).text()),
        "page: arena": timed(lambda: page.rows(work)),
        "page: proposal": timed(lambda: page.read(work, one)),
        "page: overview": timed(lambda: overview.standing(work)),
        "arena-verify (whole)": timed(lambda: whole.append(work.registry.verify()), times=1),
    }
    strange = [p for p in whole[0].problems if "does not" in p or "edited" in p or "not what" in p]
    assert whole[0].checked == events, whole[0].checked
    assert not strange, strange[:3]
    since = work.registry.checkpoint()
    for n in range(100):
        work.registry.record_event("note", f"after {n}", {})
    found["arena-verify --recent, 100 new"] = timed(lambda: work.registry.verify(since=since))
    found["append an event"] = timed(lambda: work.registry.record_event("note", "x", {}), times=20)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the larger ledger (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = []
    for events in (given.events // 10, given.events):
        with TemporaryDirectory(prefix="ledger-") as folder:
            figures.append(measured(folder, versions=events // 1000, count=events // 100, events=events))
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
        present = "whole" not in name
        fine = not present or (row["10n"] < SECONDS and (row["growth"] < GROWS or row["10n"] < 0.1 * SECONDS))
        good &= fine
        mark = "" if fine else "   over target"
        print(f"{name:34}{row['n'] * 1000:9,.1f} ms{row['10n'] * 1000:9,.1f} ms{row['growth']:8.1f}x{mark}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
