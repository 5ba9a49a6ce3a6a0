-- question: Whose acceptance is far from that of their segment, more than chance would have it?
-- grain: one row per developer with at least 50 suggestions and a robust score beyond 3.5
-- columns:
--   developer_id       pseudonym of the developer
--   developer_segment  how experienced the developer is
--   shown              suggestions shown
--   acceptance_rate    share taken
--   segment_median     median of the segment's developers
--   score              0.6745 (rate - median) / median absolute deviation (Iglewicz and Hoaglin 1993)
with developers as (
    select
        developer_id,
        min(developer_segment) as developer_segment,
        count(*) as shown,
        {{ acceptance_rate }} as rate
    from suggestions
    group by developer_id
    having count(*) >= 50
),
medians as (
    select developer_segment, percentile_cont(0.5) within group (order by rate) as median
    from developers
    group by developer_segment
),
spreads as (
    select
        medians.developer_segment,
        medians.median,
        percentile_cont(0.5) within group (order by abs(developers.rate - medians.median)) as deviation
    from developers
    join medians on medians.developer_segment = developers.developer_segment
    group by medians.developer_segment, medians.median
)
select
    developers.developer_id,
    developers.developer_segment,
    developers.shown,
    developers.rate as acceptance_rate,
    spreads.median as segment_median,
    0.6745 * (developers.rate - spreads.median) / spreads.deviation as score
from developers
join spreads on spreads.developer_segment = developers.developer_segment
where spreads.deviation > 0 and abs(0.6745 * (developers.rate - spreads.median) / spreads.deviation) > 3.5
order by abs(0.6745 * (developers.rate - spreads.median) / spreads.deviation) desc, developers.developer_id
