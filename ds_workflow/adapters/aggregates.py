"""An experiment's statistics added up by DuckDB inside a Parquet file, so that millions of rows never become a table.

The answer is that of `domain.ab_test.analysis` on the same rows: the same units, the same samples, the same refusals.
"""
# ruff: noqa: S608 - columns are quoted by `quoted`, and no other text of a stranger gets into a query

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ds_workflow.adapters.parquet_sql import Session, finite, first_row, kinds_of, number_of, opened, quoted, view_of
from ds_workflow.domain.ab_test.analysis import (
    NUMBERS,
    OVERALL,
    Analysis,
    Place,
    arms_of,
    conclude,
    refuse_words,
    require_askable,
    require_units,
)
from ds_workflow.domain.ab_test.forms import Form, Layout, Measure, Sample, form_of
from ds_workflow.domain.ab_test.samples import Mean, Pair, Proportion
from ds_workflow.errors import InvalidInput

WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
REAL = frozenset({"FLOAT", "DOUBLE"})
TRUSTED = 100  # a variance from plain sums is trusted while the squared mean is at most so many times as large


@dataclass(frozen=True)
class Cell:
    """What one arm of one segment holds of one metric: `n` units in `rows` rows, whether every value is 0 or 1, and
    the moments over units of the value y and of x: what stands beside it, or the unit's number of rows."""

    n: int
    rows: int
    binary: bool
    mean_y: float
    variance_y: float
    mean_x: float
    variance_x: float
    covariance: float

    def sample(self, form: Form) -> Sample:
        """The statistics that this form of test asks for."""
        if form == "proportion":
            return Proportion(self.n, round(self.mean_y * self.n))
        if form == "mean":
            return Mean(self.n, self.mean_y, self.variance_y)
        return Pair(self.n, self.mean_y, self.mean_x, self.variance_y, self.variance_x, self.covariance)


def suits(path: Path, layout: Layout) -> bool:
    """Whether the file can be added up where it lies: Parquet whose arm, unit and segment are texts or whole numbers
    (other kinds are spelled differently in SQL)."""
    if not (path.is_file() and path.name.lower().endswith((".parquet", ".pq"))):
        return False
    import duckdb

    try:
        with opened(path) as connection:
            kinds = kinds_of(connection)
    except duckdb.Error:
        return False
    named = [c for c in (layout.arm, layout.unit, layout.segment) if c in kinds]
    return all(kinds[c] == "VARCHAR" or kinds[c] in WHOLE or kinds[c].startswith("ENUM") for c in named)


def analyse(
    path: Path,
    layout: Layout,
    measures: Sequence[Measure],
    *,
    level: float,
    correction: str,
    told: Callable[[str], None] | None = None,
) -> tuple[Analysis, int]:
    """The analysis of a Parquet file and its rows; `told` gets the SQL that added it up. Raises InvalidInput as the
    analysis of a table does."""
    require_askable(measures, correction)
    import duckdb

    try:
        with opened(path) as db:
            total = _require(db, layout, measures)
            before = len(db.said)
            cells, mixed, faults = _cells(db, layout, measures)
            statements = [
                view_of(path.name),
                *(query for query in db.said[before:] if not query.startswith("DESCRIBE")),
            ]
            if faults:  # seen in the same pass; which and how many is asked only now
                _explain(db, layout, measures)
            named = sum(cell.rows for (k, place, _), cell in cells.items() if (k, place) == (0, OVERALL))
            # with a unit, rows are missing where a unit was in two arms as well
            unarmed = _unarmed(db, layout) if layout.unit else total - named
    except duckdb.Error as error:
        raise InvalidInput(f"{path.name} can't be added up: {error}", hint="Is the file whole?") from error
    units = {arm: cell.n for (k, place, arm), cell in cells.items() if (k, place) == (0, OVERALL)}
    arms = arms_of(set(units), layout)
    samples: dict[Place, tuple[Form, Sample, Sample]] = {}
    places = [OVERALL, *sorted({place for _, place, _ in cells} - {OVERALL})]
    for k, measure in enumerate(measures):
        for place in places if not measure.guardrail else [OVERALL]:
            for treatment in arms[1:]:
                sides = [cells.get((k, place, a)) for a in (layout.control, treatment)]
                found = _pair(measure, [side for side in sides if side])
                if found is not None:
                    samples[k, place, treatment] = found
    counted = {arm: units[arm] for arm in arms}
    made = conclude(
        samples,
        measures,
        counted,
        shares=layout.shares,
        mixed=mixed,
        unarmed=unarmed,
        segments=len(places) - 1,
        level=level,
        correction=correction,
    )
    if told is not None:
        told(";\n\n".join(statements) + ";\n")
    return made, total


