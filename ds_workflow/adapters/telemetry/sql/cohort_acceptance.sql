-- question: Do developers take more the longer they have the assistant?
-- grain: one row per first week and weeks since, where at least 20 suggestions were shown
-- columns:
--   first_week       Monday of the week in which the developers were first seen
--   weeks_since      whole weeks since then
--   developers       developers active in that week
--   shown            suggestions shown
--   acceptance_rate  share taken
--   over_first_week  difference to the cohort's first week, as a fraction
with firsts as (
    select developer_id, cast(date_trunc('week', min(shown_at)) as date) as first_week
    from suggestions
    group by developer_id
),
cohorts as (
    select
        first_week,
        (cast(date_trunc('week', shown_at) as date) - first_week) / 7 as weeks_since,
        count(distinct suggestions.developer_id) as developers,
        count(*) as shown,
        {{ acceptance_rate }} as acceptance_rate
    from suggestions
    join firsts on firsts.developer_id = suggestions.developer_id
    group by first_week, (cast(date_trunc('week', shown_at) as date) - first_week) / 7
)
select
    first_week,
    cast(weeks_since as integer) as weeks_since,
    developers,
    shown,
    acceptance_rate,
    acceptance_rate - first_value(acceptance_rate) over (
        partition by first_week order by weeks_since
    ) as over_first_week
from cohorts
where shown >= 20
order by first_week, weeks_since
