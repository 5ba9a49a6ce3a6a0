"""A quick look into MLflow's SQLite file, without importing MLflow.

MLflow's schema is private: only revisions that were checked are read this way, and every other one makes the store
fall back to MLflow's own client. The file is opened read-only.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse
from urllib.request import url2pathname

from registry.errors import InvalidRecord, Unavailable
from registry.patience import MLFLOW_SECONDS, Patience
from registry.records import Lineage, ModelVersion

KNOWN_REVISIONS = frozenset({"dc11669786a5"})  # alembic heads: MLflow 3.17
_NOT_DELETED = "current_stage <> 'Deleted_Internal'"  # a deleted version keeps its row, emptied


@dataclass(frozen=True)
class VersionRow:
    """A model version as MLflow stores it."""

    number: int
    run_id: str
    status: str
    location: str
    description: str
    tags: Mapping[str, str] = field(default_factory=dict)


class Peek:
    """Reads of one mlflow.db; each method gives None when its schema is not a known one, and Unavailable is raised when
    it can't be read within `seconds`."""

    def __init__(self, path: Path, known: frozenset[str] = KNOWN_REVISIONS, *, seconds: float = MLFLOW_SECONDS) -> None:
        self._path, self._known, self._patience = path, known, Patience(seconds)

    def made(self) -> bool:
        """Whether MLflow made its tables."""
        return self._path.exists()

    def aliases(self, problem: str) -> dict[str, int] | None:
        """Alias to version number."""
        query = (
            "SELECT a.alias, a.version FROM registered_model_aliases a JOIN model_versions v "
            "ON v.workspace = a.workspace AND v.name = a.name AND v.version = a.version "
            "AND v.current_stage <> 'Deleted_Internal' "
            "WHERE a.workspace = 'default' AND a.name = ? ORDER BY a.alias"
        )
        rows = self._rows(query, problem)
        return None if rows is None else {str(alias): int(number) for alias, number in rows}

    def versions(self, problem: str, number: int | None = None) -> list[VersionRow] | None:
        """All versions, or the one of that number, oldest first."""
        which = "workspace = 'default' AND name = ?" + ("" if number is None else f" AND version = {int(number)}")
        tags: dict[int, dict[str, str]] = {}
        pairs = self._rows(f"SELECT version, key, value FROM model_version_tags WHERE {which}", problem)  # noqa: S608
        rows = self._rows(
            "SELECT version, run_id, status, coalesce(storage_location, source), description "  # noqa: S608
            f"FROM model_versions WHERE {which} AND {_NOT_DELETED} ORDER BY version",
            problem,
        )
        if pairs is None or rows is None:
            return None
        for n, key, value in pairs:
            tags.setdefault(int(n), {})[str(key)] = str(value)
        return [
            VersionRow(int(n), str(run or ""), str(status), str(where), str(text or ""), tags.get(int(n), {}))
            for n, run, status, where, text in rows
        ]

    def numbers(self, problem: str) -> list[int] | None:
        """Of all versions, oldest first, without their tags."""
        query = f"SELECT version FROM model_versions WHERE workspace = 'default' AND name = ? AND {_NOT_DELETED}"  # noqa: S608
        rows = self._rows(query, problem)
        return None if rows is None else sorted(int(number) for (number,) in rows)

    def model_tags(self, problem: str) -> dict[str, str] | None:
        """The registered model's tags."""
        rows = self._rows(
            "SELECT key, value FROM registered_model_tags WHERE workspace='default' AND name = ?", problem
        )
        return None if rows is None else {str(key): str(value) for key, value in rows}

    def tagged(self, key: str) -> dict[str, str] | None:
        """That tag of every registered model that has it."""
        rows = self._rows("SELECT name, value FROM registered_model_tags WHERE workspace='default' AND key = ?", key)
        return None if rows is None else {str(name): str(value) for name, value in rows}

    def run_location(self, run_id: str) -> list[str] | None:
        """Where the run's artifacts are; empty when there is no such run."""
        rows = self._rows("SELECT artifact_uri FROM runs WHERE run_uuid = ?", run_id)
        return None if rows is None else [str(where) for (where,) in rows]

    def _rows(self, query: str, value: str) -> list[tuple[Any, ...]] | None:
        with self._patience.asking(), self._opened() as connection:
            revisions = {str(r) for (r,) in connection.execute("SELECT version_num FROM alembic_version")}
            if not revisions or not revisions <= self._known:
                return None
            return list(connection.execute(query, (value,)))

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        connection = None
        try:
            uri = f"file:{quote(str(self._path))}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=self._patience.seconds)
            yield connection
        except sqlite3.Error as error:
            raise Unavailable(
                f"The model registry {self._path} can't be read: {error}.",
                hint="Check the file and its folder's permissions, or restore it from a backup.",
            ) from error
        finally:
            if connection is not None:
                connection.close()


