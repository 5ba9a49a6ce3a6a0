-- question: How often does a session run into five or more refusals in a row, and is it given up then?
-- grain: one row per segment and model version
-- columns:
--   developer_segment  how experienced the developers are
--   model_version      version of the assistant's model
--   sessions           sessions
--   with_streak        share of them with at least five refusals in a row
--   longest            longest run of refusals seen
--   ended_in_it        of the sessions with such a run, share that end in one
with placed as (
    select
        session_id,
        developer_segment,
        model_version,
        accepted,
        row_number() over (partition by session_id order by shown_at, suggestion_id)
            - row_number() over (partition by session_id, accepted order by shown_at, suggestion_id) as island,
        row_number() over (partition by session_id order by shown_at desc, suggestion_id desc) as from_end
    from suggestions
),
runs as (
    select session_id, count(*) as length, min(from_end) as from_end
    from placed
    where accepted = 0
    group by session_id, island
),
worst as (
    select
        session_id,
        max(length) as length,
        max(case when length >= 5 and from_end = 1 then 1 else 0 end) as ended
    from runs
    group by session_id
)
select
    sessions.developer_segment,
    sessions.model_version,
    count(*) as sessions,
    cast(sum(case when worst.length >= 5 then 1 else 0 end) as double precision) / count(*) as with_streak,
    coalesce(max(worst.length), 0) as longest,
    cast(sum(worst.ended) as double precision)
        / nullif(sum(case when worst.length >= 5 then 1 else 0 end), 0) as ended_in_it
from sessions
left join worst on worst.session_id = sessions.session_id
group by sessions.developer_segment, sessions.model_version
order by sessions.developer_segment, sessions.model_version
