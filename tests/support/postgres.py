"""A PostgreSQL server of the tests' own: made on first use, on a temporary folder, gone with the tests.

It listens on a socket in that folder and nowhere else, and writes nothing to the disk that would have to last.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=32MB",
        "max_connections=50", "listen_addresses=", "log_min_messages=fatal", "timezone=UTC")  # fmt: skip
START_SECONDS = 30.0


@dataclass
class Server:
    """A running server; every database made here is a new and empty one, or a copy of another."""

    folder: Path
    names: Iterator[int] = field(default_factory=count)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy address of a database."""
        return f"postgresql+psycopg://arena@/{database}?host={quote(str(self.folder), safe='')}"

    def create(self, template: str = "template0") -> str:
        """The address of a new database, made as a copy of `template`."""
        name = f"t{next(self.names)}"
        self._run(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return self.url(name)

    def schema(self) -> str:
        """The address of a new, empty schema of one database: a tenth of what a database of its own costs."""
        name = f"s{next(self.names)}"
        self._run(f"CREATE SCHEMA {name}")
        return f"{self.url()}&options=-csearch_path%3D{name}"

    def drop(self, url: str) -> None:
        """Take a database away, whoever is still connected."""
        self._run(f"DROP DATABASE IF EXISTS {sa.make_url(url).database} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest one; Debian keeps them off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    found = shutil.which("initdb")
    return next((p for p in (*debian, *([Path(found).parent] if found else [])) if (p / "initdb").exists()), None)


def runner() -> str | None:
    """The user who runs the server: PostgreSQL refuses root. None when there is nobody else."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A server on a new cluster in `folder`; it is ready when this returns."""
    found, user = programs(), runner()
    assert found is not None
    assert user is not None
    entry = pwd.getpwnam(user)
    who = {"user": entry.pw_uid, "group": entry.pw_gid} if os.geteuid() == 0 else {}
    shutil.chown(folder, entry.pw_uid, entry.pw_gid)
    data, plain = folder / "data", {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    subprocess.run(
        [found / "initdb", "-D", data, "-U", "arena", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"],
        check=True, capture_output=True, cwd=folder, env=plain, **who,
    )  # fmt: skip
    settings = [word for setting in (*FAST, f"unix_socket_directories={folder}") for word in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [found / "postgres", "-D", data, *settings], stdout=log, stderr=log, cwd=folder, env=plain, **who
        )
    deadline = time.monotonic() + START_SECONDS
    engine = sa.create_engine(Server(folder).url(), poolclass=sa.NullPool)
    while True:
        try:
            engine.connect().close()
            return server
        except sa.exc.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text('utf-8')}") from None
            time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server, started when the first test of this worker asks for it; skipped where none is installed."""
    if programs() is None:
        pytest.skip("no PostgreSQL: install Debian's 'postgresql' to run these tests")
    if runner() is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no other user here")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        process = start(folder)
        yield Server(folder)
        process.send_signal(signal.SIGQUIT)  # end at once: nothing here has to last
        process.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The SQLAlchemy address of an empty database, taken away after the test."""
    url = postgres.create()
    yield url
    postgres.drop(url)
