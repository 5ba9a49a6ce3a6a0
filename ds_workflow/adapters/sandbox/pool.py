"""Many completions at once: workers, each with its own nursery."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from ds_workflow.adapters.sandbox import seccomp
from ds_workflow.adapters.sandbox.cells import Limits, Nursery
from ds_workflow.adapters.sandbox.checker import Checked, check
from ds_workflow.domain.code_eval.tasks import Completion, Task

_nursery: Nursery | None = None


def _start() -> None:
    global _nursery  # noqa: PLW0603 - one per worker process, for as long as it lives
    _nursery = Nursery().__enter__()


def _check(job: tuple[Task, Completion, Limits]) -> Checked:
    if _nursery is None:
        raise seccomp.NoSandbox("The worker has no nursery.")
    return check(_nursery, *job)


def run(jobs: Sequence[tuple[Task, Completion]], *, limits: Limits, workers: int) -> Iterator[Checked]:
    """The outcomes in the order of the jobs. Raises seccomp.NoSandbox where nothing can be confined."""
    why = seccomp.unavailable()
    if why:
        raise seccomp.NoSandbox(f"Untrusted code is not run here: {why}.")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=workers, mp_context=context, initializer=_start) as pool:
        yield from pool.map(_check, [(t, c, limits) for t, c in jobs], chunksize=4)
