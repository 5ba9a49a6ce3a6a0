"""What stands in MLflow afterwards, for people who compare in its UI; and what our reading does without it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest

from registry.errors import InvalidRecord
from registry.mlflow_store import MlflowStore
from registry.records import digest_of

PROBLEM = "toy_prices"
ROOT = Path(__file__).resolve().parents[2]


def client(bench: Any) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=bench.versions.uri, registry_uri=bench.versions.uri)


def test_a_run_says_everything(lasting: Any) -> None:
    version = lasting.candidate()
    run = client(lasting).get_run(version.run_id)
    assert (run.info.run_name, run.info.status) == ("slope 2.0", "FINISHED")
    assert run.data.metrics == {"mdape": 0.2, "segment.WALKUP.mdape": 0.3}
    assert run.data.params == {"strategy": "global", "depth": "3"}
    tags = run.data.tags
    for name in ("hypothesis_id", "change_type", "change_summary", "owner", "feature_set_version", "dataset_version",
                 "parent_hypothesis_id", "base_champion_version", "git_commit", "seed"):  # fmt: skip
        given = getattr(version.lineage, name)
        assert tags[name] == ("" if given is None else str(given))
    assert tags["note"] == "tiny"
    [used] = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("toy d1", digest_of("rows")[:36])
    assert "area" in used.dataset.schema
    experiment = client(lasting).get_experiment_by_name(PROBLEM)
    assert experiment.artifact_location == str(lasting.folder / "mlruns" / "artifacts" / PROBLEM)
    [output] = run.outputs.model_outputs
    found = client(lasting).get_model_version(PROBLEM, "1")
    assert (found.source, found.description, found.status) == (f"models:/{output.model_id}", "A tiny model.", "READY")
    assert found.tags["digest"] == version.digest
    description = mlflow.models.get_model_info(str(lasting.versions.model_path(version)))
    assert description.signature.inputs.input_names() == ["area", "rooms"]
    assert description.saved_input_example_info is not None
    assert description.flavors["sklearn"]["serialization_format"] == "skops"
    assert (lasting.versions.model_path(version) / "requirements.txt").read_text().split() == [
        f"mlflow=={mlflow.__version__}",
        "scikit-learn",
    ]
    assert [f.name for f in lasting.versions.run_artifacts(version).iterdir()] == ["scorecard.json"]


def test_mlflow_itself_loads_what_we_registered(lasting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = lasting.run()
    lasting.registry().register(run)
    mlflow.set_tracking_uri(lasting.versions.uri)
    with pytest.raises(mlflow.MlflowException, match="disallowed"):  # it trusts what the model says of itself
        mlflow.sklearn.load_model(f"models:/{PROBLEM}@candidate")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    model = mlflow.sklearn.load_model(f"models:/{PROBLEM}@candidate")
    assert model.predict(run.example) == pytest.approx(run.model.predict(run.example))
    version = lasting.registry().version(PROBLEM, 1)
    assert lasting.versions.bytes_digest(version) == version.digest  # loading by name writes into the folder


def test_the_look_into_the_file_sees_what_the_client_sees(lasting: Any) -> None:
    lasting.promote()
    lasting.candidate(3.0)
    lasting.candidate(4.0)
    client(lasting).delete_model_version(PROBLEM, "3")
    lasting.versions.set_alias(PROBLEM, "candidate", 2)
    slow = MlflowStore(lasting.folder / "mlruns", known_revisions=frozenset())
    assert slow.peek_aliases(PROBLEM) is None
    assert lasting.versions.peek_aliases(PROBLEM) == {"candidate": 2, "champion": 1}
    for store_says in (
        lambda s: s.aliases(PROBLEM),
        lambda s: s.versions(PROBLEM),
        lambda s: s.version(PROBLEM, 2),
        lambda s: s.model_tags(PROBLEM),
        lambda s: s.tagged("ledger_head"),
        lambda s: s.model_path(s.version(PROBLEM, 2)),
        lambda s: s.run_artifacts(s.version(PROBLEM, 2)),
        lambda s: (s.aliases("nobody"), s.versions("nobody"), s.model_tags("nobody")),
    ):
        assert store_says(lasting.versions) == store_says(slow)


def test_this_release_of_mlflow_has_a_known_schema(lasting: Any) -> None:
    lasting.versions.prepare()
    assert lasting.versions.peek_aliases(PROBLEM) == {}


def test_more_versions_than_a_page(lasting: Any) -> None:
    lasting.candidate()
    found = client(lasting).get_model_version(PROBLEM, "1")
    for _ in range(200):
        client(lasting).create_model_version(PROBLEM, str(lasting.folder), found.run_id, tags=found.tags)
    slow = MlflowStore(lasting.folder / "mlruns", known_revisions=frozenset())
    assert [v.version for v in slow.versions(PROBLEM)] == list(range(1, 202))
    assert slow.versions(PROBLEM) == lasting.versions.versions(PROBLEM)


def test_names_and_figures_that_mlflow_is_strict_about(lasting: Any) -> None:
    from dataclasses import replace

    many = {f"segment.A+B (x).m{i}": float(i) for i in range(1200)} | {"r2": float("nan")}
    run = replace(
        lasting.run(),
        name="H-1: a/b, 100 % of v1.0 'x'",
        metrics=many,
        params={f"p{i}": "x" * 7000 for i in range(120)},
        dataset={"name": "d", "digest": "0" * 64, "source": "s", "rows": 1, "frame": None},
        description="long " * 2000,
        pip_requirements=(),
    )
    version = lasting.registry().register(run)
    found = client(lasting).get_run(version.run_id)
    assert found.data.metrics["segment.A_B _x_.m7"] == 7.0
    assert (len(found.data.metrics), len(found.data.params)) == (1201, 120)


def test_a_run_that_can_not_be_kept_is_marked_failed(lasting: Any) -> None:
    from dataclasses import replace

    class Own(type(lasting.run().model)):
        pass

    run = lasting.run()
    with pytest.raises(InvalidRecord):
        lasting.registry().register(replace(run, model=Own().fit(run.example, [1.0, 2.0, 3.0])))
    experiment = client(lasting).get_experiment_by_name(PROBLEM)
    assert [r.info.status for r in client(lasting).search_runs([experiment.experiment_id])] == ["FAILED"]


def test_looking_never_imports_mlflow_and_prints_nothing(lasting: Any) -> None:
    champion = lasting.promote()
    lasting.propose(lasting.candidate(3.0))
    code = f"""
