"""MLflow's own client: made when it is first needed, asked in silence, its errors in our words."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from registry.errors import InvalidRecord, NotFound, RegistryError, Unavailable
from registry.files import file_lock
from registry.mlflow_peek import Peek, waiting
from registry.patience import MLFLOW_SECONDS, Patience

_CREATE_SECONDS = 120.0
_PAUSE_SECONDS = 0.05
_LOCKED = ("database is locked", "lock timeout")
_WAITS: WeakKeyDictionary[Any, float] = WeakKeyDictionary()  # of each engine that MLflow made, in seconds


class Connection:
    """MLflow on `root`/mlflow.db or on the PostgreSQL of `url`; `peek` looks at the same database without it.

    `template` is an empty mlflow.db of the same MLflow version to copy instead of migrating a new one. A call that is
    not answered within `seconds` raises Unavailable.
    """

    def __init__(
        self, root: Path, *, url: str, template: Path | None, peek: Peek, seconds: float = MLFLOW_SECONDS
    ) -> None:
        self._root, self._template, self._peek = root, template, peek
        self._url = waiting(url, seconds) if url else ""
        self._patience = Patience(seconds)
        self._file = root / "mlflow.db"

    @property
    def uri(self) -> str:
        """MLflow's address of this store."""
        return self._url or f"sqlite:///{self._file}"

    def prepare(self) -> None:
        """Make the database now if there is none, so that MLflow's own tools find it."""
        _ = self.client

    def there(self) -> bool:
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
    def client(self) -> Any:
        """MLflow's client; the database is made if there is none."""
        mlflow = _import_mlflow(self._patience.seconds)
        if not self.there():
            self._create()
        with self._patience.asking(), quiet(), self._translated():
            made = mlflow.MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            for store in (made._tracking_client.store, made._get_registry_client().store):
                _wait_at_most(store.engine, self._patience.seconds)
            return made

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
        with quiet(), self._translated():
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            store: Any = SqlAlchemyStore
            store(url, str(self._root / "artifacts")).engine.dispose()

    def call(self, verb: Callable[..., Any], *args: Any, exists_ok: bool = False, **options: Any) -> Any:
        """What a verb of MLflow's answers; NotFound, InvalidRecord or Unavailable instead of its errors.

        `exists_ok`: None when what it makes is there already.
        """
        end = time.monotonic() + self._patience.seconds
        with self._patience.asking(), quiet(), self._translated(exists_ok=exists_ok):
            while True:
                try:
                    return verb(*args, **options)
                except Exception as error:
                    if not _transient(error) or time.monotonic() > end:
                        raise
                time.sleep(_PAUSE_SECONDS)

    @contextmanager
    def _translated(self, *, exists_ok: bool = False) -> Iterator[None]:
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
            if any(words in message for words in _LOCKED):
                raise self._locked() from error
            kind: type[RegistryError] = Unavailable if _broken(error) else InvalidRecord
            raise kind(f"MLflow refused: {message}") from error
        except (SQLAlchemyError, OSError) as error:
            if any(words in str(error) for words in _LOCKED):
                raise self._locked() from error
            raise Unavailable(
                f"MLflow's store can't be used: {error}", hint="Check that it is there, writable and not locked."
            ) from error

    def _locked(self) -> Unavailable:
        return Unavailable(
            f"MLflow's database stayed locked for {self._patience.seconds:g} s by another process.",
            hint="End the process that holds it, then repeat the command: it goes on where it stopped.",
        )


def _wait_at_most(engine: Any, seconds: float) -> None:
    """MLflow makes SQLite wait 20 s for a lock, in every session anew; put the wait that was asked for in its place."""
    from sqlalchemy import event

    known = engine in _WAITS  # MLflow keeps one engine for an address, whoever asks for it
    _WAITS[engine] = seconds
    if engine.dialect.name == "sqlite" and not known:
        event.listen(engine, "before_cursor_execute", _shorter, retval=True)


def _shorter(connection: Any, cursor: object, statement: str, values: object, *rest: object) -> tuple[str, object]:
    if statement.startswith("PRAGMA busy_timeout"):
        statement = f"PRAGMA busy_timeout = {round(_WAITS[connection.engine] * 1000)}"
    return statement, values


def _import_mlflow(seconds: float) -> Any:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(max(1, round(seconds))))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
        import mlflow.store.db.utils
    # A store that does not answer would be asked ten times, with pauses of a hundred seconds in all.
    mlflow.store.db.utils.MAX_RETRY_COUNT = 1
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # tracebacks of what our errors say in words
    return mlflow


@contextmanager
def quiet() -> Iterator[None]:
    """MLflow and what it brings warn of their own affairs; ours are said in errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _transient(error: Exception) -> bool:
    """A lock held too long, or two writers that made the same new row: worth one more try."""
    return "UNIQUE constraint failed" in str(error) or getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE"


def _broken(error: Exception) -> bool:
    words = ("OperationalError", "DatabaseError", "database is locked", "unable to open", "out-of-date database schema")
    return getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE" or any(word in str(error) for word in words)
