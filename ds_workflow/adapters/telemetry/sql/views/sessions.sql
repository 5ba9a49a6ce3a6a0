-- One row per session in which a suggestion was shown. Its length is what its own event says; where that has not come
-- yet, it is null.
with ended as (
    select session_id, max(duration_seconds) / 60 as minutes
    from log
    where event_type = 'session'
    group by session_id
),
summed as (
    select
        session_id,
        min(developer_id) as developer_id,
        min(developer_segment) as developer_segment,
        min(language) as language,
        min(task_id) as task_id,
        min(task) as task,
        min(model_version) as model_version,
        min(shown_at) as started_at,
        count(*) as shown,
        sum(accepted) as accepted,
        sum(coalesce(tests_passed, 0)) as passed,
        sum(case when accepted = 1 then suggestion_length else 0 end) as tokens_accepted,
        extract(epoch from min(passed_at) - min(shown_at)) / 60 as minutes_to_pass
    from suggestions
    group by session_id
)
select summed.*, ended.minutes
from summed
left join ended on ended.session_id = summed.session_id
