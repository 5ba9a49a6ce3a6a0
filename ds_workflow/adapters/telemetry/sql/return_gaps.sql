-- question: How long do developers stay away between two sessions?
-- grain: one row per segment
-- columns:
--   developer_segment  how experienced the developers are
--   returns            sessions that had one before them
--   same_day           share of them on the day of the one before
--   median_days        median time since the one before, days
--   p90_days           nine in ten return within so many days
with gaps as (
    select
        developer_segment,
        extract(epoch from started_at - lag(started_at) over (partition by developer_id order by started_at, session_id))
            / 86400.0 as days,
        cast(started_at as date)
            - cast(lag(started_at) over (partition by developer_id order by started_at, session_id) as date) as nights
    from sessions
)
select
    developer_segment,
    count(days) as returns,
    cast(sum(case when nights = 0 then 1 else 0 end) as double precision) / nullif(count(days), 0) as same_day,
    percentile_cont(0.5) within group (order by days) as median_days,
    percentile_cont(0.9) within group (order by days) as p90_days
from gaps
group by developer_segment
order by developer_segment
