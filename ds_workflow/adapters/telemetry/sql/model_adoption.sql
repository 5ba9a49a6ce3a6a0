-- question: How quickly does each model version take over?
-- grain: one row per week and model version, versions not seen in a week included
-- columns:
--   week           Monday of the week
--   model_version  version of the assistant's model
--   shown          suggestions shown
--   share          its share of the week's suggestions
--   developers     developers who met it in the week
--   met_so_far     developers who met it in this week or an earlier one
with weeks as (
    select distinct cast(date_trunc('week', shown_at) as date) as week
    from suggestions
),
versions as (
    select distinct model_version
    from suggestions
),
counted as (
    select
        cast(date_trunc('week', shown_at) as date) as week,
        model_version,
        count(*) as shown,
        count(distinct developer_id) as developers
    from suggestions
    group by cast(date_trunc('week', shown_at) as date), model_version
),
first_met as (
    select model_version, week, count(*) as newly
    from (
        select
            model_version,
            developer_id,
            cast(date_trunc('week', min(shown_at)) as date) as week
        from suggestions
        group by model_version, developer_id
    ) as met
    group by model_version, week
)
select
    weeks.week,
    versions.model_version,
    coalesce(counted.shown, 0) as shown,
    cast(coalesce(counted.shown, 0) as double precision)
        / sum(coalesce(counted.shown, 0)) over (partition by weeks.week) as share,
    coalesce(counted.developers, 0) as developers,
    sum(coalesce(first_met.newly, 0)) over (
        partition by versions.model_version order by weeks.week
    ) as met_so_far
from weeks
cross join versions
left join counted on counted.week = weeks.week and counted.model_version = versions.model_version
left join first_met on first_met.week = weeks.week and first_met.model_version = versions.model_version
order by weeks.week, versions.model_version
