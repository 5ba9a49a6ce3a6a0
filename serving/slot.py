"""One problem's place in the service: who answers now, and how another takes its place.

Whoever answers a request reads `live` once and stays with it to the end; a swap puts another object there. So a request
is answered by one version, and the old one goes when its last request has been answered.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Literal

from ds_workflow.errors import WorkflowError
from ds_workflow.use_cases import custody, incidents, predict
from registry.errors import NoChampion, RegistryError
from serving.batcher import Batcher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ds_workflow.domain.quick import Answers
    from ds_workflow.use_cases.predict import Answerer
    from ds_workflow.workspace import Workspace
    from registry.records import Custody, VersionRef
    from serving.beside import Beside

RETRY_SECONDS = 20.0  # after a version could not be loaded
REFUSE_SECONDS = 3.0  # so long a failed first load is told again without being tried again
WATCH_SECONDS = 60.0  # between two looks at custody that open or close an incident
CUSTODY_SECONDS = 2.0  # so old may be what /health says of custody
BY = "serving"
_LOG = logging.getLogger(__name__)


class Live:
    """A version that answers, and the queue before it."""

    def __init__(self, answerer: Answerer, *, settled: bool, aside: bool = False) -> None:
        self.answerer = answerer
        self.settled = settled  # whether the quick way was tried
        # aside: on a thread even where it is quick, so that it can be given up on
        self._batcher = Batcher(answerer.score, quick=answerer.way == "compiled" and not aside)
        name = answerer.name
        self.model_json = f'{{"problem":"{name["problem"]}","version":{name["version"]},"digest":"{name["digest"]}"}}'

    @property
    def ref(self) -> VersionRef:
        """Which version it is."""
        return self.answerer.version.ref

    async def ask(self, rows: Sequence[Any]) -> Answers:
        """The answers to parsed rows."""
        return await self._batcher.ask(rows)


@dataclass
class Slot:
    """The champion of one problem in this process."""

    work: Workspace
    live: Live | None = None
    beside: Beside | None = None  # the challenger that runs in its traffic
    behind: str = ""  # why the decided champion is not the one that answers
    error: Exception | None = None  # of the last first load
    _error_at: float = 0.0
    _failed: VersionRef | None = None
    _retry_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)
    _custody: tuple[float, Custody] | None = None
    _watched_at: float = float("-inf")

    @property
    def ready(self) -> bool:
        """Whether the decided champion answers, on the way it will keep."""
        return self.live is not None and self.live.settled and not self.behind

    def get(self) -> Live:
        """Who answers, loaded now if nobody is yet. Raises NoChampion, StateConflict, OutOfCustody, Unavailable."""
        if self.live is not None:
            return self.live
        with self._lock:
            if self.live is not None:
                return self.live
            if self.error is not None and time.monotonic() - self._error_at < REFUSE_SECONDS:
                raise self.error
            try:
                self.live = self._first()
            except (WorkflowError, RegistryError, OSError) as error:
                if not isinstance(error, NoChampion):
                    self.error, self._error_at = error, time.monotonic()
                    self._note("load", f"The champion can't be served: {error}")
                raise
            self._settle("load", f"version {self.live.ref.version} is served")
            return self.live

    def decided(self) -> bool:
        """Whether there is a champion to serve; False where nobody can say."""
        try:
            return predict.champion_ref(self.work) is not None
        except (WorkflowError, RegistryError, OSError):
            return False

    def look(self) -> None:
        """Follow the pointer log: load the decided champion, prove its quick way, let it take over. Never raises."""
        try:
            ref = predict.champion_ref(self.work)
        except (WorkflowError, RegistryError, OSError) as error:
            self.behind = f"the registry can't be asked: {error}"
            return
        if ref is None:
            return
        try:
            if self.live is None:
                self.get()
            elif self.live.ref != ref:
                self._swap(ref)
            elif self.behind:
                # what could not be served is no longer decided
                self.behind, self._failed = "", None
                self._settle("swap", f"version {ref.version} is decided again, and answers")
            if self.live is not None and not self.live.settled and self.live.ref == ref:
                self._prove(self.live)
        except (WorkflowError, RegistryError, OSError) as error:
            self.behind = str(error)

    def custody(self) -> Custody:
        """Whether alias and bytes are what was decided; at most two seconds old."""
        now = time.monotonic()
        if self._custody is None or now - self._custody[0] > CUSTODY_SECONDS:
            self._custody = (now, self.work.registry.custody(self.work.problem.name))
        return self._custody[1]

    def watch_custody(self) -> None:
        """Once a minute compare alias and bytes with the pointer log; what is out of custody is an incident."""
        now = time.monotonic()
        if now - self._watched_at < WATCH_SECONDS:
            return
        self._watched_at = now
        try:
            custody.look(self.work, by=BY)
        except (WorkflowError, RegistryError, OSError) as error:
            _LOG.warning("the custody of %s can't be watched: %s", self.work.settings.problem, error)

    def _first(self) -> Live:
        found = predict.known_quick(self.work, predict.champion(self.work))
        return Live(found, settled=found.way == "compiled")

    def _swap(self, ref: VersionRef) -> None:
        """Load, prove and warm up while the old one answers; then change one reference."""
        if ref == self._failed and time.monotonic() < self._retry_at:
            return
        try:
            found = predict.ensure_quick(self.work, predict.champion(self.work))
            found.warm_up()
        except (WorkflowError, RegistryError, OSError, ValueError) as error:
            self._failed, self._retry_at = ref, time.monotonic() + RETRY_SECONDS
            stays = f"version {self.live.ref.version} keeps answering" if self.live else "nobody answers"
            self.behind = f"version {ref.version} was decided but can't be served, so {stays}: {error}"
            self._note("swap", self.behind)
            return
        self._tell_unproven(found)
        self.live = Live(found, settled=True)
        self.behind, self._failed = "", None
        self._settle("swap", f"version {found.version.version} is served")
        _LOG.info("%s is answered by version %s now", self.work.problem.name, found.version.version)

    def _prove(self, live: Live) -> None:
        found = predict.ensure_quick(self.work, live.answerer)
        self._tell_unproven(found)
        if found.way == "compiled":
            found.warm_up()
        self.live = Live(found, settled=True)

    def _tell_unproven(self, found: Answerer) -> None:
        """A quick way that differs from the pipeline is somebody's mistake; one that does not exist is none."""
        if found.why.startswith("not "):
            detail = f"Version {found.version.version} answers by the pipeline: {found.why}"
            self._note("quick way", detail, severity="warn")
        elif found.way == "compiled":
            self._settle("quick way", "proven equal to the pipeline")

    def _note(self, cause: str, detail: str, *, severity: Literal["warn", "critical"] = "critical") -> None:
        _LOG.warning("%s: %s", self.work.problem.name, detail)
        try:
            incidents.note(self.work, cause, detail, by=BY, severity=severity)
        except (WorkflowError, OSError) as error:
            _LOG.warning("the incident can't be written: %s", error)

    def _settle(self, cause: str, resolution: str) -> None:
        try:
            incidents.settle(self.work, cause, by=BY, resolution=resolution)
        except (WorkflowError, OSError) as error:
            _LOG.warning("the incident can't be closed: %s", error)
