-- question: How many developers use the assistant, who is new, who came back, who was lost?
-- grain: one row per week, from Monday
-- columns:
--   week          Monday of the week
--   active        developers who were shown something in the week
--   newcomers     of them, seen for the first time
--   back          of them, seen before, but not in the week before
--   lost          active in the week before, and not in this one
--   days_each     mean number of days in the week on which an active developer was active
with days as (
    select developer_id, cast(date_trunc('week', shown_at) as date) as week, count(distinct cast(shown_at as date)) as days
    from suggestions
    group by developer_id, cast(date_trunc('week', shown_at) as date)
),
steps as (
    select
        days.*,
        lag(week) over (partition by developer_id order by week) as before,
        lead(week) over (partition by developer_id order by week) as after
    from days
),
weeks as (
    select
        week,
        count(*) as active,
        sum(case when before is null then 1 else 0 end) as newcomers,
        sum(case when before < week - 7 then 1 else 0 end) as back,
        sum(case when after is null or after > week + 7 then 1 else 0 end) as leaving,
        avg(days) as days_each
    from steps
    group by week
)
select
    week,
    active,
    newcomers,
    back,
    coalesce(lag(leaving) over (order by week), 0) as lost,
    days_each
from weeks
order by week
