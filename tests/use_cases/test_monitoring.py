"""Watching a champion: late labels, a break that is found, the plan carried out once, people told, and the week."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from local_servers import mail_server, webhook
from office import Office
from pytest import approx
from sklearn.metrics import roc_auc_score

from ds_workflow.adapters import models, monitoring_history, run_files
from ds_workflow.adapters.request_log import Asked, Refused, RequestLog
from ds_workflow.errors import InvalidInput, SourceUnavailable, StateConflict
from ds_workflow.use_cases import agent, daily, data, incidents, monitoring_view, train
from ds_workflow.use_cases.monitor import alerting, inputs, performance, retraining, weekly
from ds_workflow.use_cases.monitor import work as carrying
from ds_workflow.workspace import Workspace
from registry.errors import NoChampion, NotEligible
from registry.records import utc_text

NAME = "code_suggestions"
NOW = datetime(2027, 6, 15, 18, 0, tzinfo=UTC)
DAYS, A_DAY = 30, 40


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion in office and a month of requests with labels; in the last six days a third of the answers is turned
    round and answering takes three times as long."""
    work = Workspace.at(tmp_path_factory.mktemp("watched"), NAME)
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=4_000)
    train.baseline(
        work, owner="olga", dataset_version="sim-v1", feature_set_version=work.problem.feature_sets[0].version,
        strategy=work.problem.strategies[0], seed=1,
    )  # fmt: skip
    made = Office(work)
    made.approve(made.propose(1))
    champion = work.registry.champion(NAME)
    assert champion is not None
    held = models.read_scored(work.registry.run_artifacts(champion) / run_files.PREDICTIONS)
    rng = np.random.default_rng(5)
    log = RequestLog(work.settings.store, clock=lambda: NOW)
    for day in range(DAYS, -1, -1):
        known: list[tuple[str, int, float]] = []
        for number in range(A_DAY):
            at = NOW - timedelta(days=day, minutes=int(rng.integers(1, 1_000)))
            rows = rng.integers(0, len(held), 5)
            answers = held.prediction[rows]
            truth = (rng.random(5) < answers).astype(float)  # so that the answers are calibrated until they break
            if day < 7:
                answers = np.where(rng.random(5) < 0.35, 1 - answers, answers)
            ident, took = f"Q-{day}-{number}", 100.0 if day >= 7 else 300.0
            said = list(map(float, answers))
            log.add(Asked(ident, at, NAME, 1, champion.digest, "champion", [{"i": int(r)} for r in rows], said, took))
            known += [(ident, row, float(y)) for row, y in enumerate(truth)]
        log.flush()
        if day:
            log.label(known, at=NOW - timedelta(days=day) + timedelta(hours=2))
    log.add(Refused(NOW - timedelta(hours=1), f"/problems/{NAME}/predict", 400, "a bad row"))
    log.add(Refused(NOW - timedelta(hours=1), "/problems/nyc_sales/predict", 500, "not ours"))
    log.flush()
    log.close()
    return work.settings.root


def at(root: Path, now: datetime = NOW, problem: str = NAME) -> Workspace:
    return replace(Workspace.at(root, problem), clock=lambda: now)


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy to write in; artifacts are read where they are."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


Told = Callable[[str], str]


def statuses(found: performance.Looked | inputs.Looked) -> dict[str, str]:
    return {f.name: f.status for f in found.look.findings}


