with developers as (
    select
        {expression} as {key},
        developer_id,
        sum({{ {metric}.numerator }}) as y,
        sum({{ {metric}.denominator }}) as x
    from suggestions
    group by {expression}, developer_id
),
rates as (
    select
        {key},
        count(*) as developers,
        sum(x) as shown,
        {{ ratio(y, x) }} as rate,
        {{ ratio_error(y, x) }} as error
    from developers
    group by {key}
)
select
    {key},
    developers,
    shown,
    rate as {metric},
    greatest(rate - 1.96 * error, 0) as low,
    least(rate + 1.96 * error, 1) as high
from rates
