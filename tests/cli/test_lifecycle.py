"""The main job in real processes, on a real MLflow and SQLite store.

The steps of README's round by hand are typed word for word, through the shell and the script.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flow import Flow, commands_of_readme

pytestmark = pytest.mark.end_to_end

TRAIN = (
    "train-candidate", "--hypothesis-id", "H-SEG-001", "--change-type", "architecture",
    "--change-summary", "A model per segment on building histories", "--owner", "ana",
    "--feature-set-version", "v2.0", "--dataset-version", "sim-v1",
    "--strategy", "segmented_router", "--router-mode", "segment_only",
)  # fmt: skip


@pytest.fixture(scope="module")
def typed(house: Path) -> dict[str, str]:
    """README's commands by their names."""
    found = {line.split()[1]: line for line in commands_of_readme(house)}
    assert list(found) == [
        "data-snapshot", "bootstrap-champion", "hypothesis-check", "train-candidate", "arena-propose", "arena-status",
    ]  # fmt: skip
    return found


@pytest.fixture(scope="module")
def flow(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Flow:
    """A workspace with a snapshot, a champion and a trained challenger of H-SEG-001."""
    home = tmp_path_factory.mktemp("workspace")
    shutil.copytree(house / "docs" / "hypotheses", home / "docs" / "hypotheses")
    return Flow(house, home)


def test_01_nothing_is_there_yet(flow: Flow) -> None:
    status = flow("arena-status", "--json").json
    assert status["aliases"] == {"champion": None, "challenger": None, "candidate": None}
    assert status["proposals"] == []
    assert flow("daily", "--json", code=1).json["status"] != "healthy"
    release = flow("release-check", "--json", code=1).json
    assert release["ready"] is False
    assert release["champion"] is None
    assert "tests" in flow("release-check", "--explain", code=1).out
    assert "bootstrap-champion" in flow("arena-propose", code=3).err


def test_02_a_snapshot_never_changes_its_meaning(flow: Flow, typed: dict[str, str]) -> None:
    first = flow.typed(typed["data-snapshot"], "--json").json
    assert 35_000 < first["rows"] < 45_000
    assert sum(first["dropped"].values()) > 0
    again = flow("data-snapshot", "--dataset-version", "sim-v1", "--simulate", "--json").json
    assert again["digest"] == first["digest"]
    other = flow("data-snapshot", "--dataset-version", "sim-v1", "--simulate", "--seed", "7", "--json", code=3)
    assert "sim-v1" in other.json["error"]["message"]
    assert [s["digest"] for s in flow("data-list", "--json").json] == [first["digest"]]


def test_03_no_champion_without_gates(flow: Flow, typed: dict[str, str]) -> None:
    made = flow.typed(typed["bootstrap-champion"], "--json").json
    assert (made["kind"], made["verdict"], made["disposition"], made["effect"]) == (
        "bootstrap", "pass", "approved", "applied",
    )  # fmt: skip
    assert made["champion"] is None
    assert {g["status"] for g in made["gates"]} == {"pass"}
    status = flow("arena-status", "--json").json
    assert status["custody"] == "in_custody"
    assert status["aliases"]["champion"]["digest"] == made["challenger"]["digest"]
    refused = flow(
        "bootstrap-champion", "--dataset-version", "sim-v1", "--feature-set-version", "v1.0",
        "--owner", "ana", "--approved-by", "ana", code=3,
    )  # fmt: skip
    assert "has a champion" in refused.err


def test_04_training_refuses_without_a_complete_hypothesis(flow: Flow) -> None:
    before = _versions(flow)
    missing = flow(*[w.replace("H-SEG-001", "H-NONE-999") for w in TRAIN], code=2)
    assert "hypothesis-new H-NONE-999" in missing.err
    flow("hypothesis-new", "H-NEW-100", "--owner", "ana")
    checked = flow("hypothesis-check", "H-NEW-100", "--json", code=1).json
    assert checked["complete"] is False
    assert len(checked["missing"]) > 5
    incomplete = flow(*[w.replace("H-SEG-001", "H-NEW-100") for w in TRAIN], code=2)
    assert "Mechanism" in incomplete.err
    disagreeing = flow(*[w.replace("architecture", "tuning") for w in TRAIN], code=2)
    assert "change type" in disagreeing.err
    assert "v2.1" in flow(*[w.replace("v2.0", "v9.9") for w in TRAIN], code=2).err
    assert "sim-v1" in flow(*[w.replace("sim-v1", "sim-v9") for w in TRAIN], code=2).err
    assert "nope.csv" in flow(*TRAIN, "--input-csv", "/nope.csv", code=2).err
    assert _versions(flow) == before
    with sqlite3.connect(flow.home / "mlruns" / "arena.db") as ledger:
        assert ledger.execute("SELECT count(*) FROM hypothesis_locks").fetchone() == (0,), "nothing was locked"


def test_05_leaks_are_refused_with_the_reason(flow: Flow) -> None:
    words = [w.replace("segment_only", "price_tier") for w in TRAIN]
    assert "cut from the target" in flow(*words, code=2).err


def test_06_the_candidate_carries_its_lineage(flow: Flow, typed: dict[str, str]) -> None:
    checked = flow.typed(typed["hypothesis-check"], "--json").json
    assert checked["complete"]
    assert {"slice", "rows", "detectable", "claimed", "enough"} <= set(checked["power"][0])
    made = flow.typed(typed["train-candidate"], "--json").json
    assert set(made["segments"]) == {"SINGLE_FAMILY", "WALKUP", "ELEVATOR", "SMALL_MULTI"}
    assert made["rows"]["holdout"] == pytest.approx(0.2 * sum(made["rows"].values()), rel=0.05)
    with sqlite3.connect(flow.home / "mlruns" / "mlflow.db") as store:
        tags = dict(store.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (made["run_id"],)))
        metrics = dict(store.execute("SELECT key, value FROM metrics WHERE run_uuid = ?", (made["run_id"],)))
    for name, value in {
        "hypothesis_id": "H-SEG-001", "change_type": "architecture", "owner": "ana", "feature_set_version": "v2.0",
        "dataset_version": "sim-v1", "base_champion_version": "1",
    }.items():  # fmt: skip
        assert tags[name] == value
    assert {"change_summary", "parent_hypothesis_id"} <= set(tags)
    assert metrics["mdape"] == pytest.approx(made["metrics"]["mdape"])
    assert metrics["segment.WALKUP.ppe10"] == pytest.approx(made["segments"]["WALKUP"]["ppe10"])


