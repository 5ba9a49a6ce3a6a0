-- question: What changed against the week before, and against four weeks before?
-- grain: one row per whole week, from Monday; a week that is cut off by the first or last day is left out
-- columns:
--   week             Monday of the week
--   shown            suggestions shown
--   acceptance_rate  share taken
--   on_week          difference to the week before, as a fraction
--   on_4_weeks       difference to four weeks before, as a fraction
--   shown_growth     suggestions shown against the week before, as a fraction of them
with ends as (
    select min(cast(shown_at as date)) as first_day, max(cast(shown_at as date)) as last_day
    from suggestions
),
weeks as (
    select
        cast(date_trunc('week', shown_at) as date) as week,
        count(*) as shown,
        {{ acceptance_rate }} as acceptance_rate
    from suggestions
    group by cast(date_trunc('week', shown_at) as date)
)
select
    week,
    shown,
    acceptance_rate,
    acceptance_rate - lag(acceptance_rate) over (order by week) as on_week,
    acceptance_rate - lag(acceptance_rate, 4) over (order by week) as on_4_weeks,
    cast(shown as double precision) / lag(shown) over (order by week) - 1 as shown_growth
from weeks, ends
where week >= first_day and week + 6 <= last_day
order by week
