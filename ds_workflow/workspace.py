"""The door: from settings to a registry, a clock, a commit and the problem at hand.

The only file that names the registry's service and its MLflow store together. Time and the commit come in here;
below it nobody asks the machine for them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ds_workflow import plugins
from ds_workflow.errors import InvalidInput
from ds_workflow.settings import CHECKOUT, Settings, parse_yaml

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Problem
    from registry.accounts_store import Accounts
    from registry.declared import Declared as WrittenPeople
    from registry.service import Registry
    from registry.signing import Signer

# Read when an OpenMP library loads: threads that wait sleep instead of spinning. On two busy cores, spinning made the
# same fit take four times the processor time.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
MOST_BUSY_SECONDS = 3600


def system_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def busy_seconds() -> float:
    """How long a command waits for another one that writes, from DS_WORKFLOW_BUSY_SECONDS; 20 unless told."""
    return _seconds("DS_WORKFLOW_BUSY_SECONDS", os.environ.get("DS_WORKFLOW_BUSY_SECONDS", ""), 20)


def mlflow_seconds(settings: Settings) -> float:
    """How long a command waits for MLflow's database, from DS_WORKFLOW_MLFLOW_SECONDS, or `mlflow_seconds` in the
    workspace's config/waiting.yaml; 10 unless told."""
    if told := os.environ.get("DS_WORKFLOW_MLFLOW_SECONDS", "").strip():
        return _seconds("DS_WORKFLOW_MLFLOW_SECONDS", told, 10)
    path = settings.waiting
    if not path.exists():
        return 10.0
    content = parse_yaml(path.read_bytes(), where=str(path)) or {}
    if not isinstance(content, dict) or set(content) - {"mlflow_seconds"}:
        raise InvalidInput(f"{path} must hold the key 'mlflow_seconds' and no other.", hint="mlflow_seconds: 10")
    return _seconds(f"'mlflow_seconds' in {path}", str(content.get("mlflow_seconds", "")), 10)


def _seconds(what: str, told: str, default: float) -> float:
    named = told.strip() or str(default)
    try:
        seconds = float(named)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= MOST_BUSY_SECONDS:
        raise InvalidInput(
            f"{what} is '{named}'; it is a number of seconds above 0, at most {MOST_BUSY_SECONDS}.",
            hint=f"Leave it away for {default} seconds.",
        )
    return seconds


def silent(_: str) -> None:
    """Progress that nobody reads."""


class Declared(Mapping[str, Sequence[str]]):
    """The declared people, asked again each time: a server sees who was added or disabled since it started."""

    def __init__(self, ask: Callable[[], Mapping[str, Sequence[str]]]) -> None:
        self._ask = ask

    def __getitem__(self, name: str) -> Sequence[str]:
        return self._ask()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ask())

    def __len__(self) -> int:
        return len(self._ask())


@dataclass(frozen=True)
class Workspace:
    """One folder, one problem, and everything a use case may ask of the outside."""

    settings: Settings
    clock: Callable[[], datetime] = system_clock
    say: Callable[[str], None] = silent

    @staticmethod
    def at(
        folder: str | Path | None = None, problem: str | None = None, *, say: Callable[[str], None] = silent
    ) -> Workspace:
        """The workspace in a folder; what is not given comes from the environment (see Settings.resolve)."""
        settings = Settings.resolve(folder, problem)
        plugins.subject(settings.problem)
        return Workspace(settings, say=say)

    @cached_property
    def registry(self) -> Registry:
        """The registry of this workspace: MLflow for versions, SQL for decisions."""
        from registry.mlflow_store import MlflowStore
        from registry.service import Registry
        from registry.sql_ledger import SqlLedger

        self.settings.store.mkdir(parents=True, exist_ok=True)
        return Registry(
            versions=MlflowStore(
                self.settings.store, url=self.settings.tracking_url, seconds=mlflow_seconds(self.settings)
            ),
            ledger=SqlLedger(self.settings.ledger, busy_seconds=busy_seconds()),
            clock=self.clock,
            people=Declared(lambda: self.people),
            signer=lambda: self.signer,
        )

    @property
    def signer(self) -> Signer | None:
        """The key of whoever decides here, from the file that DS_WORKFLOW_SIGNING_KEY names."""
        from registry.signing import Signer

        named = os.environ.get("DS_WORKFLOW_SIGNING_KEY", "")
        return Signer.read(Path(named).expanduser()) if named else None

    @cached_property
    def plugin(self) -> ModuleType:
        """The module of the problem at hand."""
        return plugins.load(plugins.subject(self.settings.problem), self.settings.problem)

    @property
    def problem(self) -> Problem:
        """The declaration of the problem at hand."""
        declared: Problem = self.plugin.PROBLEM
        return declared

    @property
    def people(self) -> Mapping[str, Sequence[str]]:
        """Declared people and their roles as of now: config/people.yaml and the users; empty means solo mode."""
        from registry import accounts

        return accounts.merged(self._written_people().roles, self.accounts.listed())

    def known_as(self, name: str) -> str:
        """The declared name of whoever is called so (name, full name or e-mail); the same text where nobody is."""
        from registry.declared import plain

        names = {plain(account.name): account.name for account in self.accounts.listed()}
        also = {plain(text): a.name for a in self.accounts.listed() for text in (a.full_name, a.email) if text}
        written = self._written_people()
        names |= {plain(one): one for one in written.roles}
        return names.get(plain(name)) or {**also, **written.known_as}.get(plain(name)) or name

    @cached_property
    def accounts(self) -> Accounts:
        """Users, sessions, tokens and the access log, in the ledger's database."""
        from registry.accounts_store import Accounts

        self.settings.store.mkdir(parents=True, exist_ok=True)
        return Accounts(self.settings.ledger, clock=self.clock, busy_seconds=busy_seconds())

    def _written_people(self) -> WrittenPeople:
        from registry.declared import Declared, declared
        from registry.errors import InvalidRecord

        path = self.settings.people
        if not path.exists():
            return Declared()
        try:
            return declared(parse_yaml(path.read_bytes(), where=str(path)), where=str(path))
        except InvalidRecord as error:
            raise InvalidInput(str(error), hint=error.hint) from error

    @cached_property
    def commit(self) -> str:
        """The commit of the code, with `+changes` when the checkout differs from it; `unknown` outside git.

        DS_WORKFLOW_COMMIT states it where no git came along, as in an image.
        """
        if stated := os.environ.get("DS_WORKFLOW_COMMIT"):
            return stated

        def git(*words: str) -> str:
            done = subprocess.run(
                ("git", "-C", str(CHECKOUT), *words),  # noqa: S607 - the git of the user's own PATH
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
            return done.stdout.strip() if done.returncode == 0 else ""

        head = git("rev-parse", "HEAD")
        if not head:
            return "unknown"
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "ds_workflow", "registry", "serving")
        return f"{head}+changes" if changed else head

    def path(self, *parts: str) -> Path:
        """A path inside the workspace, its parent folder made."""
        path = self.settings.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
