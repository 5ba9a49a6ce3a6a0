-- question: What does a session get out of the assistant?
-- grain: one row per segment and kind of task
-- columns:
--   developer_segment     how experienced the developers are
--   task                  kind of task
--   sessions              sessions
--   shown_per_session     suggestions shown per session
--   accepted_per_session  suggestions taken per session
--   tokens_per_session    tokens taken per session
--   passing_sessions      share of sessions in which a test passed
--   median_minutes        median length, minutes, of the sessions whose end is known
select
    developer_segment,
    task,
    count(*) as sessions,
    cast(sum(shown) as double precision) / count(*) as shown_per_session,
    {{ accepted_per_session }} as accepted_per_session,
    cast(sum(tokens_accepted) as double precision) / count(*) as tokens_per_session,
    cast(sum(case when passed > 0 then 1 else 0 end) as double precision) / count(*) as passing_sessions,
    percentile_cont(0.5) within group (order by minutes) as median_minutes
from sessions
group by developer_segment, task
order by developer_segment, task
