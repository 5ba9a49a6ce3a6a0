-- question: How late do events come in, and how much of each day is still to come when it is first looked at?
-- grain: one row per delay in whole days, ten and more together
-- columns:
--   days_late  days from the day of the event to the day of its arrival, at most 10
--   events     events that came so late
--   share      share of all events
--   by_then    share of all events that had come by then
with delays as (
    select least(greatest(cast(received_at as date) - cast(occurred_at as date), 0), 10) as days_late
    from events
),
counted as (
    select days_late, count(*) as events
    from delays
    group by days_late
)
select
    cast(days_late as integer) as days_late,
    events,
    cast(events as double precision) / sum(events) over () as share,
    cast(sum(events) over (order by days_late) as double precision) / sum(events) over () as by_then
from counted
order by days_late
