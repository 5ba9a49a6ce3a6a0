"""A champion that saw the answer is found out and loses its place, instead of defending it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OrdinalEncoder

from ds_workflow.adapters import models, run_files, trial
from ds_workflow.adapters.snapshots import SnapshotStore
from ds_workflow.domain.scorecard import scorecard
from ds_workflow.strategies._boosting import BoostedRegressor
from ds_workflow.use_cases import release, train
from ds_workflow.use_cases.arena import compare, propose
from ds_workflow.workspace import Workspace
from registry.ports import RunRecord
from registry.quorum import Rule
from registry.records import Evidence, ModelVersion

INPUTS = ("price_tier", "total_units", "year_built", "latitude", "longitude")


def later() -> datetime:
    """The fixture's champion is minutes old; an hour later is safely after it."""
    return datetime.now(UTC) + timedelta(hours=1)


def leaking_version(work: Workspace) -> ModelVersion:
    """Train with price_tier on purpose, past the command line, and register it."""
    snapshot = SnapshotStore(work.settings.data).load(work.problem, "sim-v1")
    encoder = OrdinalEncoder(dtype=float)
    features: Any = ColumnTransformer(
        [("tier", encoder, ["price_tier"]), ("rest", "passthrough", [*INPUTS[1:], "segment"])],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    y = snapshot.train["sale_price"].to_numpy(dtype=float)
    table = features.fit_transform(snapshot.train)
    estimator = BoostedRegressor(INPUTS, group="segment", params={"rounds": 60}).fit(table, y)
    model = models.assemble(features, estimator)
    holdout = snapshot.holdout
    scored = models.score(model, work.problem, holdout)
    card = scorecard(work.problem.metrics, scored, slices=work.problem.slices)
    folder = work.path("leak", "x").parent
    models.to_frame(scored).to_parquet(folder / run_files.PREDICTIONS, index=False)
    example = holdout.head(5).drop(columns=["sale_price"])
    holdout.head(5).drop(columns=["sale_price"]).assign(expected=model.predict(example)).to_parquet(
        folder / run_files.SMOKE, index=False
    )
    run_files.write_json(folder / run_files.SCORECARD, card.to_dict())
    champion = work.registry.champion("nyc_sales")
    assert champion is not None
    lineage = replace(champion.lineage, change_summary="with the price tier", hypothesis_id="H-LEAK-000")
    return work.registry.register(
        RunRecord(
            name="leak", lineage=lineage, model=model, trusted_types=models.trusted_types(), metrics=card.flat(),
            params={}, tags={}, artifacts=folder, example=example,
            dataset={"name": "sim-v1", "digest": "0" * 64, "source": "simulated", "rows": 1},
            pip_requirements=("scikit-learn",),
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def leaky(champion_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ModelVersion]:
    """A workspace whose champion leaks: let in by an evaluator that was blind, as if before the scan existed."""
    home = tmp_path_factory.mktemp("leaky") / "workspace"
    work = relocated(champion_workspace, home)
    version = leaking_version(work)
    champion = work.registry.champion("nyc_sales")
    assert champion is not None
    blind = Evidence(
        problem="nyc_sales", kind="promotion", challenger=version.ref, champion=champion.ref,
        holdout_digest=version.lineage.holdout_digest, policy_digest="0" * 64, hypothesis_digest="0" * 64,
        verdict="pass", bundle_digest="0" * 64,
    )  # fmt: skip
    proposal = work.registry.propose(blind, gates=(), owner="ana")
    decided = work.registry.approve(
        proposal.id, by="ana", rule=Rule(), recheck=lambda p: p.evidence, smoke=lambda v: None
    )
    assert decided.effect == "applied"
    return work, version


def relocated(source: Path, home: Path) -> Workspace:
    """A champion of its own, since MLflow's store holds absolute paths and can't be copied."""
    work = Workspace.at(home, "nyc_sales")
    shutil.copytree(source / "data" / "snapshots", home / "data" / "snapshots")
    for record in SnapshotStore(work.settings.data).listed("nyc_sales"):
        work.registry.record_snapshot(record)
    made = train.baseline(
        work, owner="ana", dataset_version="sim-v1", feature_set_version="v1.0", strategy="global", seed=42
    )
    propose.bootstrap(work, made.version, owner="ana", approved_by="ana", reason="first")
    return work


def test_the_scan_finds_it_by_name_by_order_and_by_behaviour(leaky: tuple[Workspace, ModelVersion]) -> None:
    work, version = leaky
    challenger = work.registry.version("nyc_sales", 1)
    judged = compare.judge(work, challenger, version, kind="promotion")
    assert judged.champion_trial is not None
    (leakage,) = judged.champion_trial.of("leakage")
    assert leakage.status == "fail"
    assert "price_tier" in leakage.note
    found = trial.examine(trial.stored(work.registry, version), work.problem, judged.snapshot).checks.leakage
    assert found is not None
    assert {finding.kind for finding in found.findings} >= {"contract", "ordinal", "behaviour"}
    assert found.strength["price_tier"] > 0.98, "a quartile orders the target perfectly"
    assert judged.champion_trial.verdict == "fail"
    assert judged.reference in ("last fit champion", "naive baseline")
    assert any("disqualified" in note for note in judged.notes)


def test_its_place_is_not_defended(leaky: tuple[Workspace, ModelVersion]) -> None:
    work, version = leaky
    judged = compare.judge(work, work.registry.version("nyc_sales", 1), version, kind="promotion")
    scored = judged.comparison.champion
    assert scored is not None
    stored = models.read_scored(work.registry.run_artifacts(version) / run_files.PREDICTIONS)
    assert not (scored.prediction == stored.prediction[stored.row_id.argsort(kind="stable")]).all()


def test_it_blocks_the_release(leaky: tuple[Workspace, ModelVersion]) -> None:
    work, _ = leaky
    found = release.check(work)
    assert not found.ready
    checks = {c["name"]: c for g in found.content["gates"] for c in g["checks"]}
    assert checks["trial"]["status"] == "fail"
    assert "leakage" in checks["trial"]["detail"]


def test_bootstrap_refuses_it(champion_workspace: Path, tmp_path: Path, leaky: tuple[Workspace, ModelVersion]) -> None:
    work, version = leaky
    judged = compare.judge(work, version, None, kind="bootstrap")
    assert judged.evaluation.verdict == "fail"
    failed = {g.name for g in judged.evaluation.gates if g.status == "fail"}
    assert failed == {"leakage", "servability", "stress_tolerance"}
