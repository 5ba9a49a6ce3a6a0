"""Requests that wait together are answered together.

Nothing is waited for: when the event loop has taken in all requests that had arrived, their rows go to the scorer as
one batch. A single request is a batch of its own at once; thirty-two at the same moment cost hardly more than one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ds_workflow.errors import WorkflowError

if TYPE_CHECKING:
    from ds_workflow.domain.quick import Answers, Score

MOST_TOGETHER = 512  # rows of one batch
MOST_WAITING = 20_000  # rows; beyond, a request is turned away at once rather than answered too late
ALONE_FROM = 200  # rows, from which on a request goes to a thread, so that the others need not wait for it

Waiting = tuple[Sequence[Any], "asyncio.Future[Answers]"]


class Overloaded(WorkflowError):
    """More rows wait than can be answered in time."""


class Batcher:
    """The queue before one scorer. `quick` scorers answer on the event loop, others on one thread."""

    def __init__(self, score: Score, *, quick: bool) -> None:
        self._score, self._quick = score, quick
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scorer")

    async def ask(self, rows: Sequence[Any]) -> Answers:
        """The answers to the rows of one request. Raises Overloaded, and what the scorer raises."""
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            line = self._lines[loop] = _Line(loop, self._score, self._thread, quick=self._quick)
        if self._quick and len(rows) >= ALONE_FROM:
            return await line.alone(rows)
        return await line.ask(rows)


class _Line:
    """The queue of one event loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, score: Score, thread: ThreadPoolExecutor, *, quick: bool
    ) -> None:
        self._loop, self._score, self._thread, self._quick = loop, score, thread, quick
        self._waiting: deque[Waiting] = deque()
        self._rows = 0  # that were asked and are not answered yet, in the queue or on the thread
        self._due = False

    def ask(self, rows: Sequence[Any]) -> asyncio.Future[Answers]:
        self._take(len(rows))
        answer: asyncio.Future[Answers] = self._loop.create_future()
        self._waiting.append((rows, answer))
        if not self._due:
            self._due = True
            self._loop.call_soon(self._drain)
        return answer

    async def alone(self, rows: Sequence[Any]) -> Answers:
        """On the thread, past the queue; its rows wait like all others. They count until the thread is through, also
        when the caller left before."""
        self._take(len(rows))
        done = self._loop.run_in_executor(self._thread, _alone, self._score, rows)
        done.add_done_callback(lambda _: self._give(len(rows)))
        found = await asyncio.shield(done)
        if isinstance(found, Exception):
            raise found
        return found

    def _take(self, rows: int) -> None:
        if self._rows and self._rows + rows > MOST_WAITING:
            raise Overloaded(f"{self._rows:,} rows wait to be answered.", hint="Try again in a second.")
        self._rows += rows

    def _give(self, rows: int) -> None:
        self._rows -= rows

    def _drain(self) -> None:
        batch: list[Waiting] = []
        taken = 0
        while self._waiting and (not batch or taken + len(self._waiting[0][0]) <= MOST_TOGETHER):
            one = self._waiting.popleft()
            taken += len(one[0])
            batch.append(one)
        if self._quick:
            self._finish(batch, taken, _answered(self._score, batch))
            return
        done = self._loop.run_in_executor(self._thread, _answered, self._score, batch)
        done.add_done_callback(lambda found: self._finish(batch, taken, found.result()))

    def _finish(self, batch: list[Waiting], taken: int, results: list[Answers | Exception]) -> None:
        self._give(taken)
        for (_, answer), result in zip(batch, results, strict=True):
            if answer.done():
                continue  # whoever asked is gone
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)
        self._due = bool(self._waiting)
        if self._due:
            self._loop.call_soon(self._drain)


def _answered(score: Score, batch: list[Waiting]) -> list[Answers | Exception]:
    """The answers to each request of a batch; where the batch fails, each is asked alone, so that one bad request
    can't fail its neighbours."""
    if len(batch) == 1:
        return [_alone(score, batch[0][0])]
    try:
        found = score([row for rows, _ in batch for row in rows])
    except Exception:
        return [_alone(score, rows) for rows, _ in batch]
    results: list[Answers | Exception] = []
    start = 0
    for rows, _ in batch:
        results.append(found.cut(start, start + len(rows)))
        start += len(rows)
    return results


def _alone(score: Score, rows: Sequence[Any]) -> Answers | Exception:
    try:
        return score(rows)
    except Exception as error:
        return error
