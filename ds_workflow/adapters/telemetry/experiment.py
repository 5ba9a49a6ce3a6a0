"""What statistics need of the warehouse: sums by arm and rates with their errors, added up by SQL, however many events
there are."""

from __future__ import annotations

from collections.abc import Sequence

from ds_workflow.adapters.telemetry import catalog
from ds_workflow.adapters.telemetry.warehouse import Session, Source
from ds_workflow.domain.product_metrics import PRODUCT_METRICS, product_metric
from ds_workflow.domain.telemetry.filters import Filters
from ds_workflow.domain.telemetry.moments import ArmMoments, ArmsOf
from ds_workflow.domain.telemetry.recovery import Key, Rate
from ds_workflow.errors import InvalidInput, UnknownName

ARMS = ("model_version", "language", "developer_segment", "task")
_SQL = """
with units as (
    select
        developer_id as unit,
        {arm} as arm,
        cast(sum({numerator}) as double precision) as y,
        cast(sum({denominator}) as double precision) as x
    from {grain}
    group by developer_id, {arm}
),
counted as (
    select units.*, count(*) over (partition by unit) as arms
    from units
)
select
    arm,
    count(case when arms = 1 then 1 end) as n,
    sum(case when arms = 1 then y end) as sum_y,
    sum(case when arms = 1 then x end) as sum_x,
    sum(case when arms = 1 then y * y end) as sum_yy,
    sum(case when arms = 1 then x * x end) as sum_xx,
    sum(case when arms = 1 then x * y end) as sum_xy,
    sum(case when arms > 1 then 1.0 / arms else 0 end) as mixed
from counted
group by arm
order by arm
"""


def arm_sql(metric: str, *, arm: str = "model_version") -> str:
    """The statement that adds a product metric up by arm, over the views of the log."""
    asked = product_metric(metric)
    if arm not in ARMS:
        raise UnknownName("column of arms", arm[:60], ARMS)
    return _SQL.format(arm=arm, numerator=asked.numerator, denominator=asked.denominator, grain=asked.grain)


def arm_moments(
    source: Source,
    metric: str,
    *,
    arm: str = "model_version",
    filters: Filters = Filters(),  # noqa: B008 - frozen
) -> ArmsOf:
    """Sufficient statistics of a product metric by arm; the unit of randomisation is the developer.

    `arm` is a column of the views. A developer seen in two arms is counted in `mixed` and left out, since nobody can
    tell what either arm did to them. Raises UnknownName for a metric or column, InvalidInput where nothing is left.
    """
    asked = product_metric(metric)
    with source.session(filters) as session:
        rows = session.ask(arm_sql(metric, arm=arm)).rows
    found = {str(name): ArmMoments(int(n), *map(float, sums)) for name, n, *sums, _ in rows if n}
    if not found:
        raise InvalidInput(
            f"No developer was seen in one arm of '{arm}' alone ({filters.words}).",
            hint="Arms must be dealt to developers, not to sessions: 'telemetry-simulate --deal developer' does.",
        )
    return ArmsOf(asked, found, round(sum(float(row[-1]) for row in rows)))


def rates(source: Source, *, filters: Filters = Filters()) -> dict[Key, Rate]:  # noqa: B008 - frozen
    """`rates_of` everything and of every level, on a connection of its own."""
    with source.session(filters, keep=True) as session:
        return rates_of(session)


def rates_of(session: Session, *, dimensions: Sequence[str] = ("", *ARMS)) -> dict[Key, Rate]:
    """Every product metric of suggestions, by (metric, dimension, level), with the error of independent developers; the
    dimension "" holds everything."""
    metrics = [m for m in PRODUCT_METRICS.values() if m.grain == "suggestions"]
    sums = ", ".join(f"sum({m.numerator}) as y_{m.name}, sum({m.denominator}) as x_{m.name}" for m in metrics)
    told = ", ".join(
        f"{{{{ {call}(y_{m.name}, x_{m.name}) }}}} as {call}_{m.name}"
        for m in metrics
        for call in ("ratio", "ratio_error")
    )
    found: dict[Key, Rate] = {}
    for dimension in dimensions:
        level = dimension or "''"
        sql = (
            f"with developers as (select {level} as level, developer_id, {sums} from suggestions "
            f"group by developer_id{f', {dimension}' if dimension else ''}) "
            f"select level, count(*) as developers, {told} from developers group by level"
        )
        for name, developers, *figures in session.ask(catalog.expand(sql)).rows:
            for metric, value, error in zip(metrics, figures[::2], figures[1::2], strict=True):
                if value is not None and error is not None:
                    found[metric.name, dimension, str(name)] = Rate(float(value), float(error), int(developers))
    return found
