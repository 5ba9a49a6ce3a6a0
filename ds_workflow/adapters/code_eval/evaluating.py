"""From files to an evaluation: completions run in the sandbox and measured beside their references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ds_workflow.adapters.code_eval import files
from ds_workflow.adapters.code_eval.distance import levenshtein, likeness
from ds_workflow.adapters.sandbox import pool
from ds_workflow.adapters.sandbox.cells import Limits
from ds_workflow.adapters.sandbox.checker import Checked
from ds_workflow.domain.code_eval import text
from ds_workflow.domain.code_eval.evaluation import Evaluation, Outcome, scores_at
from ds_workflow.domain.code_eval.names import shape
from ds_workflow.domain.code_eval.scores import tallies
from ds_workflow.domain.code_eval.style import style
from ds_workflow.domain.code_eval.tasks import Completion, Task, program
from ds_workflow.errors import InvalidInput

OFTEN = 10  # lines of progress in a long run
Jobs = Sequence[tuple[Task, Completion]]


@dataclass(frozen=True)
class Ask:
    """What to run. `timeout`: seconds of processor time for one completion; the clock on the wall may take four times
    as long, since a busy machine is slow."""

    tasks: str
    completions: Path
    model: str = ""
    ks: tuple[int, ...] = ()
    timeout: int = 5
    workers: int = 2


def evaluate(ask: Ask, *, say: Callable[[str], None]) -> Evaluation:
    """One model's evaluation. InvalidInput for what can't be read, before anything is run."""
    if ask.timeout < 1 or ask.workers < 1:
        raise InvalidInput("--timeout and --workers must be 1 or more.")
    tasks = files.read_tasks(ask.tasks)
    answers = files.read_completions(ask.completions, tasks=tasks, model=ask.model)
    return evaluated(tasks, answers, ask, say=say)


def evaluated(tasks: files.TaskSet, answers: files.Answers, ask: Ask, *, say: Callable[[str], None]) -> Evaluation:
    """The evaluation of completions at hand, with the limits that `ask` names."""
    jobs = [(tasks.tasks[c.task_id], c) for c in answers.completions]
    scores_at({t.task_id: (answers.samples, 0) for t, _ in jobs}, ask.ks)  # a k that is too large, before the work
    say(f"{len(jobs):,} completions of {answers.model} for {len({t.task_id for t, _ in jobs})} tasks of {tasks.name}")
    limits = Limits(cpu=ask.timeout, wall=4.0 * ask.timeout)
    checked, step = [], max(1, len(jobs) // OFTEN)
    for result in pool.run(jobs, limits=limits, workers=min(ask.workers, len(jobs))):
        checked.append(result)
        if len(jobs) > 2 * OFTEN and len(checked) % step == 0:
            say(f"{len(checked):,} of {len(jobs):,} run, {sum(c.passed for c in checked):,} passed")
    outcomes = _measured(jobs, checked)
    answered = {o.task.task_id for o in outcomes}
    return Evaluation(
        answers.model,
        tasks.name,
        tasks.digest,
        answers.digest,
        outcomes,
        tuple(name for name in tasks.tasks if name not in answered),
        scores_at(tallies([(o.task.task_id, o.passed) for o in outcomes]), ask.ks),
    )


def _measured(jobs: Jobs, checked: Sequence[Checked]) -> tuple[Outcome, ...]:
    """Every completion beside its reference. The distance is taken between whole programs as they stand: prompt and
    completion where the completion goes on from the prompt, else the completion alone."""
    sources = [program(task, completion) for task, completion in jobs]
    shown = [_shown(task, completion, source) for (task, completion), source in zip(jobs, sources, strict=True)]
    alike = text.similarities([text.prose(t) for t, _ in jobs], shown, [t.reference for t, _ in jobs])
    prompts = {t.task_id: (text.prompt_complexity(t), text.requirements(t)) for t, _ in jobs}
    outcomes = []
    for row, ((task, completion), code, result) in enumerate(zip(jobs, shown, checked, strict=True)):
        bare = not task.reference.strip()
        outcomes.append(
            Outcome(
                task=task,
                completion=completion,
                failure=result.failure,
                message=result.message,
                error_family=_family(result),
                unresolved=result.unresolved,
                seconds=result.seconds,
                source=code,
                distance=None if bare else levenshtein(code, task.reference),
                likeness=None if bare else likeness(code, task.reference),
                similarity=float(alike.code_reference[row]),
                aptness=float(alike.prompt_code[row]),
                shape=shape(code),
                style=style(code),
                complexity=prompts[task.task_id][0],
                requirements=prompts[task.task_id][1],
            )
        )
    return tuple(outcomes)


def _shown(task: Task, completion: Completion, source: str) -> str:
    """The text that is compared with the reference: a whole function as written, without what it was run with."""
    return source if source.startswith(task.prompt) else completion.code


def _family(result: Checked) -> str:
    """The family of the exception that ended it; "" where none did."""
    if result.passed or not result.exception:
        return ""
    return text.error_family(result.exception)
