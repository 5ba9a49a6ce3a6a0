"""Where things live, read once from options and the environment. Nothing here touches a store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PROBLEM = "nyc_sales"
CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """The folders of one workspace and the problem at hand.

    A workspace is a folder. What it does not hold of its own, the policies, is read from the checkout beside the
    package, so that an empty folder is a working workspace.
    """

    root: Path
    problem: str = DEFAULT_PROBLEM

    @staticmethod
    def resolve(
        workspace: str | os.PathLike[str] | None = None,
        problem: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> Settings:
        """Options win over DS_WORKFLOW_HOME and DS_WORKFLOW_PROBLEM, which win over here and nyc_sales."""
        env = os.environ if environ is None else environ
        root = Path(workspace or env.get("DS_WORKFLOW_HOME") or ".").expanduser().resolve()
        return Settings(root, problem or env.get("DS_WORKFLOW_PROBLEM") or DEFAULT_PROBLEM)

    @property
    def store(self) -> Path:
        """MLflow's database, the arena's ledger and the artifacts."""
        return self.root / "mlruns"

    @property
    def data(self) -> Path:
        """Snapshots and evidence."""
        return self.root / "data"

    @property
    def evidence(self) -> Path:
        """Scored rows and gate results of every proposal."""
        return self.data / "evidence"

    @property
    def hypotheses(self) -> Path:
        """The written hypotheses."""
        return self.root / "docs" / "hypotheses"

    @property
    def model_cards(self) -> Path:
        """One card per applied version."""
        return self.root / "docs" / "model_cards"

    @property
    def reports(self) -> Path:
        """What commands write for people: arena pages, release reports."""
        return self.root / "reports"

    @property
    def people(self) -> Path:
        """Declared approvers; absent means solo mode."""
        return self.root / "config" / "people.yaml"

    def policy(self, problem: str) -> Path:
        """The workspace's policy of a problem, or the one that ships with the checkout."""
        own = self.root / "config" / "policies" / f"{problem}.yaml"
        return own if own.exists() else CHECKOUT / "config" / "policies" / f"{problem}.yaml"
