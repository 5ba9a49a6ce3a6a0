"""Two trained versions of one problem and the decisions between them, for tests of the service.

What the arena would find is not asked here: proposals are written with the registry's own words, as if it had passed.
"""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ds_workflow.use_cases import data, train
from ds_workflow.workspace import Workspace
from registry.quorum import Rule
from registry.records import Evidence, GateResult, Proposal, Verdict, digest_of

PASS = GateResult(name="told", status="pass", observed=1.0, required="1", interval=None, rows=1, note="")


@dataclass(frozen=True)
class Office:
    """A workspace whose versions 1 and 2 differ in their seed."""

    work: Workspace

    @property
    def root(self) -> Path:
        return self.work.settings.root

    def propose(self, number: int, *, verdict: Verdict = "pass") -> Proposal:
        """An open proposal of that version against the champion, or as the first one."""
        registry, name = self.work.registry, self.work.problem.name
        champion = registry.champion(name)
        evidence = Evidence(
            problem=name,
            kind="promotion" if champion else "bootstrap",
            challenger=registry.version(name, number).ref,
            champion=champion.ref if champion else None,
            holdout_digest=digest_of("holdout"),
            policy_digest=digest_of("policy"),
            hypothesis_digest=digest_of("hypothesis"),
            verdict=verdict,
            bundle_digest=digest_of([number, len(registry.moves(name))]),
        )
        return registry.propose(evidence, gates=(PASS,), owner="olga")

    def approve(self, proposal: Proposal) -> None:
        """Make its challenger the champion."""
        done = self.work.registry.approve(
            proposal.id, by="paul", rule=Rule(), recheck=lambda p: p.evidence, smoke=lambda version: None
        )
        assert done.effect == "applied"

    def roll_back(self, to: int) -> None:
        """Put a former champion back."""
        done = self.work.registry.roll_back(
            self.work.problem.name, to=to, by="paul", reason=f"back to {to}", smoke=lambda version: None,
            policy_digest=digest_of("policy"),
        )  # fmt: skip
        assert done.effect == "applied"


def office(
    root: Path, problem: str = "adult_income", *, rows: int = 4_000, feature_set_version: str = "v2.0"
) -> Office:
    """Version 1 is the champion, version 2 is trained and waits."""
    work = Workspace.at(root, problem)
    data.snapshot(work, "sim-v1", source=None, references=(), simulate=True, seed=42, rows=rows)
    for seed in (1, 2):
        train.baseline(
            work,
            owner="olga",
            dataset_version="sim-v1",
            feature_set_version=feature_set_version,
            strategy="global",
            seed=seed,
        )
    made = Office(work)
    made.approve(made.propose(1))
    return made


def copied(trained: Path, root: Path) -> Office:
    """A copy of a workspace to change; MLflow's file holds absolute paths, which are set to the copy's."""
    shutil.copytree(trained, root)
    connection = sqlite3.connect(root / "mlruns" / "mlflow.db")
    columns = {
        "experiments": ["artifact_location"],
        "runs": ["artifact_uri"],
        "logged_models": ["artifact_location"],
        "model_versions": ["storage_location", "source"],
    }
    for table, names in columns.items():
        for name in names:
            connection.execute(f"UPDATE {table} SET {name} = replace({name}, ?, ?)", (str(trained), str(root)))
    connection.commit()
    connection.close()
    return Office(Workspace.at(root, "adult_income"))
