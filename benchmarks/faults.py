"""Whether decisions survive what happens to computers: kills, full disks, locks, lost stores, wrong clocks, races.

    python benchmarks/faults.py                 # 200 kills at random times under load, and every other fault
    python benchmarks/faults.py --kills 20 --races 2 --writes 8

A workspace with two trained versions is brought to a decision in a process of its own, the fault happens, and then
`arena-status` is asked once and `arena-verify` after it. Wanted: no event and no decision that was there before is
gone, the alias stands on the one champion of the pointer log, the status names every state (nothing half applied is
left), and verifying finds nothing. `seconds` is the median time from the fault to the answer of `arena-status`, which
finishes what was left half done.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

HOUSE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HOUSE), str(HOUSE / "tests" / "support")]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
for _name in ("HOME", "PROBLEM", "LEDGER_URL", "TRACKING_URL", "SIGNING_KEY"):
    os.environ.pop(f"DS_WORKFLOW_{_name}", None)

if TYPE_CHECKING:
    from ground import Ground

APPLIED = ("bootstrap", "promotion", "rollback", "override", "adopt")
NOTHING: dict[str, Any] = {"events": [], "decisions": []}
FULL_AT = (0, 5_000, 20_000, 40_000, 60_000, 80_000, 120_000, 200_000)  # bytes that a file may have


@dataclass
class Row:
    """What one kind of fault did."""

    fault: str
    runs: int = 0
    lost: int = 0
    champions: int = 0
    unexplained: int = 0
    problems: int = 0
    seconds: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether there was nothing to complain of."""
        return self.runs > 0 and not (self.lost or self.champions or self.unexplained or self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Plain."""
        return {
            "fault": self.fault, "runs": self.runs, "lost": self.lost, "champions_not_one": self.champions,
            "unexplained": self.unexplained, "verify_problems": self.problems,
            "seconds": median(self.seconds) if self.seconds else None, "notes": self.notes[:5],
        }  # fmt: skip

    def look(self, ground: Ground, before: dict[str, Any] | None, *, drifted: bool = False) -> dict[str, Any]:
        """Ask for the status and count what is wrong; what it told."""
        from ground import found

        began = time.perf_counter()
        after = ground.look()
        self.seconds.append(time.perf_counter() - began)
        wrong = found(before or NOTHING, after, drifted=drifted)
        self.runs += 1
        self.lost += len(wrong.lost)
        self.champions += len(wrong.champions)
        self.unexplained += len(wrong.unexplained)
        self.problems += len(wrong.problems)
        if not wrong.sound:
            self.notes.append(str(wrong))
        return after


def _begin(ground: Ground, kind: str) -> None:
    if kind == "bootstrap":
        ground.put_back("none")
        return
    ground.put_back("champion")
    if kind == "rollback":
        _ = ground.run("saga", kind="promotion").done


def every_step(ground: Ground) -> Row:
    """A kill after each step of each kind of decision."""
    from registry.applying import STEPS
    from registry.resolving import RESTORE_STEPS

    row = Row("SIGKILL after every step")
    cases = [(kind, step) for kind in APPLIED for step in STEPS] + [("restore", step) for step in RESTORE_STEPS]
    for kind, step in cases:
        _begin(ground, kind)
        ended = ground.run("saga", kind=kind, kill_at=step)
        assert ended.status < 0, ended
        row.look(ground, ended.said, drifted=(kind, step) == ("restore", "recorded"))
    return row


def every_write(folder: Path, most: int) -> Row:
    """A kill in every write of every command that changes more than one place, then the same command again; at most
    `most` writes of a command (0: all), spread evenly."""
    import sagas
    from ground import Ground

    row, ground, told = Row("SIGKILL in every write of every command"), Ground(folder / "writes"), []
    sagas.build(ground)
    for saga in sagas.SAGAS:
        count = len(sagas.writes(ground, saga))
        points = sorted(
            {round(n * (count - 1) / max(1, most - 1)) + 1 for n in range(most)} if most else range(1, count + 1)
        )
        points = [n for n in points if n <= count]
        for at in points:
            blow = sagas.strike(ground, saga, at)
            row.runs += 1
            row.seconds.append(blow.seconds)
            row.lost += len(blow.found.lost)
            row.champions += len(blow.found.champions)
            row.unexplained += len(blow.found.unexplained) + len(blow.wrong)
            row.problems += len(blow.found.problems)
            if not blow.sound:
                row.notes.append(f"{blow.point}: {blow.wrong} {blow.found}")
        told.append(f"{saga.name} {len(points)}" + (f" of {count}" if len(points) < count else ""))
        print(f"  {told[-1]}", file=sys.stderr, flush=True)
    row.notes.append(f"{row.runs} points: {', '.join(told)}")
    return row


@contextmanager
def load(ground: Ground, count: int = 2) -> Iterator[list[Any]]:
    """Processes that propose, reject and write events meanwhile."""
    jobs = [ground.start("busy", seconds=36_000) for _ in range(count)]
    for job in jobs:
        assert job.said() == "begins"
    try:
        yield jobs
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def random_kills(ground: Ground, kills: int, minutes: float, seed: int = 20) -> Row:
    """Kills at random times, while others write."""
    row, chance = Row("SIGKILL at random, under load"), random.Random(seed)  # noqa: S311 - no secret
    ground.put_back("champion")
    hit: dict[str, int] = {}
    end = time.monotonic() + 60 * minutes
    with load(ground):
        span = ground.run("saga", kind="promotion").seconds
        for n in range(kills):
            if time.monotonic() > end:
                break
            kind = chance.choice(("promotion", "rollback", "override", "restore", "reject"))
            victim = ground.start("saga", kind=kind)
            time.sleep(chance.uniform(0, 1.2 * span))
            victim.kill()
            ended = victim.wait()
            hit["killed" if ended.status < 0 else "had ended"] = (
                hit.get("killed" if ended.status < 0 else "had ended", 0) + 1
            )
            after = row.look(ground, ended.said, drifted=kind == "restore")
            if ended.status == 0 and "id" in ended.answer:
                row.lost += ended.answer["id"] not in {d[0] for d in after["decisions"]}
            if after["json"]["custody"] == "drifted":
                assert ground.run("restored").done == "in_custody"
            if (n + 1) % 50 == 0:
                print(f"  {n + 1} kills", file=sys.stderr, flush=True)
    row.notes.append(", ".join(f"{count} {name}" for name, count in hit.items()))
    return row


def full_disk(ground: Ground) -> Row:
    """No file may grow further: in the middle of deciding."""
    row = Row("disk full (file size limit)")
    for kind in APPLIED:
        for full_at in FULL_AT:
            for fatal in (False, True):
                _begin(ground, kind)
                ended = ground.run("saga", kind=kind, full_at=full_at, fatal=fatal)
                if ended.status == 0 and ended.answer.get("error", "Unavailable") not in ("Unavailable", "ApplyFailed"):
                    row.notes.append(str(ended.answer))
                    row.unexplained += 1
                # an adoption begins with the alias moved, and stays there until it is decided
                row.look(ground, ended.said, drifted=kind == "adopt")
    return row


def full_tmpfs(ground: Ground, folder: Path) -> Row | None:
    """A disk that really is full; needs the right to mount one."""
    disk = folder / "small"
    disk.mkdir()
    mounted = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)), check=False,  # noqa: S607
                             capture_output=True)  # fmt: skip
    if mounted.returncode:
        return None
    row, store, aside = Row("disk full (a file system of 3 MB)"), ground.store, folder / "aside"
    aside.mkdir()
    try:
        for left in (0, 4, 8, 16, 32, 64, 128, 256):
            for kind in ("promotion", "rollback", "override"):
                _begin(ground, kind)
                names = ("arena.db", "mlflow.db")
                for name in names:  # the databases move to the small disk, what they tell of stays
                    for path in store.glob(f"{name}*"):
                        path.rename(aside / path.name)
                        (disk / path.name).write_bytes((aside / path.name).read_bytes())
                        path.symlink_to(disk / path.name)
                gate = folder / "go"
                gate.unlink(missing_ok=True)
                job = ground.start("saga", kind=kind, gate=str(gate))
                before = job.said()
                _fill(disk / "filler", left)
                gate.touch()
                ended = job.wait()
                (disk / "filler").unlink(missing_ok=True)
                if ended.status or ended.answer.get("error", "Unavailable") not in ("Unavailable", "ApplyFailed"):
                    row.unexplained += 1
                    row.notes.append(str(ended.answer))
                row.look(ground, before)
                for path in (*disk.iterdir(), *aside.iterdir()):
                    path.unlink()
    finally:
        subprocess.run(("umount", str(disk)), check=False)  # noqa: S607
        for path in store.glob("*.db*"):
            if path.is_symlink():
                path.unlink()
    return row


def _fill(path: Path, left: int) -> None:
    """Fill a file system until `left` KiB are free."""
    free = os.statvfs(path.parent)
    path.write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - left * 1024))


def _command(ground: Ground, row: Row, words: list[str], environ: dict[str, str], codes: tuple[int, ...]) -> None:
    done = ground.run("command", words=words, environ=environ).done
    if done["code"] not in codes or "Traceback" in done["all"]:
        row.unexplained += 1
        row.notes.append(f"{words[0]}: exit {done['code']}, not {codes}: {done['all'][-300:]}")


def locked(ground: Ground) -> Row:
    """Another process holds a database for longer than anybody waits."""
    import forked

    row = Row("database locked")
    for name in ("arena.db", "mlflow.db"):
        ground.put_back("champion")
        _ = ground.run("moved", number=2).done
        before, until = ground.run("facts").done, ground.root / "until"
        until.unlink(missing_ok=True)
        holder = forked.start("stricken.hold", path=str(ground.store / name), until=str(until))
        holder.said()
        words = ["arena-restore", "--by", "ada", "--reason", "put back"]
        waits = {"DS_WORKFLOW_BUSY_SECONDS": "0.5", "DS_WORKFLOW_MLFLOW_SECONDS": "0.5"}
        _command(ground, row, words, waits, (4,))
        until.touch()
        holder.wait()
        row.look(ground, before, drifted=True)
        assert ground.run("restored").done == "in_custody"
    return row


def unreachable(ground: Ground) -> Row:
    """MLflow's tables are away: moved, damaged, or at an address that nothing answers."""
    row, file, aside = Row("MLflow unreachable"), ground.store / "mlflow.db", ground.root / "aside"
    for how in ("moved", "damaged", "no answer"):
        ground.put_back("champion")
        _ = ground.run("saga", kind="promotion").done
        before = ground.run("facts").done
        environ = {"DS_WORKFLOW_TRACKING_URL": "postgresql://nobody@127.0.0.1:1/none"} if how == "no answer" else {}
        if not environ:
            file.rename(aside)
            if how == "damaged":
                file.write_bytes(b"no database " * 100)
        _command(ground, row, ["arena-status"], environ, (0,))
        _command(ground, row, ["arena-rollback", "--by", "ada", "--reason", "it errs"], environ, (4,))
        _command(ground, row, ["arena-verify"], environ, (1, 4))
        if not environ:
            aside.replace(file)
        row.look(ground, before)
        _command(ground, row, ["arena-rollback", "--by", "ada", "--reason", "it errs"], {}, (0,))
        row.look(ground, before)
    return row


def clock_back(ground: Ground) -> Row:
    """The clock of the deciding process is days behind the ledger, or was ahead of it: nothing expired is decided."""
    row = Row("clock turned back, or ahead")
    for kind in (*APPLIED, "restore", "reject"):
        _begin(ground, kind)
        ended = ground.run("saga", kind=kind, days=-40)
        back = kind in ("rollback", "restore", "reject")  # they promote nothing
        after = row.look(ground, ended.said, drifted=kind == "adopt")
        if ("clock.turned_back" in after["kinds"], ended.done.get("error")) != (back, None if back else "ClockBehind"):
            row.unexplained += 1
            row.notes.append(f"{kind}: {ended.answer}, {after['kinds'][-4:]}")
    for kind in ("bootstrap", "promotion", "override"):
        _begin(ground, kind)
        ended = ground.run("saga", kind=kind, days=400)
        said = row.look(ground, ended.said)["json"]["clock_behind"]
        _command(ground, row, ["arena-clock", "--by", "ada", "--reason", "a year ahead"], {}, (0,))
        row.look(ground, ended.said)
        revived = ground.run("tried", id=ended.said["id"]).done
        if said is None or {ended.done.get("error"), revived.get("error")} - {"ProposalClosed", "NotPromotable"}:
            row.unexplained += 1
            row.notes.append(f"{kind} a year ahead: {ended.answer}, then {revived}")
    return row


def races(ground: Ground, times: int) -> Row:
    """Two approvers, two trainers and a rollback at once."""
    row = Row("2 approvers, 2 trainers, 1 rollback")
    for n in range(times):
        _begin(ground, "rollback")
        gate = ground.root.with_name("gate")
        gate.unlink(missing_ok=True)
        jobs = [ground.start("saga", kind="promotion", by=by, gate=str(gate)) for by in ("ada", "bob")]
        jobs.append(ground.start("saga", kind="rollback", by="ada", gate=str(gate)))
        before = [job.said() for job in jobs]
        trainers = [ground.start("trained", seed=100 + 2 * n + m) for m in (0, 1)]
        gate.touch()
        ended = [job.wait() for job in jobs]
        made = [job.wait().done for job in trainers]
        after = row.look(ground, before[0])
        told = [end.answer["id"] for end in ended if end.status == 0 and "id" in end.answer]
        row.lost += sum(ident not in {d[0] for d in after["decisions"]} for ident in told)
        row.lost += len({m.get("version") for m in made} - {None}) != 2
        if not told or any(end.status for end in ended):
            row.unexplained += 1
            row.notes.append(str([end.answer for end in ended]))
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="at random times (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="and no longer (default: %(default)s)")
    parser.add_argument("--races", type=int, default=10, help="(default: %(default)s)")
    parser.add_argument("--writes", type=int, default=0, help="at most so many of a command's (default: every one)")
    parser.add_argument("--only", default="", help="faults whose function has this in its name")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    from ground import Ground

    rows: list[Row] = []
    with TemporaryDirectory(prefix="faults-") as folder:
        ground = Ground(Path(folder) / "workspace")
        ground.build()
        faults: dict[str, Callable[[], Row | None]] = {
            "every_step": lambda: every_step(ground),
            "every_write": lambda: every_write(Path(folder), given.writes),
            "random_kills": lambda: random_kills(ground, given.kills, given.minutes),
            "full_disk": lambda: full_disk(ground),
            "full_tmpfs": lambda: full_tmpfs(ground, Path(folder)),
            "locked": lambda: locked(ground),
            "unreachable": lambda: unreachable(ground),
            "clock_back": lambda: clock_back(ground),
            "races": lambda: races(ground, given.races),
        }
        for name, fault in faults.items():
            if given.only in name:
                print(f"{name} ...", file=sys.stderr, flush=True)
                row = fault()
                if row is None:
                    print(f"{name}: skipped, it needs the right to mount a file system", file=sys.stderr)
                else:
                    rows.append(row)
                    print(table([row]), file=sys.stderr, flush=True)
    if given.json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
    else:
        print(table(rows))
    return 0 if all(row.sound for row in rows) else 1


def table(rows: list[Row]) -> str:
    """One line a fault, and what was wrong."""
    lines = [f"{'fault':36}{'runs':>6}{'lost':>6}{'champions != 1':>16}{'unexplained':>13}{'verify':>8}{'seconds':>9}"]
    for row in rows:
        seconds = median(row.seconds) if row.seconds else float("nan")
        lines += [
            f"{row.fault:36}{row.runs:6}{row.lost:6}{row.champions:16}{row.unexplained:13}{row.problems:8}{seconds:9.2f}"
        ]
        lines += [f"    {note[:600]}" for note in row.notes[-5:]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
