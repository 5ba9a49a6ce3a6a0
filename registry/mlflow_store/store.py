"""Versions in MLflow: runs, model files and aliases. This package alone imports MLflow, and only when it must.

Reading goes round MLflow, by `registry.mlflow_peek` and by hashing files directly; registering and moving aliases
go through its client. MLflow's aliases have no compare-and-set and no history: both are the ledger's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry import refusals
from registry.errors import NotFound
from registry.files import folder_digest
from registry.mlflow_peek import KNOWN_REVISIONS, Peek, ServerPeek, VersionRow, local_path, server_address, to_version
from registry.mlflow_store.connection import Connection
from registry.mlflow_store.runs import Runs
from registry.patience import MLFLOW_SECONDS
from registry.ports import RunRecord
from registry.records import ModelVersion

_PAGE = 200


class MlflowStore:
    """The versions of every problem in `root`/mlflow.db or the PostgreSQL of `url`, their files in `root`/artifacts.

    The registered model and the experiment carry the problem's name. `template` is an empty mlflow.db of the same
    MLflow version to copy instead of migrating a new one; `known_revisions` are the schemas read without MLflow. What
    is not answered within `seconds` raises Unavailable.
    """

    def __init__(
        self,
        root: Path,
        *,
        url: str = "",
        template: Path | None = None,
        known_revisions: frozenset[str] = KNOWN_REVISIONS,
        seconds: float = MLFLOW_SECONDS,
    ) -> None:
        root, address = root.absolute(), server_address(url) if url else ""
        if address:
            self._peek: Peek = ServerPeek(address, known_revisions, seconds=seconds)
        else:
            self._peek = Peek(root / "mlflow.db", known_revisions, seconds=seconds)
        self._mlflow = Connection(root, url=address, template=template, peek=self._peek, seconds=seconds)
        self._runs = Runs(root, self._mlflow)

    def register(self, run: RunRecord, *, at: str) -> ModelVersion:
        """Log the run and its model, and make a version of it. InvalidRecord for a model that can't be kept."""
        return self.version(run.lineage.problem, self._runs.log(run, at=at))

    # -- reading -------------------------------------------------------------------------------------------------

    def version(self, problem: str, number: int) -> ModelVersion:
        """One version; NotFound lists the known ones."""
        return to_version(problem, self._row(problem, number))

    def versions(self, problem: str) -> list[ModelVersion]:
        """All versions, oldest first."""
        return [to_version(problem, row) for row in self._version_rows(problem)]

    def numbers(self, problem: str) -> list[int]:
        """Of all versions, oldest first."""
        found = self._peek.numbers(problem) if self._mlflow.there() else []
        return [row.number for row in self._search(problem)] if found is None else found

    def peek_aliases(self, problem: str) -> dict[str, int] | None:
        """The aliases without importing MLflow; None when its schema is not a known one."""
        return self._peek.aliases(problem) if self._mlflow.there() else {}

    def aliases(self, problem: str) -> dict[str, int]:
        """Alias to version number; empty when there is no such model."""
        found = self.peek_aliases(problem)
        if found is None:
            try:
                model = self._mlflow.call(self._mlflow.client.get_registered_model, problem)
            except NotFound:
                return {}
            found = {str(alias): int(number) for alias, number in model.aliases.items()}
        return dict(sorted(found.items()))

    def model_tags(self, problem: str) -> dict[str, str]:
        """The registered model's tags; empty when there is no such model."""
        found = self._peek.model_tags(problem) if self._mlflow.there() else {}
        if found is None:
            try:
                model = self._mlflow.call(self._mlflow.client.get_registered_model, problem)
            except NotFound:
                return {}
            found = {str(key): str(value) for key, value in model.tags.items()}
        return found

    def tagged(self, key: str) -> dict[str, str]:
        """That tag of every registered model that has it."""
        found = self._peek.tagged(key) if self._mlflow.there() else {}
        return self._search_tagged(key) if found is None else found

    def _search_tagged(self, key: str) -> dict[str, str]:
        models: dict[str, str] = {}
        token = None
        while True:
            search = self._mlflow.client.search_registered_models
            page = self._mlflow.call(search, max_results=_PAGE, page_token=token)
            models |= {str(model.name): str(model.tags[key]) for model in page if key in model.tags}
            token = page.token
            if not token:
                return models

    def model_path(self, version: ModelVersion) -> Path:
        """The local folder of the model's files."""
        return local_path(self._row(version.problem, version.version).location)

    def run_artifacts(self, version: ModelVersion) -> Path:
        """The local folder of everything else the run logged."""
        found = self._peek.run_location(version.run_id) if self._mlflow.there() else []
        if found is None:
            found = [str(self._mlflow.call(self._mlflow.client.get_run, version.run_id).info.artifact_uri)]
        if not found:
            raise NotFound(f"The run {version.run_id} of {version.problem} version {version.version} is gone.")
        return local_path(found[0])

    def bytes_digest(self, version: ModelVersion) -> str:
        """The digest of the bytes that are there now; NotFound when they are gone."""
        return folder_digest(self.model_path(version))

    def _row(self, problem: str, number: int) -> VersionRow:
        found = self._peek.versions(problem, number) if self._mlflow.there() else []
        rows = self._search(problem) if found is None else found
        for row in rows:
            if row.number == number:
                return row
        raise refusals.no_version(problem, number, [row.number for row in self._version_rows(problem)])

    def _version_rows(self, problem: str) -> list[VersionRow]:
        found = self._peek.versions(problem) if self._mlflow.there() else []
        return self._search(problem) if found is None else found

    def _search(self, problem: str) -> list[VersionRow]:
        rows: list[VersionRow] = []
        token = None
        while True:
            page = self._mlflow.call(
                self._mlflow.client.search_model_versions, f"name = '{problem}'", max_results=_PAGE, page_token=token
            )
            rows += [self._found(problem, found) for found in page]
            token = page.token
            if not token:
                return sorted(rows, key=lambda row: row.number)

    def _found(self, problem: str, found: Any) -> VersionRow:
        number = int(found.version)
        where = str(self._mlflow.call(self._mlflow.client.get_model_version_download_uri, problem, str(number)))
        tags = {str(k): str(v) for k, v in found.tags.items()}
        return VersionRow(number, found.run_id or "", str(found.status), where, found.description or "", tags)

    # -- pointing ------------------------------------------------------------------------------------------------

    def set_alias(self, problem: str, alias: str, number: int) -> None:
        """Point an alias at a version; NotFound when there is no such version."""
        self._mlflow.call(self._mlflow.client.set_registered_model_alias, problem, alias, str(number))

    def delete_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not there."""
        if alias in self.aliases(problem):
            self._mlflow.call(self._mlflow.client.delete_registered_model_alias, problem, alias)

    def tag_version(self, problem: str, number: int, tags: Mapping[str, str]) -> None:
        """Tag a version."""
        for key, value in tags.items():
            self._mlflow.call(self._mlflow.client.set_model_version_tag, problem, str(number), key, value)

    def tag_model(self, problem: str, tags: Mapping[str, str]) -> None:
        """Tag the registered model."""
        for key, value in tags.items():
            self._mlflow.call(self._mlflow.client.set_registered_model_tag, problem, key, value)

    # -- the store itself ----------------------------------------------------------------------------------------

    @property
    def uri(self) -> str:
        """MLflow's address of this store."""
        return self._mlflow.uri

    def prepare(self) -> None:
        """Make the database now if there is none, so that MLflow's own tools find it."""
        self._mlflow.prepare()
