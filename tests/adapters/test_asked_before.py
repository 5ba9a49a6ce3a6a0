"""Nearly the same rows under a new name are no fresh holdout, whichever was frozen or asked first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ds_workflow.adapters import asked_before, datasets, holdout_account, policies
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.holdout_spending import REGISTERED, Spending
from ds_workflow.errors import StateConflict
from ds_workflow.use_cases import data, holdout, policy_check
from ds_workflow.workspace import Workspace
from registry.records import SnapshotRecord

NAMED = {name: f"{name}_at_time_of_sale" for name in ("tax_class", "building_class")}
FILE: dict[str, Any] = {"references": (), "simulate": False, "seed": 1}


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """A workspace with one snapshot, d1, of 1,500 simulated rows."""
    made = Workspace.at(tmp_path, "nyc_sales")
    data.snapshot(made, "d1", source=None, references=(), simulate=True, seed=1, rows=1500)
    return made


def copied(work: Workspace, name: str, *, told: bool = True) -> SnapshotRecord:
    """The rows of d1 less ten, five of them held out, frozen under another name; `told`: and compared with others."""
    held = SnapshotStore(work.settings.data).load(work.problem, "d1")
    path = work.settings.data / f"{name}.csv"
    pd.concat([held.train[5:], held.holdout[5:]]).rename(columns=NAMED).to_csv(path, index=False)
    if told:
        return data.snapshot(work, name, source=path, **FILE).record
    store = SnapshotStore(work.settings.data)
    made = datasets.freeze(store, work.plugin, name, created_at=work.clock(), source=path)
    work.registry.record_snapshot(made)
    return made


def look(work: Workspace, name: str, number: int) -> holdout_account.Taken:
    """A look of a candidate at the holdout of a snapshot."""
    policy = policies.load(work.settings.policy("nyc_sales"), work.problem)
    return holdout_account.take(
        work.registry, SnapshotStore(work.settings.data), work.problem, work.registry.snapshot("nyc_sales", name),
        asked=f"question {number}", challenger=f"{number:064d}", policy=policy, kind="promotion", say=work.say,
    )  # fmt: skip


def test_copies_frozen_before_the_first_look_share_its_account(work: Workspace) -> None:
    copied(work, "d2", told=False)  # as in ledgers of before copies were looked for at freezing
    data.snapshot(work, "d3", source=None, references=(), simulate=True, seed=2, rows=1500)
    found = [look(work, name, number).look for number, name in enumerate(("d1", "d2", "d1", "d3"), start=2)]
    assert [one.number for one in found] == [1, 2, 3, 1]
    assert [one.level for one in found] == [Spending(0.05).level(k) for k in (1, 2, 3, 1)]
    windows = {one.dataset_versions[0]: one for one in holdout.status(work).windows}
    assert (windows["d1"].shared, windows["d2"].shared, windows["d3"].shared) == (("d2",), ("d1",), ())
    assert windows["d2"].told["taken"] == 3
    assert "shares one account with d1" in holdout.status(work).text()
    store = SnapshotStore(work.settings.data)
    (store.folder("nyc_sales", "d1") / "rows.parquet").unlink()
    kept = asked_before.prints_of(store, work.problem, windows["d1"].record)
    assert len(kept) == windows["d1"].record.holdout_rows, "no table is read again"


def test_what_was_frozen_later_goes_on_with_the_account(work: Workspace) -> None:
    look(work, "d1", 2)
    copied(work, "d2")
    assert holdout_account.read(work.registry, work.registry.snapshot("nyc_sales", "d2").holdout_digest).taken == 1


def test_a_dollar_more_makes_no_fresh_window(work: Workspace) -> None:
    look(work, "d1", 2)
    held = SnapshotStore(work.settings.data).load(work.problem, "d1").rows
    path = work.settings.data / "dearer.csv"
    held.assign(sale_price=held["sale_price"] + 1).rename(columns=NAMED).to_csv(path, index=False)
    with pytest.raises(StateConflict, match=r"(100|99)\.\d% of the rows .* were asked"):
        holdout.freeze(work, "d2", source=path)
    held.assign(sale_price=held["sale_price"] + 1).tail(20).rename(columns=NAMED).to_csv(path, index=False)
    with pytest.raises(StateConflict, match="were asked"):
        holdout.freeze(work, "d2", source=path, share=0.5)
    assert [one.dataset_version for one in work.registry.snapshots("nyc_sales")] == ["d1"]


def test_the_plan_of_the_first_look_stays(work: Workspace) -> None:
    first = look(work, "d1", 2)
    assert first.told["policy"] is None
    path = work.settings.root / "config" / "policies" / "nyc_sales.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_load(work.settings.policy("nyc_sales").read_text("utf-8"))
    path.write_text(yaml.safe_dump({**content, "holdout": {"spending": "equal", "looks": 50}}), "utf-8")
    second = look(work, "d1", 3)
    assert second.look.level == Spending(0.05).level(2)
    assert second.told["spent"] == pytest.approx(Spending(0.05).level(1) + Spending(0.05).level(2))
    said = "The policy now says alpha 0.05, equal over 50 looks"
    assert said in holdout.status(work).text()
    (finding,) = policy_check._holdouts(work, policies.load(path, work.problem))
    assert finding.status == "warn" and said in finding.detail


def test_a_damaged_fingerprint_file_is_made_anew(work: Workspace) -> None:
    store, record = SnapshotStore(work.settings.data), work.registry.snapshot("nyc_sales", "d1")
    made = asked_before.prints_of(store, work.problem, record)
    (path,) = (store.root / "nyc_sales" / asked_before.FOLDER).glob("*.npz")
    sound = path.read_bytes()
    middle = len(sound) // 2
    flipped = sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :]
    for damaged in (b"", b"PK", sound[:middle], flipped, b"\0" * 64, sound[:-30]):
        path.write_bytes(damaged)
        again = asked_before.prints_of(store, work.problem, record)
        assert (again.ids == made.ids).all() and (again.cells == made.cells).all()
        assert path.read_bytes() != damaged, "and kept again"


def test_what_cannot_be_read_shares_an_account_if_it_was_trained_beside(work: Workspace) -> None:
    """Training takes the look, so a window that showed a candidate's figures counts as asked."""
    store, mine = SnapshotStore(work.settings.data), work.registry.snapshot("nyc_sales", "d1")
    for name, hypothesis in (("d2", ""), ("d3", "H-1")):
        other = copied(work, name, told=False)
        (store.folder("nyc_sales", name) / "rows.parquet").unlink()
        lineage = {"holdout_digest": other.holdout_digest, "hypothesis_id": hypothesis} if hypothesis else {}
        work.registry.record_event(REGISTERED, "nyc_sales/7", {"digest": "7" * 64, "lineage": lineage})
        asked_before.join(work.registry, store, work.problem, mine, say=work.say)
        shared = work.registry.holdouts_sharing(mine.holdout_digest)
        assert (other.holdout_digest in shared) == bool(hypothesis)


def test_training_says_at_which_level_a_candidate_would_be_judged(work: Workspace) -> None:
    digest = work.registry.snapshot("nyc_sales", "d1").holdout_digest
    policy = policies.load(work.settings.policy("nyc_sales"), work.problem)

    def said(number: int) -> str:
        lineage = {"holdout_digest": digest, "hypothesis_id": "H-1"}
        body = {"digest": f"{number:064d}", "lineage": lineage}
        work.registry.record_event(REGISTERED, f"nyc_sales/{number}", body)
        return holdout_account.would_be(work.registry, digest, challenger=f"{number:064d}", policy=policy)

    assert "the first candidate scored on these rows, place 1: judged at level 0.0304" in said(2)
    assert "one of 2 candidates scored on these rows, place 2: judged at level 0.0076" in said(3)
    assert "one of 2 candidates scored on these rows, place 1: judged at level 0.0304" in said(2), "a refit"
    look(work, "d1", 2)
    assert "these bytes were judged on these rows before: the same question has the same level" in said(2)
