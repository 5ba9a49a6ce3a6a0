"""The log of requests, and the labels that come back for them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ds_workflow import plugins
from ds_workflow.adapters.request_log import Asked, Refused, RequestLog
from ds_workflow.domain import strict_json
from ds_workflow.domain.contract import BadRows, FieldError, said_twice, sendable
from ds_workflow.errors import InvalidInput

if TYPE_CHECKING:
    from ds_workflow.domain.problem import Problem
    from ds_workflow.workspace import Workspace

__all__ = ["Asked", "Refused", "RequestLog", "feedback", "labels_of", "log_of"]

_WAIT_SECONDS = 1.5  # for the log of another process, which writes twice a second
_SHAPE = "an object with request_id, row (from 0; default 0) and label"


def log_of(work: Workspace) -> RequestLog:
    """The log of a workspace, for this process; `start` it to have it written."""
    return RequestLog(work.settings.store, clock=work.clock, segment_of=segment_of)


def segment_of(problem: str, row: Mapping[str, Any]) -> str:
    """The segment of a parsed row: as its problem says, else from the row's own column; "" where a row can't tell."""
    plugin = plugins.load("problems", problem)
    try:
        told = plugin.segment_of(row) if hasattr(plugin, "segment_of") else row.get(plugin.PROBLEM.segment_column)
    except (KeyError, TypeError, ValueError):
        return ""  # an outsider's: what it can't tell must not cost the log its row
    return told if isinstance(told, str) else ""


def labels_of(body: bytes) -> list[Any]:
    """The labels of a JSON body, as they were sent. Raises InvalidInput for what is no list, BadRows for a field that
    stands in one of them more than once."""
    try:
        given, repeated = strict_json.read(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}", hint="A JSON list of labels.") from error
    if not isinstance(given, list) or not given:
        raise InvalidInput("The body must be a JSON list of labels.", hint="See the example in /docs.")
    if errors := said_twice(repeated):
        raise BadRows(errors)
    return given


def feedback(work: Workspace, log: RequestLog, given: Sequence[Any]) -> dict[str, int]:
    """Keep labels, each an object with request_id, row and label; counts of new, repeated and corrected ones.

    Raises BadRows with everything that is wrong, and keeps nothing then.
    """
    errors: list[FieldError] = []
    wanted = []
    for number, item in enumerate(given):
        found = _item(number, item)
        if isinstance(found, FieldError):
            errors.append(found)
        else:
            wanted.append((number, *found))
    log.flush()
    known = log.known(ident for _, ident, _, _ in wanted)
    if any(ident not in known for _, ident, _, _ in wanted):
        time.sleep(_WAIT_SECONDS)
        known = log.known(ident for _, ident, _, _ in wanted)
    declared: dict[str, Problem] = {name: plugins.load("problems", name).PROBLEM for name, _ in known.values()}
    for number, ident, row, label in wanted:
        if ident not in known:
            errors.append(_error(number, "request_id", ident, "the request_id of an answer", "was never answered"))
            continue
        problem, rows = known[ident]
        if row >= rows:
            errors.append(
                _error(number, "row", row, f"a row from 0 to {rows - 1}", "is beyond the rows of that request")
            )
        elif declared[problem].task == "binary" and label not in (0, 1):
            errors.append(_error(number, "label", label, "0 or 1", f"is no class of {problem}"))
    if errors:
        raise BadRows(sorted(errors, key=lambda error: error.row))
    return log.label([(ident, row, label) for _, ident, row, label in wanted], at=work.clock())


def _item(number: int, item: Any) -> tuple[str, int, float] | FieldError:
    if not isinstance(item, Mapping):
        return _error(number, "", item, _SHAPE, "is no object")
    unknown = sorted(set(map(str, item)) - {"request_id", "row", "label"})
    if unknown:
        return _error(number, unknown[0], None, "only request_id, row and label", "is not a field of a label")
    ident, row, label = item.get("request_id"), item.get("row", 0), item.get("label")
    if not isinstance(ident, str) or not 0 < len(ident) <= 100 or not ident.isascii():
        return _error(number, "request_id", ident, "the request_id of an answer", "is no request_id")
    if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < 1 << 31:
        return _error(number, "row", row, "a whole number from 0", "is no row")
    if isinstance(label, bool) or not isinstance(label, int | float) or abs(label) > 1e300 or not math.isfinite(label):
        return _error(number, "label", label, "a finite number", "is no label")
    return ident, row, float(label)


def _error(row: int, field: str, sent: Any, allowed: str, what: str) -> FieldError:
    return FieldError(row, field, sendable(sent), allowed, f"'{field}' {what}" if field else f"item {row} {what}")