def test_a_break_is_found_once_its_labels_are_mature(home: Path) -> None:
    before = performance.look(at(home, NOW - timedelta(days=7)))
    assert before.look.status == "healthy"
    assert before.look.detail["young_rows"] > 0
    found = performance.look(at(home))
    seen = statuses(found)
    assert (seen["labels"], seen["calibration"], seen["latency"], seen["errors"]) == (
        "healthy",
        "warn",
        "warn",
        "healthy",
    )
    assert found.look.detail["window"]["last"] == "2027-06-13", "labels mature after a day: yesterday is too young"
    points = [json.loads(line) for line in found.history.read_text().splitlines()]
    assert [p["date"] for p in points] == sorted({p["date"] for p in points})
    assert "roc_auc" not in points[-1], "a young day has times but no figures"
    assert points[-1]["latency_p95_ms"] == 300.0
    last = next(p for p in points if p["date"] == "2027-06-13")
    assert last["roc_auc"] < 0.95 * points[10]["roc_auc"]
    page = found.page.read_text("utf-8")
    assert page.count("<svg") > 10
    assert "<script" not in page
    latest = monitoring_history.latest(home / "mlruns", NAME)
    stored, seen_now = (json.dumps(look.to_dict(), sort_keys=True) for look in (latest["performance"], found.look))
    assert stored == seen_now
    assert latest["performance"].version == 1


def test_the_figures_of_a_window_are_those_of_its_rows(home: Path, tmp_path: Path) -> None:
    """A file with answers and truths, one row of them too young, against scikit-learn."""
    rng = np.random.default_rng(1)
    p = rng.random(901)
    table = pd.DataFrame({"prediction": p, "truth": (rng.random(901) < p) * 1, "at": "2027-06-10T12:00:00Z"})
    table.loc[900, "at"] = "2027-06-15T01:00:00Z"
    table.to_csv(tmp_path / "answered.csv", index=False)
    found = performance.look(at(home), source=tmp_path / "answered.csv")
    old = table.iloc[:900]
    assert found.look.figures["roc_auc"] == approx(roc_auc_score(old["truth"], old["prediction"]))
    assert found.look.figures["brier"] == approx(float(((old["truth"] - old["prediction"]) ** 2).mean()))
    assert found.look.detail["young_rows"] == 1


def test_too_few_labels_are_unknown_and_never_compared(home: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"answer": 0.5, "label": [1.0] + [None] * 999, "date": "2027-06-01"})
    table.to_parquet(tmp_path / "few.parquet")
    found = performance.look(at(home), source=tmp_path / "few.parquet")
    assert statuses(found)["performance"] == "unknown"
    assert found.look.status == "unknown"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"prediction": [0.5]}, "answers and no truth"),
        ({"prediction": [0.5], "truth": [2]}, "other values than 0 and 1"),
        ({"prediction": ["high"], "truth": [1]}, "'high'"),
        ({"prediction": [0.5], "truth": [1], "at": ["soon"]}, "no time"),
        ({"prediction": [0.5, 0.4], "truth": [1, 0], "row_id": [7, 7]}, "stand twice"),
    ],
)
def test_files_that_can_not_be_used_are_told(trained: Path, tmp_path: Path, columns: object, words: str) -> None:
    pd.DataFrame(columns).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InvalidInput, match=words):
        performance.look(at(trained), source=tmp_path / "x.csv")


def test_incoming_rows_are_judged_and_an_alert_waits_for_a_second_look(home: Path, tmp_path: Path) -> None:
    work = at(home)
    rows = work.plugin.clean(work.plugin.simulate(rows=4_000, seed=42))[0][[c.name for c in work.problem.inputs]]
    rows = rows.sample(1_500, random_state=1)
    number = "prompt_length"
    rows.to_parquet(tmp_path / "same.parquet")
    same = inputs.look(work, tmp_path / "same.parquet")
    assert statuses(same)["drift"] == "healthy"
    assert json.loads(same.verdict.read_text())["overall_drift"] is False
    rows.assign(**{number: rows[number] * 3 + 200}).to_parquet(tmp_path / "moved.parquet")
    first, second = (inputs.look(work, tmp_path / "moved.parquet") for _ in range(2))
    assert (statuses(first)["drift"], statuses(second)["drift"]) == ("healthy", "warn")
    verdict = json.loads(second.verdict.read_text())
    assert verdict["overall_drift"] is True
    assert number in second.look.detail["drifted"]
    required = next(c.name for c in work.problem.inputs if c.required and not c.nullable)
    rows.assign(**{required: None}).to_parquet(tmp_path / "empty.parquet")
    broken = inputs.look(work, tmp_path / "empty.parquet")
    assert statuses(broken)["data quality"] == "critical"
    assert statuses(broken)["drift"] == "unknown"
    assert broken.page is None
    untold = json.loads(broken.verdict.read_text())
    assert (untold["overall_drift"], untold["seen_drift"], untold["status"]) == (None, None, "unknown")
    due = {t.name: t.state for t in retraining.check(work).need.triggers}
    assert due["drift"] == "unknown"


