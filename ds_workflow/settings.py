"""Where things live, read once from options and the environment. Nothing here touches a store."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ds_workflow.errors import InvalidInput

DEFAULT_PROBLEM = "nyc_sales"
CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """The folders of one workspace and the problem at hand.

    A workspace is a folder. What it does not hold of its own, the policies, is read from the checkout beside the
    package or from the plug-in, so that an empty folder is a working workspace.
    """

    root: Path
    problem: str = DEFAULT_PROBLEM
    ledger_url: str = field(default="", repr=False)
    tracking_url: str = field(default="", repr=False)

    @staticmethod
    def resolve(
        workspace: str | os.PathLike[str] | None = None,
        problem: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> Settings:
        """Options win over DS_WORKFLOW_HOME and DS_WORKFLOW_PROBLEM, which win over here and nyc_sales.

        DS_WORKFLOW_LEDGER_URL names another database than the workspace's file for decisions and users (PostgreSQL),
        DS_WORKFLOW_TRACKING_URL another one than the workspace's file for MLflow's tables.
        """
        env = os.environ if environ is None else environ
        root = Path(workspace or env.get("DS_WORKFLOW_HOME") or ".").expanduser().resolve()
        problem = problem or env.get("DS_WORKFLOW_PROBLEM") or DEFAULT_PROBLEM
        tracking = env.get("DS_WORKFLOW_TRACKING_URL", "")
        if tracking.startswith(("postgres://", "postgresql://")):  # MLflow would look for a driver that is not there
            tracking = f"postgresql+psycopg://{tracking.partition('://')[2]}"
        urls = (env.get("DS_WORKFLOW_LEDGER_URL", ""), tracking)
        return Settings(root, problem, *urls)

    @property
    def store(self) -> Path:
        """MLflow's database, the arena's ledger and the artifacts."""
        return self.root / "mlruns"

    @property
    def ledger(self) -> str:
        """SQLAlchemy's URL of the database of decisions and users; a file in `store` unless another is named."""
        return self.ledger_url or f"sqlite:///{self.store / 'arena.db'}"

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

    @property
    def waiting(self) -> Path:
        """How long stores are waited for; absent means as long as the documents say."""
        return self.root / "config" / "waiting.yaml"

    def policy(self, problem: str) -> Path:
        """The policy of a problem: the workspace's own, else the checkout's, else the one that an outsider's plug-in
        ships beside its module. Where there is none, the place in the workspace where it is looked for first."""
        own = self.root / "config" / "policies" / f"{problem}.yaml"
        shipped = (CHECKOUT / "config" / "policies" / own.name, *_beside_plug_in(problem))
        return next((path for path in (own, *shipped) if path.exists()), own)


def _beside_plug_in(problem: str) -> tuple[Path, ...]:
    """`<problem>.yaml` in the folder of the module that an entry point of that name names; the module itself is not
    imported."""
    from importlib import metadata, util

    found = []
    for point in metadata.entry_points(group="ds_workflow.problems", name=problem):
        try:
            spec = util.find_spec(point.module)
        except ImportError:
            continue  # whoever asks for the plug-in is told
        if spec is not None and spec.origin:
            found.append(Path(spec.origin).with_name(f"{problem}.yaml"))
    return tuple(found)


def parse_yaml(content: bytes, *, where: str) -> Any:
    """The content of a YAML file that others are judged by, plain values only. `where` names it in messages.

    Raises InvalidInput for what is no UTF-8 text or no YAML, and for a key that stands in one mapping twice: of the two
    YAML keeps the last without a word.
    """
    import yaml

    twice: list[tuple[int, str]] = []

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[Any] = set()
            for key, _ in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else None
                if name is not None and name in seen:
                    twice.append((key.start_mark.line + 1, name))
                seen.add(name)
            return super().construct_mapping(node, deep)

    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{where} is no text in UTF-8.", hint="Is it the file that you mean?") from error
    try:
        read = yaml.load(text, Strict)  # noqa: S506 - a safe loader that is stricter
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{where} is not valid YAML: {error}") from error
    if twice:
        line, name = min(twice)
        also = "".join(f"; line {line}: '{name}' too" for line, name in sorted(twice)[1:])
        raise InvalidInput(
            f"{where}, line {line}: '{name}' stands there twice, so one of the two would be ignored{also}.",
            hint="Keep one of them." if len(twice) == 1 else "Keep one of each.",
        )
    return read
