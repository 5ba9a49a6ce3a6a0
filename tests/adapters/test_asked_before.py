"""Nearly the same rows under a new name are no fresh holdout, whichever was frozen or asked first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ds_workflow.adapters import asked_before, datasets, holdout_account, policies
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.holdout_spending import Spending
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