def _unarmed(db: Session, layout: Layout) -> int:
    return int(first_row(db, f"SELECT count(*) - count({quoted(layout.arm)}) FROM file")[0])


def _pair(measure: Measure, sides: Sequence[Cell]) -> tuple[Form, Sample, Sample] | None:
    if len(sides) < 2 or min(side.n for side in sides) < 2:
        return None
    events = any(side.rows > side.n for side in sides)
    form = form_of(measure, events=events, shares=all(side.binary for side in sides))
    return form, sides[0].sample(form), sides[1].sample(form)


Cells = dict[tuple[int, str, str], Cell]


def _cells(db: Session, layout: Layout, measures: Sequence[Measure]) -> tuple[Cells, int, int]:
    """Every arm's figures by metric and segment, each segment added up over its own units; how many units were seen in
    two arms, which are in none; and how many values are missing or no finite numbers."""
    asked = list(enumerate(measures))
    inside = [(k, m) for k, m in asked if not m.guardrail]
    if not layout.unit:
        summed = _summed(db, layout, asked)
        if summed is not None:
            return summed, 0, 0
        found, faults = _added(db, _rows(layout, asked, segment=""), asked, events=False)
        if layout.segment:
            found |= _added(db, _rows(layout, inside, segment=layout.segment), inside, events=False)[0]
        return found, 0, faults
    db.execute(f"CREATE TEMP TABLE units AS {_by_unit(layout, asked, segment='')}")
    db.execute(
        "CREATE TEMP TABLE mixed AS SELECT who FROM units WHERE arm IS NOT NULL GROUP BY who HAVING count(*) > 1"
    )
    mixed = int(first_row(db, "SELECT count(*) FROM mixed")[0])
    drop = " WHERE who NOT IN (SELECT who FROM mixed)" if mixed else ""
    faults = int(first_row(db, "SELECT sum(f) + count_if(who IS NULL) FROM units")[0] or 0)
    found, _ = _added(db, f"SELECT * FROM units{drop}", asked, events=True)
    if layout.segment:
        parts = _by_unit(layout, inside, segment=layout.segment)
        found |= _added(db, f"SELECT * FROM ({parts}){drop}", inside, events=True)[0]
    return found, mixed, faults


@dataclass(frozen=True)
class _Sums:
    """Plain sums of one arm of one place, over `n` rows, by their SQL."""

    n: int
    by: Mapping[str, float]

    def mean(self, value: str) -> float:
        return self.by[f"sum({value})"] / self.n

    def moment(self, one: str, two: str) -> float:
        """The covariance; exact from the sums on, so that digits are lost in adding up alone."""
        product, first, second = (Fraction(self.by[q]) for q in (f"sum({one} * {two})", f"sum({one})", f"sum({two})"))
        return float((product - first * second / self.n) / (self.n - 1)) if self.n > 1 else 0.0

    def alike(self, value: str) -> bool:
        """Whether values and squares add up to the same: of whole numbers, those do that are all 0 or 1."""
        return self.by[f"sum({value} * {value})"] == self.by[f"sum({value})"]

    def tells(self, value: str, *, whole: bool) -> bool:
        """Whether the sums tell a share from others, and the variance without losing digits. Those of whole numbers do,
        below 2^53; others where the mean is not far above the standard deviation."""
        if whole and self.by[f"sum({value} * {value})"] < 2**53:
            return True
        spread = self.n < 2 or self.mean(value) ** 2 <= TRUSTED * self.moment(value, value)
        return spread and not self.alike(value)

    def cell(self, y: str, x: str) -> Cell:
        paired = (self.mean(x), self.moment(x, x), self.moment(y, x)) if x else (0.0, 0.0, 0.0)
        return Cell(self.n, self.n, self.alike(y), self.mean(y), self.moment(y, y), *paired)


