-- question: Of what is shown, how much is taken, compiles and passes, and where is the most lost?
-- grain: one row per model version and stage
-- columns:
--   model_version  version of the assistant's model
--   stage          1 shown, 2 accepted, 3 compiled, 4 passed
--   name           the stage in a word
--   suggestions    suggestions that reached it
--   of_shown       share of those shown
--   of_before      share of those at the stage before
with reached as (
    select
        model_version,
        count(*) as shown,
        sum(accepted) as accepted,
        sum(coalesce(compiled, 0)) as compiled,
        sum(coalesce(tests_passed, 0)) as passed
    from suggestions
    group by model_version
),
stages as (
    select model_version, 1 as stage, 'shown' as name, shown as suggestions from reached
    union all
    select model_version, 2, 'accepted', accepted from reached
    union all
    select model_version, 3, 'compiled', compiled from reached
    union all
    select model_version, 4, 'passed', passed from reached
)
select
    model_version,
    stage,
    name,
    suggestions,
    cast(suggestions as double precision) / nullif(first_value(suggestions) over way, 0) as of_shown,
    cast(suggestions as double precision) / nullif(lag(suggestions) over way, 0) as of_before
from stages
window way as (partition by model_version order by stage)
order by model_version, stage
