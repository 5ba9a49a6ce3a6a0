-- question: How often is a suggestion taken, by segment, and how sure is that?
-- grain: one row per segment
-- columns:
--   developer_segment how experienced the developers are
--   developers        developers who were shown something
--   shown             suggestions shown
--   acceptance_rate   share taken
--   low               lower end of its 95 % interval; developers are the independent units
--   high              upper end
with developers as (
    select
        developer_segment,
        developer_id,
        sum({{ acceptance_rate.numerator }}) as y,
        sum({{ acceptance_rate.denominator }}) as x
    from suggestions
    group by developer_segment, developer_id
),
rates as (
    select
        developer_segment,
        count(*) as developers,
        sum(x) as shown,
        {{ ratio(y, x) }} as rate,
        {{ ratio_error(y, x) }} as error
    from developers
    group by developer_segment
)
select
    developer_segment,
    developers,
    shown,
    rate as acceptance_rate,
    greatest(rate - 1.96 * error, 0) as low,
    least(rate + 1.96 * error, 1) as high
from rates
order by acceptance_rate desc, developer_segment