def test_a_critical_look_opens_one_incident_and_a_healthy_one_closes_it(home: Path, tmp_path: Path) -> None:
    work = at(home)
    rows = work.plugin.clean(work.plugin.simulate(rows=4_000, seed=42))[0][[c.name for c in work.problem.inputs]]
    rows = rows.sample(400, random_state=1)
    required = next(c.name for c in work.problem.inputs if c.required and not c.nullable)
    rows.assign(**{required: None}).to_parquet(tmp_path / "broken.parquet")
    rows.to_parquet(tmp_path / "old.parquet")
    now = pd.Timestamp(NOW.replace(tzinfo=None))
    rows.assign(**{work.problem.time_column: now}).to_parquet(tmp_path / "fine.parquet")
    inputs.look(work, tmp_path / "broken.parquet", as_of=NOW - timedelta(days=30))
    assert incidents.listed(work) == [], "a look far back alarms nobody today"
    for _ in range(2):
        inputs.look(work, tmp_path / "broken.parquet")
    (one,) = incidents.listed(work, only_open=True)
    assert (one.cause, one.severity, one.times) == ("look: inputs", "critical", 2)
    assert "400 of 400 rows can't be used" in one.detail
    assert inputs.look(work, tmp_path / "old.parquet").look.status == "warn"
    assert len(incidents.listed(work, only_open=True)) == 1, "what only warns closes nothing"
    fine = inputs.look(work, tmp_path / "fine.parquet")
    assert fine.look.status == "healthy", fine.text()
    assert incidents.listed(work, only_open=True) == []
    shown = dict(monitoring_view.newest(work))
    assert shown["Performance"] is None
    assert shown["Rows that came in"].status == "healthy"  # type: ignore[union-attr]


def test_what_nobody_looked_at_is_unknown_once_its_days_of_grace_are_over(home: Path) -> None:
    """A champion in office since June 15th, labels mature after a day, seven days of grace."""
    office = datetime.fromisoformat(at(home).registry.moves(NAME)[-1].at)

    def seen(days: float) -> dict[str, daily.Check]:
        return {c.name: c for c in daily.check(at(home, office + timedelta(days=days))).checks}

    fresh, week, later = seen(6.9), seen(7), seen(8)
    assert {fresh[n].status for n in ("performance", "inputs")} == {"healthy"}
    assert f"not due until {office + timedelta(days=7):%Y-%m-%d}" in fresh["inputs"].detail
    assert f"not due until {office + timedelta(days=8):%Y-%m-%d}" in fresh["performance"].detail
    assert (week["inputs"].status, week["performance"].status) == ("unknown", "healthy")
    assert later["performance"].status == "unknown"
    assert later["inputs"].next == f"ds-workflow --problem {NAME} monitor-inputs --input FILE"
    assert later["performance"].next == f"ds-workflow --problem {NAME} monitor-performance"


