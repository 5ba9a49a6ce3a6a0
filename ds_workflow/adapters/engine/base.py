"""What an engine offers, and which one a name asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from ds_workflow.errors import InvalidInput

LOCAL = "local"
HELP = "Who works: 'local', 'dask' (worker processes here), 'dask:N', 'dask:tcp://HOST:PORT' (a cluster that runs)."
MOST_WORKERS = 256
ANSWER_SECONDS = 20.0
A = TypeVar("A")
B = TypeVar("B")


class Engine(Protocol):
    """Three verbs. Functions and fragments must be picklable; the answers do not depend on who works."""

    width: int  # fragments that are worked on at once

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """The answers in the order of the items, which are taken as they are needed: never all of them in memory."""
        ...

    def fold(self, function: Callable[[A], B], merge: Callable[[B, B], B], fragments: Iterable[A]) -> B:
        """The answers of all fragments merged from the first to the last; InvalidInput when there is none."""
        ...

    def fit_xgb(
        self, load: Callable[[A], tuple[Any, Any]], fragments: Sequence[A], *, params: Mapping[str, Any], rounds: int
    ) -> Any:
        """A plain xgboost Booster grown on the rows of all fragments, which `load` gives as (X, y) of shapes (n, p) and
        (n,): each worker loads its own, and no row passes through here."""
        ...


@contextmanager
def start(name: str, *, answer_seconds: float = ANSWER_SECONDS) -> Iterator[Engine]:
    """The engine that `name` asks for (see HELP), ended with the block. A cluster that runs has `answer_seconds` to
    answer.

    Raises InvalidInput for a name that is none and where dask is not installed, SourceUnavailable for a cluster that
    does not answer or is not like this machine.
    """
    where = require(name)
    if where == LOCAL:
        from ds_workflow.adapters.engine.local import LocalEngine

        yield LocalEngine()
        return
    from ds_workflow.adapters.engine.dask import cluster

    with cluster(where, answer_seconds=answer_seconds) as engine:
        yield engine


def require(name: str) -> str | int | None:
    """What `name` asks for: LOCAL, a scheduler's address, a number of worker processes here (None: one per core).

    Raises InvalidInput for a name that is none and where dask is not installed; nothing is started.
    """
    kind, _, rest = name.partition(":")
    if kind not in (LOCAL, "dask") or (kind == LOCAL and rest):
        raise InvalidInput(f"There is no engine '{name}'.", hint=HELP)
    if kind == LOCAL:
        return LOCAL
    where = rest if "://" in rest else _workers(name, rest)
    if find_spec("distributed") is None:
        raise InvalidInput(
            f"The engine '{name}' needs dask, which is not installed.",
            hint="Install the extra: pip install -e '.[dask]' -c constraints.txt. Or leave --engine out.",
        )
    return where


def _workers(name: str, rest: str) -> int | None:
    if not rest:
        return None
    if not rest.isdecimal() or not 1 <= int(rest) <= MOST_WORKERS:
        raise InvalidInput(f"'{name}' names no number of workers from 1 to {MOST_WORKERS}.", hint=HELP)
    return int(rest)
