-- question: Do developers take less of what comes late, within each model version?
-- grain: one row per model version and doubling of latency, from 125 ms up
-- columns:
--   model_version    version of the assistant's model
--   from_ms          lower end of the bin, milliseconds
--   to_ms            upper end, not included
--   shown            suggestions shown
--   acceptance_rate  share taken
--   low              lower end of its 95 % interval; developers are the independent units
--   high             upper end
--   mean_length      mean length of the suggestions, tokens: long ones come later, so bins differ in it too
with binned as (
    select
        suggestions.*,
        least(greatest(floor(ln(greatest(latency_ms, 1) / 125.0) / ln(2.0)), -1), 5) as doubling
    from suggestions
),
developers as (
    select
        model_version,
        doubling,
        developer_id,
        sum({{ acceptance_rate.numerator }}) as y,
        sum({{ acceptance_rate.denominator }}) as x,
        sum(suggestion_length) as tokens
    from binned
    group by model_version, doubling, developer_id
),
rates as (
    select
        model_version,
        doubling,
        sum(x) as shown,
        {{ ratio(y, x) }} as rate,
        {{ ratio_error(y, x) }} as error,
        {{ ratio(tokens, x) }} as mean_length
    from developers
    group by model_version, doubling
)
select
    model_version,
    case when doubling < 0 then 0 else 125 * power(2, doubling) end as from_ms,
    case when doubling < 5 then 125 * power(2, doubling + 1) end as to_ms,
    shown,
    rate as acceptance_rate,
    greatest(rate - 1.96 * error, 0) as low,
    least(rate + 1.96 * error, 1) as high,
    mean_length
from rates
order by model_version, doubling