def test_07_the_challenger_wins_on_the_same_rows(flow: Flow, typed: dict[str, str]) -> None:
    made = flow.typed(typed["arena-propose"], "--json").json
    assert made["verdict"] == "pass", [g for g in made["gates"] if g["status"] != "pass"]
    assert made["hypothesis"]["outcome"] == "supported"
    assert made["id"].endswith(made["digest"][:8])
    again = flow("arena-propose", "--json").json
    assert again["id"] == made["id"], "the same evidence is the same proposal"
    assert [p["disposition"] for p in flow.typed(typed["arena-status"], "--json").json["proposals"]] == [
        "open",
        "approved",
    ]
    text = flow("arena-show", made["id"], "--html", str(flow.home / "p.html"), "--markdown", str(flow.home / "p.md"))
    assert "weighted_segment_mdape_improvement" in text.out
    page = (flow.home / "p.html").read_text()
    assert "<svg" in page
    assert made["digest"][:12] in page
    assert "supported" in (flow.home / "docs" / "hypotheses" / "H-SEG-001.md").read_text()


def test_08_changed_evidence_invalidates_and_can_be_made_again(flow: Flow) -> None:
    (open_,) = [p for p in flow("arena-status", "--json").json["proposals"] if p["disposition"] == "open"]
    bundles = sorted((flow.home / "data" / "evidence").iterdir(), key=lambda p: p.stat().st_mtime)
    manifest = bundles[-1] / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"verdict": "pass"', '"verdict":  "pass"'))
    refused = flow("arena-approve", "--proposal-id", open_["id"], "--approved-by", "ana", code=3)
    assert "bundle_digest" in refused.err
    states = {p["id"]: p["disposition"] for p in flow("arena-status", "--json").json["proposals"]}
    assert states[open_["id"]] == "invalidated"
    again = flow("arena-propose", "--json").json
    assert (again["verdict"], again["disposition"]) == ("pass", "open")
    assert again["id"] != open_["id"]


def test_08b_a_named_person_decides_once(flow: Flow) -> None:
    (open_,) = [p for p in flow("arena-status", "--json").json["proposals"] if p["disposition"] == "open"]
    flow("arena-approve", "--proposal-id", "P-nope", "--approved-by", "ana", code=2)
    decided = flow("arena-approve", "--proposal-id", open_["id"], "--approved-by", "ana", "--json").json
    assert (decided["disposition"], decided["effect"], decided["decided_by"]) == ("approved", "applied", "ana")
    again = flow("arena-approve", "--proposal-id", open_["id"], "--approved-by", "ana", "--json").json
    assert again["decided_at"] == decided["decided_at"], "repeating a decision is a no-op"
    other = flow("arena-reject", "--proposal-id", open_["id"], "--rejected-by", "ben", "--reason", "no", code=3)
    assert "ana" in other.err
    status = flow("arena-status", "--json").json
    assert status["aliases"]["champion"]["digest"] == decided["challenger"]["digest"]