def _summed(db: Session, layout: Layout, measures: Sequence[tuple[int, Measure]]) -> Cells | None:
    """What `_added` finds over rows and over segments, from plain sums in one pass over the file.

    None where plain sums do not tell it: see `_Sums.tells` and `_totals`.
    """
    kinds = kinds_of(db)
    columns = dict.fromkeys(c for _, m in measures for c in (m.outcome, m.denominator, m.covariate) if c)
    at = {c: f"v{j}" for j, c in enumerate(columns)}
    asked = [f"sum({v})" for v in at.values()]
    for _, m in measures:
        y, x = at[m.outcome], at.get(m.denominator or m.covariate, "")
        asked += [f"sum({y} * {y})", *((f"sum({x} * {x})", f"sum({y} * {x})") if x else ())]
    found = _totals(db, layout, at, list(dict.fromkeys(asked)))
    if found is None:
        return None
    whole = {at[c]: kinds[c] in WHOLE | {"BOOLEAN"} for c in columns}
    if not all(sums.tells(v, whole=whole[v]) for sums in found.values() for v in whole):
        return None
    return {
        (k, place, arm): sums.cell(at[m.outcome], at.get(m.denominator or m.covariate, ""))
        for (place, arm), sums in found.items()
        for k, m in measures
        if place == OVERALL or not m.guardrail
    }


def _totals(
    db: Session, layout: Layout, at: Mapping[str, str], asked: Sequence[str]
) -> dict[tuple[str, str], _Sums] | None:
    """The sums by place and arm, those of everything added up from the segments; None where one is no finite number or
    a value is missing."""
    import duckdb

    values = ", ".join(f"{number_of(column)} AS {name}" for column, name in at.items())
    named = {"arm": layout.arm, "place": layout.segment}  # a constant place would cost a third
    keys = [key for key, column in named.items() if column]
    inside = [*(f"{quoted(named[key])} AS {key}" for key in keys), values]
    filled = f"count({' + '.join(at.values())})"  # a sum with a gap is a gap
    figures = ", ".join(("count(*)", filled, *asked, *keys))
    query = f"SELECT {figures} FROM (SELECT {', '.join(inside)} FROM file) GROUP BY {', '.join(keys)}"
    try:
        groups = db.execute(query).fetchall()
    except duckdb.OutOfRangeException:
        return None
    found: dict[tuple[str, str], _Sums] = {}
    for n, there, *rest in groups:
        sums, (arm, *places) = rest[: len(asked)], rest[len(asked) :]
        if there < n or not all(map(math.isfinite, sums)):
            return None
        if arm is None:
            continue
        for place in {OVERALL, *(str(p) for p in places if p is not None)}:
            held = found.get((place, str(arm)), _Sums(0, dict.fromkeys(asked, 0)))
            found[place, str(arm)] = _Sums(held.n + n, {q: held.by[q] + v for q, v in zip(asked, sums, strict=True)})
    return found


def _rows(layout: Layout, measures: Sequence[tuple[int, Measure]], *, segment: str) -> str:
    """Every row as a unit: arm, place and the values."""
    columns = []
    for k, m in measures:
        y = finite(m.outcome)
        columns += [f"{y} AS s{k}", f"({y} = 0 OR {y} = 1) AS b{k}"]
        columns += [f"{finite(beside)} AS x{k}" for beside in filter(None, (m.denominator or m.covariate,))]
    faulty = f"CAST({_faulty(measures)} AS INTEGER) AS f"
    return f"SELECT {_places(layout, segment)}, {faulty}, {', '.join(columns)} FROM file{_there(segment)}"


def _by_unit(layout: Layout, measures: Sequence[tuple[int, Measure]], *, segment: str) -> str:
    """Rows added up to their unit (averaged beside a covariate), so that what hangs together is one observation."""
    columns = []
    for k, m in measures:
        y, whole = finite(m.outcome), "avg" if m.covariate else "sum"
        columns += [f"{whole}({y}) AS s{k}", f"bool_and({y} = 0 OR {y} = 1) AS b{k}"]
        columns += [f"{whole}({finite(beside)}) AS x{k}" for beside in filter(None, (m.denominator or m.covariate,))]
    group = ", ".join(filter(None, (quoted(layout.unit), quoted(layout.arm), quoted(segment) if segment else "")))
    return (
        f"SELECT {quoted(layout.unit)} AS who, {_places(layout, segment)}, count(*) AS c, "
        f"count_if({_faulty(measures)}) AS f, {', '.join(columns)} FROM file{_there(segment)} GROUP BY {group}"
    )


def _places(layout: Layout, segment: str) -> str:
    place = quoted(segment) if segment else f"'{OVERALL}'"
    return f"{quoted(layout.arm)} AS arm, {place} AS place"


def _there(segment: str) -> str:
    return f" WHERE {quoted(segment)} IS NOT NULL" if segment else ""


