-- question: What is the acceptance rate over the last seven and twenty-eight days, day by day?
-- grain: one row per calendar day, days without events included
-- columns:
--   day             calendar day, UTC
--   shown           suggestions shown on that day
--   last_7_days     share taken over the day and the six before it
--   last_28_days    share taken over the day and the 27 before it; null until 28 days are there
with days as (
    select
        cast(shown_at as date) as day,
        sum({{ acceptance_rate.numerator }}) as y,
        sum({{ acceptance_rate.denominator }}) as x
    from suggestions
    group by cast(shown_at as date)
),
ends as (
    select min(day) as first_day, max(day) as last_day
    from days
),
calendar as (
    select cast(every.moment as date) as day
    from ends, generate_series(cast(first_day as timestamp), cast(last_day as timestamp), interval '1 day') as every(moment)
),
filled as (
    select calendar.day, coalesce(days.y, 0) as y, coalesce(days.x, 0) as x
    from calendar
    left join days on days.day = calendar.day
)
select
    day,
    x as shown,
    cast(sum(y) over week as double precision) / nullif(sum(x) over week, 0) as last_7_days,
    case
        when row_number() over (order by day) >= 28
            then cast(sum(y) over month as double precision) / nullif(sum(x) over month, 0)
    end as last_28_days
from filled
window
    week as (order by day rows between 6 preceding and current row),
    month as (order by day rows between 27 preceding and current row)
order by day