def test_09_the_ledger_and_the_verdict_can_be_checked(flow: Flow) -> None:
    assert flow("arena-verify", "--json").json["ok"]
    for proposal in flow("arena-status", "--json").json["proposals"]:
        if proposal["disposition"] == "invalidated":
            assert "was changed" in flow("arena-replay", proposal["id"], code=2).err
            continue
        replayed = flow("arena-replay", proposal["id"], "--json").json
        assert replayed["ok"], replayed
        assert replayed["checked"] > 0


def test_10_release_is_red_until_every_gate_is_green(flow: Flow) -> None:
    red = flow("release-check", "--json", code=1).json
    assert [c["name"] for g in red["gates"] for c in g["checks"] if c["status"] != "pass"] == ["tests"]
    record = flow.home / "reports" / "tests.json"
    record.parent.mkdir(exist_ok=True)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "nyc_sales or who_may",
            "tests/domain/test_gates.py",
            "tests/test_architecture.py",
        ],
        cwd=flow.script.parent.parent,
        env={**os.environ, "DS_WORKFLOW_TEST_RECORD": str(record)},
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0
    green = flow("release-check", "--json").json
    assert green["ready"] is True
    assert Path(green["report"]).exists()


def test_11_rollback_and_custody(flow: Flow) -> None:
    flow("arena-rollback", "--by", "ana", "--reason", " ", code=2)
    back = flow("arena-rollback", "--by", "ana", "--reason", "Co-op values jumped", "--json").json
    assert (back["kind"], back["effect"], back["challenger"]["version"]) == ("rollback", "applied", 1)
    assert back["self_approved"] is False, "nobody owns a rollback, so nobody approved their own"
    assert flow("arena-status", "--json").json["aliases"]["champion"]["version"] == 1
    store = flow.home / "mlruns" / "mlflow.db"
    with sqlite3.connect(store) as database:
        database.execute("UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'")
    assert flow("arena-status", "--json").json["custody"] == "drifted"
    assert flow("daily", "--json", code=1).json["status"] == "critical"
    assert "custody" in flow("arena-propose", code=3).err.lower()
    with sqlite3.connect(store) as database:
        database.execute("UPDATE registered_model_aliases SET version = 1 WHERE alias = 'champion'")
    assert flow("arena-status", "--json").json["custody"] == "in_custody"


def test_12_bad_words_get_clear_errors(flow: Flow) -> None:
    assert "Did you mean arena-status" in flow("arena-statuss", code=2).err
    assert flow("arena-show", "P-unknown", "--json", code=2).json["error"]["code"] == 2
    for command in ("data-list", "arena-status", "daily", "release-check"):
        assert "nyc_sales" in flow("--problem", "mars", command, code=2).err
    assert flow("data-check", "--json").json["ok"]
    assert {row["id"] for row in flow("hypothesis-list", "--json").json} >= {"H-SEG-001", "H-NEW-100"}
    assert "nyc_sales" in {row["name"] for row in flow("problems", "--json").json}
    assert ".csv" in flow("data-fetch", "--out", "x.txt", "--from", "2024-01-01", "--to", "2024-01-02", code=2).err
    assert flow("data-snapshot", "--dataset-version", "x", "--input", "/nope.csv", code=2).err
    assert flow("data-snapshot", "--dataset-version", "../x", "--simulate", code=2).err


def _versions(flow: Flow) -> int:
    with sqlite3.connect(flow.home / "mlruns" / "mlflow.db") as store:
        return int(store.execute("SELECT count(*) FROM model_versions").fetchone()[0])


def test_13_a_killed_decision_is_finished_by_the_next_command(flow: Flow) -> None:
    """SIGKILL while a decision is being applied; then `arena-status`, as anybody would."""
    words = ["arena-rollback", "--to", "2", "--by", "ana", "--reason", "the drill is over"]
    process = subprocess.Popen(
        [str(flow.script), "--workspace", str(flow.home), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ledger = flow.home / "mlruns" / "arena.db"
    newest = "SELECT id, kind, effect FROM proposals ORDER BY created_at DESC LIMIT 1"
    deadline = time.monotonic() + 120
    effect = "none"
    while effect != "applying" and process.poll() is None and time.monotonic() < deadline:
        with sqlite3.connect(ledger) as database:
            made, kind, effect = database.execute(newest).fetchone()
    process.kill()
    process.wait()
    assert (kind, effect) == ("rollback", "applying"), "killed between the decision and its effect"
    status = flow("arena-status", "--json").json
    (found,) = [p for p in status["proposals"] if p["id"] == made]
    assert (found["disposition"], found["effect"], found["decided_by"]) == ("approved", "applied", "ana")
    assert status["custody"] == "in_custody"
    assert status["aliases"]["champion"]["version"] == 2
    assert flow("arena-verify", "--json").json["ok"]
