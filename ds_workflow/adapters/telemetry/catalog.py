"""The named queries: files of SQL with a heading, and the names in braces that stand for product metrics.

A heading says `question`, `grain` and `columns`, each column with its meaning. In the text

    {{ acceptance_rate }}                the metric over the rows at hand: an aggregate
    {{ acceptance_rate.numerator }}      what one row adds to either sum
    {{ ratio(y, x) }}                    sum of y over sum of x, a double; null where x sums to 0
    {{ ratio_error(y, x) }}              its standard error, from rows that are one per developer
    {{ rate_by(task, acceptance_rate) }}  a metric by a column or by week, with its 95 % interval: sql/parts/rate_by.sql

stand for SQL. The error is that of a ratio of means by the delta method (A. Deng, U. Knoblich and J. Lu 2018, "Applying
the delta method in metric analytics", KDD): what one developer does hangs together, so developers are counted, not
suggestions. What is left is SQL that DuckDB and PostgreSQL read alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ds_workflow.domain.product_metrics import PRODUCT_METRICS, product_metric
from ds_workflow.errors import InvalidInput, UnknownName

FOLDER = Path(__file__).parent / "sql"
_BRACES = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_CALL = re.compile(r"(ratio|ratio_error)\((\w+), (\w+)\)")
_RATE_BY = re.compile(r"\{\{ rate_by\((\w+), (\w+)\) \}\}")
_EXPRESSIONS = {"week": "cast(date_trunc('week', shown_at) as date)"}  # of groups that are no column


@dataclass(frozen=True)
class NamedQuery:
    """One question to the warehouse. `columns` maps each column to its meaning, in order; `sql` is ready to run."""

    name: str
    question: str
    grain: str
    columns: Mapping[str, str]
    sql: str
    metrics: tuple[str, ...]


def names() -> tuple[str, ...]:
    """The names of all queries, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.sql")))


def named(name: str) -> NamedQuery:
    """The query of that name; UnknownName lists the known ones."""
    if name not in names():
        raise UnknownName("query", name[:80], names())
    return _read(name)


@cache
def _read(name: str) -> NamedQuery:
    return parse(name, (FOLDER / f"{name}.sql").read_text("utf-8"))


@cache
def view(name: str) -> str:
    """The SQL of a view."""
    return (FOLDER / "views" / f"{name}.sql").read_text("utf-8")


def parse(name: str, text: str) -> NamedQuery:
    """A query from the text of its file. Raises InvalidInput for a heading that leaves something out."""
    heading, lines = {"question": "", "grain": ""}, text.splitlines()
    columns: dict[str, str] = {}
    last, at = "", 0
    for at, line in enumerate(lines):  # noqa: B007
        if not line.startswith("--"):
            break
        body = line[2:]
        if found := re.match(r" (question|grain|columns):\s*(.*)$", body):
            last = found[1]
            if last != "columns":
                heading[last] = found[2].strip()
        elif last == "columns" and (found := re.match(r"   (\w+)\s+(.+)$", body)):
            columns[found[1]] = found[2].strip()
        elif last in heading:
            heading[last] += f" {body.strip()}"
    lost = [part for part, said in (*heading.items(), ("columns", columns)) if not said]
    if lost:
        raise InvalidInput(f"The query '{name}' has no {', '.join(lost)} in its heading.")
    used: list[str] = []
    body = _RATE_BY.sub(_rate_by, "\n".join(lines[at:]).strip() + "\n")
    sql = _BRACES.sub(lambda hit: _expanded(hit[1], used), body)
    return NamedQuery(name, heading["question"], heading["grain"], columns, sql, tuple(dict.fromkeys(used)))


def _rate_by(call: re.Match[str]) -> str:
    text = (FOLDER / "parts" / "rate_by.sql").read_text("utf-8").rstrip("\n")
    key, metric = call.groups()
    for name, value in (("expression", _EXPRESSIONS.get(key, key)), ("key", key), ("metric", metric)):
        text = text.replace(f"{{{name}}}", value)
    return text


def expand(sql: str) -> str:
    """SQL with what stands in braces written out."""
    return _BRACES.sub(lambda hit: _expanded(hit[1], []), sql)


def _expanded(inner: str, used: list[str]) -> str:
    if call := _CALL.fullmatch(inner):
        y, x = call[2], call[3]
        ratio = f"(cast(sum({y}) as double precision) / nullif(sum({x}), 0))"
        if call[1] == "ratio":
            return ratio
        # sum of (y - r x)^2, written out so that one pass adds it up; greatest() takes off what rounding leaves below 0
        squares = (
            f"sum(cast({y} as double precision) * {y}) - 2 * {ratio} * sum(cast({y} as double precision) * {x})"
            f" + {ratio} * {ratio} * sum(cast({x} as double precision) * {x})"
        )
        return (
            f"(sqrt(greatest({squares}, 0) * count(*) / nullif(count(*) - 1, 0))"
            f" / nullif(cast(sum({x}) as double precision), 0))"
        )
    name, _, part = inner.partition(".")
    metric = product_metric(name)
    used.append(name)
    if part not in ("", "numerator", "denominator"):
        raise InvalidInput(f"A product metric has no '{part}'; 'numerator' and 'denominator' are its parts.")
    return metric.sql if not part else f"({getattr(metric, part)})"


def queries_of(metric: str) -> tuple[str, ...]:
    """The queries that read a product metric, by name."""
    if metric not in PRODUCT_METRICS:
        raise UnknownName("product metric", metric, PRODUCT_METRICS)
    return tuple(name for name in names() if metric in _read(name).metrics)
