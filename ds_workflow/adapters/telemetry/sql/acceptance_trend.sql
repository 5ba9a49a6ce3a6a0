-- question: Is the acceptance rate moving from week to week, beyond chance?
-- grain: one row per week, from Monday
-- columns:
--   week             Monday of the week
--   developers       developers who were shown something
--   shown            suggestions shown
--   acceptance_rate  share taken
--   low              lower end of its 95 % interval; developers are the independent units
--   high             upper end
with developers as (
    select
        cast(date_trunc('week', shown_at) as date) as week,
        developer_id,
        sum({{ acceptance_rate.numerator }}) as y,
        sum({{ acceptance_rate.denominator }}) as x
    from suggestions
    group by cast(date_trunc('week', shown_at) as date), developer_id
),
weeks as (
    select
        week,
        count(*) as developers,
        sum(x) as shown,
        {{ ratio(y, x) }} as rate,
        {{ ratio_error(y, x) }} as error
    from developers
    group by week
)
select
    week,
    developers,
    shown,
    rate as acceptance_rate,
    greatest(rate - 1.96 * error, 0) as low,
    least(rate + 1.96 * error, 1) as high
from weeks
order by week
