"""The challenger beside the champion in this worker: who of them answers a unit, and what happens when it fails."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases import incidents, predict, traffic
from ds_workflow.use_cases.traffic import CHALLENGER, CHAMPION, FALLBACK, SHADOW
from serving.pause import told
from serving.shadow import Shadow, Shown
from serving.slot import BY, Live

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastapi import Request

    from ds_workflow.domain.quick import Answers
    from ds_workflow.use_cases.traffic import Trial
    from ds_workflow.workspace import Workspace
    from serving.hub import Hub

ANSWER_SECONDS = 1.0  # so long a caller waits for a challenger before the champion answers instead
MOST_FAILURES = 20  # one after the other; then the champion answers in its place, and it is tried aside
RETRY_SECONDS = 20.0  # until a challenger that failed is tried again; each time in vain doubles it
LONGEST_RETRY = 600.0
UNIT_HEADER = "x-unit"
CAUSE = "challenger"  # of incidents
_LONGEST_UNIT = 200
_LOG = logging.getLogger(__name__)


class Beside:
    """A running trial."""

    def __init__(self, hub: Hub, work: Workspace, trial: Trial) -> None:
        self.trial = trial
        self._work, self._hub = work, hub
        self._switch: Path = traffic.switch_path(work)
        self._failures = 0
        self._pause, self._retry_at = RETRY_SECONDS, 0.0
        self._trying: asyncio.Task[None] | None = None
        self._live: Live | None = None
        self._shadow: Shadow | None = None
        if trial.mode == "shadow":
            outcome = hub.metrics.shadow
            self._shadow = Shadow(
                work.settings.root,
                trial,
                keep=hub.log.add,
                count=lambda what: outcome.labels(trial.problem, what).inc(),
                failed=self._note,
            )
        else:
            self._live = self._load()

    def arm(self, unit: str) -> str:
        """The arm of a unit; empty while the switch is thrown, and the request is then no part of the trial."""
        return "" if self._switch.exists() else self.trial.arm(unit)

    async def ask(self, live: Live, rows: list[dict[str, Any]], arm: str) -> tuple[Live, str, Answers]:
        """Who answered, as which arm, and the answers: the challenger's in time, otherwise the champion's.

        A unit of the challenger's stays one, whoever answers: units that drop out when it fails would bias the result.
        Raises InvalidInput for rows that the champion does not take.
        """
        if arm != CHALLENGER:
            return live, CHAMPION, await live.ask(rows)
        there = self._live
        if there is None or self._failures >= MOST_FAILURES:
            if there is not None and self._trying is None and time.monotonic() >= self._retry_at:
                self._trying = asyncio.create_task(self._try(there, rows))
        else:
            try:
                answers = await asyncio.wait_for(there.ask(rows), ANSWER_SECONDS)
            except Exception as error:  # also a timeout: the caller must not feel what the challenger does
                answers = await live.ask(rows)  # rows that neither takes are no failure of the challenger's
                self._failed(error)
                return live, FALLBACK, answers
            self._answered()
            return there, CHALLENGER, answers
        self._count()
        return live, FALLBACK, await live.ask(rows)

    def _failed(self, error: Exception) -> None:
        self._count()
        self._failures += 1
        if self._failures == MOST_FAILURES:
            self._retry_at = time.monotonic() + self._pause
            said = f"{self.trial.id}: {MOST_FAILURES} answers in a row failed ({type(error).__name__}: {error}), "
            self._aside(self._note, said + "so the champion answers its units while it is tried again")

    def _answered(self) -> None:
        if self._failures >= MOST_FAILURES:
            self._aside(self._settle, "the challenger answers again")
        self._failures, self._pause = 0, RETRY_SECONDS

    def _aside(self, what: Callable[[str], None], said: str) -> None:
        """Write it where nobody waits for it."""
        asyncio.get_running_loop().run_in_executor(None, what, said)

    async def _try(self, there: Live, rows: list[dict[str, Any]]) -> None:
        """Ask the challenger what nobody waits for; when it answers in time, it gets its units back."""
        try:
            await asyncio.wait_for(there.ask(rows), ANSWER_SECONDS)
        except Exception as error:
            self._pause = min(LONGEST_RETRY, 2 * self._pause)
            self._retry_at = time.monotonic() + self._pause
            _LOG.info("%s: the challenger still fails: %r", self.trial.id, error)
        else:
            self._answered()
        finally:
            self._trying = None

    def look(self) -> None:
        """Load a challenger that could not be loaded, now and then. Takes its time; not for the event loop."""
        if self.trial.mode == "ab" and self._live is None and time.monotonic() >= self._retry_at:
            self._live = self._load()
            if self._live is not None:
                self._settle("the challenger was loaded")

    def _count(self) -> None:
        self._hub.metrics.shadow.labels(self.trial.problem, "fell back").inc()

    def show(self, shown: Shown) -> None:
        """Show a request to the challenger in shadow."""
        if self._shadow is not None:
            self._shadow.show(shown)

    def close(self) -> None:
        """End what runs for it."""
        if self._shadow is not None:
            self._shadow.close()

    def _load(self) -> Live | None:
        trial = self.trial
        try:
            version = self._work.registry.version(trial.problem, trial.challenger.version)
            if version.ref != trial.challenger:
                raise InvalidInput(f"version {version.version} has another digest than the trial's challenger")
            found = predict.ensure_quick(self._work, predict.load(self._work, version))
            found.warm_up()
        except Exception as error:  # a model is foreign code: what its loading raises can't be listed
            self._note(f"{trial.id}: the challenger can't answer, so the champion does: {told(error)}")
            self._retry_at = time.monotonic() + self._pause
            self._pause = min(LONGEST_RETRY, 2 * self._pause)
            return None
        self._pause = RETRY_SECONDS
        return Live(found, settled=True, aside=True)

    def _note(self, detail: str) -> None:
        _LOG.warning("%s", detail)
        try:
            incidents.note(self._work, CAUSE, detail, by=BY, severity="warn")
        except Exception as error:
            _LOG.warning("the incident can't be written: %s", error)

    def _settle(self, resolution: str) -> None:
        try:
            incidents.settle(self._work, CAUSE, by=BY, resolution=resolution)
        except Exception as error:
            _LOG.warning("the incident can't be closed: %s", error)


def unit_of(request: Request, body: bytes) -> str:
    """Who asks, as far as the caller says so in `X-Unit`; otherwise what is asked. Raises InvalidInput."""
    said = request.headers.get(UNIT_HEADER)
    if said is None:
        return f"body {hashlib.blake2b(body, digest_size=8).hexdigest()}"
    if not 0 < len(said) <= _LONGEST_UNIT:
        raise InvalidInput(f"X-Unit has {len(said)} characters.", hint=f"1 to {_LONGEST_UNIT} characters.")
    return said


__all__ = ["SHADOW", "Beside", "Shown", "unit_of"]
