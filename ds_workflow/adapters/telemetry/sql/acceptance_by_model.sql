-- question: How often is a suggestion taken, by version of the model, and how sure is that?
-- grain: one row per model version
-- columns:
--   model_version     version of the assistant's model
--   developers        developers who were shown something
--   shown             suggestions shown
--   acceptance_rate   share taken
--   low               lower end of its 95 % interval; developers are the independent units
--   high              upper end
with developers as (
    select
        model_version,
        developer_id,
        sum({{ acceptance_rate.numerator }}) as y,
        sum({{ acceptance_rate.denominator }}) as x
    from suggestions
    group by model_version, developer_id
),
rates as (
    select
        model_version,
        count(*) as developers,
        sum(x) as shown,
        {{ ratio(y, x) }} as rate,
        {{ ratio_error(y, x) }} as error
    from developers
    group by model_version
)
select
    model_version,
    developers,
    shown,
    rate as acceptance_rate,
    greatest(rate - 1.96 * error, 0) as low,
    least(rate + 1.96 * error, 1) as high
from rates
order by model_version