import sys, json, time
from datetime import datetime, UTC
from pathlib import Path
from registry.mlflow_store import MlflowStore
from registry.service import Registry
assert not {{"mlflow", "sqlalchemy", "pandas", "sklearn"}} & set(sys.modules), "imports"
from registry.sql_ledger import SqlLedger
root = Path({str(lasting.folder / "mlruns")!r})
r = Registry(versions=MlflowStore(root), ledger=SqlLedger.at(root / "arena.db"), clock=lambda: datetime.now(UTC))
status = r.status("toy_prices")
assert status.custody.status == "in_custody", status
path = r.model_path(r.champion("toy_prices"))
assert r.verify().ok and r.versions("toy_prices") and r.run_artifacts(r.champion("toy_prices"))
assert not {{"mlflow", "pandas", "sklearn"}} & set(sys.modules), "imports"
print(json.dumps(status.aliases["champion"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == {"version": 1, "run_id": champion.run_id, "digest": champion.digest}


def test_deciding_prints_nothing_either(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
import importlib.util
from pathlib import Path
spec = importlib.util.spec_from_file_location("bench", {str(Path(__file__).with_name("conftest.py"))!r})
bench = importlib.util.module_from_spec(spec)
sys.modules["bench"] = bench
spec.loader.exec_module(bench)
root = Path({str(tmp_path)!r})
b = bench.Bench(bench.MlflowStore(root / "mlruns"), bench.SqlLedger.at(root / "mlruns" / "arena.db"), root)
b.promote()
b.promote(3.0)
b.roll_back()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["artifacts-of-run", "mlruns"]


def test_registering_costs_little_beside_training(lasting: Any) -> None:
    lasting.candidate()
    start = time.perf_counter()
    lasting.candidate(3.0)
    assert time.perf_counter() - start < 5  # 0.2 s on two idle cores; a subprocess or an inference would show
