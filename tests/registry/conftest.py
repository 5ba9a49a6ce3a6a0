"""A bench to test the registry on: the same builders over memory, and over MLflow with SQLite."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LinearRegression

from registry.memory import MemoryLedger, MemoryVersions
from registry.mlflow_store import MlflowStore
from registry.ports import Ledger, RunRecord, VersionStore
from registry.quorum import Rule
from registry.records import Evidence, GateResult, Lineage, ModelVersion, Proposal, digest_of
from registry.service import Registry
from registry.sql_ledger import SqlLedger

if TYPE_CHECKING:
    from postgres import Server

PROBLEM = "toy_prices"


class Clock:
    """A clock that moves a second with every look, and further when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def lineage(**changes: Any) -> Lineage:
    whole = Lineage(
        problem=PROBLEM,
        dataset_version="d1",
        dataset_digest=digest_of("rows"),
        holdout_digest=digest_of("holdout"),
        feature_set_version="v1.0",
        strategy="global",
        change_type="architecture",
        change_summary="a line through two points",
        owner="olga",
        seed=7,
        git_commit="0" * 40,
        hypothesis_id="H-001",
        hypothesis_digest=digest_of("hypothesis"),
        base_champion_version=None,
    )
    return replace(whole, **changes)


@dataclass
class Bench:
    versions: VersionStore
    ledger: Ledger
    folder: Path
    clock: Clock = field(default_factory=Clock)
    smoked: list[int] = field(default_factory=list)

    def registry(self, **options: Any) -> Registry:
        return Registry(versions=self.versions, ledger=self.ledger, clock=self.clock, **options)

    def run(self, *, slope: float = 2.0, **changes: Any) -> RunRecord:
        rows = pd.DataFrame({"area": np.arange(20.0), "rooms": np.arange(20.0) % 3})
        artifacts = self.folder / "artifacts-of-run"
        artifacts.mkdir(exist_ok=True)
        (artifacts / "scorecard.json").write_text('{"mdape": 0.2}')
        return RunRecord(
            name=f"slope {slope}",
            lineage=lineage(**changes),
            model=LinearRegression().fit(rows, slope * rows["area"]),
            trusted_types=(),
            metrics={"mdape": 0.2, "segment.WALKUP.mdape": 0.3},
            params={"strategy": "global", "depth": 3},
            tags={"note": "tiny"},
            artifacts=artifacts,
            example=rows.head(3),
            dataset={"name": "toy d1", "digest": digest_of("rows"), "source": "made up", "rows": 20, "frame": rows},
            description="A tiny model.",
            pip_requirements=("scikit-learn",),
        )

    def candidate(self, slope: float = 2.0, **changes: Any) -> ModelVersion:
        run = self.run(slope=slope, **changes)
        declared = {run.lineage.owner: ("data_scientist",)}  # whether or not others are by now
        return self.registry(people=declared).register(run)

    def evidence(self, version: ModelVersion, **changes: Any) -> Evidence:
        champion = self.registry().champion(version.problem)
        told = Evidence(
            problem=version.problem,
            kind="promotion" if champion else "bootstrap",
            challenger=version.ref,
            champion=champion.ref if champion else None,
            holdout_digest=version.lineage.holdout_digest,
            policy_digest=digest_of("policy"),
            hypothesis_digest=version.lineage.hypothesis_digest,
            verdict="pass",
            bundle_digest=digest_of("bundle"),
        )
        return replace(told, **changes)

    def propose(self, version: ModelVersion, registry: Registry | None = None, **changes: Any) -> Proposal:
        gate = GateResult("mdape", "pass", observed=0.1, interval=(0.05, 0.15), required="> 0", rows=500)
        return (registry or self.registry()).propose(
            self.evidence(version, **changes),
            gates=[gate],
            owner="olga",
            summary={"overall": {"mdape": {"champion": None, "challenger": 0.2}}},
        )

    def smoke(self, version: ModelVersion) -> None:
        self.smoked.append(version.version)

    def approve(self, proposal: Proposal, registry: Registry | None = None, **options: Any) -> Proposal:
        options = {"by": "ada", "rule": Rule(), "recheck": lambda p: p.evidence, "smoke": self.smoke} | options
        return (registry or self.registry()).approve(proposal.id, **options)

    def promote(self, slope: float = 2.0) -> ModelVersion:
        version = self.candidate(slope)
        self.approve(self.propose(version))
        return version

    def roll_back(self, registry: Registry | None = None, **options: Any) -> Proposal:
        options = {"to": None, "by": "ada", "reason": "it erred", "smoke": self.smoke} | options
        return (registry or self.registry()).roll_back(PROBLEM, policy_digest=digest_of("policy"), **options)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, migrated once for all tests."""
    root = tmp_path_factory.mktemp("template")
    MlflowStore(root).prepare()
    return root / "mlflow.db"


@pytest.fixture(scope="session")
def make_bench() -> Callable[..., Bench]:
    """A bench over stores of the caller's choice."""
    return Bench


@pytest.fixture
def lasting(tmp_path: Path, template: Path) -> Bench:
    """Over MLflow and SQLite."""
    root = tmp_path / "mlruns"
    return Bench(MlflowStore(root, template=template), SqlLedger.at(root / "arena.db", busy_seconds=5), tmp_path)


@pytest.fixture(scope="session")
def mlflow_template(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with MLflow's tables, migrated once, to be copied."""
    url = postgres.create()
    store = MlflowStore(tmp_path_factory.mktemp("template"), url=url)
    store.prepare()
    dispose(store)
    return str(sa.make_url(url).database)


def dispose(store: MlflowStore) -> None:
    """Let go of MLflow's connections, which it keeps per address for the life of the process."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Models
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs

    for kind in (Models, Runs):
        with contextlib.suppress(KeyError, AttributeError):
            kind._engine_map.pop(store.uri).dispose()


@pytest.fixture
def served(postgres: Server, tmp_path: Path) -> Iterator[Bench]:
    """The ledger on a PostgreSQL server, the versions in memory."""
    ledger = SqlLedger(postgres.schema(), busy_seconds=5, lease_seconds=5)
    yield Bench(MemoryVersions(tmp_path / "versions"), ledger, tmp_path)
    ledger.close()


@pytest.fixture
def both_served(postgres: Server, mlflow_template: str, tmp_path: Path) -> Iterator[Bench]:
    """Over a PostgreSQL server: one database for MLflow, one for the ledger."""
    tables, ledger = postgres.create(mlflow_template), SqlLedger(postgres.schema(), busy_seconds=5)
    store = MlflowStore(tmp_path / "mlruns", url=tables)
    yield Bench(store, ledger, tmp_path)
    ledger.close()
    dispose(store)


@pytest.fixture(params=["memory", "lasting", "served"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Over every kind of store."""
    if request.param != "memory":
        yield request.getfixturevalue(request.param)
    else:
        yield Bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(lease_seconds=5), tmp_path)


@pytest.fixture(params=["memory", "served"])
def light(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Over every kind of ledger, with the versions in memory: for what asks little of them."""
    if request.param == "served":
        made: Bench = request.getfixturevalue("served")
        return made
    return Bench(MemoryVersions(tmp_path / "versions"), MemoryLedger(lease_seconds=5), tmp_path)
