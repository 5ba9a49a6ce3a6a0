-- question: Where did the acceptance rate move between the first and the second half of the time, and was it the rate
--   of a group or its weight?
-- grain: one row per segment and language; `by_rate` and `by_mix` add up to the change of the whole
-- columns:
--   developer_segment  how experienced the developers are
--   language           programming language of the file
--   shown              suggestions shown, both halves
--   before             share taken in the first half
--   after              share taken in the second half
--   by_rate            what the group's rate adds to the change of the whole, as a fraction
--   by_mix             what the group's weight adds to it
with middle as (
    select min(shown_at) + (max(shown_at) - min(shown_at)) / 2 as moment
    from suggestions
),
halves as (
    select
        developer_segment,
        language,
        sum(case when shown_at < moment then 1 else 0 end) as x0,
        sum(case when shown_at >= moment then 1 else 0 end) as x1,
        sum(case when shown_at < moment then {{ acceptance_rate.numerator }} else 0 end) as y0,
        sum(case when shown_at >= moment then {{ acceptance_rate.numerator }} else 0 end) as y1
    from suggestions, middle
    group by developer_segment, language
),
weighed as (
    select
        halves.*,
        cast(y0 as double precision) / nullif(x0, 0) as r0,
        cast(y1 as double precision) / nullif(x1, 0) as r1,
        cast(x0 as double precision) / sum(x0) over () as w0,
        cast(x1 as double precision) / nullif(sum(x1) over (), 0) as w1,
        cast(sum(y0) over () as double precision) / sum(x0) over () as whole
    from halves
)
select
    developer_segment,
    language,
    x0 + x1 as shown,
    r0 as before,
    r1 as after,
    w1 * (coalesce(r1, r0) - coalesce(r0, whole)) as by_rate,
    (w1 - w0) * (coalesce(r0, whole) - whole) as by_mix
from weighed
order by abs(w1 * (coalesce(r1, r0) - coalesce(r0, whole)) + (w1 - w0) * (coalesce(r0, whole) - whole)) desc,
    developer_segment, language