class ServerPeek(Peek):
    """The same reads of an MLflow that keeps its tables in PostgreSQL, at a SQLAlchemy URL of psycopg."""

    def __init__(self, url: str, known: frozenset[str] = KNOWN_REVISIONS, *, seconds: float = MLFLOW_SECONDS) -> None:
        super().__init__(Path(), known, seconds=seconds)
        self._url = url

    def made(self) -> bool:
        """Whether MLflow made its tables."""
        with self._patience.asking(), self._opened() as connection:
            found = connection.execute("SELECT to_regclass('registered_model_aliases')").fetchone()
        return found is not None and found[0] is not None

    def _rows(self, query: str, value: str) -> list[tuple[Any, ...]] | None:
        return super()._rows(query.replace("?", "%s"), value)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import psycopg
        from sqlalchemy.dialects.postgresql.psycopg import dialect
        from sqlalchemy.engine import make_url

        words, options = dialect().create_connect_args(make_url(waiting(self._url, self._patience.seconds)))  # type: ignore[no-untyped-call]
        try:
            with psycopg.connect(*words, **options) as connection:
                connection.read_only = True
                yield connection
        except psycopg.Error as error:
            raise Unavailable(
                f"The model registry can't be read: {str(error).strip().rstrip('.')}.",
                hint="Check that the server runs, and PGPASSWORD.",
            ) from error


def to_version(problem: str, row: VersionRow) -> ModelVersion:
    """The version of a row."""
    # A version that was registered round this workflow has no lineage, and so is not eligible for anything.
    told = json.loads(row.tags.get("lineage", "{}"))
    empty = {f.name: None if f.name == "base_champion_version" else "" for f in fields(Lineage)}
    return ModelVersion(
        problem=problem,
        version=row.number,
        digest=row.tags.get("digest", ""),
        run_id=row.run_id,
        lineage=Lineage(**{**empty, **told}),
        created_at=row.tags.get("created_at", ""),
        status=row.status,
        description=row.description,
    )


def server_address(url: str) -> str:
    """The address as MLflow takes it. Raises InvalidRecord for anything but PostgreSQL."""
    head, _, rest = url.partition("://")
    if head not in ("postgres", "postgresql", "postgresql+psycopg") or not rest:
        raise InvalidRecord(
            f"MLflow's tables can't be kept at '{head}://'.",
            hint="For example: postgresql://mlflow@localhost/mlflow; the password comes from PGPASSWORD.",
        )
    return f"postgresql+psycopg://{rest}"


def waiting(url: str, seconds: float) -> str:
    """The address of a PostgreSQL with how long to wait for its answer and for locks; what it says itself holds."""
    from sqlalchemy.engine import make_url

    whole, thousandths = max(2, round(seconds)), max(1, round(seconds * 1000))  # libpq takes 1 s for 2
    told = make_url(url)
    waits = {
        "connect_timeout": str(whole),
        "tcp_user_timeout": str(thousandths),
        "options": f"-c lock_timeout={thousandths}",
    }
    return told.set(query={**waits, **told.query}).render_as_string(hide_password=False)


def local_path(where: str) -> Path:
    """The local folder at an artifact address; Unavailable for one that is not local."""
    address = urlparse(where)
    if address.scheme == "file":
        return Path(url2pathname(address.path))
    if address.scheme:
        raise Unavailable(f"The files are at {where}, and only a local folder can be read.")
    return Path(where)
