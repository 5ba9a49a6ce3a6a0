"""Product metrics of the warehouse as an experiment say what the same rows say in a table; plans from past data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from ds_workflow.adapters.telemetry import ingest, log, warehouse
from ds_workflow.domain.ab_test.analysis import analyse
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.errors import InvalidInput, UnknownName
from ds_workflow.problems.code_suggestions import events, simulator
from ds_workflow.use_cases.experiment import analyze, power, product
from ds_workflow.use_cases.experiment.analyze import Layout, Measure
from ds_workflow.workspace import Workspace


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("telemetry")
    rows = events.moments(simulator.simulate(rows=4_000, seed=3, deal="developer"), seed=3)
    log.write(rows, root / "log")
    work = Workspace.at(root)
    at = datetime(2025, 8, 1, tzinfo=UTC)
    ingest.ingest(warehouse.of(work.settings.data), root / "log", received_at=at, say=lambda _: None)
    return work


def shown(work: Workspace) -> pd.DataFrame:
    with warehouse.of(work.settings.data).session(Filters()) as session:
        found = session.ask("select developer_id, model_version, language, accepted, 1 as shown from suggestions")
    return pd.DataFrame(found.rows, columns=list(found.columns)).astype({"accepted": float})


def test_the_warehouse_says_what_its_rows_say(work: Workspace) -> None:
    rows = shown(work)
    control = min(rows["model_version"])
    asked = product.Question("model_version", control, segment="language")
    measures = product.measures_of("acceptance_rate", [], ["mean_latency"], practical=0.01)
    made = analyze.analyze_telemetry(work, asked, measures, level=0.95, correction="holm", save="launch")
    table = analyse(
        rows,
        Layout("model_version", control, unit="developer_id", segment="language"),
        [Measure("accepted", denominator="shown", practical=0.01)],
    )
    ours = {(r.arm, r.segment): r.contrast for r in made.found.rows if not r.measure.guardrail}
    theirs = {(r.arm, r.segment): r.contrast for r in table.rows}
    assert ours.keys() == theirs.keys() and len(ours) > 3
    for place, contrast in theirs.items():
        assert ours[place].estimate == approx(contrast.estimate, rel=1e-9)
        assert ours[place].standard_error == approx(contrast.standard_error, rel=1e-7)
    assert made.found.units == table.units
    guard = next(r for r in made.found.rows if r.measure.guardrail)
    assert guard.measure.practical == 50.0 and not guard.measure.greater_is_better
    assert made.kept is not None and "telemetry" in made.kept.document.read_text("utf-8")


def test_what_the_warehouse_can_not_tell_is_refused(work: Workspace, tmp_path: Path) -> None:
    control = min(shown(work)["model_version"])

    def ask(name: str = "acceptance_rate", guard: tuple[str, ...] = (), **change: str) -> None:
        asked = product.Question(**({"arm": "model_version", "control": control} | change))  # type: ignore[arg-type]
        measures = product.measures_of(name, [], guard, practical=0.0)
        analyze.analyze_telemetry(work, asked, measures, level=0.95, correction="holm")

    with pytest.raises(UnknownName, match="acceptance_rate"):
        ask("speed")
    with pytest.raises(InvalidInput, match="there must be the control"):
        ask(control="nobody")
    with pytest.raises(UnknownName, match="language"):
        ask(segment="height")
    with pytest.raises(InvalidInput, match="no margin"):
        ask(guard=("useful_rate",))
    with pytest.raises(InvalidInput, match="no guardrail"):
        ask(guard=("mean_latency:much",))
    with pytest.raises(InvalidInput, match="holds no events"):
        product.analyse(
            Workspace.at(tmp_path),
            product.Question("model_version", control),
            product.measures_of("acceptance_rate", [], [], practical=0.0),
            level=0.95,
            correction="holm",
        )


def test_past_data_tell_kind_base_and_spread(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    n = 4_000
    views = rng.poisson(10, n) + 1
    who = np.arange(n) % 400
    table = pd.DataFrame(
        {
            "who": who,
            "hit": rng.integers(0, 2, n),
            "seconds": rng.gamma(2, 10, n),
            "views": views,
            "clicks": rng.binomial(views, 0.2),
            "own": rng.normal(0, 1, 400)[who] + rng.normal(0, 0.1, n),
        }
    )
    path = tmp_path / "past.parquet"
    table.to_parquet(path)
    share = power.of_past(path, outcome="hit")
    assert (share.measure, share.base, share.deviation) == ("proportion", table["hit"].mean(), None)
    mean = power.of_past(path, outcome="seconds")
    assert mean.deviation == approx(table["seconds"].std())
    ratio = power.of_past(path, outcome="clicks", denominator="views")
    assert ratio.measure == "ratio" and ratio.base == approx(table["clicks"].sum() / table["views"].sum())
    assert ratio.deviation == approx(np.sqrt(0.2 * 0.8 / 11), rel=0.05)  # every view is a trial of its own
    # what is the developer's own does not average out over their rows: 400 units of deviation 1, not 4,000
    clustered = power.of_past(path, outcome="own", unit="who")
    assert clustered.units == 400 and clustered.deviation == approx(table.groupby("who")["own"].mean().std(), rel=0.02)
    plan = power.plan(power.Ask("ratio", ratio.base, effect=0.01, deviation=ratio.deviation, daily_units=100, looks=4))
    effects = [effect for _, _, effect in plan.weeks]
    assert effects == sorted(effects, reverse=True) and len(plan.looks) == 4
    assert plan.looks[-1].spent == approx(0.05)
    week = {w: e for w, _, e in plan.weeks}
    assert week[8] == approx(week[2] / 2, rel=0.01), "four times the units show half the effect"
    with pytest.raises(InvalidInput, match="no column x"):
        power.of_past(path, outcome="x")
    with pytest.raises(InvalidInput, match="standard deviation"):
        power.plan(power.Ask("ratio", 0.2, effect=0.01))
