"""All problems of a workspace in one process: their workspaces, their champions, and the watch over both."""

from __future__ import annotations

import gc
import logging
import os
from dataclasses import replace
from functools import cached_property, partial
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING

from ds_workflow.errors import UnknownName, WorkflowError
from ds_workflow.use_cases import incidents, predict, requests, traffic
from serving.beside import CAUSE, Beside
from serving.metrics import Metrics
from serving.pause import told
from serving.slot import BY, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ds_workflow.domain.problem import Problem
    from ds_workflow.use_cases.predict import Answerer
    from ds_workflow.workspace import Workspace
    from registry.records import VersionRef

POLL_SECONDS = 0.5
WATCH = "watch"  # of incidents: a problem could not be followed
_LOG = logging.getLogger(__name__)


class Hub:
    """What every route is given. `work` decides the folder and the default problem."""

    def __init__(self, work: Workspace, *, poll_seconds: float = POLL_SECONDS) -> None:
        self.default = work.settings.problem
        self.problems: Sequence[str] = tuple(predict.names())
        self._slots = {name: Slot(_at(work, name)) for name in self.problems}
        self._poll_seconds = poll_seconds
        self._stop = Event()
        self._thread: Thread | None = None
        self._troubled: dict[str, str] = {}  # by problem: what the watch could not do
        self._nonce, self._count = os.urandom(4).hex(), count()
        self.clock = work.clock
        self.log = requests.log_of(work)
        self.metrics = Metrics(work.settings.store / "metrics")

    def slot(self, name: str = "") -> Slot:
        """The place of a problem, by default of the default one. Raises UnknownName with the known ones."""
        try:
            return self._slots[name or self.default]
        except KeyError:
            raise UnknownName("problem", name[:100], self.problems) from None

    def work(self, name: str = "") -> Workspace:
        """The workspace of a problem. Raises UnknownName."""
        return self.slot(name).work

    def champion(self, name: str = "") -> Answerer:
        """Who answers for a problem, loaded if need be. Raises NoChampion, StateConflict, OutOfCustody, Unavailable."""
        return self.slot(name).get().answerer

    def slots(self) -> list[Slot]:
        """All of them, the default first."""
        return sorted(self._slots.values(), key=lambda slot: slot.work.settings.problem != self.default)

    def request_id(self) -> str:
        """A new one: they sort by time and differ between workers and restarts."""
        return f"Q-{int(self.clock().timestamp() * 1000):011x}-{self._nonce}-{next(self._count):x}"

    @cached_property
    def declared(self) -> dict[str, Problem]:
        """The problems by name; one whose plug-in is broken is left out, and named in the log."""
        found = {}
        for name in self.problems:
            try:
                found[name] = self._slots[name].work.problem
            except WorkflowError as error:
                _LOG.warning("the problem %s is not served: %s", name, error)
        return found

    @property
    def watched(self) -> bool:
        """Whether decisions are followed."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def unwatched(self) -> str:
        """Why decisions are no longer followed though they should be; empty while all is well."""
        if self._thread is None or self._thread.is_alive():
            return ""
        return "nobody follows the decisions in this worker any more: its watcher ended; restart it"

    def start(self) -> None:
        """Load what there is, follow the decisions, write the log; all in threads."""
        # Requests make and drop many small objects; looking for circles among them each 700 cost a third of a request.
        gc.set_threshold(20_000, 10, 10)
        self.log.start()
        if self._thread is None:
            self._stop.clear()
            self._thread = Thread(target=self._watch, name="hub", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop following, and write what the log holds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None
        for slot in self._slots.values():
            if slot.beside is not None:
                slot.beside.close()
        self.log.close()

    def _watch(self) -> None:
        while True:
            for slot in self.slots():
                if self._stop.is_set():
                    return
                before = slot.live.ref if slot.live else None
                steps: tuple[Callable[[], None], ...] = (
                    slot.look,
                    partial(self._count_swap, slot, before),
                    slot.watch_custody,
                    partial(self._follow_trial, slot),
                )
                went = [self._done(slot, step) for step in steps]
                if all(went) and slot.work.settings.problem in self._troubled:
                    self._done(slot, partial(self._well_again, slot))
            if self._stop.wait(self._poll_seconds):
                return

    def _done(self, slot: Slot, step: Callable[[], None]) -> bool:
        """Whether a step of the watch went well. Whatever happens in one, the watch goes on and says so: a watch that
        ended would leave every later decision unserved in silence."""
        name = slot.work.settings.problem
        try:
            step()
        except Exception as error:
            if self._troubled.get(name) != told(error):  # once, and not twice a second
                self._troubled[name] = told(error)
                _LOG.exception("looking after %s", name)
                try:
                    incidents.note(slot.work, WATCH, f"The service could not follow {name}: {told(error)}", by=BY)
                except Exception:
                    _LOG.exception("the incident can't be written")
            return False
        return True

    def _well_again(self, slot: Slot) -> None:
        del self._troubled[slot.work.settings.problem]
        incidents.settle(slot.work, WATCH, by=BY, resolution="it is followed again")

    def _follow_trial(self, slot: Slot) -> None:
        """Begin, follow and end what `traffic-start` and its kin decided."""
        trial = traffic.running(slot.work)
        if trial is not None and (lost := traffic.outdated(slot.work, trial)):
            traffic.end_outdated(slot.work, trial, lost)
            trial = None
        there = slot.beside
        if there is not None and (trial is None or there.trial.id != trial.id):
            slot.beside = None
            there.close()
            incidents.settle(slot.work, CAUSE, by=BY, resolution="the trial ended")
            there = None
        if trial is None or slot.live is None:
            return
        if there is None:
            slot.beside = Beside(self, slot.work, trial)
            return
        if there.trial != trial:
            there.trial = trial  # a larger share
        there.look()

    def _count_swap(self, slot: Slot, before: VersionRef | None) -> None:
        name = slot.work.settings.problem
        if slot.live is not None:
            self.metrics.version.labels(name).set(slot.live.ref.version)
            self.metrics.compiled.labels(name).set(slot.live.answerer.way == "compiled")
            if before is not None and slot.live.ref != before:
                self.metrics.swaps.labels(name).inc()
        self.metrics.log_lost.set(self.log.counts.lost)
        self.metrics.log_waiting.set(self.log.counts.waiting)


def _at(work: Workspace, name: str) -> Workspace:
    """The same workspace at another problem."""
    if name == work.settings.problem:
        return work
    return replace(work, settings=replace(work.settings, problem=name))
