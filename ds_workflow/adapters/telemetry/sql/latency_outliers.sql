-- question: On which days was a model far slower than on the four weeks before?
-- grain: one row per model version and day whose 95th percentile is beyond the upper fence
-- columns:
--   model_version  version of the assistant's model
--   day            calendar day, UTC
--   shown          suggestions shown
--   p95            95th percentile of latency, milliseconds
--   usual          mean of the daily 95th percentiles of the 28 rows before
--   fence          usual and three standard deviations of them
with days as (
    select
        model_version,
        cast(shown_at as date) as day,
        count(*) as shown,
        percentile_cont(0.95) within group (order by latency_ms) as p95
    from suggestions
    group by model_version, cast(shown_at as date)
    having count(*) >= 30
),
fenced as (
    select
        days.*,
        avg(p95) over past as usual,
        avg(p95) over past + 3 * stddev_samp(p95) over past as fence,
        count(*) over past as seen
    from days
    window past as (partition by model_version order by day rows between 28 preceding and 1 preceding)
)
select model_version, day, shown, p95, usual, fence
from fenced
where seen >= 14 and p95 > fence
order by day, model_version
