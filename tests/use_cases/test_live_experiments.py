"""Experiments from live traffic and from kept records: arms as assigned, late labels, what a proposal cites."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from statsmodels.formula.api import ols

from ds_workflow.adapters.request_log import Asked, RequestLog
from ds_workflow.adapters.trials import Trials
from ds_workflow.domain.traffic import CHALLENGER, CHAMPION, FALLBACK, Trial
from ds_workflow.errors import InvalidInput, StateConflict, UnknownName
from ds_workflow.use_cases.experiment import analyze, cite, peeking, record, sequential
from ds_workflow.use_cases.experiment.analyze import Measure
from ds_workflow.workspace import Workspace
from registry.errors import NotFound
from registry.records import VersionRef

START = datetime(2025, 3, 1, tzinfo=UTC)
LOSS = Measure("loss")


def trial(work: Workspace, ident: str, *, share: float = 0.5, mode: str = "ab") -> Trial:
    old, new = VersionRef(1, "a" * 64), VersionRef(2, "b" * 64)
    made = Trial(ident, work.problem.name, mode, old, new, "P-1", "salt", share, "2025-03-01T00:00:00.000Z", "ana")  # type: ignore[arg-type]
    return Trials(work.settings.store).start(made)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path, "adult_income")


def served(work: Workspace, running: Trial, *, units: int = 300, labelled: float = 1.0) -> pd.DataFrame:
    """Ten days of requests: the challenger's probabilities are nearer to the label. Returns what was answered."""
    rng = np.random.default_rng(5)
    log = RequestLog(work.settings.store, clock=work.clock)
    told = []
    for k in range(units):
        unit = f"user {k}"
        arm = running.arm(unit)
        for visit in range(1 + int(rng.integers(0, 3))):
            label = float(rng.uniform() < 0.4)
            answer = float(np.clip(label + rng.normal(0, 0.5 if arm == CHAMPION else 0.3), 0, 1))
            ident, at = f"r{k}-{visit}", START + timedelta(days=float(rng.uniform(0, 10)))
            spoke = FALLBACK if arm == CHALLENGER and k % 7 == 0 else arm
            version = 2 if spoke == CHALLENGER else 1
            log.add(
                Asked(ident, at, work.problem.name, version, "d", spoke, [{"a": 1}], [answer], 5.0, running.id, unit)
            )
            told.append((unit, arm, ident, (answer - label) ** 2, label, rng.uniform() < labelled))
    log.flush()
    log.label([(ident, 0, label) for _, _, ident, _, label, known in told if known], at=START)
    log.close()
    return pd.DataFrame(told, columns=["unit", "arm", "ident", "loss", "label", "known"])


def test_live_traffic_is_analysed_by_unit_as_it_was_assigned(work: Workspace) -> None:
    told = served(work, trial(work, "T-1"))
    made = analyze.analyze_trial(work, "newest", [LOSS], level=0.95, correction="holm", save="live-1")
    contrast = made.found.primary.contrast
    told["new"] = (told["arm"] == CHALLENGER).astype(int)
    groups = pd.factorize(told["unit"])[0]
    fit = ols("loss ~ new", told).fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    assert contrast.estimate == approx(fit.params["new"], rel=1e-9)
    # statsmodels leaves out k / (k - 1) per arm; about 150 clusters each
    assert contrast.standard_error == approx(fit.bse["new"], rel=0.01)
    assert made.found.recommendation.verdict == "ship", "less loss is the gain"
    assert made.found.units == {arm: told.loc[told["arm"] == arm, "unit"].nunique() for arm in (CHAMPION, CHALLENGER)}
    record = json.loads((work.settings.root / "experiments" / "live-1.json").read_text("utf-8"))
    assert record["source"]["trial"] == "T-1" and record["source"]["rows"] == len(told)
    watched = sequential.watch_trial(work, "T-1", LOSS, level=0.95, best_at=None, planned=300)
    assert len(watched.first.looks) >= 9
    assert watched.first.looks[-1].contrast.estimate == approx(contrast.estimate)
    assert watched.first.first_crossed is not None
    assert all(look.spending_z is None or look.spending_z > 1.96 for look in watched.first.looks)


def test_labels_that_have_not_come_are_counted_and_the_split_is_that_of_all(work: Workspace) -> None:
    told = served(work, trial(work, "T-1"), labelled=0.6)
    found = analyze.analyze_trial(work, "T-1", [LOSS], level=0.95, correction="holm").found
    assert f"{(~told['known']).sum()} of {len(told)} answers have no label yet" in found.warnings[0]
    assert sum(found.units.values()) == 300
    assert sum(found.primary.contrast.units) == told[told["known"]]["unit"].nunique()
    assert found.sample_ratio > 0.01


def test_labels_of_one_arm_alone_are_no_fair_sample(work: Workspace) -> None:
    running = trial(work, "T-1")
    told = served(work, running, labelled=0.0)
    log = RequestLog(work.settings.store, clock=work.clock)
    some = told[(told["arm"] == CHAMPION) | (pd.factorize(told["unit"])[0] % 5 == 0)]
    log.label([(row.ident, 0, row.label) for row in some.itertuples()], at=START)
    found = analyze.analyze_trial(work, "T-1", [LOSS], level=0.95, correction="holm").found
    assert "no fair sample" in found.warnings[1]


def test_what_live_traffic_can_not_tell_is_refused(work: Workspace) -> None:
    def ask(name: str = "newest", measure: Measure = LOSS) -> None:
        analyze.analyze_trial(work, name, [measure], level=0.95, correction="holm")

    with pytest.raises(StateConflict, match="had no trial"):
        ask()
    trial(work, "T-1")
    with pytest.raises(InvalidInput, match="no answers yet"):
        ask()
    with pytest.raises(UnknownName, match="T-1"):
        ask("T-9")
    with pytest.raises(InvalidInput, match="no column clicks"):
        ask(measure=Measure("clicks"))
    Trials(work.settings.store).stop("T-1", at="2025-03-02T00:00:00.000Z", by="ana", reason="over")
    trial(work, "T-2", mode="shadow")
    with pytest.raises(StateConflict, match="ran in shadow"):
        ask()


def test_a_proposal_cites_a_result_by_its_digest(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "nyc_sales")
    experiment = peeking.Experiment(0.3, 50, 10)
    kept = peeking.simulate(work, experiment, runs=50, alpha=0.05, best_at=None, seed=1, save="looks").kept
    assert kept is not None
    body = record.load(work, "looks")
    assert body["digest"] == kept.digest
    for name in ("other", "../looks", ""):
        with pytest.raises(UnknownName, match="looks"):
            record.load(work, name)
    with pytest.raises(NotFound):
        cite.cite(work, "looks", "P-20260131T120000123456-1a2b3c4d", by="ana")
    with pytest.raises(InvalidInput, match="--by"):
        cite.cite(work, "looks", "P-20260131T120000123456-1a2b3c4d", by=" ")
    kept.document.write_text(kept.document.read_text("utf-8").replace('"runs": 50', '"runs": 51'), "utf-8")
    with pytest.raises(StateConflict, match="was changed"):
        record.load(work, "looks")
