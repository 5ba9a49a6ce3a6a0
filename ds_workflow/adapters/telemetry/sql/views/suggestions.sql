-- One row per suggestion that was shown, with what came of it. Flags are 1, 0 or, where it never happened, null.
-- Reads log, which reaches one day past the last one, so that an outcome after midnight is not cut off its suggestion.
select
    suggestion_id,
    min(case when event_type = 'shown' then session_id end) as session_id,
    min(case when event_type = 'shown' then developer_id end) as developer_id,
    min(case when event_type = 'shown' then developer_segment end) as developer_segment,
    min(case when event_type = 'shown' then language end) as language,
    min(case when event_type = 'shown' then task_id end) as task_id,
    min(case when event_type = 'shown' then task end) as task,
    min(case when event_type = 'shown' then model_version end) as model_version,
    min(case when event_type = 'shown' then occurred_at end) as shown_at,
    min(latency_ms) as latency_ms,
    min(prompt_length) as prompt_length,
    min(suggestion_length) as suggestion_length,
    max(case when event_type = 'accepted' then 1 else 0 end) as accepted,
    max(case when event_type = 'edited' then 1 else 0 end) as edited,
    cast(coalesce(sum(edit_distance), 0) as bigint) as edit_distance,
    max(final_length) as final_length,
    max(cast(hallucination as integer)) as hallucination,
    max(cast(compiled as integer)) as compiled,
    max(cast(tests_passed as integer)) as tests_passed,
    min(case when tests_passed then occurred_at end) as passed_at,
    coalesce(
        min(case when event_type = 'compiled' and not compiled then error_type end),
        min(case when event_type = 'tested' then error_type end),
        min(case when event_type = 'compiled' then error_type end)
    ) as error_type
from {log}
where event_type <> 'session'
group by suggestion_id
having {shown}
