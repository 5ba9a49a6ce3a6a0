"""Every command that writes to more than one place, where it can be run, and what a kill in it may leave.

What the stores and folders hold is read here directly, so that `arena-status` is not asked whether it is right.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from deaths import place
from forked import HOUSE, KILLED, Ended
from ground import Found, Ground, found

TRAIN = (
    "train-candidate", "--hypothesis-id", "H-INC-001", "--change-type", "feature", "--owner", "olga",
    "--feature-set-version", "v2.0", "--dataset-version", "sim-v1", "--change-summary", "trees on capital",
)  # fmt: skip
TIER_1 = """problems:
  adult_income: {exposure: high, purpose: regulated, reason: as if everything hung on it, approvers: {}}
"""
HALF_BUILT = re.compile(r"/\.(building|bundle|pack|new|H-[A-Z0-9-]+\.md\.)[^/]*(/|$)")


@dataclass(frozen=True)
class Saga:
    """A command, the state in which it starts, and what it ends with when it is done already."""

    name: str
    start: str
    words: tuple[str, ...]
    already: tuple[int, ...] = (0,)
    drifted: bool = False  # it begins with the alias moved


SAGAS = (
    Saga("data-snapshot", "none", ("data-snapshot", "--dataset-version", "sim-v2", "--simulate", "--rows", "600")),
    Saga("bootstrap-champion", "none", ("bootstrap-champion", "--dataset-version", "sim-v1", "--feature-set-version",
         "v1.0", "--owner", "olga", "--approved-by", "ada"), (0, 1, 3)),
    Saga("train-candidate", "champion", TRAIN),
    Saga("hypothesis-new", "champion", ("hypothesis-new", "H-INC-009", "--owner", "olga"), (0, 3)),
    Saga("holdout-freeze", "champion", ("holdout-freeze", "--dataset-version", "sim-v3", "--simulate", "--rows", "600",
         "--seed", "7"), (0, 3)),
    Saga("model-retire", "champion", ("model-retire", "--version", "2", "--criterion", "superseded", "--reason", "old",
         "--by", "ada")),
    Saga("docs-build", "champion", ("docs-build", "--no-pdf")),
    Saga("key-add", "champion", ("key-add", "ada", "--out", "{root}/ada.pem", "--by", "bob")),
    Saga("arena-propose", "trained", ("arena-propose",)),
    Saga("arena-reject", "proposed", ("arena-reject", "--proposal-id", "{proposal}", "--rejected-by", "ada",
         "--reason", "no gain")),
    Saga("arena-override, asked", "proposed", ("arena-override", "--proposal-id", "{proposal}", "--by", "hugo",
         "--reason", "a new law")),
    Saga("arena-override, one of two", "asked in tier 1", ("arena-override", "--proposal-id", "{proposal}", "--by",
         "ada", "--reason", "a new law")),
    Saga("arena-override, decided", "asked", ("arena-override", "--proposal-id", "{proposal}", "--by", "ada",
         "--reason", "a new law")),
    Saga("arena-rollback", "decided", ("arena-rollback", "--by", "ada", "--reason", "it errs"), (0, 3)),
    Saga("arena-restore", "moved", ("arena-restore", "--by", "ada", "--reason", "put back"), drifted=True),
    Saga("arena-adopt", "moved", ("arena-adopt", "--by", "hugo", "--reason", "an emergency"), drifted=True),
)  # fmt: skip
STATES = ("none", "champion", "trained", "proposed", "asked", "asked in tier 1", "decided", "moved")


def build(ground: Ground, upto: str = STATES[-1]) -> None:
    """Every state that a saga starts from, one after the other, each kept whole; of a ground that is built already,
    from its beginning."""
    if ground.kept("none"):
        ground.put_back("none")
    else:
        _ = ground.run("build").done
    people = ground.root / "config" / "people.yaml"  # the owner of the shipped hypothesis is one of them
    people.write_text(people.read_text("utf-8").replace("{olga", "{Ines Moreau: [data_scientist], olga"), "utf-8")
    shipped = yaml.safe_load((HOUSE / "config" / "policies" / "adult_income.yaml").read_text("utf-8"))
    del shipped["gates"]["max_overall_pr_auc_drop"]  # on so few rows it can't be shown to bite
    shipped["statistics"]["resamples"] = 200
    shipped["rows"] = {"segment_minimum": 30, "major_segment_minimum": 100}
    policy = ground.root / "config" / "policies" / "adult_income.yaml"
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text(yaml.safe_dump(shipped), "utf-8")
    ground.keep_whole("none")
    for state in STATES[1 : STATES.index(upto) + 1]:
        _prepare(ground, state)
        ground.keep_whole(state)


def _prepare(ground: Ground, state: str) -> None:
    tier = ground.root / "config" / "materiality.yaml"
    if state == "champion":
        assert "label" in ground.run("saga", kind="bootstrap").done
    elif state == "trained":
        _well(ground, TRAIN)
    elif state == "proposed":
        _well(ground, ("arena-propose",))
    elif state == "asked":
        _well(ground, by_name("arena-override, asked").words)
    elif state == "asked in tier 1":
        tier.write_text(TIER_1, "utf-8")
    elif state == "decided":
        tier.unlink()
        _well(ground, by_name("arena-override, decided").words)
    elif state == "moved":
        ground.put_whole_back("trained")
        assert ground.run("moved", number=3).done == "moved"


def by_name(name: str) -> Saga:
    """One of them."""
    return next(saga for saga in SAGAS if saga.name == name)


def _well(ground: Ground, words: tuple[str, ...]) -> None:
    done = ground.run("command", words=_filled(ground, words)).done
    assert done["code"] == 0, done


def _filled(ground: Ground, words: tuple[str, ...]) -> list[str]:
    """The words with what they stand for: the folder, and the open proposal."""
    with closing(sqlite3.connect(ground.store / "arena.db")) as ledger:
        found = ledger.execute("SELECT id FROM proposals WHERE disposition = 'open' ORDER BY id").fetchall()
    return [word.format(root=ground.root, proposal=found[-1][0] if found else "") for word in words]


# -- one kill ------------------------------------------------------------------------------------------------------


@dataclass
class Blow:
    """What one kill, the look after it, the same command again and the look after that showed."""

    point: str
    wrong: list[str] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    seconds: float = 0.0
    text: str = ""  # of `arena-status` after the kill

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrong and self.found.sound


def writes(ground: Ground, saga: Saga) -> list[str]:
    """Every write of the command by name, and what it leaves when nobody kills it."""
    ground.put_whole_back(saga.start)
    ended = ground.run("struck", words=_filled(ground, saga.words))
    assert ended.done["code"] in (0, 1), (saga.name, ended.answer)  # 1: a verdict that is not green
    named: list[str] = ended.said["writes"]
    return named


def strike(ground: Ground, saga: Saga, at: int, *, again: bool = True) -> Blow:
    """Kill the command in write number `at`, look, and with `again` give the same command once more and look."""
    ground.put_whole_back(saga.start)
    words = _filled(ground, saga.words)
    ended: Ended = ground.run("struck", words=words, kill_at=at)
    assert ended.status == KILLED, (saga.name, at, ended.answer)
    blow = Blow(f"{saga.name}, write {at}: {ended.said['writes'][-1]}")
    _look(ground, saga, ended.said["before"], blow)
    if again:
        _again(ground, saga, words, ended.said["before"], blow)
    return blow


def states(ground: Ground, saga: Saga, folder: Path, *, only: str = "") -> list[Blow]:
    """What a kill leaves wherever the command goes from one store or folder to the next, from one run of it: the
    workspace was copied there. Each is looked at as after `strike`, and the same command is given again; with `only`,
    after the last write alone whose name begins so."""
    ground.put_whole_back(saga.start)
    words, blows = _filled(ground, saga.words), []
    ended = ground.run("struck", words=words, copies=str(folder))
    assert ended.done["code"] in (0, 1), ended.answer
    named = ended.said["writes"]
    last = max(at for at in seams(named) if named[at - 1].startswith(only))
    for at in seams(named):
        ground.put_whole_back(saga.start, of=folder / str(at))
        blow = Blow(f"{saga.name}, write {at}: {ended.said['writes'][at - 1]}")
        _look(ground, saga, ended.said["before"], blow)
        if at == last or not only:
            _again(ground, saga, words, ended.said["before"], blow)
        blows.append(blow)
    return blows


def _look(ground: Ground, saga: Saga, before: dict[str, Any], blow: Blow) -> None:
    after = ground.look()
    blow.seconds, blow.text = after["seconds"], after["text"]
    blow.found = found(before, after, drifted=saga.drifted)
    blow.wrong += [f"not explained: {what}" for what in remains(ground) if what not in after["text"]]


def _again(ground: Ground, saga: Saga, words: list[str], before: dict[str, Any], blow: Blow) -> None:
    done = ground.run("command", words=words)
    told = done.answer if done.status == 0 else {"code": done.status, "all": done.err}
    if told["code"] not in saga.already or "Traceback" in told["all"]:
        blow.wrong.append(f"again: exit {told['code']}: {told['all'][-400:]}")
    last = ground.look()
    more = found(before, last, drifted=saga.drifted)
    blow.wrong += [] if more.sound else [f"after it again: {more}"]
    left = [one for one in last["json"]["unfinished"] if "Nothing is to be done" not in one["fix"]]
    blow.wrong += [f"left after it again: {one}" for one in left]
    blow.wrong += [f"half built: {name}" for name in half_built(ground)]
    blow.wrong += [f"empty: {name}" for name in _empty(ground)]


def remains(ground: Ground) -> Iterator[str]:
    """Words that `arena-status` must say, by what is in the databases and on the disk."""
    with closing(sqlite3.connect(ground.store / "mlflow.db")) as mlflow:
        made = {int(n) for (n,) in mlflow.execute("SELECT version FROM model_versions WHERE name = 'adult_income'")}
    with closing(sqlite3.connect(ground.store / "arena.db")) as ledger:
        told = list(ledger.execute("SELECT kind, subject, body FROM events ORDER BY seq"))
        proposed = {digest for (digest,) in ledger.execute("SELECT challenger_digest FROM proposals")}
        named = list(ledger.execute("SELECT id, hypothesis, kind FROM proposals"))
    known = {int(subject.rpartition("/")[2]) for kind, subject, _ in told if kind == "version.registered"}
    if len(strange := sorted(made - known)) == 1:
        yield f"Version {strange[0]} was"
    elif strange:
        yield f"Versions {', '.join(map(str, strange))} were"
    taken = {json.loads(body)["challenger"]: subject for kind, subject, body in told if kind == "holdout.reserved"}
    yield from (f"A look at the holdout {where[:12]}" for digest, where in taken.items() if digest not in proposed)
    frozen = {subject for kind, subject, _ in told if kind == "snapshot.recorded"}
    snapshots = ground.root / "data" / "snapshots" / "adult_income"
    lying = {path.name for path in snapshots.iterdir() if not path.name.startswith(".")}
    yield from (f"The snapshot {name} lies" for name in sorted(lying - frozen))
    for ident, text, kind in named:
        hypothesis = json.loads(text)["id"] if text and text != "null" else ""
        path = ground.root / "docs" / "hypotheses" / f"{hypothesis}.md"
        if kind == "promotion" and hypothesis and ident not in path.read_text("utf-8"):
            yield f"by {ident}) does not stand"
    yield from (f"{name.rstrip('/')} was left half built" for name in half_built(ground) if ".H-" not in name)


def half_built(ground: Ground) -> list[str]:
    """Folders and files that take their place when they are whole, and did not."""
    every = (str(path) for path in ground.root.rglob(".*"))
    return sorted(name for name in every if HALF_BUILT.search(name) and "/.new-" not in name)


def _empty(ground: Ground) -> list[str]:
    """Documents, data and keys that a kill left without a byte. What a training wrote for a version that was never
    made stays where MLflow put it, and nobody reads it."""
    files = (p for p in ground.root.rglob("*") if p.is_file() and ground.store not in p.parents)
    return sorted(str(path) for path in files if path.stat().st_size == 0)


def seams(named: list[str]) -> list[int]:
    """The numbers of the writes before which another store or folder was written to: where a saga can fall apart."""
    places = [place(name) for name in named]
    return [n for n in range(1, len(places) + 1) if n == 1 or places[n - 1] != places[n - 2]]