def test_the_plan_is_carried_out_once(home: Path) -> None:
    work = at(home)
    performance.look(work)
    made = agent.write(agent.plan_for(work), home / "plan.yaml")
    assert "trigger_retraining" in made.plan.actions
    first, again = (carrying.carry_out(work, made.plan) for _ in range(2))
    assert [one.id for one in first.work] == [one.id for one in again.work]
    assert len(incidents.listed(work, only_open=True)) == ("open_incident" in made.plan.actions)
    assert len(list(work.registry.events(kind="work_proposed"))) == len(first.work)
    assert work.registry.verify().ok
    drafts = sorted((home / "docs" / "hypotheses").glob("H-MON-*.md"))
    assert [d.name for d in drafts] == ["H-MON-001.md"]
    text = drafts[0].read_text("utf-8")
    assert made.plan.rationale in text
    assert "code_suggestions" in text.split("---")[1]
    assert "roc_auc" in text
    wanted = next(one for one in first.work if one.action == "trigger_retraining")
    assert wanted.reference.endswith("H-MON-001.md")
    worse = replace(made.plan, rationale="It has become much worse.")
    told = [next(w for w in carrying.carry_out(work, worse).work if w.id == wanted.id) for _ in range(2)]
    assert [w.detail for w in told] == ["It has become much worse."] * 2
    assert told[0].reference == wanted.reference, "the draft that was begun stays"
    assert len(list(work.registry.events(kind="work_restated"))) == len(first.work)
    assert work.registry.verify().ok
    done = carrying.close(work, wanted.id, accepted=True, by="ana", reason="on it")
    assert done.disposition == "accepted"
    assert wanted.id not in {one.id for one in carrying.listed(work, only_open=True)}
    assert work.registry.champion(NAME).version == 1, "the agent moves nothing"  # type: ignore[union-attr]


def test_a_former_champion_is_proposed_and_healthy_figures_settle_the_incident(home: Path) -> None:
    work = at(home)
    bad = agent.Plan("critical", (), ("open_incident", "roll_back_model"), "ROC-AUC is down.")
    carried = carrying.carry_out(work, bad)
    assert carried.incident is not None
    assert carried.work == ()
    assert "no former champion" in carried.notes[0]
    carrying.carry_out(work, agent.Plan("unknown", (), ("do_nothing",), "No history."))
    assert len(incidents.listed(work, only_open=True)) == 1
    carrying.carry_out(work, agent.Plan("healthy", (), ("do_nothing",), "Fine."))
    assert incidents.listed(work, only_open=True) == []


def test_an_incident_is_taken_on_and_worked_through(home: Path) -> None:
    work = at(home)
    one = incidents.note(work, "service", "slow", by="ana")
    taken = incidents.acknowledge(work, one.id, by="ben")
    assert taken.incident.acknowledged_by == "ben"
    assert incidents.acknowledge(work, one.id, by="cem").incident.acknowledged_by == "ben", "the first one stays"
    stepped = incidents.done(work, one.id, 2, by="ben", said="one caller")
    assert [done for _, done in stepped.steps[:3]] == [True, True, False]
    with pytest.raises(InvalidInput, match="no step 9"):
        incidents.done(work, one.id, 9, by="ben", said="")
    incidents.close(work, one.id, by="ben", resolution="the caller was slowed")
    with pytest.raises(InvalidInput, match="was closed by ben"):
        incidents.acknowledge(work, one.id, by="ana")


def test_retraining_is_due_held_back_and_due_again(home: Path) -> None:
    work = at(home)
    performance.look(work)
    assert retraining.check(work).need.status == "due"
    held = retraining.hold(work, reason="a new source", by="ana", until=NOW + timedelta(days=5))
    assert retraining.check(work).need.status == "held"
    plan = agent.Plan("warn", (), ("trigger_retraining",), "Worse.")
    assert carrying.carry_out(work, plan).work == (), "the agent does not ask against a person's word"
    assert retraining.check(at(home, NOW + timedelta(days=5))).need.status == "due"
    retraining.lift(work, by="ana", reason="it is there")
    assert retraining.check(work).need.override is None
    with pytest.raises(StateConflict, match="No override"):
        retraining.lift(work, by="ana", reason="again")
    work.path("config", "people.yaml").write_text("people: {ana: [approver], dan: [data_scientist]}\n")
    with pytest.raises(NotEligible, match="dan"):
        retraining.hold(at(home), reason="r", by="dan", until=NOW + timedelta(days=5))
    assert held.by == "ana"


