-- question: How does accepted code fail, and which kind of failure is worth mending first?
-- grain: one row per model version and type of error
-- columns:
--   model_version  version of the assistant's model
--   error_type     the error that came first
--   suggestions    accepted suggestions that ended so
--   share          share of the failures of that version
--   of_accepted    share of what was accepted
--   running_share  share of the failures that this type and the more frequent ones make up
with failures as (
    select model_version, error_type, count(*) as suggestions
    from suggestions
    where error_type <> 'none'
    group by model_version, error_type
),
taken as (
    select model_version, sum(accepted) as accepted
    from suggestions
    group by model_version
)
select
    failures.model_version,
    failures.error_type,
    failures.suggestions,
    cast(failures.suggestions as double precision) / sum(failures.suggestions) over whole as share,
    cast(failures.suggestions as double precision) / nullif(taken.accepted, 0) as of_accepted,
    cast(sum(failures.suggestions) over (
        partition by failures.model_version
        order by failures.suggestions desc, failures.error_type
        rows between unbounded preceding and current row
    ) as double precision) / sum(failures.suggestions) over whole as running_share
from failures
join taken on taken.model_version = failures.model_version
window whole as (partition by failures.model_version)
order by failures.model_version, failures.suggestions desc, failures.error_type
