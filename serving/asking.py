"""Asking whoever answers now, and noting that it was asked: the part that all prediction routes share."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from ds_workflow.errors import InvalidInput
from ds_workflow.use_cases.requests import Asked
from serving.beside import SHADOW, Shown, unit_of

if TYPE_CHECKING:
    from fastapi import Request

    from ds_workflow.domain.quick import Answers
    from serving.beside import Beside
    from serving.hub import Hub
    from serving.slot import Live, Slot

Rows = list[dict[str, Any]]


class Ask:
    """Questions of one route to one problem."""

    def __init__(self, hub: Hub, slot: Slot, path: str) -> None:
        self._hub, self._slot = hub, slot
        self._problem = slot.work.settings.problem
        self._rows = hub.metrics.rows.labels(self._problem, "champion")
        self._seconds = hub.metrics.seconds.labels(self._problem)
        self._answered = hub.metrics.requests.labels(path, "200")

    async def of(self, live: Live, rows: Rows, started: float) -> tuple[str, Answers]:
        """The request's id and the champion's answers. Raises BadRows for rows that no features can be made of."""
        try:
            answers = await live.ask(rows)
        except InvalidInput as error:
            raise await run_in_threadpool(live.answerer.blame, rows, error) from error
        ident = self._hub.request_id()
        self._note(live, rows, answers, started, ident=ident)
        self._rows.inc(len(rows))
        return ident, answers

    async def among(
        self, live: Live, rows: Rows, started: float, *, request: Request, body: bytes
    ) -> tuple[str, Live, Answers]:
        """The same, and who it was: a challenger may answer instead of the champion, or be shown the request."""
        beside: Beside | None = self._slot.beside
        if beside is None:
            ident, answers = await self.of(live, rows, started)
            return ident, live, answers
        unit = unit_of(request, body)
        wanted = beside.arm(unit)
        if not wanted:
            ident, answers = await self.of(live, rows, started)
            return ident, live, answers
        try:
            who, arm, answers = await beside.ask(live, rows, wanted)
        except InvalidInput as error:
            raise await run_in_threadpool(live.answerer.blame, rows, error) from error
        ident = self._hub.request_id()
        trial = beside.trial
        if trial.mode == "ab" or wanted == SHADOW:  # in shadow, only what both answer is compared
            self._note(who, rows, answers, started, ident=ident, arm=arm, trial=trial.id, unit=unit)
        else:
            self._note(who, rows, answers, started, ident=ident)
        self._hub.metrics.rows.labels(self._problem, arm).inc(len(rows))
        if wanted == SHADOW:
            beside.show(Shown(ident, self._hub.clock(), unit, rows))
        return ident, who, answers

    def _note(
        self,
        live: Live,
        rows: Rows,
        answers: Answers,
        started: float,
        *,
        ident: str,
        arm: str = "champion",
        trial: str = "",
        unit: str = "",
    ) -> None:
        hub, version = self._hub, live.answerer.version
        took = perf_counter() - started
        hub.log.add(
            Asked(
                ident, hub.clock(), self._problem, version.version, version.digest, arm, rows, answers.values,
                took * 1e3, trial, unit,
            )
        )  # fmt: skip
        self._seconds.observe(took)
        self._answered.inc()


def json_answer(ident: str, live: Live, predictions: str) -> Response:
    """`{request_id, model, predictions}`, the last as JSON text."""
    text = f'{{"request_id":"{ident}","model":{live.model_json},"predictions":{predictions}}}'
    return Response(text, media_type="application/json")