def test_people_are_told_once_per_change(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = at(home)
    performance.look(work)
    screen = daily.check(work).to_dict()
    assert alerting.tell_daily(work, screen) == ["nobody is told: there is no config/alerts.yaml with a channel"]
    with webhook() as hook, mail_server() as mails:
        monkeypatch.setenv("DS_WORKFLOW_WEBHOOK_URL", hook.address)
        email = {"host": "127.0.0.1", "port": mails.port, "sender": "w@example.org", "to": ["ana@example.org"]}
        work.path("config", "alerts.yaml").write_text(yaml.safe_dump({"webhook": {}, "email": email}))
        alerting.tell_daily(work, screen)
        alerting.tell_daily(work, screen)
        assert (len(hook.bodies), len(mails.mails)) == (1, 1)
        assert hook.json[0]["status"] == screen["status"]
        alerting.tell_daily(at(home, NOW + timedelta(hours=25)), screen)
        assert len(hook.bodies) == 2, "the same is told again after a day"
        well = {**screen, "status": "healthy", "checks": [], "next": []}
        alerting.tell_daily(work, well)
        alerting.tell_daily(work, well)
        assert len(hook.bodies) == 3
        assert "healthy again" in hook.json[2]["text"]
        hook.statuses = [400, 400]
        with pytest.raises(SourceUnavailable, match="status 400"):
            alerting.tell_daily(work, screen)
        assert len(mails.mails) == 4, "one channel that fails does not silence the other"
        hook.statuses = []
        alerting.tell_daily(work, screen)
        assert (len(hook.bodies), len(mails.mails)) == (5, 4), "only the one that failed is told again"
        alerting.test(work)
        assert hook.json[-1]["kind"] == "test"


def test_daily_puts_it_on_one_screen_and_all_problems_on_another(home: Path) -> None:
    work = at(home)
    performance.look(work)
    screen = daily.check(work)
    assert {c.name for c in screen.checks} >= {
        "custody", "performance", "inputs", "data", "retrain policy", "service: latency", "service: errors", "work",
    }  # fmt: skip
    unseen = next(c for c in screen.checks if c.name == "inputs")
    assert (screen.status, unseen.status) == ("unknown", "unknown"), "nobody looked at the inputs since it took office"
    assert 1 <= len(screen.next) <= 3
    old = daily.check(at(home, NOW + timedelta(days=8)))
    assert next(c for c in old.checks if c.name == "performance").status == "unknown"
    everything = daily.of_all(work)
    assert [s.problem for s in everything.screens] == [NAME], "problems without a version are not shown"
    assert everything.next[0].startswith(f"{NAME}: ")


def test_the_week_and_the_page_tell_of_all_this(home: Path) -> None:
    work = at(home)
    performance.look(work)
    incidents.note(work, "service", "slow | very", by="ana")
    made = weekly.write(work, as_of=NOW)
    one = made.week.problems[0]
    assert (one.problem, one.worst, len(one.opened), len(one.still_open)) == (NAME, "warn", 1, 1)
    assert one.requests == 7 * A_DAY
    assert one.p95_ms == 300.0
    assert made.path.name == "2027-W24.md"
    assert made.markdown == weekly.write(work, as_of=NOW).markdown
    assert "<table" in made.page.read_text("utf-8")
    recorded = monitoring_view.read(work)
    assert [name for name, _ in recorded.newest] == ["Performance"]
    assert len(recorded.charts) >= 5
    assert recorded.steps(recorded.incidents[0])[0][1] is False


def test_without_a_champion_there_is_nothing_to_watch(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, NAME)
    for ask in (lambda: performance.look(work), lambda: retraining.check(work)):
        with pytest.raises(NoChampion):
            ask()
    with pytest.raises(InvalidInput, match="no history of its own"):
        agent.plan_for(work)
    assert weekly.write(work).week.problems == ()
    assert utc_text(NOW).startswith("2027-06-15T18:00:00")
