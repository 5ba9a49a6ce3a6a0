-- question: Does the wait grow from week to week?
-- grain: one row per week, from Monday
-- columns:
--   week          Monday of the week
--   shown         suggestions shown
--   p50           median latency, milliseconds
--   p95           19 in 20 come within it
--   worst_day     the day of the week with the largest 95th percentile
--   worst_p95     that percentile
with days as (
    select
        cast(shown_at as date) as day,
        percentile_cont(0.95) within group (order by latency_ms) as p95
    from suggestions
    group by cast(shown_at as date)
),
ranked as (
    select
        cast(date_trunc('week', day) as date) as week,
        day,
        p95,
        row_number() over (partition by date_trunc('week', day) order by p95 desc, day) as place
    from days
),
weeks as (
    select
        cast(date_trunc('week', shown_at) as date) as week,
        count(*) as shown,
        percentile_cont(0.50) within group (order by latency_ms) as p50,
        percentile_cont(0.95) within group (order by latency_ms) as p95
    from suggestions
    group by cast(date_trunc('week', shown_at) as date)
)
select
    weeks.week,
    weeks.shown,
    weeks.p50,
    weeks.p95,
    ranked.day as worst_day,
    ranked.p95 as worst_p95
from weeks
join ranked on ranked.week = weeks.week and ranked.place = 1
order by weeks.week
