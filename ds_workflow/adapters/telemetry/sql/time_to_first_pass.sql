-- question: How long until the first test passes?
-- grain: one row per kind of task and model version
-- columns:
--   task              kind of task
--   model_version     version of the assistant's model
--   sessions          sessions
--   never             share of sessions in which no test passed
--   minutes_to_pass   mean minutes from the first suggestion, of the sessions in which one did
--   median_minutes    their median
--   p90_minutes       nine in ten of them need at most so long
select
    task,
    model_version,
    count(*) as sessions,
    1 - cast(count(minutes_to_pass) as double precision) / count(*) as never,
    {{ minutes_to_pass }} as minutes_to_pass,
    percentile_cont(0.5) within group (order by minutes_to_pass) as median_minutes,
    percentile_cont(0.9) within group (order by minutes_to_pass) as p90_minutes
from sessions
group by task, model_version
order by task, model_version
