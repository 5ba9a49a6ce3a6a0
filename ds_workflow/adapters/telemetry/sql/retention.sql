-- question: Of the developers who began in a week, how many come back, week after week?
-- grain: one row per first week and weeks since, up to the last whole week, weeks without anybody included
-- columns:
--   first_week   Monday of the week in which the developers were first seen
--   weeks_since  whole weeks since then
--   began        developers of the cohort
--   active       of them, active in that week
--   retention    share active in that week
--   returned     share active in that week or a later one: who was not is gone
with active as (
    select distinct developer_id, cast(date_trunc('week', shown_at) as date) as week
    from suggestions
),
lives as (
    select developer_id, min(week) as first_week, max(week) as last_week
    from active
    group by developer_id
),
cohorts as (
    select first_week, count(*) as began
    from lives
    group by first_week
),
weeks as (
    select distinct week
    from active
),
grid as (
    select cohorts.first_week, cohorts.began, weeks.week
    from cohorts
    join weeks on weeks.week >= cohorts.first_week
),
seen as (
    select lives.first_week, active.week, count(*) as active
    from active
    join lives on lives.developer_id = active.developer_id
    group by lives.first_week, active.week
),
gone as (
    select grid.first_week, grid.week, count(lives.developer_id) as staying
    from grid
    left join lives on lives.first_week = grid.first_week and lives.last_week >= grid.week
    group by grid.first_week, grid.week
)
select
    grid.first_week,
    cast((grid.week - grid.first_week) / 7 as integer) as weeks_since,
    grid.began,
    coalesce(seen.active, 0) as active,
    cast(coalesce(seen.active, 0) as double precision) / grid.began as retention,
    cast(gone.staying as double precision) / grid.began as returned
from grid
join gone on gone.first_week = grid.first_week and gone.week = grid.week
left join seen on seen.first_week = grid.first_week and seen.week = grid.week
order by grid.first_week, weeks_since
