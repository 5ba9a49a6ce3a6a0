-- question: Which errors does a language bring more often than the others do?
-- grain: one row per language and type of error
-- columns:
--   language     programming language of the file
--   error_type   the error that came first
--   suggestions  accepted suggestions that ended so
--   of_accepted  share of what was accepted in the language
--   lift         that share over the same share of all languages together
with counted as (
    select
        language,
        error_type,
        count(*) as suggestions
    from suggestions
    where error_type is not null
    group by language, error_type
),
shares as (
    select
        counted.*,
        cast(suggestions as double precision) / sum(suggestions) over (partition by language) as of_accepted,
        cast(sum(suggestions) over (partition by error_type) as double precision) / sum(suggestions) over () as everywhere
    from counted
)
select language, error_type, suggestions, of_accepted, of_accepted / everywhere as lift
from shares
where error_type <> 'none'
order by lift desc, language, error_type
