"""The challenger beside the champion in this worker: who of them answers a unit, and what happens when it fails."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Any

from ds_workflow.errors import InvalidInput, WorkflowError
from ds_workflow.use_cases import incidents, predict, traffic
from ds_workflow.use_cases.traffic import CHALLENGER, CHAMPION, FALLBACK, SHADOW
from registry.errors import RegistryError
from serving.shadow import Shadow, Shown
from serving.slot import BY, Live

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import Request

    from ds_workflow.domain.quick import Answers
    from ds_workflow.use_cases.traffic import Trial
    from ds_workflow.workspace import Workspace
    from serving.hub import Hub

ANSWER_SECONDS = 1.0  # so long a caller waits for a challenger before the champion answers instead
MOST_FAILURES = 20  # one after the other; then the challenger gets no more callers from this worker
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
        """The arm of a unit; the champion's when the switch is thrown or the challenger can't answer."""
        if self._switch.exists() or self._failures >= MOST_FAILURES:
            return ""
        return self.trial.arm(unit)

    async def ask(self, live: Live, rows: list[dict[str, Any]], arm: str) -> tuple[Live, str, Answers]:
        """Who answered, as which arm, and the answers: the challenger's in time, otherwise the champion's."""
        if arm == CHALLENGER and self._live is not None:
            try:
                answers = await asyncio.wait_for(self._live.ask(rows), ANSWER_SECONDS)
            except InvalidInput:
                raise
            except Exception as error:  # also a timeout: the caller must not feel what the challenger does
                self._failures += 1
                self._hub.metrics.shadow.labels(self.trial.problem, "fell back").inc()
                if self._failures == MOST_FAILURES:
                    self._note(
                        f"{self.trial.id}: {MOST_FAILURES} answers in a row failed ({type(error).__name__}: {error})"
                    )
            else:
                self._failures = 0
                return self._live, CHALLENGER, answers
            return live, FALLBACK, await live.ask(rows)
        return live, FALLBACK if arm == CHALLENGER else CHAMPION, await live.ask(rows)

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
        except (WorkflowError, RegistryError, OSError, ValueError) as error:
            self._note(f"{trial.id}: the challenger can't answer, so the champion does: {error}")
            return None
        return Live(found, settled=True, aside=True)

    def _note(self, detail: str) -> None:
        _LOG.warning("%s", detail)
        try:
            incidents.note(self._work, CAUSE, detail, by=BY, severity="warn")
        except (WorkflowError, OSError) as error:
            _LOG.warning("the incident can't be written: %s", error)


def unit_of(request: Request, body: bytes) -> str:
    """Who asks, as far as the caller says so in `X-Unit`; otherwise what is asked. Raises InvalidInput."""
    said = request.headers.get(UNIT_HEADER)
    if said is None:
        return f"body {hashlib.blake2b(body, digest_size=8).hexdigest()}"
    if not 0 < len(said) <= _LONGEST_UNIT:
        raise InvalidInput(f"X-Unit has {len(said)} characters.", hint=f"1 to {_LONGEST_UNIT} characters.")
    return said


__all__ = ["SHADOW", "Beside", "Shown", "unit_of"]
