-- question: How often does a suggestion name what does not exist, and does that get it refused or break the build?
-- grain: one row per model version and language, with one per version over all languages ("all")
-- columns:
--   model_version       version of the assistant's model
--   language            programming language of the file, or all
--   reviewed            suggestions reviewed
--   hallucination_rate  share of them that name what does not exist
--   among_accepted      the same among what was accepted: what slips through
--   compile_rate_with   compile rate of accepted suggestions with a hallucination
--   compile_rate_else   compile rate of the others
select
    model_version,
    case when grouping(language) = 1 then 'all' else language end as language,
    count(hallucination) as reviewed,
    {{ hallucination_rate }} as hallucination_rate,
    avg(case when accepted = 1 then 1.0 * hallucination end) as among_accepted,
    avg(case when hallucination = 1 then 1.0 * compiled end) as compile_rate_with,
    avg(case when hallucination = 0 then 1.0 * compiled end) as compile_rate_else
from suggestions
group by grouping sets ((model_version, language), (model_version))
order by model_version, grouping(language) desc, language
