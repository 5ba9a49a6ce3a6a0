-- question: Do the events fit together, or does the log lose some?
-- grain: one row per rule
-- columns:
--   rule       what should never be, or be rare
--   broken     suggestions or sessions for which it is
--   looked_at  suggestions or sessions looked at
--   share      share of them
with told as (
    select
        suggestion_id,
        sum(case when event_type = 'shown' then 1 else 0 end) as shown,
        sum(case when event_type in ('accepted', 'ignored') then 1 else 0 end) as decided,
        max(case when event_type = 'accepted' then 1 else 0 end) as accepted,
        max(case when event_type in ('edited', 'compiled', 'tested') then 1 else 0 end) as went_on,
        min(case when event_type = 'shown' then occurred_at end) as shown_at,
        min(case when event_type in ('accepted', 'ignored') then occurred_at end) as decided_at
    from log
    where suggestion_id is not null
    group by suggestion_id
),
rules as (
    select
        'an outcome without the suggestion it belongs to' as rule,
        sum(case when shown = 0 then 1 else 0 end) as broken,
        count(*) as looked_at
    from told
    union all
    select 'neither accepted nor ignored', sum(case when shown > 0 and decided = 0 then 1 else 0 end), count(*) from told
    union all
    select 'shown or decided more than once', sum(case when shown > 1 or decided > 1 then 1 else 0 end), count(*) from told
    union all
    select 'edited, compiled or tested, though not accepted', sum(case when went_on > accepted then 1 else 0 end), count(*)
    from told
    union all
    select 'decided before it was shown', sum(case when decided_at < shown_at then 1 else 0 end), count(*) from told
    union all
    select 'a session without an end', sum(case when minutes is null then 1 else 0 end), count(*) from sessions
)
select rule, broken, looked_at, cast(broken as double precision) / nullif(looked_at, 0) as share
from rules
order by share desc, rule
