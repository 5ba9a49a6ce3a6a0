"""One problem's place in the service: who answers now, and how another takes its place.

Whoever answers a request reads `live` once and stays with it to the end; a swap puts another object there. So a request
is answered by one version, and the old one goes when its last request has been answered.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Literal

from ds_workflow.errors import StateConflict, WorkflowError
from ds_workflow.use_cases import custody, incidents, predict
from registry.errors import NoChampion, RegistryError
from serving.batcher import Batcher
from serving.pause import Pause, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ds_workflow.domain.quick import Answers
    from ds_workflow.use_cases.predict import Answerer
    from ds_workflow.workspace import Workspace
    from registry.records import Custody, VersionRef
    from serving.beside import Beside

RETRY_SECONDS = 20.0  # after a version could not be loaded; each time in vain doubles it
LONGEST_RETRY = 600.0
REFUSE_SECONDS = 3.0  # so long a failed first load is told again without being tried again; this doubles as well
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
    _refusal: Pause = field(default_factory=lambda: Pause(REFUSE_SECONDS, RETRY_SECONDS))
    _failed: VersionRef | None = None
    _swapping: Pause = field(default_factory=lambda: Pause(RETRY_SECONDS, LONGEST_RETRY))
    _lock: Lock = field(default_factory=Lock)
    _custody: tuple[float, Custody] | None = None
    _watched_at: float = float("-inf")

    @property
    def ready(self) -> bool:
        """Whether the decided champion answers, on the way it will keep."""
        return self.live is not None and self.live.settled and not self.behind

    def get(self) -> Live:
        """Who answers, loaded now if nobody is yet. Raises NoChampion, StateConflict, OutOfCustody, Unavailable; what
        nobody foresaw in loading is a StateConflict too."""
        if self.live is not None:
            return self.live
        with self._lock:
            if self.live is not None:
                return self.live
            if self.error is not None and not self._refusal.over:
                raise self.error
            try:
                self.live = self._first()
            except NoChampion:
                raise
            except Exception as error:  # a model is foreign code: what its loading raises can't be listed
                said = f"The champion can't be served: {told(error)}"
                known = isinstance(error, WorkflowError | RegistryError)
                self.error = error if known else StateConflict(said, hint="The server's log has the details.")
                self._refusal.fail()
                self._note("load", said, error=error)
                raise self.error from error
            self.error = None
            self._refusal.reset()
            self._settle("load", f"version {self.live.ref.version} is served")
            return self.live

    def decided(self) -> bool:
        """Whether there is a champion to serve; False where nobody can say."""
        try:
            return predict.champion_ref(self.work) is not None
        except Exception:
            return False

    def look(self) -> None:
        """Follow the pointer log: load the decided champion, prove its quick way, let it take over. Never raises."""
        try:
            ref = predict.champion_ref(self.work)
        except Exception as error:
            self.behind = f"the registry can't be asked: {told(error)}"
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
        except Exception as error:
            self.behind = told(error)

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
        except Exception as error:
            _LOG.warning("the custody of %s can't be watched: %s", self.work.settings.problem, error)

    def _first(self) -> Live:
        found = predict.known_quick(self.work, predict.champion(self.work))
        return Live(found, settled=found.way == "compiled")

    def _quick(self, found: Answerer) -> Answerer:
        return predict.ensure_quick(self.work, found)

    def _swap(self, ref: VersionRef) -> None:
        """Load, prove and warm up while the old one answers; then change one reference."""
        if ref != self._failed:
            self._swapping.reset()
        elif not self._swapping.over:
            return
        try:
            found = self._quick(predict.champion(self.work))
            found.warm_up()
        except Exception as error:  # a model is foreign code: what its loading raises can't be listed
            self._failed = ref
            self._swapping.fail()
            stays = f"version {self.live.ref.version} keeps answering" if self.live else "nobody answers"
            self.behind = f"version {ref.version} was decided but can't be served, so {stays}: {told(error)}"
            self._note("swap", self.behind, error=error)
            return
        self._tell_unproven(found)
        self.live = Live(found, settled=True)
        self.behind, self._failed = "", None
        self._settle("swap", f"version {found.version.version} is served")
        _LOG.info("%s is answered by version %s now", self.work.problem.name, found.version.version)

    def _prove(self, live: Live) -> None:
        """Try the quick way of who answers; where that can't be done, the pipeline goes on answering."""
        try:
            found = self._quick(live.answerer)
            if found.way == "compiled":
                found.warm_up()
        except Exception as error:
            _LOG.warning("%s: the quick way can't be tried", self.work.settings.problem, exc_info=error)
            found = replace(live.answerer, why=f"not proven: {told(error)}")
        self._tell_unproven(found)
        self.live = Live(found, settled=True)

    def _tell_unproven(self, found: Answerer) -> None:
        """A quick way that differs from the pipeline is somebody's mistake; one that does not exist is none."""
        if found.why.startswith("not "):
            detail = f"Version {found.version.version} answers by the pipeline: {found.why}"
            self._note("quick way", detail, severity="warn")
        elif found.way == "compiled":
            self._settle("quick way", "proven equal to the pipeline")

    def _note(
        self,
        cause: str,
        detail: str,
        *,
        severity: Literal["warn", "critical"] = "critical",
        error: Exception | None = None,
    ) -> None:
        _LOG.warning("%s: %s", self.work.settings.problem, detail, exc_info=error)
        try:
            incidents.note(self.work, cause, detail, by=BY, severity=severity)
        except Exception as lost:
            _LOG.warning("the incident can't be written: %s", lost)

    def _settle(self, cause: str, resolution: str) -> None:
        try:
            incidents.settle(self.work, cause, by=BY, resolution=resolution)
        except Exception as error:
            _LOG.warning("the incident can't be closed: %s", error)
