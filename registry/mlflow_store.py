"""Versions in MLflow: runs, model files and aliases. The only file that imports MLflow, and only when it must.

Reading goes round MLflow, by `registry.mlflow_peek` and by hashing files directly; registering and moving aliases
go through its client. MLflow's aliases have no compare-and-set and no history: both are the ledger's work.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from registry import refusals
from registry.errors import InvalidRecord, NotFound, RegistryError, Unavailable
from registry.files import file_lock, folder_digest
from registry.mlflow_peek import KNOWN_REVISIONS, Peek, ServerPeek, VersionRow, local_path, server_address, to_version
from registry.ports import RunRecord
from registry.records import ModelVersion, canonical_json

_PAGE = 200
_LONGEST_DESCRIPTION = 5000
_CREATE_SECONDS = 120.0


class MlflowStore:
    """The versions of every problem in `root`/mlflow.db or the PostgreSQL of `url`, their files in `root`/artifacts.

    The registered model and the experiment carry the problem's name. `template` is an empty mlflow.db of the same
    MLflow version to copy instead of migrating a new one; `known_revisions` are the schemas read without MLflow.
    """

    def __init__(
        self,
        root: Path,
        *,
        url: str = "",
        template: Path | None = None,
        known_revisions: frozenset[str] = KNOWN_REVISIONS,
    ) -> None:
        self._root = root.absolute()
        self._file = self._root / "mlflow.db"
        self._url = server_address(url) if url else ""
        self._template = template
        self._peek = ServerPeek(self._url, known_revisions) if url else Peek(self._file, known_revisions)

    # -- registering ---------------------------------------------------------------------------------------------

    def register(self, run: RunRecord, *, at: str) -> ModelVersion:
        """Log the run and its model, and make a version of it. InvalidRecord for a model that can't be kept."""
        import skops.io  # noqa: F401  before MLflow: it looks through all loaded modules, and that takes long after it

        problem, client = run.lineage.problem, self._client
        experiment = self._experiment(problem)
        tags = _lineage_tags(run) | {str(k): str(v) for k, v in run.tags.items()}
        notes = {
            "mlflow.note.content": run.description,
            "mlflow.user": run.lineage.owner,
            "mlflow.source.git.commit": run.lineage.git_commit,
        }
        run_id: str = self._call(client.create_run, experiment, run_name=run.name, tags=tags | notes).info.run_id
        try:
            self._log_figures(run, run_id)
            self._call(client.log_artifacts, run_id, str(run.artifacts))
            model_id, folder = self._log_model(run, experiment, run_id, tags)
            digest = folder_digest(folder)
            version = self._create_version(
                run, run_id, model_id, tags | {"digest": digest, "lineage": canonical_json(asdict(run.lineage)),
                                               "created_at": at, "run_name": run.name},
            )  # fmt: skip
        except BaseException:
            self._call(client.set_terminated, run_id, status="FAILED")
            raise
        self._call(client.set_terminated, run_id)
        return self.version(problem, version)

    def _experiment(self, problem: str) -> str:
        found = self._call(self._client.get_experiment_by_name, problem)
        if found is None:
            # Absolute, because MLflow would take it relative to the working directory of the day.
            where = str(self._root / "artifacts" / problem)
            self._call(self._client.create_experiment, problem, artifact_location=where, exists_ok=True)
            found = self._call(self._client.get_experiment_by_name, problem)
        return str(found.experiment_id)

    def _log_figures(self, run: RunRecord, run_id: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

        now = int(self._call(self._client.get_run, run_id).info.start_time)
        metrics = [Metric(_name(name), float(value), now, 0) for name, value in run.metrics.items()]
        params = [Param(_name(name), str(value)) for name, value in run.params.items()]
        for start in range(0, max(len(metrics), 1), 900):
            self._call(self._client.log_batch, run_id, metrics=metrics[start : start + 900])
        for start in range(0, len(params), 90):
            self._call(self._client.log_batch, run_id, params=params[start : start + 90])
        with _quiet():
            data: Any = Dataset.from_dictionary(_dataset(run.dataset))
        self._call(
            self._client.log_inputs,
            run_id,
            [DatasetInput(data, [InputTag("mlflow.data.context", "training")])],
        )

    def _log_model(self, run: RunRecord, experiment: str, run_id: str, tags: dict[str, str]) -> tuple[str, Path]:
        import mlflow.sklearn
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model, infer_signature

        logged = self._call(
            self._client.create_logged_model,
            experiment,
            name=_name(run.name).replace("/", "_").replace(":", "_").replace(".", "_"),
            source_run_id=run_id,
            tags=tags,
            params={str(k): str(v) for k, v in run.params.items()},
            model_type="sklearn",
        )
        description = Model(
            artifact_path=logged.artifact_location, model_uuid=logged.model_id, run_id=run_id, model_id=logged.model_id
        )
        with tempfile.TemporaryDirectory(prefix="model-") as folder:
            path = Path(folder) / "model"
            with _quiet():
                signature = infer_signature(run.example, run.model.predict(run.example))
            # Not `log_model`: it would predict on the example in a copy loaded anew, just to see that it can.
            self._call(
                mlflow.sklearn.save_model,
                run.model,
                str(path),
                mlflow_model=description,
                serialization_format="skops",
                skops_trusted_types=list(run.trusted_types),
                signature=signature,
                input_example=run.example,
                pip_requirements=list(run.pip_requirements),
            )
            self._call(self._client.log_model_artifacts, logged.model_id, str(path))
        self._call(self._client.finalize_logged_model, logged.model_id, "READY")
        self._call(self._client.log_outputs, run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return str(logged.model_id), local_path(logged.artifact_location)

    def _create_version(self, run: RunRecord, run_id: str, model_id: str, tags: dict[str, str]) -> int:
        import mlflow

        problem = run.lineage.problem
        self._call(self._client.create_registered_model, problem, exists_ok=True)
        # MLflow resolves a models:/m-... source by the process-wide address, whatever the client's own is.
        with _quiet():
            mlflow.set_tracking_uri(self.uri)
        made = self._call(
            self._client.create_model_version,
            problem,
            f"models:/{model_id}",
            run_id,
            tags=tags,
            description=run.description[:_LONGEST_DESCRIPTION],
            model_id=model_id,
        )
        return int(made.version)

    # -- reading -------------------------------------------------------------------------------------------------

    def version(self, problem: str, number: int) -> ModelVersion:
        """One version; NotFound lists the known ones."""
        return to_version(problem, self._row(problem, number))

    def versions(self, problem: str) -> list[ModelVersion]:
        """All versions, oldest first."""
        return [to_version(problem, row) for row in self._version_rows(problem)]

    def peek_aliases(self, problem: str) -> dict[str, int] | None:
        """The aliases without importing MLflow; None when its schema is not a known one."""
        return self._peek.aliases(problem) if self._there() else {}

    def aliases(self, problem: str) -> dict[str, int]:
        """Alias to version number; empty when there is no such model."""
        found = self.peek_aliases(problem)
        if found is None:
            try:
                model = self._call(self._client.get_registered_model, problem)
            except NotFound:
                return {}
            found = {str(alias): int(number) for alias, number in model.aliases.items()}
        return dict(sorted(found.items()))

    def model_tags(self, problem: str) -> dict[str, str]:
        """The registered model's tags; empty when there is no such model."""
        found = self._peek.model_tags(problem) if self._there() else {}
        if found is None:
            try:
                found = {k: str(v) for k, v in self._call(self._client.get_registered_model, problem).tags.items()}
            except NotFound:
                return {}
        return found

    def model_path(self, version: ModelVersion) -> Path:
        """The local folder of the model's files."""
        return local_path(self._row(version.problem, version.version).location)

    def run_artifacts(self, version: ModelVersion) -> Path:
        """The local folder of everything else the run logged."""
        found = self._peek.run_location(version.run_id) if self._there() else []
        if found is None:
            found = [str(self._call(self._client.get_run, version.run_id).info.artifact_uri)]
        if not found:
            raise NotFound(f"The run {version.run_id} of {version.problem} version {version.version} is gone.")
        return local_path(found[0])

    def bytes_digest(self, version: ModelVersion) -> str:
        """The digest of the bytes that are there now; NotFound when they are gone."""
        return folder_digest(self.model_path(version))

    def _row(self, problem: str, number: int) -> VersionRow:
        found = self._peek.versions(problem, number) if self._there() else []
        rows = self._search(problem) if found is None else found
        for row in rows:
            if row.number == number:
                return row
        raise refusals.no_version(problem, number, [row.number for row in self._version_rows(problem)])

    def _version_rows(self, problem: str) -> list[VersionRow]:
        found = self._peek.versions(problem) if self._there() else []
        return self._search(problem) if found is None else found

    def _search(self, problem: str) -> list[VersionRow]:
        rows: list[VersionRow] = []
        token = None
        while True:
            page = self._call(
                self._client.search_model_versions, f"name = '{problem}'", max_results=_PAGE, page_token=token
            )
            rows += [self._found(problem, found) for found in page]
            token = page.token
            if not token:
                return sorted(rows, key=lambda row: row.number)

    def _found(self, problem: str, found: Any) -> VersionRow:
        number = int(found.version)
        where = str(self._call(self._client.get_model_version_download_uri, problem, str(number)))
        tags = {str(k): str(v) for k, v in found.tags.items()}
        return VersionRow(number, found.run_id or "", str(found.status), where, found.description or "", tags)

    # -- pointing ------------------------------------------------------------------------------------------------

    def set_alias(self, problem: str, alias: str, number: int) -> None:
        """Point an alias at a version; NotFound when there is no such version."""
        self._call(self._client.set_registered_model_alias, problem, alias, str(number))

    def delete_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not there."""
        if alias in self.aliases(problem):
            self._call(self._client.delete_registered_model_alias, problem, alias)

    def tag_version(self, problem: str, number: int, tags: Mapping[str, str]) -> None:
        """Tag a version."""
        for key, value in tags.items():
            self._call(self._client.set_model_version_tag, problem, str(number), key, value)

    def tag_model(self, problem: str, tags: Mapping[str, str]) -> None:
        """Tag the registered model."""
        for key, value in tags.items():
            self._call(self._client.set_registered_model_tag, problem, key, value)

    # -- the store itself ----------------------------------------------------------------------------------------

    @property
    def uri(self) -> str:
        """MLflow's address of this store."""
        return self._url or f"sqlite:///{self._file}"

    def prepare(self) -> None:
        """Make the database now if there is none, so that MLflow's own tools find it."""
        _ = self._client

    def _there(self) -> bool:
        """Whether there is a database; Unavailable when only its artifacts are left."""
        if self._peek.made():
            return True
        if not self._url and (self._root / "artifacts").exists():
            raise Unavailable(
                f"The model registry {self._file} is missing, though its artifacts are there.",
                hint="Restore mlflow.db from a backup; nothing is decided without it.",
            )
        return False

    @cached_property
    def _client(self) -> Any:
        mlflow = _import_mlflow()
        if not self._there():
            self._create()
        with _quiet(), _translated():
            return mlflow.MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _create(self) -> None:
        """Make the database once, out of sight: MLflow breaks for good when two processes migrate a new one."""
        lock, busy = self._root / ".mlflow.lock", "Another process is creating MLflow's database."
        with file_lock(lock, seconds=_CREATE_SECONDS, busy=busy):
            if self._url:
                self._migrate(self._url)
                return
            if self._file.exists():
                return
            unfinished = self._root / ".mlflow.db.new"
            for leftover in self._root.glob(".mlflow.db.new*"):
                leftover.unlink()
            if self._template is not None:
                shutil.copyfile(self._template, unfinished)
            else:
                self._migrate(f"sqlite:///{unfinished}")
            connection = sqlite3.connect(unfinished)
            # Experiment 0 is never used; its address must not depend on who created the file.
            connection.execute(
                "UPDATE experiments SET artifact_location = ?", (str(self._root / "artifacts" / "Default"),)
            )
            connection.commit()
            connection.execute("PRAGMA journal_mode = WAL")
            connection.close()
            unfinished.replace(self._file)

    def _migrate(self, url: str) -> None:
        with _quiet(), _translated():
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            store: Any = SqlAlchemyStore
            store(url, str(self._root / "artifacts")).engine.dispose()

    def _call(self, verb: Callable[..., Any], *args: Any, exists_ok: bool = False, **options: Any) -> Any:
        with _quiet(), _translated(exists_ok=exists_ok):
            try:
                return verb(*args, **options)
            except Exception as error:
                if not _transient(error):
                    raise
                return verb(*args, **options)


def _import_mlflow() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # tracebacks of what our errors say in words
    return mlflow


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow and what it brings warn of their own affairs; ours are said in errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _transient(error: Exception) -> bool:
    """A lock held too long, or two writers that made the same new row: worth one more try."""
    return "UNIQUE constraint failed" in str(error) or getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE"


@contextmanager
def _translated(*, exists_ok: bool = False) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        if exists_ok and error.error_code == "RESOURCE_ALREADY_EXISTS":
            return
        message = str(error)
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(message) from error
        kind: type[RegistryError] = Unavailable if _broken(error) else InvalidRecord
        raise kind(f"MLflow refused: {message}") from error
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(
            f"MLflow's store can't be used: {error}", hint="Check that it is there, writable and not locked."
        ) from error


def _broken(error: Exception) -> bool:
    words = ("OperationalError", "DatabaseError", "database is locked", "unable to open", "out-of-date database schema")
    return getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE" or any(word in str(error) for word in words)


def _lineage_tags(run: RunRecord) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in asdict(run.lineage).items()}


def _dataset(told: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset as mlflow.data shows it, under our own digest: MLflow's hashes the first 10,000 rows only."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.data.pandas_dataset import from_pandas

    name, digest = str(told["name"]), str(told["digest"])[:36]  # 36 is all that MLflow keeps; the tags have all 64
    source = CodeDatasetSource(tags={"source": str(told.get("source", "")), "rows": str(told.get("rows", ""))})
    frame = told.get("frame")
    if frame is None:
        told_only: Any = MetaDataset
        return dict(told_only(source=source, name=name, digest=digest).to_dict())
    told_of = dict(from_pandas(frame, source=source, name=name, digest=digest).to_dict())
    # the frame is a sample for the schema's sake; the rows are those of the dataset
    return told_of | {"profile": json.dumps({"num_rows": told.get("rows"), "sample_rows": len(frame)})}


def _name(name: str) -> str:
    """A name of the characters that MLflow allows for metrics and parameters."""
    return "".join(c if c.isalnum() or c in "_-. /:" else "_" for c in name)
