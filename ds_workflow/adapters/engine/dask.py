"""The same by worker processes of a Dask cluster: one started here, or one that runs somewhere.

The workers must see the same files under the same paths and have the same versions installed; whoever can reach a
scheduler can run code on its workers, so it belongs into a network of its own.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ds_workflow.adapters.engine.local import NOTHING, merged
from ds_workflow.errors import InvalidInput, SourceUnavailable

A = TypeVar("A")
B = TypeVar("B")
JOIN_SECONDS = 300  # for all workers to have loaded their rows
_AHEAD = 2  # items on their way per worker: one is worked on while the next arrives
SAME = ("numpy", "pandas", "xgboost", "sklearn", "skops")  # must not differ between here and the workers, nor may
CODE, OURS = "project code", ("ds_workflow", "registry")  # what we wrote ourselves
PACKAGES = Path(__file__).resolve().parents[3]


@contextmanager
def cluster(where: str | int | None, *, answer_seconds: float) -> Iterator[DaskEngine]:
    """An engine on the scheduler at the address `where`, or on so many worker processes here (None: one per core).

    Raises SourceUnavailable when the scheduler does not answer, has no worker, or workers differ from this machine.
    """
    from distributed import Client, LocalCluster

    if isinstance(where, str):
        try:
            client = Client(where, timeout=answer_seconds, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SourceUnavailable(
                f"No Dask scheduler answers at {where}: {error}.", hint="Start it: dask scheduler, dask worker."
            ) from error
        with client:
            require_alike(client, where, here=versions())
            yield DaskEngine(client)
        return
    # No dashboard: it would open a port. Processes, since features are made by Python code.
    with (
        LocalCluster(n_workers=where, threads_per_worker=1, processes=True, dashboard_address=None) as made,
        Client(made, set_as_default=False) as client,
    ):
        yield DaskEngine(client)


class DaskEngine:
    """Three verbs on a client's workers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.width = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        self._held: tuple[Any, Any] | None = None

    @property
    def address(self) -> str:
        """Where the scheduler is, for others who want to work with it."""
        return str(self._client.scheduler.address)

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """At most two items a worker are on their way, whatever there is in all."""
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        held, waiting = self._sent(function), deque[Any]()
        try:
            for item in items:
                waiting.append(self._client.submit(_call, held, self._packed(item), pure=False))
                if len(waiting) >= _AHEAD * self.width:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except (KilledWorker, CommClosedError) as error:
            raise SourceUnavailable(
                f"A worker was lost: {error}", hint="It may have had too little memory; look at its log."
            ) from error
        finally:
            self._client.cancel(list(waiting))

    def fold(self, function: Callable[[A], B], merge: Callable[[B, B], B], fragments: Iterable[A]) -> B:
        """Fragments are answered by workers and merged here in their order, so that sums are the same to the bit."""
        return merged(merge, self.map(function, fragments))

    def fit_xgb(
        self, load: Callable[[A], tuple[Any, Any]], fragments: Sequence[A], *, params: Mapping[str, Any], rounds: int
    ) -> Any:
        """Each fragment is loaded by a worker, and stays there. Histograms are added up over workers, so features with
        more values than bins are cut a little differently than on one machine."""
        from distributed.utils import get_ip
        from xgboost.tracker import RabitTracker

        if not fragments:
            raise InvalidInput(NOTHING)
        addresses = sorted(self._client.scheduler_info(n_workers=-1)["workers"])[: len(fragments)]
        host = "127.0.0.1" if all("//127." in address for address in addresses) else get_ip()
        meeting = RabitTracker(n_workers=len(addresses), host_ip=host, timeout=JOIN_SECONDS)
        meeting.start()
        work = self._client.scatter((load, dict(params), rounds, meeting.worker_args()), broadcast=True, hash=False)
        grown = [  # one task a worker and nowhere else: they wait for one another
            self._client.submit(_grow, work, list(fragments[k :: len(addresses)]), workers=[address], pure=False)
            for k, address in enumerate(addresses)
        ]
        return next(booster for booster in self._client.gather(grown) if booster is not None)

    def _sent(self, function: Any) -> Any:
        """The function at every worker; sent once however often it is mapped in a row."""
        if self._held is None or self._held[0] is not function:
            self._held = (function, self._client.scatter(function, broadcast=True, hash=False))
        return self._held[1]

    def _packed(self, item: Any) -> Any:
        """Whatever may be large travels by itself instead of inside its task."""
        return item if isinstance(item, (str, int, float, dict)) else self._client.scatter(item, hash=False)


def _call(function: Callable[[A], B], item: A) -> B:
    return function(item)


def _grow(work: tuple[Any, Mapping[str, Any], int, Mapping[str, Any]], fragments: Sequence[Any]) -> Any:
    """One worker's part; the first of them answers with the booster, which is the same everywhere."""
    import numpy as np
    import xgboost
    from xgboost import collective

    load, params, rounds, meeting = work
    loaded = [load(fragment) for fragment in fragments]
    X, y = (np.concatenate([np.asarray(part[side]) for part in loaded]) for side in (0, 1))
    with collective.CommunicatorContext(**meeting):
        booster = xgboost.train(dict(params), xgboost.DMatrix(X, y), rounds)
        return booster if collective.get_rank() == 0 else None


def versions(names: Sequence[str] = SAME, *, house: Path = PACKAGES) -> dict[str, str]:
    """What answers depend on, as it is where this runs: the libraries' versions, and a digest of the project's code."""
    from importlib import import_module

    return {name: str(import_module(name).__version__) for name in names} | {CODE: code_digest(house)}


def code_digest(house: Path) -> str:
    """Twelve hex digits over the paths and bytes of all source files of the packages in `house`."""
    total = hashlib.sha256()
    for path in sorted(path for package in OURS for path in (house / package).rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(house).as_posix()} {len(content)}\n".encode() + content)
    return total.hexdigest()[:12]


def require_alike(client: Any, where: str, *, here: Mapping[str, str]) -> None:
    """Raise SourceUnavailable unless the cluster at `where` has workers, all of them with the versions of `here`."""
    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise SourceUnavailable(f"The scheduler at {where} has no worker.", hint=f"Start some: dask worker {where}.")
    try:
        there = client.run(versions)
    except ModuleNotFoundError as error:
        raise SourceUnavailable(
            f"A worker of {where} lacks {error.name}.", hint="Start workers from this project's environment."
        ) from error
    for worker, found in there.items():
        other = [f"{name} {found.get(name)} (here {mine})" for name, mine in here.items() if found.get(name) != mine]
        if other:
            raise SourceUnavailable(
                f"Worker {worker} has {', '.join(other)}; its answers could differ.",
                hint="Start it from the same checkout as here, installed with constraints.txt.",
            )