def _faulty(measures: Sequence[tuple[int, Measure]]) -> str:
    """Whether a row misses a value or holds one that is no finite number."""
    names = dict.fromkeys(c for _, m in measures for c in (m.outcome, m.denominator, m.covariate) if c)
    return "NOT (" + " AND ".join(f"coalesce(isfinite({number_of(c)}), false)" for c in names) + ")"


def _added(db: Session, units: str, measures: Sequence[tuple[int, Measure]], *, events: bool) -> tuple[Cells, int]:
    """Statistics over units, by arm and place, and the faulty rows among them. Beside a second value its moments are
    taken, else those of the number of rows."""
    figures = []
    for k, m in measures:
        x = f"x{k}" if m.denominator or m.covariate else "c" if events else ""
        figures += [f"bool_and(b{k})", f"avg(s{k})", f"var_samp(s{k})"]
        figures += [f"avg({x})", f"var_samp({x})", f"covar_samp(s{k}, {x})"] if x else ["0", "0", "0"]
    rows = "sum(c)" if events else "count(*)"
    query = f"SELECT arm, place, count(*), {rows}, sum(f), {', '.join(figures)} FROM ({units}) GROUP BY arm, place"
    found: Cells = {}
    faults = 0
    for arm, place, n, seen, faulty, *rest in db.execute(query).fetchall():
        faults += int(faulty)
        if arm is None:
            continue
        for j, (k, _) in enumerate(measures):
            binary, *moments = rest[6 * j : 6 * j + 6]
            found[k, str(place), str(arm)] = Cell(int(n), int(seen), bool(binary), *(v or 0.0 for v in moments))
    return found, faults


def _require(db: Session, layout: Layout, measures: Sequence[Measure]) -> int:
    """The rows of the file. Refuses columns that are not there or that hold no numbers."""
    kinds = kinds_of(db)
    values = list(dict.fromkeys(c for m in measures for c in (m.outcome, m.denominator, m.covariate) if c))
    named = [layout.arm, layout.unit, layout.segment, *values]
    lost = [c for c in dict.fromkeys(named) if c and c not in kinds]
    if lost:
        raise InvalidInput(f"The table has no column {', '.join(lost)}.", hint=f"It has {', '.join(kinds)}.")
    for name in values:
        if kinds[name] not in WHOLE | REAL | {"BOOLEAN", "HUGEINT"} and not kinds[name].startswith("DECIMAL"):
            _refuse_text(db, name)
    return int(first_row(db, "SELECT count(*) FROM file")[0])


def _refuse_text(db: Session, name: str) -> None:
    """Say how many values are words, and where the first stands."""
    word = f"{quoted(name)} IS NOT NULL AND TRY_CAST(CAST({quoted(name)} AS VARCHAR) AS DOUBLE) IS NULL"
    there, words = first_row(db, f"SELECT count({quoted(name)}), count_if({word}) FROM file")
    if not words:
        raise InvalidInput(f"Column '{name}' holds no numbers (it is kept as {kinds_of(db)[name]}).", hint=NUMBERS)
    numbered = f"SELECT row_number() OVER () AS row, {quoted(name)} FROM file"
    row, value = first_row(db, f"SELECT row, {quoted(name)} FROM ({numbered}) WHERE {word} ORDER BY row LIMIT 1")
    refuse_words(name, int(words), int(there), row=int(row), value=value)


def _explain(db: Session, layout: Layout, measures: Sequence[Measure]) -> None:
    """Say which values are missing, or no finite numbers."""
    values = list(dict.fromkeys(c for m in measures for c in (m.outcome, m.denominator, m.covariate) if c))
    counts = [f"count(*) - count({quoted(layout.unit)})" if layout.unit else "0"]
    for name in values:
        counts += [
            f"count_if({number_of(name)} IS NULL OR isnan({number_of(name)}))",
            f"count_if(isinf({number_of(name)}))",
        ]
    homeless, *faults = (int(v) for v in first_row(db, f"SELECT {', '.join(counts)} FROM file"))
    require_units(layout.unit, homeless)
    for name, gaps, wild in zip(values, faults[::2], faults[1::2], strict=True):
        if gaps:
            raise InvalidInput(
                f"Column '{name}' misses {gaps} values.",
                hint="Say what a missing one means (0, or the unit left out) before the analysis.",
            )
        if wild:
            raise InvalidInput(
                "An experiment's values must be one finite number per unit.", hint="Drop or mend them first."
            )
