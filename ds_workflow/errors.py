"""What can go wrong when deciding.

WorkflowError
├── InvalidInput        what was given can't be used: option, file, row, document
│   ├── UnknownName         no such problem, feature set, dataset, strategy, metric
│   ├── IncompleteHypothesis    the written hypothesis is missing or not filled
│   └── LeakageRefused      a feature or routing key is cut from the target
├── NotGreen            a check ran and is not green
├── SourceUnavailable   a source of data outside did not answer, or not in its own format
└── StateConflict       the state forbids what was asked (beside registry.errors.Conflict)

Every message says what happened, what is allowed and what to do next. No exit code and no HTTP status here:
each face keeps its own table.
"""

from __future__ import annotations

from collections.abc import Iterable


class WorkflowError(Exception):
    """Base of all errors of the workflow."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidInput(WorkflowError):
    """What was given can't be used."""


class UnknownName(InvalidInput):
    """A name that nothing answers to; the message lists the known ones."""

    def __init__(self, what: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        listed = ", ".join(sorted(known)) or "none yet"
        super().__init__(f"There is no {what} '{name}'. Known: {listed}.", hint=hint)


class IncompleteHypothesis(InvalidInput):
    """The written hypothesis is missing or not filled."""


class LeakageRefused(InvalidInput):
    """A feature or routing key is cut from the target."""


class NotGreen(WorkflowError):
    """A check ran and is not green."""


class SourceUnavailable(WorkflowError):
    """A source of data outside did not answer, or not in its own format."""


class StateConflict(WorkflowError):
    """The state forbids what was asked."""
