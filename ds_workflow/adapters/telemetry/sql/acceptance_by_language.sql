-- question: How often is a suggestion taken, by language, and how sure is that?
-- grain: one row per language
-- columns:
--   language          programming language of the file
--   developers        developers who were shown something
--   shown             suggestions shown
--   acceptance_rate   share taken
--   low               lower end of its 95 % interval; developers are the independent units
--   high              upper end
with developers as (
    select
        language,
        developer_id,
        sum({{ acceptance_rate.numerator }}) as y,
        sum({{ acceptance_rate.denominator }}) as x
    from suggestions
    group by language, developer_id
),
rates as (
    select
        language,
        count(*) as developers,
        sum(x) as shown,
        {{ ratio(y, x) }} as rate,
        {{ ratio_error(y, x) }} as error
    from developers
    group by language
)
select
    language,
    developers,
    shown,
    rate as acceptance_rate,
    greatest(rate - 1.96 * error, 0) as low,
    least(rate + 1.96 * error, 1) as high
from rates
order by acceptance_rate desc, language
