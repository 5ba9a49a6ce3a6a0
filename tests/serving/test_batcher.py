"""The queue before a scorer: together what waits together, in order, and nobody pays for a neighbour."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from ds_workflow.domain.quick import Answers
from ds_workflow.errors import InvalidInput
from serving.batcher import ALONE_FROM, MOST_TOGETHER, MOST_WAITING, Batcher, Overloaded


class Scorer:
    """Answers a row with itself; refuses 13; remembers its batches and threads."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.seconds = seconds

    def __call__(self, rows: Sequence[Any]) -> Answers:
        self.batches.append(len(rows))
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        if 13 in rows:
            raise InvalidInput("13 is refused")
        values = [float(row) for row in rows]
        return Answers(values, [v - 1 for v in values], [v + 1 for v in values])


@pytest.mark.parametrize("quick", [True, False])
def test_requests_that_wait_together_are_answered_together_each_its_own(quick: bool) -> None:
    scorer = Scorer(0.01)

    async def main() -> list[Answers]:
        batcher = Batcher(scorer, quick=quick)
        return await asyncio.gather(*(batcher.ask([i, i + 0.5]) for i in range(100, 150)))

    found = asyncio.run(main())
    assert [list(answers.values) for answers in found] == [[i, i + 0.5] for i in range(100, 150)]
    assert [list(answers.upper or ()) for answers in found] == [[i + 1, i + 1.5] for i in range(100, 150)]
    assert sum(scorer.batches) == 100
    assert len(scorer.batches) <= 3
    assert (scorer.threads == {threading.get_ident()}) == quick


def test_one_alone_waits_for_nobody() -> None:
    scorer = Scorer()
    answers = asyncio.run(Batcher(scorer, quick=True).ask([7]))
    assert answers.values == [7.0]
    assert scorer.batches == [1]


@pytest.mark.parametrize("quick", [True, False])
def test_a_request_that_fails_fails_alone(quick: bool) -> None:
    async def main() -> list[Any]:
        batcher = Batcher(Scorer(), quick=quick)
        return await asyncio.gather(*(batcher.ask([i]) for i in range(10, 16)), return_exceptions=True)

    found = asyncio.run(main())
    assert [type(one).__name__ for one in found].count("InvalidInput") == 1
    assert isinstance(found[3], InvalidInput)
    assert [one.values for one in found if isinstance(one, Answers)] == [[10.0], [11.0], [12.0], [14.0], [15.0]]


def test_batches_are_bounded_and_large_requests_leave_the_loop() -> None:
    scorer = Scorer()

    async def main() -> None:
        batcher = Batcher(scorer, quick=True)
        await asyncio.gather(*(batcher.ask(list(range(14, 114))) for _ in range(20)))
        assert max(scorer.batches) <= MOST_TOGETHER
        assert scorer.threads == {threading.get_ident()}
        await batcher.ask([1] * ALONE_FROM)
        assert len(scorer.threads) == 2

    asyncio.run(main())


def test_too_much_is_turned_away_at_once() -> None:
    async def main() -> None:
        batcher = Batcher(Scorer(), quick=False)
        waiting = [asyncio.ensure_future(batcher.ask([1] * 1_000)) for _ in range(MOST_WAITING // 1_000)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="wait"):
            await batcher.ask([1])
        await asyncio.gather(*waiting)
        assert (await batcher.ask([1])).values == [1.0]

    asyncio.run(main())


@pytest.mark.parametrize("size", [ALONE_FROM, 10_000])
def test_large_requests_wait_within_the_same_bound(size: int) -> None:
    free = threading.Event()

    def score(rows: Sequence[Any]) -> Answers:
        free.wait(30)
        return Answers([0.0] * len(rows))

    async def main() -> None:
        batcher = Batcher(score, quick=True)
        waiting = [asyncio.ensure_future(batcher.ask([1] * size)) for _ in range(MOST_WAITING // size)]
        await asyncio.sleep(0)
        for rows in (size, 1):
            with pytest.raises(Overloaded, match="20,000 rows wait"):
                await batcher.ask([1] * rows)
        waiting[-1].cancel()  # whose rows the thread has still to go through
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.ask([1] * size)
        free.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, Answers) for one in found[:-1])
        assert len((await batcher.ask([1] * size)).values) == size

    asyncio.run(main())


def test_a_caller_that_left_stops_nobody() -> None:
    async def main() -> None:
        batcher = Batcher(Scorer(0.05), quick=False)
        gone = asyncio.ensure_future(batcher.ask([1]))
        stays = asyncio.ensure_future(batcher.ask([2]))
        await asyncio.sleep(0.01)
        gone.cancel()
        assert (await stays).values == [2.0]

    asyncio.run(main())


def test_two_event_loops_have_a_queue_each() -> None:
    batcher = Batcher(Scorer(), quick=True)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(asyncio.run(batcher.ask([5])).values)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[5.0]] * 4
