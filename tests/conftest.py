"""What every test may rely on: where the real rows are, and that nothing of the user's surroundings leaks in."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from pathlib import Path

import hypothesis
import pytest
from built_once import built_once
from postgres import postgres, postgres_url  # noqa: F401  fixtures that every folder of tests may ask for

HOUSE = Path(__file__).resolve().parent.parent

# A test names its workspace and its problem itself, and the shell script runs the Python that runs the tests.
for _name in ("HOME", "PROBLEM", "LEDGER_URL", "TRACKING_URL", "SIGNING_KEY", "WEBHOOK_SECRET"):
    os.environ.pop(f"DS_WORKFLOW_{_name}", None)
os.environ["DS_WORKFLOW_PYTHON"] = sys.executable
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers, two cores: more threads only wait for each other

# No deadline: cores are shared. Derandomised: a run that was green is green again.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("house")


def real_data_folder() -> Path:
    """DS_WORKFLOW_REAL_DATA, or the folder `shared/data` beside the checkout; it may be absent."""
    return Path(os.environ.get("DS_WORKFLOW_REAL_DATA") or HOUSE.parent / "shared" / "data")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked `real_data` is skipped, with the reason, where the real rows are absent."""
    if item.get_closest_marker("real_data") and not real_data_folder().is_dir():
        pytest.skip("no real rows: put them in ../shared/data or name their folder in DS_WORKFLOW_REAL_DATA")


LONGEST = (
    "cli/test_real_lifecycle.py", "cli/test_lifecycle.py", "problems/test_conformance.py",
    "use_cases/test_income_lifecycle.py", "problems/test_movie_reviews.py", "serving/web/test_browser.py",
    "serving/test_swap.py", "test_outside_problem.py", "use_cases/test_leaking_champion.py", "faults/test_kills.py",
    "cli/test_look.py", "serving/test_trial.py", "notebooks/test_notebooks.py", "serving/web/test_attacks.py",
    "registry/test_crashes.py", "faults/test_stores.py", "serving/test_openapi.py",
    "use_cases/test_review_lifecycle.py", "domain/test_null.py", "registry/test_mlflow.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, as measured: a worker that begins one last would leave the other idle."""
    first = {f"tests/{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.nodeid.split("::")[0], len(first)))


def pytest_collection_finish() -> None:
    """What was imported to collect the tests is no garbage: it need not be looked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def house() -> Path:
    """The root of the checkout."""
    return HOUSE


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real rows, to be read in place; use it together with the mark `real_data`."""
    folder = real_data_folder()
    if not folder.is_dir():
        pytest.skip("no real rows: put them in ../shared/data or name their folder in DS_WORKFLOW_REAL_DATA")
    return folder


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what ran, for the release check of the workspace that asked for it (DS_WORKFLOW_TEST_RECORD)."""
    target = os.environ.get("DS_WORKFLOW_TEST_RECORD")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not target or reporter is None or hasattr(session.config, "workerinput"):
        return
    from ds_workflow.workspace import Workspace

    counts = {name: len(reporter.stats.get(name, [])) for name in ("passed", "failed", "error", "skipped")}
    record = {
        "commit": Workspace.at(HOUSE).commit,
        "passed": counts["passed"],
        "failed": counts["failed"] + counts["error"],
        "skipped": counts["skipped"],
        "files": sorted({report.nodeid.split("::")[0] for report in reporter.stats.get("passed", [])}),
    }
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


@pytest.fixture(scope="session")
def champion_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a small simulated snapshot and a bootstrapped champion. Read only: copy it to change it."""
    own = tmp_path_factory.mktemp("champion") / "home"
    shutil.copytree(built_once(tmp_path_factory, "first_champion", _appoint), own)
    return own


def _appoint(home: Path) -> None:
    from ds_workflow.use_cases import data, train
    from ds_workflow.use_cases.arena import propose
    from ds_workflow.workspace import Workspace

    home.mkdir()
    work = Workspace.at(home, "nyc_sales")
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=30_000)
    made = train.baseline(
        work, owner="ana", dataset_version="sim-v1", feature_set_version="v1.0", strategy="global", seed=42
    )
    declared = work.path("config", "people.yaml")  # so that somebody else than the owner decides; afterwards nobody is
    declared.write_text("people: {ana: [data_scientist], paul: [approver]}\n", "utf-8")
    view = propose.bootstrap(work, made.version, owner="ana", approved_by="paul", reason="first")
    declared.unlink()
    assert view.proposal.effect == "applied", view.text()
